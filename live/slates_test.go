package live

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/ingest"
	"roomcast/rooms"
	"roomcast/transcode"
)

func TestThePictureOfASlateIsFoundOrAPlainCardIsMade(t *testing.T) {
	slate, err := testSlate()
	if err != nil {
		t.Fatal("ffmpeg is needed: apt-get install ffmpeg: ", err)
	}
	fetch := func(_ context.Context, url string) ([]byte, error) {
		if url != "https://example.com/a.png" {
			return nil, errors.New("no such picture")
		}
		return []byte("fetched"), nil
	}
	for _, tt := range []struct {
		name, url string
		want      []string // pictures that were tried, in this order
	}{
		{"none", "", []string{""}},
		{"fetched", "https://example.com/a.png", []string{"fetched"}},
		{"not to be had", "https://example.com/b.png", []string{""}},
		{"in the URL", "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte("inside")), []string{"inside"}},
		{"in the URL, not in base64", "data:image/png,inside", []string{""}},
		{"in the URL, damaged", "data:image/png;base64,%%%", []string{""}},
		{"no picture at all", "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte("broken")), []string{"broken", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				var tried []string
				s.hub.o.Picture = fetch
				s.hub.slates.make = func(_ context.Context, spec transcode.SlateSpec) (*transcode.Slate, error) {
					tried = append(tried, string(spec.Picture))
					if string(spec.Picture) == "broken" {
						return nil, errors.New("not a picture")
					}
					return slate, nil
				}
				s.publish(func(p *rooms.Publisher) { p.Settings.Features.OfflineImage = &tt.url })
				synctest.Wait()
				if got := strings.Join(tried, ","); got != strings.Join(tt.want, ",") || len(tried) != len(tt.want) {
					t.Errorf("tried %q, want %q", tried, tt.want)
				}
				r := s.hub.find("room")
				r.mu.Lock()
				defer r.mu.Unlock()
				if r.bridge.slate != slate {
					t.Error("there is no slate")
				}
			})
		})
	}
}

func BenchmarkSessionWrite(b *testing.B) {
	h := NewHub(Options{Runs: &stage{}, Log: slog.New(slog.DiscardHandler)})
	room := rooms.Publisher{RoomID: "room", RoomType: rooms.Live}
	room.Settings.Features.PreviewBeforeLive = true // the packager has benchmarks of its own
	sink, err := h.Publish(b.Context(), ingest.Publication{Room: room, Protocol: "rtmp", Close: func(error) {}})
	if err != nil {
		b.Fatal(err)
	}
	if err := sink.SetTracks(testTracks); err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 1000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		at := time.Duration(n) * 10 * time.Millisecond
		if err := sink.Write(ingest.Sample{Track: testTracks[0], DTS: at, PTS: at, Key: n%60 == 0, Payload: payload}); err != nil {
			b.Fatal(err)
		}
		n++
	}
	sink.Close()
	h.shutdown()
}
