package acceptance

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"roomcast/test/harness"
)

// recording is a recording or clip as the API shows it.
type recording struct {
	ID          string  `json:"id"`
	Kind        string  `json:"kind"`
	State       string  `json:"state"`
	Duration    float64 `json:"duration_seconds"`
	Size        int64   `json:"size_bytes"`
	DownloadURL string  `json:"download_url"`
	Error       *string `json:"error"`
}

func recordings(t *testing.T, s *harness.Server, room string) []recording {
	t.Helper()
	var page harness.Page[recording]
	s.API().Want(t, http.MethodGet, "/api/v1/rooms/"+room+"/recordings", nil, 200, &page)
	return page.Items
}

// decodes plays a file or URL to its end and counts its pictures.
func decodes(t *testing.T, input string) (pictures int, seconds float64) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-select_streams", "v",
		"-show_entries", "stream=nb_read_frames:format=duration", "-of", "default=nw=1:nk=1", input).CombinedOutput()
	lines := strings.Fields(string(out))
	if err != nil || len(lines) != 2 {
		t.Fatalf("ffprobe reads %s: %v %s", input, err, out)
	}
	pictures, err = strconv.Atoi(lines[0])
	if err == nil {
		seconds, err = strconv.ParseFloat(lines[1], 64)
	}
	if err != nil {
		t.Fatalf("ffprobe says %q: %v", out, err)
	}
	return pictures, seconds
}

func TestARecordingSurvivesAKill(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{
		"room_features": harness.Fields{"recording": true, "transcode": []int{144}, "dvr_window_seconds": 600},
	})
	s.Publish(t, room, harness.Picture{Size: "320x180"})
	awaitState(t, s, room.ID, "live", 15*time.Second)
	files := func(pattern string) []string {
		list, err := filepath.Glob(filepath.Join(s.Dir, "rooms", room.ID, pattern))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	size := func() int64 {
		for _, path := range files("assets/*.mp4") {
			if info, err := os.Stat(path); err == nil {
				return info.Size()
			}
		}
		return 0
	}
	harness.Eventually(t, 30*time.Second, "seconds are recorded", func() bool { return size() > 500_000 && len(files("dvr/*/*")) > 3 }, func() any { return size() })
	list := recordings(t, s, room.ID)
	if len(list) != 1 || list[0].State != "recording" || list[0].DownloadURL != "" {
		t.Fatalf("while it is recorded: %+v", list)
	}
	s.API().Refused(t, http.MethodDelete, "/api/v1/rooms/"+room.ID+"/recordings/"+list[0].ID, nil, 409, "in_use")
	children := s.Children()
	s.Kill()
	harness.Eventually(t, 5*time.Second, "its children are gone", func() bool { return len(alive(children)) == 0 }, func() any { return alive(children) })

	path := files("assets/*.mp4")[0]
	pictures, _ := decodes(t, path)
	if pictures < 90 {
		t.Errorf("as the kill left it, it plays %d pictures", pictures)
	}
	s.Restart()
	list = recordings(t, s, room.ID)
	info, err := os.Stat(path)
	if err != nil || len(list) != 1 || list[0].State != "ready" || list[0].Size != info.Size() || list[0].Error != nil {
		t.Fatalf("after the restart: %+v, %v", list, err)
	}
	again, seconds := decodes(t, list[0].DownloadURL)
	if again != pictures || seconds < list[0].Duration-0.2 || seconds > list[0].Duration+0.2 || list[0].Duration < 3 {
		t.Errorf("downloaded: %d pictures of %d in %.2f s of %.2f", again, pictures, seconds, list[0].Duration)
	}
	harness.Eventually(t, 10*time.Second, "the old rewind window is deleted", func() bool { return len(files("dvr/*")) == 0 }, func() any { return files("dvr/*") })

	s.Publish(t, room, harness.Picture{Size: "320x180"})
	awaitState(t, s, room.ID, "live", 15*time.Second)
	harness.Eventually(t, 15*time.Second, "the next show is recorded", func() bool { return len(recordings(t, s, room.ID)) == 2 }, nil)
	s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID, nil, 204, nil)
	harness.Eventually(t, 60*time.Second, "its files go with the room", func() bool { return len(files("*")) == 0 }, func() any { return files("*/*") })
}

// alive are those of some processes that run.
func alive(pids []int) (list []int) {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && !strings.Contains(string(stat), ") Z ") {
			list = append(list, pid)
		}
	}
	return list
}

