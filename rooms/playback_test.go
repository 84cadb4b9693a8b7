package rooms_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

func TestToolsHoldTheirSeatWhileTheyWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx := t.Context()
		v := h.room(rooms.Live, `"limits":{"max_participants":1}`)
		ann := h.mustEnter(v.ParticipantToken, "Ann")
		none := func(error) { t.Error("told to go") }
		g, release, err := h.door.Playback(ctx, ann.Ticket, home, none)
		if err != nil || g.RoomID != v.ID || g.ParticipantID != ann.Grant.ParticipantID {
			t.Fatalf("%+v %v", g, err)
		}
		time.Sleep(10 * time.Minute)
		_, err = h.enter(v.ParticipantToken, "Bob")
		wantCode(t, "while a tool watches", err, "room_full")
		release()
		release()
		time.Sleep(14 * time.Second)
		_, err = h.enter(v.ParticipantToken, "Bob")
		wantCode(t, "14 s after it left", err, "room_full")
		time.Sleep(time.Second)
		bob, err := h.enter(v.ParticipantToken, "Bob")
		wantCode(t, "15 s after it left", err, "")
		_, _, err = h.door.Playback(ctx, ann.Ticket, home, none)
		wantCode(t, "without a seat", err, "room_full")
		if err := h.door.Leave(ctx, bob.Session); err != nil {
			t.Fatal(err)
		}
		_, release, err = h.door.Playback(ctx, ann.Ticket, home, none)
		wantCode(t, "that takes the seat again", err, "")
		release()
		h.stop()
	})
}

func TestAtMostFourPlayersOnATicketToolsIncluded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx := t.Context()
		v := h.room(rooms.Live, "")
		ann := h.mustEnter(v.ParticipantToken, "Ann")
		play := func() (func(), error) {
			_, release, err := h.door.Playback(ctx, ann.Ticket, home, func(error) {})
			return release, err
		}
		var releases []func()
		for range 3 {
			release, err := play()
			wantCode(t, "a tool", err, "")
			releases = append(releases, release)
		}
		wantCode(t, "a page", second(h.door.Ticket(ctx, v.ID, ann.Ticket.Reveal(), "tool")), "")
		_, err := play()
		wantCode(t, "a fifth", err, "rate_limited")
		wantCode(t, "a fifth", second(h.door.Ticket(ctx, v.ID, ann.Ticket.Reveal(), "p")), "rate_limited")
		time.Sleep(21 * time.Second)
		release, err := play()
		wantCode(t, "in place of the page", err, "")
		time.Sleep(time.Hour)
		wantCode(t, "a fifth an hour later", second(h.door.Ticket(ctx, v.ID, ann.Ticket.Reveal(), "p")), "rate_limited")
		release()
		wantCode(t, "in place of a tool", second(h.door.Ticket(ctx, v.ID, ann.Ticket.Reveal(), "p")), "")
		for _, r := range releases {
			r()
		}
		h.stop()
	})
}

func TestToolsAreToldToGo(t *testing.T) {
	tests := []struct {
		name string
		do   func(ctx context.Context, h *house, v rooms.View, j rooms.Joined) error
		code string
	}{
		{"removed", func(ctx context.Context, h *house, v rooms.View, j rooms.Joined) error {
			return h.door.Remove(ctx, v.ID, j.Grant.ParticipantID, false)
		}, "banned"},
		{"left", func(ctx context.Context, h *house, _ rooms.View, j rooms.Joined) error {
			return h.door.Leave(ctx, j.Session)
		}, "session_invalid"},
		{"deleted", func(ctx context.Context, h *house, v rooms.View, _ rooms.Joined) error {
			return h.DeleteRoom(ctx, v.ID, rooms.WriteOptions{})
		}, "session_invalid"},
		{"suspended", func(ctx context.Context, h *house, v rooms.View, _ rooms.Joined) error {
			_, err := h.SetSuspended(ctx, v.ID, true)
			return err
		}, "room_suspended"},
		{"too old", func(context.Context, *house, rooms.View, rooms.Joined) error {
			time.Sleep(24 * time.Hour)
			return nil
		}, "session_expired"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				v := h.room(rooms.Live, "")
				j := h.mustEnter(v.ParticipantToken, "Ann")
				told := make(chan error, 10)
				_, release, err := h.door.Playback(t.Context(), j.Ticket, home, func(reason error) { told <- reason })
				if err != nil {
					t.Fatal(err)
				}
				other := h.mustEnter(v.ModeratorToken, "Mod")
				_, stay, err := h.door.Playback(t.Context(), other.Ticket, home, func(error) {})
				if err != nil {
					t.Fatal(err)
				}
				if err := tt.do(t.Context(), h, v, j); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if len(told) != 1 {
					t.Fatalf("told %d times", len(told))
				}
				wantCode(t, "told", <-told, tt.code)
				_, _, err = h.door.Playback(t.Context(), j.Ticket, home, func(error) {})
				if err == nil {
					t.Error("comes back")
				}
				release()
				stay()
				h.stop()
			})
		})
	}
}

func TestATicketOpensNothingElse(t *testing.T) {
	h := newHouse(t)
	v, other := h.room(rooms.Live, ""), h.room(rooms.Live, "")
	j := h.mustEnter(v.ParticipantToken, "Ann")
	ticket := j.Ticket.Reveal()
	wantCode(t, "another room's playlist", second(h.door.Ticket(t.Context(), other.ID, ticket, "")), "not_found")
	first := map[bool]string{true: "B", false: "A"}[ticket[0] == 'A']
	for _, forged := range []string{"", "x", ticket[1:], ticket + "A", ticket + "\n", first + ticket[1:], j.Session.Reveal()} {
		_, _, err := h.door.Playback(t.Context(), secret.New(forged), home, func(error) {})
		wantCode(t, forged, err, "not_found")
	}
}
