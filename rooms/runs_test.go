package rooms_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
)

// told returns the kinds and details of a room's events, without RoomUpdated.
func (h *house) told() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, ev := range h.events {
		if ev.Kind != rooms.RoomUpdated {
			out = append(out, fmt.Sprint(ev.Kind, " ", ev.Detail, ev.Code))
		}
	}
	h.events = nil
	return out
}

func (h *house) wantTold(what string, want ...string) {
	h.t.Helper()
	synctest.Wait()
	if got := h.told(); fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("%s: told %q, want %q", what, got, want)
	}
}

func (h *house) wantStatus(what, id, want string) {
	h.t.Helper()
	synctest.Wait()
	if got := h.get(id).Status; got != want {
		h.t.Errorf("%s: status %s, want %s", what, got, want)
	}
}

func TestARunOfAMeetingEndsWhenItWasEmptyForAMinute(t *testing.T) {
	for _, kind := range []rooms.Type{rooms.Meet, rooms.Video} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			v := h.room(kind, "")
			h.wantStatus("new", v.ID, "idle")
			j := h.mustEnter(v.ParticipantToken, "Ann")
			h.wantStatus("with one inside", v.ID, "active")
			if j.Room.Status != "active" {
				t.Errorf("the join's answer says %s", j.Room.Status)
			}
			if _, err := h.door.Lock(t.Context(), v.ID); err != nil {
				t.Fatal(err)
			}
			_, release, err := h.door.Connect(t.Context(), j.Session)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour / 2)
			h.wantStatus("with a socket open", v.ID, "active")
			release()
			time.Sleep(15*time.Second + 58*time.Second)
			h.wantStatus("empty for 58 s", v.ID, "active")
			h.wantTold("so far", "run_started ", "room_locked ")
			time.Sleep(4 * time.Second)
			h.wantStatus("empty for a minute", v.ID, "idle")
			h.wantTold("then", "run_ended empty")
			if h.get(v.ID).Locked {
				t.Error("the lock outlived the run")
			}
			want := ""
			if kind == rooms.Meet {
				want = "session_invalid"
			}
			wantCode(t, "the old session", second(h.door.Session(t.Context(), j.Session)), want)
			h.mustEnter(v.ParticipantToken, "Ann")
			h.wantTold("the next arrival", "run_started ")
			h.stop()
		})
	}
}

func TestAnEndIsNotUndoneForHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx := t.Context()
		meet, live, video := h.room(rooms.Meet, ""), h.room(rooms.Live, ""), h.room(rooms.Video, "")
		viewer, watcher := h.mustEnter(live.ParticipantToken, "Ann"), h.mustEnter(video.ParticipantToken, "Ann")
		wantCode(t, "end what is not on", second(h.door.EndRun(ctx, live.ID)), "")
		wantCode(t, "a publisher", h.door.BeginRun(ctx, live.ID), "")
		wantCode(t, "the publisher again", h.door.BeginRun(ctx, live.ID), "")
		h.mustEnter(meet.ParticipantToken, "Ann")
		h.told()
		for _, v := range []rooms.View{meet, live, video} {
			ended, err := h.door.EndRun(ctx, v.ID)
			if err != nil || ended.Status != "idle" {
				t.Errorf("end: %s %v", ended.Status, err)
			}
		}
		h.wantTold("the ends", "run_ended ended", "session_ended the meeting has endedsession_invalid", "run_ended ended", "run_ended ended")
		time.Sleep(29 * time.Second)
		_, err := h.enter(meet.ModeratorToken, "Mod")
		if wantCode(t, "a join", err, "not_ready"); errorOf(t, err).RetryAfter != time.Second {
			t.Errorf("retry after %v, want 1s", errorOf(t, err).RetryAfter)
		}
		wantCode(t, "a publisher's return", h.door.BeginRun(ctx, live.ID), "not_ready")
		wantCode(t, "its key", second(h.door.Publisher(ctx, *live.StreamKey, home)), "not_ready")
		wantCode(t, "a viewer's session", second(h.door.Session(ctx, viewer.Session)), "")
		wantCode(t, "a video's ticket", second(h.door.Ticket(ctx, video.ID, watcher.Ticket.Reveal(), "p")), "not_ready")
		time.Sleep(time.Second)
		wantCode(t, "a join after 30 s", second(h.enter(meet.ModeratorToken, "Mod")), "")
		wantCode(t, "a publisher after 30 s", h.door.BeginRun(ctx, live.ID), "")
		wantCode(t, "a video's ticket after 30 s", second(h.door.Ticket(ctx, video.ID, watcher.Ticket.Reveal(), "p")), "")
		h.wantTold("new runs", "run_started ", "run_started ", "run_started ")
		wantCode(t, "the publisher stays away", h.door.FinishRun(ctx, live.ID, rooms.EndedEmpty), "")
		wantCode(t, "told twice", h.door.FinishRun(ctx, live.ID, rooms.EndedEmpty), "")
		h.wantTold("the broadcast", "run_ended empty")
		wantCode(t, "at once again", h.door.BeginRun(ctx, live.ID), "")
		h.stop()
	})
}

func TestARunIsWarnedAndEndedByItsDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		long, short := h.room(rooms.Live, `"limits":{"max_duration_seconds":600}`), h.room(rooms.Live, `"limits":{"max_duration_seconds":90}`)
		for _, v := range []rooms.View{long, short} {
			if err := h.door.BeginRun(t.Context(), v.ID); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		time.Sleep(11 * time.Minute)
		type row struct {
			after time.Duration
			what  string
		}
		want := map[string][]row{
			long.ID:  {{5 * time.Minute, "duration_warning 5m0s"}, {9 * time.Minute, "duration_warning 1m0s"}, {10 * time.Minute, "run_ended 0s max_duration"}},
			short.ID: {{30 * time.Second, "duration_warning 1m0s"}, {90 * time.Second, "run_ended 0s max_duration"}},
		}
		got := map[string][]row{}
		h.mu.Lock()
		for _, ev := range h.events {
			if ev.Kind != rooms.RoomUpdated && ev.Kind != rooms.RunStarted {
				text := fmt.Sprint(ev.Kind, " ", ev.Remaining)
				if ev.Detail != "" {
					text += " " + ev.Detail
				}
				got[ev.RoomID] = append(got[ev.RoomID], row{ev.At.Sub(start).Round(2 * time.Second), text})
			}
		}
		h.mu.Unlock()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("told %v, want %v", got, want)
		}
		h.stop()
	})
}

func TestARestartEndsNoRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx := t.Context()
		meet, live, lone := h.room(rooms.Meet, ""), h.room(rooms.Live, ""), h.room(rooms.Live, "")
		j := h.mustEnter(meet.ParticipantToken, "Ann")
		for _, v := range []rooms.View{live, lone} {
			if err := h.door.BeginRun(ctx, v.ID); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.door.Lock(ctx, meet.ID); err != nil {
			t.Fatal(err)
		}
		h.stop()
		time.Sleep(10 * time.Minute)
		h = reopen(t, h.dir)
		time.Sleep(50 * time.Second)
		for _, v := range []rooms.View{meet, live, lone} {
			h.wantStatus("50 s after the restart", v.ID, "active")
		}
		if !h.get(meet.ID).Locked {
			t.Error("the lock is gone")
		}
		_, release, err := h.door.Connect(ctx, j.Session)
		wantCode(t, "who was inside", err, "")
		wantCode(t, "the publisher", h.door.BeginRun(ctx, live.ID), "")
		h.wantTold("nothing is new")
		time.Sleep(20 * time.Second)
		h.wantStatus("the meeting", meet.ID, "active")
		h.wantStatus("the broadcast", live.ID, "active")
		h.wantStatus("the broadcast without a publisher", lone.ID, "idle")
		release()
		h.stop()
	})
}

func TestSuspensionPutsEverybodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx := t.Context()
		c, _, err := h.CreateCustomer(ctx, json.RawMessage(`{"name":"c"}`), full)
		if err != nil {
			t.Fatal(err)
		}
		ends := time.Now().Add(10 * time.Minute).UTC()
		sub := h.subscription(`{"name":"s","customer_id":"` + c.ID + `","ends_at":"` + ends.Format(time.RFC3339) + `"}`)
		patchSub := func(body string) {
			t.Helper()
			if _, err := h.PatchSubscription(ctx, sub.ID, json.RawMessage(body), full); err != nil {
				t.Fatal(err)
			}
		}
		patchCustomer := func(body string) {
			t.Helper()
			if _, err := h.PatchCustomer(ctx, c.ID, json.RawMessage(body), full); err != nil {
				t.Fatal(err)
			}
		}
		v := h.room(rooms.Live, `"subscription_id":"`+sub.ID+`"`)
		tests := []struct {
			what       string
			out, again func()
		}{
			{"the room itself", func() { _, _ = h.SetSuspended(ctx, v.ID, true) }, func() { _, _ = h.SetSuspended(ctx, v.ID, false) }},
			{"its subscription", func() { patchSub(`{"status":"suspended"}`) }, func() { patchSub(`{"status":"active"}`) }},
			{"a canceled subscription", func() { patchSub(`{"status":"canceled"}`) }, func() { patchSub(`{"status":"active"}`) }},
			{"its customer", func() { patchCustomer(`{"status":"suspended"}`) }, func() { patchCustomer(`{"status":"active"}`) }},
			{"another subscription", func() {
				other := h.subscription(`{"name":"o","status":"suspended"}`)
				h.patch(v.ID, `{"subscription_id":"`+other.ID+`"}`)
			}, func() { h.patch(v.ID, `{"subscription_id":"`+sub.ID+`"}`) }},
			{"the end of its subscription", func() { time.Sleep(time.Until(ends) + time.Second) }, func() { patchSub(`{"ends_at":null}`) }},
			{"a start moved to later", func() { patchSub(`{"starts_at":"2100-01-01T00:00:00Z"}`) }, func() { patchSub(`{"starts_at":null}`) }},
		}
		for _, tt := range tests {
			j := h.mustEnter(v.ParticipantToken, "Ann")
			_, release, err := h.door.Connect(ctx, j.Session)
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, "a publisher", h.door.BeginRun(ctx, v.ID), "")
			synctest.Wait()
			h.told()
			tt.out()
			h.wantStatus(tt.what, v.ID, "suspended")
			if n := h.door.Viewers(v.ID); n != 0 {
				t.Errorf("%s: %d are still inside", tt.what, n)
			}
			got := h.told()
			if len(got) != 3 || got[0] != "session_ended the room is suspendedroom_suspended" || got[1] != "room_suspended room_suspended" || got[2] != "run_ended gone" {
				t.Errorf("%s: told %q", tt.what, got)
			}
			wantCode(t, tt.what+": the door", second(h.enter(v.ParticipantToken, "Bob")), "room_suspended")
			wantCode(t, tt.what+": a look", second(h.door.Look(ctx, rooms.LookRequest{Token: v.ModeratorToken}, home)), "room_suspended")
			wantCode(t, tt.what+": the session", second(h.door.Session(ctx, j.Session)), "room_suspended")
			wantCode(t, tt.what+": a publisher", h.door.BeginRun(ctx, v.ID), "room_suspended")
			tt.again()
			h.wantStatus(tt.what+" is over", v.ID, "idle")
			h.wantTold(tt.what+" is over", "room_resumed ")
			wantCode(t, tt.what+" is over: the old session", second(h.door.Session(ctx, j.Session)), "session_invalid")
			release()
		}
		h.stop()
	})
}

func TestOnlyItsOwnSuspensionIsLiftedByResume(t *testing.T) {
	h := newHouse(t)
	sub := h.subscription(`{"name":"s","status":"suspended"}`)
	v := h.room(rooms.Meet, `"subscription_id":"`+sub.ID+`"`)
	v, err := h.SetSuspended(t.Context(), v.ID, false)
	if err != nil || v.Status != "suspended" {
		t.Errorf("status %s, %v", v.Status, err)
	}
}

func TestAPlansLimitsReachARoomInMotion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		sub := h.subscription(`{"name":"s"}`)
		v := h.room(rooms.Live, `"subscription_id":"`+sub.ID+`"`)
		h.mustEnter(v.ParticipantToken, "Ann")
		if _, err := h.PatchSubscription(t.Context(), sub.ID, json.RawMessage(`{"limits":{"max_participants":1}}`), full); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "a second", second(h.enter(v.ParticipantToken, "Bob")), "room_full")
		synctest.Wait()
		if got := h.seen(rooms.RoomUpdated); len(got) != 2 || got[1].RoomID != v.ID {
			t.Errorf("updates told: %+v", got)
		}
		h.stop()
	})
}

func TestWhoWatchesMayAskBack(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Meet, "")
	var seen []int
	cancel := h.Watch(func(ev rooms.Event) {
		if ev.Kind == rooms.SessionEnded {
			seen = append(seen, h.door.Viewers(ev.RoomID))
		}
	})
	j := h.mustEnter(v.ParticipantToken, "Ann")
	if err := h.door.Leave(t.Context(), j.Session); err != nil {
		t.Fatal(err)
	}
	cancel()
	j = h.mustEnter(v.ParticipantToken, "Ann")
	if err := h.door.Leave(t.Context(), j.Session); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(seen) != "[0]" {
		t.Errorf("seats seen by the watcher: %v, want [0]", seen)
	}
}
