package live

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"roomcast/rooms"
)

func (s *stage) warnings(room string) string {
	var codes []string
	for _, w := range s.hub.State(room).Warnings {
		codes = append(codes, w.Code)
	}
	return strings.Join(codes, " ")
}

func TestWarningsFromOutsideStandUntilTheyAreCleared(t *testing.T) {
	onStage(t, func(s *stage) {
		s.hub.SetWarning("room", "pull_failed", "The camera does not answer.")
		s.hub.SetWarning("room", "dvr_failed", "The disk is full.")
		s.hub.SetWarning("room", "pull_failed", "The camera refuses the password.")
		st := s.hub.State("room")
		if st.State != Waiting || len(st.Warnings) != 2 || st.Warnings[1].Detail != "The camera refuses the password." {
			t.Errorf("state %+v", st)
		}
		if got := s.hub.State("other").Warnings; len(got) != 0 {
			t.Errorf("another room has %v", got)
		}
		s.hub.ClearWarning("room", "dvr_failed")
		s.hub.ClearWarning("room", "unheard_of")
		if got := s.warnings("room"); got != "pull_failed" {
			t.Errorf("warnings %q", got)
		}
		for n := range 2 * maxNotices {
			s.hub.SetWarning("room", fmt.Sprint("code", n), "")
		}
		if n := len(s.hub.State("room").Warnings); n != maxNotices {
			t.Errorf("%d warnings are kept", n)
		}
		s.hub.RoomEvent(rooms.Event{Kind: rooms.RoomDeleted, RoomID: "room"})
		if got := s.warnings("room"); got != "" {
			t.Errorf("a deleted room has %q", got)
		}
	})
}

func TestFollowersLiveAsLongAsTheShow(t *testing.T) {
	onStage(t, func(s *stage) {
		var shows []Show
		running := 0
		s.hub.o.Follow = []func(context.Context, Show){func(ctx context.Context, show Show) {
			shows = append(shows, show)
			running++
			<-ctx.Done()
			running--
		}}
		preview := func(p *rooms.Publisher) { p.Settings.Features.PreviewBeforeLive = true }
		e := s.publish(preview)
		e.send(5)
		if len(shows) != 0 {
			t.Error("a preview is followed")
		}
		if err := s.hub.Start(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		e.send(5)
		e.sink.Close()
		synctest.Wait()
		if running != 1 || shows[0].RoomID != "room" || shows[0].Stream == nil || shows[0].Packager == nil || shows[0].StartedAt.IsZero() {
			t.Fatalf("%d followers of %+v", running, shows)
		}
		if err := s.hub.Stop(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if running != 0 || len(shows) != 1 {
			t.Errorf("%d followers after %d shows", running, len(shows))
		}
	})
}
