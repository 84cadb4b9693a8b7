package live

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
)

func TestAPreviewIsPackagedApart(t *testing.T) {
	onStage(t, func(s *stage) {
		preview := func(p *rooms.Publisher) { p.Settings.Features.PreviewBeforeLive = true }
		playlist := func() string {
			t.Helper()
			list, err := s.hub.PreviewPlaylist(t.Context(), "room", "live", hls.Query{})
			if err != nil {
				t.Fatal(err)
			}
			return string(list.Body)
		}
		segment := func(list string) string {
			t.Helper()
			_, name, _ := strings.Cut(list, "/hls/room/o/") // of the init segment, the first there is
			name, _, _ = strings.Cut(name, "\"")
			if b, err := s.hub.Object("room", name); err != nil || b.MaxAge != 0 {
				t.Fatalf("%s: cached for %v, %v\n%s", name, b.MaxAge, err, list)
			}
			return name
		}
		none := func(when string) {
			t.Helper()
			if _, err := s.hub.PreviewMultivariant(t.Context(), "room", "p"); rooms.CodeOf(err) != rooms.CodeNotReady {
				t.Errorf("%s there is a preview: %v", when, err)
			}
		}
		none("without a publisher")
		e := s.publish(preview)
		e.send(45)
		if _, err := s.hub.PreviewMultivariant(t.Context(), "room", "p"); err != nil {
			t.Fatal(err)
		}
		first := segment(playlist())
		s.publish(preview).send(5) // a takeover
		if again := segment(playlist()); again != first {
			t.Error("a takeover began another preview")
		}
		if err := s.hub.Start(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		none("on air")
		if _, err := s.hub.Object("room", first); err == nil {
			t.Error("on air the preview can still be fetched")
		}
		if err := s.hub.Stop(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		none("before there is media again")
		if err := s.hub.Cut(t.Context(), "room", 0); err != nil {
			t.Fatal(err)
		}
		s.is(Waiting)
		none("after a cut")
	})
}

func TestAShowHasNothingOfWhatWasBefore(t *testing.T) {
	onStage(t, func(s *stage) {
		var starts, seen []time.Duration
		s.hub.o.Follow = []func(context.Context, Show){func(_ context.Context, show Show) {
			reader := show.Stream.NewReader(context.Background(), media.ReaderLimits{})
			defer reader.Close()
			first := true
			for {
				u, _, err := reader.Read()
				if err != nil {
					return // by the end of the show alone
				}
				if first {
					starts = append(starts, u.DTS)
				}
				first = false
				seen = append(seen, u.DTS)
			}
		}}
		preview := func(p *rooms.Publisher) { p.Settings.Features.PreviewBeforeLive = true }
		e := s.publish(preview)
		e.send(14) // half a group after the second key frame
		for range 2 {
			if err := s.hub.Start(t.Context(), "room"); err != nil {
				t.Fatal(err)
			}
			e.send(20)
			synctest.Wait()
			if err := s.hub.Stop(t.Context(), "room"); err != nil {
				t.Fatal(err)
			}
			e.send(10) // another preview
		}
		synctest.Wait()
		at := func(frame int) time.Duration { return lead + time.Duration(frame)*100*time.Millisecond }
		if !slices.Equal(starts, []time.Duration{at(20), at(50)}) {
			t.Errorf("the shows begin at %v", starts)
		}
		if want := at(64); seen[len(seen)-1] != want {
			t.Errorf("the last show ends at %v, want %v", seen[len(seen)-1], want)
		}
	})
}

func TestAPreviewThatNoPageShowsIsNotPackaged(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(func(p *rooms.Publisher) {
			p.RoomType, p.Settings.Features.PreviewBeforeLive = rooms.Simulcast, true
		})
		e.send(30)
		if state := s.hub.State("room").State; state != Preview {
			t.Errorf("the room is in %s", state)
		}
		if s.hub.find("room").preview.Load() != nil {
			t.Error("the preview is packaged")
		}
		if err := s.hub.Start(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		e.send(30)
		if state := s.hub.State("room").State; state != Live {
			t.Errorf("started, the room is in %s", state)
		}
	})
}
