package live_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomcast/rooms"
)

// listedSegment is what a media playlist says of one segment.
type listedSegment struct {
	at, duration, uri, mapURI string
	gap                       bool
}

var tag = regexp.MustCompile(`^#(EXT-X-PROGRAM-DATE-TIME:|EXTINF:|EXT-X-MAP:URI=)"?([^",\n]*)`)

// segmentsOf reads a media playlist into its segments by media sequence number.
func segmentsOf(t *testing.T, list string) map[int]listedSegment {
	t.Helper()
	out := make(map[int]listedSegment)
	var n int
	var s listedSegment
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if _, err := fmt.Sscanf(line, "#EXT-X-MEDIA-SEQUENCE:%d", &n); err == nil {
			continue
		}
		if line == "#EXT-X-GAP" {
			s.gap = true
		}
		if m := tag.FindStringSubmatch(line); m != nil {
			switch m[1] {
			case "EXTINF:":
				s.duration = m[2]
			case "EXT-X-MAP:URI=":
				s.mapURI = m[2]
			default:
				s.at = m[2]
			}
			continue
		}
		if line != "" && !strings.HasPrefix(line, "#") {
			s.uri = line
			out[n] = s
			s.gap = false
			n++
		}
	}
	return out
}

func TestRungsAreCutWhereTheirSourceIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(s *rooms.Settings) {
		s.Features.LowLatency = true
		s.Features.Transcode = rooms.Transcode{Heights: []int{144, 1080}}
	})
	h.start(source{seconds: 60, pace: true, video: []string{"-g", "30", "-bf", "2", "-sc_threshold", "0"}})
	media := func(name string) map[int]listedSegment {
		list, err := h.get("/hls/room/ticket/p1/" + name + ".m3u8")
		if err != nil {
			return nil
		}
		return segmentsOf(t, list)
	}
	eventually(t, 20*time.Second, "the rung has segments", func() bool { return len(media("144p")) >= 4 })
	index, err := h.get("/hls/room/ticket/index.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"RESOLUTION=320x180", "RESOLUTION=256x144"} {
		if strings.Count(index, want) != 1 {
			t.Errorf("not once %s in %s", want, index)
		}
	}
	if strings.Contains(index, "1080p") {
		t.Errorf("it is upscaled: %s", index)
	}
	rung, top := media("144p"), media("live")
	compared := 0
	for n, s := range rung {
		of, ok := top[n]
		if !ok {
			continue
		}
		compared++
		if s.at != of.at || s.duration != of.duration || s.uri == of.uri {
			t.Errorf("segment %d of the rung %+v, of the source %+v", n, s, of)
		}
		got := decode(t, h.segment(t, s))
		want := decode(t, h.segment(t, of))
		if got.complaints != "" || len(got.video) != len(want.video) || len(got.video) == 0 {
			t.Errorf("segment %d has %d pictures, its source %d: %s", n, len(got.video), len(want.video), got.complaints)
		}
	}
	if compared < 2 {
		t.Errorf("%d segments are in both", compared)
	}
	for _, w := range h.hub.State("room").Warnings {
		if w.Code == "rung_shed" || w.Code == "transcode_failed" {
			t.Errorf("warning %+v", w)
		}
	}
}

func TestRungsStayAlignedThroughASlate(t *testing.T) {
	for name, gop := range map[string]string{"key frames every second": "30", "key frames every 12 s": "360"} {
		t.Run(name, func(t *testing.T) { t.Parallel(); stayAlignedThroughASlate(t, gop) })
	}
}

func stayAlignedThroughASlate(t *testing.T, gop string) {
	h := newHouse(t, func(s *rooms.Settings) {
		s.Features.LowLatency = true
		s.Features.Transcode = rooms.Transcode{Heights: []int{144}}
	})
	cmd := exec.Command("ffmpeg", source{seconds: 60, pace: true, video: []string{"-g", gop, "-keyint_min", gop, "-bf", "0", "-sc_threshold", "0"}}.args(h.url(key))...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	// Every segment that either of them ever lists.
	rung, top := map[int]listedSegment{}, map[int]listedSegment{}
	look := func() {
		for name, into := range map[string]map[int]listedSegment{"144p": rung, "live": top} {
			if list, err := h.get("/hls/room/ticket/p1/" + name + ".m3u8"); err == nil {
				maps.Copy(into, segmentsOf(t, list))
			}
		}
	}
	eventually(t, 20*time.Second, "the rung has segments", func() bool { look(); return len(rung) >= 3 })
	_ = cmd.Process.Signal(syscall.SIGSTOP)
	frozen := len(top)
	eventually(t, 20*time.Second, "the slate is on, in both", func() bool { look(); return len(top) >= frozen+3 && len(rung) >= len(top)-1 })
	_ = cmd.Process.Signal(syscall.SIGCONT)
	frozen = len(top)
	eventually(t, 20*time.Second, "it goes on, in both", func() bool { look(); return len(top) >= frozen+4 && len(rung) >= len(top)-1 })
	first := slices.Min(slices.Collect(maps.Keys(rung)))
	missing := 0
	for n, of := range top {
		s, ok := rung[n]
		switch {
		case !ok:
			if n > first && n < len(top)-2 {
				t.Errorf("segment %d is not in the rung", n)
			}
		case s.gap:
			missing++
		case s.at != of.at || s.duration != of.duration:
			t.Errorf("segment %d of the rung %+v, of the source %+v", n, s, of)
		}
	}
	if missing > 2 {
		t.Errorf("%d segments are missing in the rung", missing)
	}
}

// segment keeps one segment with its init segment in a file, to be decoded by itself.
func (h *house) segment(t *testing.T, s listedSegment) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "segment.mp4")
	var whole string
	for _, uri := range []string{s.mapURI, s.uri} {
		b, err := h.get(uri)
		if err != nil {
			t.Fatal(err)
		}
		whole += b
	}
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
