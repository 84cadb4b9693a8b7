package live_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"roomcast/live/hls/hlstest"
	"roomcast/rooms"
)

// parsed is a media playlist that keeps the rules.
type parsed struct {
	target   string
	segments int
	duration float64
	parts    int
}

// checkPlaylist asserts what the text on HLS demands of any media playlist.
func checkPlaylist(t *testing.T, text string) parsed {
	t.Helper()
	m, found := hlstest.ParseMedia([]byte(text))
	for _, f := range found {
		t.Errorf("%s\n%s", f, text)
	}
	p := parsed{target: fmt.Sprint(m.Target.Seconds()), segments: len(m.Segments), parts: len(m.Making.Parts)}
	for _, s := range m.Segments {
		p.duration += s.Duration.Seconds()
		p.parts += len(s.Parts)
	}
	if p.segments == 0 {
		t.Error("no segments")
	}
	return p
}

// ask fetches a URI for the validator.
func ask(ctx context.Context, uri string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return b, err
}

// follow looks at everything that a multivariant playlist names, for a while,
// and asserts that it keeps the rules.
func follow(t *testing.T, uri string, d time.Duration) {
	t.Helper()
	found, err := hlstest.Follow(t.Context(), hlstest.FollowOptions{URI: uri, Fetch: ask, For: d})
	if err != nil {
		t.Error(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

func TestPlaylistsKeepTheRulesAsTheyChange(t *testing.T) {
	for name, s := range map[string]source{
		"29.97 fps":     {rate: "30000/1001", video: []string{"-g", "30", "-bf", "0", "-sc_threshold", "0"}},
		"variable rate": {filter: ",select='not(eq(mod(n\\,7)\\,3)+eq(mod(n\\,11)\\,5))'", video: []string{"-g", "30", "-bf", "0", "-fps_mode", "vfr"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(s *rooms.Settings) { s.Features.LowLatency, s.Features.DVRWindowSeconds = true, 60 })
			s.seconds, s.pace = 60, true
			h.start(s)
			eventually(t, 10*time.Second, "it is on air", func() bool { return h.playlist() != "" })
			t.Run("live", func(t *testing.T) { t.Parallel(); follow(t, h.index(), 15*time.Second) })
			t.Run("rewind", func(t *testing.T) { t.Parallel(); follow(t, h.http+"/hls/room/ticket/dvr.m3u8", 15*time.Second) })
		})
	}
}

func TestPlaylistsKeepTheRulesWhileThePublisherIsAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(s *rooms.Settings) { s.Features.LowLatency, s.Features.DVRWindowSeconds = true, 60 })
	s := source{seconds: 60, pace: true, rate: "25", video: []string{"-g", "25", "-bf", "0", "-sc_threshold", "0"}}
	stop, gone := h.start(s)
	eventually(t, 10*time.Second, "it is on air", func() bool { return h.playlist() != "" })
	found := make(chan []hlstest.Finding, 2)
	for _, uri := range []string{h.index(), h.http + "/hls/room/ticket/dvr.m3u8"} {
		go func() {
			all, err := hlstest.Follow(t.Context(), hlstest.FollowOptions{URI: uri, Fetch: ask, For: 30 * time.Second})
			if err != nil {
				t.Error(err)
			}
			found <- all
		}()
	}
	stop()
	<-gone
	breaks := func() int { return strings.Count(h.playlist(), "#EXT-X-DISCONTINUITY\n") }
	eventually(t, 15*time.Second, "the silence is bridged", func() bool { return breaks() == 1 })
	s.video = []string{"-g", "50", "-bf", "0", "-sc_threshold", "0"}
	h.start(s)
	eventually(t, 15*time.Second, "the publisher is back", func() bool { return breaks() == 2 })
	for range 2 {
		for _, f := range <-found {
			t.Error(f)
		}
	}
}

func TestPlaylistsOfAPreviewKeepTheRules(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(s *rooms.Settings) { s.Features.LowLatency, s.Features.PreviewBeforeLive = true, true })
	h.start(source{seconds: 60, pace: true, rate: "25", video: []string{"-g", "25", "-bf", "0", "-sc_threshold", "0"}})
	preview := h.http + "/hls/room/ticket/preview.m3u8"
	eventually(t, 10*time.Second, "there is a preview", func() bool { _, err := ask(t.Context(), preview); return err == nil })
	follow(t, preview, 6*time.Second)
}

func TestPlaylistsOfALadderKeepTheRules(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(s *rooms.Settings) {
		s.Features.LowLatency, s.Features.Transcode = true, rooms.Transcode{Heights: []int{90}}
	})
	h.start(source{seconds: 60, pace: true, rate: "25", video: []string{"-g", "50", "-bf", "0", "-sc_threshold", "0"}})
	eventually(t, 20*time.Second, "the lower quality is offered", func() bool {
		index, err := h.get("/hls/room/ticket/index.m3u8")
		return err == nil && strings.Contains(index, "90p.m3u8")
	})
	follow(t, h.index(), 20*time.Second)
}
