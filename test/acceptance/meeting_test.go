package acceptance

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"roomcast/test/harness"
)

// attend brings somebody into a meeting who leaves with the test.
func attend(t *testing.T, s *harness.Server, token, name string) *harness.Attendee {
	t.Helper()
	a, err := s.Attend(t.Context(), token, name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() { _ = a.Close() }) // whoever left or was removed is closed already
	return a
}

func TestTwoHundredComeAndGo(t *testing.T) {
	const guests, atOnce = 200, 8
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", harness.Fields{"limits": harness.Fields{"max_participants": atOnce + 1}})
	// One comes and goes before, so that what is made once is there.
	first := attend(t, s, room.ParticipantToken, "first")
	if err := first.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	rest := s.Rest()
	host := attend(t, s, room.ParticipantToken, "host")
	began := time.Now()
	var (
		wg    sync.WaitGroup
		next  = make(chan int)
		wrong = make(chan error, guests)
	)
	for range atOnce {
		wg.Go(func() {
			for n := range next {
				if err := visit(t.Context(), s, room.ParticipantToken, fmt.Sprintf("guest %d", n), host.ID); err != nil {
					wrong <- fmt.Errorf("guest %d: %w", n, err)
				}
			}
		})
	}
	for n := range guests {
		next <- n
	}
	close(next)
	wg.Wait()
	close(wrong)
	for err := range wrong {
		t.Error(err)
	}
	took := time.Since(began)
	if err := host.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	s.Returns(t, rest, 45*time.Second)
	for n := range atOnce + 1 { // each seat is free
		s.Enter(t, room.ParticipantToken, fmt.Sprintf("after %d", n))
	}
	t.Logf("%d came, saw the host and left in %v; at rest %+v before, %+v after", guests, took.Round(time.Millisecond), rest, s.Footprint())
}

// visit comes in, sees the host's picture, hears somebody, and leaves.
func visit(ctx context.Context, s *harness.Server, token, name, host string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	guest, err := s.Attend(ctx, token, name)
	if err != nil {
		return err
	}
	if err := guest.View(ctx, host); err != nil {
		return err
	}
	if !harness.Until(15*time.Second, func() bool {
		video, _ := guest.Received()
		return video >= 3
	}) {
		video, audio := guest.Received()
		_ = guest.Close() // the failure is told below
		return fmt.Errorf("sees nothing: %d video and %d audio packets", video, audio)
	}
	return guest.Leave(ctx)
}

func TestAModeratorsWordHolds(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	moderator := attend(t, s, room.ModeratorToken, "Mo")
	ada := attend(t, s, room.ParticipantToken, "Ada")
	eve := attend(t, s, room.ParticipantToken, "Eve")
	ctx := t.Context()
	if err := ada.View(ctx, eve.ID); err != nil {
		t.Fatal(err)
	}
	flows := func() bool {
		before, _ := ada.Received()
		return harness.Until(time.Second, func() bool {
			now, _ := ada.Received()
			return now > before+5
		})
	}
	harness.Eventually(t, 15*time.Second, "Ada sees Eve", flows, nil)

	t.Run("participants do not moderate", func(t *testing.T) {
		for _, m := range []harness.Message{
			{"type": "moderator_mute", "participant": ada.ID, "kinds": []string{"video"}},
			{"type": "remove", "participant": ada.ID, "ban_address": false},
			{"type": "lock"},
			{"type": "end"},
		} {
			if answer, err := eve.Ask(ctx, m); err == nil {
				t.Errorf("Eve's %s is answered %v", m.Type(), answer)
			}
		}
	})
	t.Run("a muted track goes on to nobody though it is sent", func(t *testing.T) {
		if _, err := moderator.Ask(ctx, harness.Message{"type": "moderator_mute", "participant": eve.ID, "kinds": []string{"video"}}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, 10*time.Second, "Eve's picture stops", func() bool { return !flows() }, nil)
		if _, err := eve.Ask(ctx, harness.Message{"type": "mute", "sources": []string{"camera"}, "muted": false}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, 10*time.Second, "Eve's picture is back", flows, nil)
	})
	t.Run("the API knows who publishes what", func(t *testing.T) {
		var page harness.Page[struct {
			ID         string
			Name       string
			Role       string
			Publishing struct{ Audio, Video, Screen bool }
		}]
		s.API().Want(t, http.MethodGet, "/api/v1/rooms/"+room.ID+"/participants", nil, 200, &page)
		if len(page.Items) != 3 {
			t.Fatalf("%d participants, want 3", len(page.Items))
		}
		for _, p := range page.Items {
			if !p.Publishing.Audio || !p.Publishing.Video || p.Publishing.Screen {
				t.Errorf("%s publishes %+v", p.Name, p.Publishing)
			}
		}
		s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+room.ID+"/participants/"+eve.ID+"/mute", harness.Fields{"kinds": []string{"video"}}, 200, nil)
		harness.Eventually(t, 10*time.Second, "Eve's picture stops", func() bool { return !flows() }, nil)
	})
	t.Run("who is removed is out", func(t *testing.T) {
		if _, err := moderator.Ask(ctx, harness.Message{"type": "remove", "participant": eve.ID, "ban_address": false}); err != nil {
			t.Fatal(err)
		}
		ends(t, eve, 4410, "banned")
	})
	t.Run("the end is the end for all", func(t *testing.T) {
		s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+room.ID+"/end", nil, 200, nil)
		ends(t, ada, 4410, "ended")
		ends(t, moderator, 4410, "ended")
	})
}

func ends(t *testing.T, a *harness.Attendee, closed int, code string) {
	t.Helper()
	select {
	case <-a.Gone():
	case <-time.After(10 * time.Second):
		t.Fatal("the socket is still open")
	}
	if gotClosed, gotCode := a.Why(); gotClosed != closed || gotCode != code {
		t.Errorf("the socket ended with %d %q, want %d %q", gotClosed, gotCode, closed, code)
	}
}
