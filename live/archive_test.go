package live_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"roomcast/live"
	"roomcast/live/dvr"
	"roomcast/rooms"
)

func (h *house) windows() []string {
	h.t.Helper()
	list, err := dvr.Leftovers(h.data)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func TestRewindReachesBackToTheBeginningBitForBit(t *testing.T) {
	h := newHouse(t, func(s *rooms.Settings) {
		s.Features.DVRWindowSeconds, s.Features.LowLatency = 3600, true
	})
	file := h.push(source{seconds: 50, rate: "25", video: []string{"-g", "50", "-bf", "2", "-preset", "veryfast"}})
	if text := h.finish(); strings.Count(text, "#EXTINF") > 15 {
		t.Errorf("the live playlist is long: %s", text)
	}
	const path = "/hls/room/ticket/p1/dvr-live.m3u8"
	var text string
	eventually(t, 5*time.Second, "the rewind playlist is complete", func() bool {
		text, _ = h.get(path)
		return strings.HasSuffix(text, "#EXT-X-ENDLIST\n")
	})
	if !strings.Contains(text, "#EXT-X-MEDIA-SEQUENCE:1\n") || strings.Contains(text, "PLAYLIST-TYPE") || strings.Count(text, "#EXTINF:2.00000,") != 25 {
		t.Errorf("playlist %s", text)
	}
	// What both playlists list has the same number, date and name.
	if live := h.playlist(); !strings.Contains(text, tail(live)) {
		t.Errorf("live and rewind do not agree:\n%s\n%s", tail(live), text)
	}
	if delta, err := h.get(path + "?_HLS_skip=YES"); err != nil || !strings.Contains(delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=") || len(delta) > 4<<10 {
		t.Errorf("delta update %v %s", err, delta)
	}
	multi, err := h.get("/hls/room/ticket/dvr.m3u8")
	if err != nil || !strings.Contains(multi, "RESOLUTION=320x180") || !strings.Contains(multi, "\np1/dvr-live.m3u8\n") {
		t.Errorf("multivariant playlist %v %s", err, multi)
	}
	got, want := decode(t, h.http+"/hls/room/ticket/dvr.m3u8"), decode(t, file)
	if got.complaints != "" || !slices.Equal(got.video, want.video) {
		t.Errorf("%d pictures of %d, ffmpeg says %q", len(got.video), len(want.video), got.complaints)
	}
}

// tail is the last date, duration and object name of a playlist.
func tail(text string) string {
	i := strings.LastIndex(text, "#EXT-X-PROGRAM-DATE-TIME")
	dated, _, _ := strings.Cut(text[i:], "\n")
	return dated
}

func TestTheWindowGoesWithItsShow(t *testing.T) {
	h := newHouse(t, func(s *rooms.Settings) { s.Features.DVRWindowSeconds, s.Features.ReconnectWindowSeconds = 3600, 0 })
	_, done := h.start(source{seconds: 5})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the show is over", func() bool { return h.hub.State("room").State == live.Ended })
	if len(h.windows()) != 1 {
		t.Errorf("windows %v", h.windows())
	}
	stop, _ := h.start(source{seconds: 60, pace: true})
	defer stop()
	eventually(t, 10*time.Second, "the next show has one of its own", func() bool {
		_, err := h.get("/hls/room/ticket/dvr.m3u8")
		return err == nil && len(h.windows()) == 1
	})
}

func TestARoomWithoutAWindowHasNone(t *testing.T) {
	h := newHouse(t, nil)
	h.push(source{seconds: 5})
	h.finish()
	if _, err := h.get("/hls/room/ticket/dvr.m3u8"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("error %v", err)
	}
	if len(h.windows()) != 0 {
		t.Errorf("windows %v", h.windows())
	}
	if _, err := h.hub.File("room", "../../roomcast.db"); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("error %v", err)
	}
}

func TestWindowsOfAnEarlierProcessAreDeleted(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dvr.Dir(dir, "room", "1"), "x.m4s")
	if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, bytes.Repeat([]byte{1}, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouseIn(t, dir, nil)
	eventually(t, 5*time.Second, "it is gone", func() bool { return len(h.windows()) == 0 })
}
