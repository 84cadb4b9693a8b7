package live

import (
	"log/slog"
	"testing"
	"time"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/test/walltest"
)

func TestBitratesAreMeasuredAsEverWhenTheClockIsSet(t *testing.T) {
	const perSecond, size = 25, 10_000
	const bitrate = perSecond * size * 8
	for _, by := range []time.Duration{0, -time.Hour, time.Hour} {
		now := time.Now()
		hub := NewHub(Options{Log: slog.New(slog.DiscardHandler)})
		video := &media.Track{Kind: media.Video, FrameRate: perSecond}
		s := &Session{
			room: newRoom(hub, "room"), opened: now, format: &media.Format{Tracks: []*media.Track{video}},
			meters: map[*media.Track]*meter{video: {}}, health: health{since: now},
		}
		set := func(at time.Time) time.Time { return at }
		send := func(seconds int) {
			t.Helper()
			for range seconds * perSecond {
				now = now.Add(time.Second / perSecond)
				if err := s.measure(ingest.Sample{Track: video, Payload: make([]byte, size)}, set(now)); err != nil {
					t.Fatal(err)
				}
			}
		}
		send(10)
		set = func(at time.Time) time.Time { return walltest.Set(t, at, by) }
		for second := range 20 {
			send(1)
			at := s.age(set(now))
			bps, rate, whole := s.meters[video].rate(at)
			if bps != bitrate || rate != perSecond || !whole {
				t.Fatalf("set by %v, %d s later: %d bits and %v pictures a second, whole %v", by, second+1, bps, rate, whole)
			}
		}
		if s.health.seconds < 24 {
			t.Errorf("set by %v, the health was looked at %d times", by, s.health.seconds)
		}
	}
}
