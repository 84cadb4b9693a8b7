package rooms_test

import (
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
)

// steps are how far the server's clock is set in the tests below.
var steps = []time.Duration{-time.Hour, time.Hour}

// afterStep runs a test for every step, in a bubble and a house of its own.
func afterStep(t *testing.T, test func(t *testing.T, h *house, step func())) {
	t.Helper()
	for _, by := range steps {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				test(t, h, func() { rooms.StepWallClock(t, by) })
				h.stop()
			})
		})
	}
}

func TestPlayersAreCountedAsLongAsEverAfterTheClockIsSet(t *testing.T) {
	afterStep(t, func(t *testing.T, h *house, step func()) {
		v := h.room(rooms.Live, "")
		j := h.mustEnter(v.ParticipantToken, "Ann")
		play := func(player string) error {
			_, err := h.door.Ticket(t.Context(), v.ID, j.Ticket.Reveal(), player)
			return err
		}
		for _, player := range []string{"a", "b", "c", "d"} {
			if err := play(player); err != nil {
				t.Fatal(err)
			}
		}
		step()
		time.Sleep(19 * time.Second)
		err := play("e")
		wantCode(t, "a fifth player while the four count", err, "rate_limited")
		if retry := errorOf(t, err).RetryAfter; retry != time.Second {
			t.Errorf("another player may come after %v", retry)
		}
		time.Sleep(time.Second)
		if err := play("e"); err != nil {
			t.Errorf("a fifth player when the four count no more: %v", err)
		}
	})
}

func TestSeatsAreKeptAsLongAsEverAfterTheClockIsSet(t *testing.T) {
	afterStep(t, func(t *testing.T, h *house, step func()) {
		live := h.room(rooms.Live, `"limits":{"max_participants":3}`)
		for range 3 {
			j := h.mustEnter(live.ParticipantToken, "n")
			if _, err := h.door.Ticket(t.Context(), live.ID, j.Ticket.Reveal(), "p"); err != nil {
				t.Fatal(err)
			}
		}
		step()
		time.Sleep(59 * time.Second)
		_, err := h.enter(live.ParticipantToken, "n")
		wantCode(t, "a newcomer while the seats are kept", err, "room_full")
		time.Sleep(time.Second)
		h.mustEnter(live.ParticipantToken, "n")
		time.Sleep(17 * time.Second)
		if n := h.door.Viewers(live.ID); n != 0 {
			t.Errorf("%d seats are taken after everybody left", n)
		}
	})
}

func TestAMeetingWaitsAsLongAsEverAfterTheClockIsSet(t *testing.T) {
	afterStep(t, func(t *testing.T, h *house, step func()) {
		v := h.room(rooms.Meet, "")
		j := h.mustEnter(v.ParticipantToken, "Ann")
		connect := func() func() {
			t.Helper()
			// Her session's hour is a date: it may be over.
			j, err := h.door.Refresh(t.Context(), j.Session)
			if err != nil {
				t.Fatalf("renew the session: %v", err)
			}
			_, release, err := h.door.Connect(t.Context(), j.Session)
			if err != nil {
				t.Fatalf("come back: %v", err)
			}
			return release
		}
		connect()() // her network is away
		time.Sleep(time.Second)
		step()
		time.Sleep(3 * time.Second)
		h.wantStatus("while her seat is kept", v.ID, "active")
		connect()()
		time.Sleep(74 * time.Second)
		h.wantStatus("empty for less than a minute", v.ID, "active")
		time.Sleep(3 * time.Second)
		h.wantStatus("empty for a minute", v.ID, "idle")
	})
}

func TestABroadcastWaitsForItsPublisherAsLongAsEverAfterTheClockIsSet(t *testing.T) {
	afterStep(t, func(t *testing.T, h *house, step func()) {
		v := h.room(rooms.Live, "")
		if err := h.door.BeginRun(t.Context(), v.ID); err != nil {
			t.Fatal(err)
		}
		h.stop()
		h = reopen(t, h.dir) // knows of no publisher
		time.Sleep(2 * time.Second)
		step()
		time.Sleep(50 * time.Second)
		h.wantStatus("within its window", v.ID, "active")
		time.Sleep(time.Minute)
		h.wantStatus("after it", v.ID, "idle")
		h.stop()
	})
}

func TestAttemptsCountAsLongAsEverAfterTheClockIsSet(t *testing.T) {
	afterStep(t, func(t *testing.T, h *house, step func()) {
		v := h.room(rooms.Live, `"room_access_code":"right"`)
		guess := func(with string) error {
			req := through(participantURL, v)
			req.AccessCode = code(with)
			_, err := h.door.Join(t.Context(), req, home)
			return err
		}
		for range 10 {
			wantCode(t, "a wrong code", guess("wrong"), "access_code_invalid")
		}
		step()
		time.Sleep(5*time.Minute - time.Second)
		wantCode(t, "while the wrong ones count", guess("right"), "too_many_attempts")
		time.Sleep(time.Second)
		if err := guess("right"); err != nil {
			t.Errorf("when the wrong ones count no more: %v", err)
		}
	})
}

func TestAnEndNeverRefusesArrivalsLongerAfterTheClockIsSet(t *testing.T) {
	for _, restart := range []bool{false, true} {
		afterStep(t, func(t *testing.T, h *house, step func()) {
			v := h.room(rooms.Live, "")
			if err := h.door.BeginRun(t.Context(), v.ID); err != nil {
				t.Fatal(err)
			}
			if _, err := h.door.EndRun(t.Context(), v.ID); err != nil {
				t.Fatal(err)
			}
			wantCode(t, "at once", h.door.BeginRun(t.Context(), v.ID), "not_ready")
			if restart {
				h.stop()
				h = reopen(t, h.dir)
				defer h.stop()
			}
			step()
			time.Sleep(30 * time.Second)
			if err := h.door.BeginRun(t.Context(), v.ID); err != nil {
				t.Errorf("30 s after the end, restarted %v: %v", restart, err)
			}
		})
	}
}