func TestClipsPostersAndRewinding(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{"room_features": harness.Fields{"dvr_window_seconds": 600}})
	clips := "/api/v1/rooms/" + room.ID + "/clips"
	s.API().Refused(t, http.MethodPost, clips, harness.Fields{}, 409, "not_ready")
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	s.Stranger().Refused(t, http.MethodGet, viewer.Endpoints["poster"], nil, 404, "not_found")
	s.Publish(t, room, harness.Picture{Size: "320x180"})
	awaitState(t, s, room.ID, "live", 15*time.Second)
	var poster harness.Answer
	harness.Eventually(t, 20*time.Second, "there is a poster", func() bool {
		poster = s.Stranger().Do(t, http.MethodGet, viewer.Endpoints["poster"], nil)
		return poster.Status == 200
	}, func() any { return poster.Status })
	if poster.Header.Get("Content-Type") != "image/jpeg" || poster.Header.Get("Etag") == "" || len(poster.Body) < 1000 {
		t.Errorf("poster: %v, %d bytes", poster.Header, len(poster.Body))
	}
	if again := s.Stranger().With("If-None-Match", poster.Header.Get("Etag")).Do(t, http.MethodGet, viewer.Endpoints["poster"], nil); again.Status != 304 && again.Status != 200 {
		t.Errorf("the same poster again: %d", again.Status)
	}

	var multivariant harness.Answer
	harness.Eventually(t, 20*time.Second, "there is something to rewind to", func() bool {
		multivariant = s.Stranger().Do(t, http.MethodGet, viewer.Endpoints["dvr"], nil)
		return multivariant.Status == 200
	}, func() any { return multivariant.Status })
	_, rest, _ := strings.Cut(string(multivariant.Body), "#EXT-X-STREAM-INF")
	media := resolve(viewer.Endpoints["dvr"], strings.Split(rest, "\n")[1]) // the first variant is the source
	var window harness.Answer
	harness.Eventually(t, 60*time.Second, "20 s can be rewound", func() bool {
		window = s.Stranger().Do(t, http.MethodGet, media, nil)
		return strings.Count(string(window.Body), "#EXTINF") >= 12
	}, func() any { return string(window.Body) })
	text := string(window.Body)
	if !strings.Contains(text, "CAN-SKIP-UNTIL") || !strings.Contains(text, "#EXT-X-MEDIA-SEQUENCE:1\n") {
		t.Errorf("the window: %s", text)
	}
	delta := s.Stranger().Want(t, http.MethodGet, media+"?_HLS_skip=YES", nil, 200, nil)
	if !strings.Contains(string(delta.Body), "#EXT-X-SKIP:SKIPPED-SEGMENTS=") || len(delta.Body) > 4<<10 {
		t.Errorf("a delta update: %s", delta.Body)
	}
	objects := strings.Join(strings.SplitAfter(viewer.Endpoints["dvr"], "/")[:5], "") // ends in the room
	// The first segments have left the live playlist: they come from disk.
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		segment := s.Stranger().With("Range", "bytes=4-7").Want(t, http.MethodGet, objects+strings.TrimPrefix(strings.TrimSpace(line), "../../"), nil, 206, nil)
		if string(segment.Body) != "moof" && string(segment.Body) != "styp" {
			t.Errorf("a segment begins with %q", segment.Body)
		}
	}

	var clip recording
	answer := s.API().With("Idempotency-Key", "goal").Want(t, http.MethodPost, clips, harness.Fields{"seconds": 8, "title": "Goal"}, 201, &clip)
	if clip.Kind != "clip" || clip.State != "ready" || clip.Duration < 8 || clip.Duration > 13 || answer.Header.Get("Location") == "" {
		t.Errorf("clip %+v", clip)
	}
	if pictures, seconds := decodes(t, clip.DownloadURL); float64(pictures) < 8*28 || seconds < clip.Duration-0.2 || seconds > clip.Duration+0.2 {
		t.Errorf("the clip plays %d pictures in %f s", pictures, seconds)
	}
	again := s.API().With("Idempotency-Key", "goal").Want(t, http.MethodPost, clips, harness.Fields{"seconds": 8, "title": "Goal"}, 201, nil)
	if !bytes.Equal(again.Body, answer.Body) || len(recordings(t, s, room.ID)) != 1 {
		t.Errorf("the same clip again: %s", again.Body)
	}
	s.API().With("Idempotency-Key", "goal").Refused(t, http.MethodPost, clips, harness.Fields{"seconds": 9}, 422, "idempotency_key_reused")
	s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID+"/recordings/"+clip.ID, nil, 204, nil)
	s.Stranger().Refused(t, http.MethodGet, clip.DownloadURL, nil, 404, "not_found")
}
