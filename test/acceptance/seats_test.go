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

func TestAHundredAtOnceAndTenSeats(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	for _, roomType := range []string{"meet", "live"} {
		t.Run(roomType, func(t *testing.T) {
			room := s.CreateRoom(t, roomType, harness.Fields{"limits": harness.Fields{"max_participants": 10}})
			var (
				wg     sync.WaitGroup
				mu     sync.Mutex
				counts = make(map[string]int)
			)
			for i := range 100 {
				guest := s.Stranger()
				wg.Go(func() {
					answer, err := guest.Send(context.Background(), http.MethodPost, "/api/v1/join",
						harness.Fields{"token": room.ParticipantToken, "name": fmt.Sprintf("guest %d", i)})
					got := fmt.Sprint(err)
					if err == nil {
						got = fmt.Sprint(answer.Status)
						if answer.Status != http.StatusOK {
							got += " " + answer.Code()
						}
					}
					mu.Lock()
					counts[got]++
					mu.Unlock()
				})
			}
			wg.Wait()
			if counts["200"] != 10 || counts["409 room_full"] != 90 {
				t.Fatalf("got %v, want 10 in and 90 room_full", counts)
			}
			// A moderator is let in above the limit.
			s.Enter(t, room.ModeratorToken, "Mo")
		})
	}
}

func TestASeatThatNobodyUsesIsFreeAgain(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", harness.Fields{"limits": harness.Fields{"max_participants": 1}})
	body := harness.Fields{"token": room.ParticipantToken, "name": "Ada"}
	first := s.Join(t, body)
	p := s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", body, 409, "room_full")
	if p.Limit != "max_participants" || p.Value == nil || *p.Value != 1 || p.Source != "room" {
		t.Errorf("room_full says %+v", p)
	}
	s.Stranger().Bearer(first.Session).Want(t, http.MethodDelete, "/api/v1/session", nil, 204, nil)
	s.Join(t, body) // at once: the leaver freed it
	began := time.Now()
	harness.Eventually(t, 25*time.Second, "the unused seat is free", func() bool {
		return s.Stranger().Do(t, http.MethodPost, "/api/v1/join", body).Status == 200
	}, nil)
	if took := time.Since(began); took < 10*time.Second {
		t.Errorf("the seat was free after %v, want about 15 s", took)
	}
}

func TestALockedRoomLetsOnlyModeratorsIn(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	path := "/api/v1/rooms/" + room.ID
	inside := s.Enter(t, room.ParticipantToken, "Ada")
	var now harness.Room
	s.API().Want(t, http.MethodPost, path+"/lock", nil, 200, &now)
	if !now.Locked {
		t.Error("the room does not say that it is locked")
	}
	s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": room.ParticipantToken, "name": "Eve"}, 403, "room_locked")
	s.Enter(t, room.ModeratorToken, "Mo")
	back := s.Join(t, harness.Fields{"token": room.ParticipantToken, "name": "Ada", "session": inside.Session})
	if back.ParticipantID != inside.ParticipantID {
		t.Error("who is inside did not come back in")
	}
	s.API().Want(t, http.MethodPost, path+"/unlock", nil, 200, &now)
	s.Enter(t, room.ParticipantToken, "Eve")
}

func TestARemovalHolds(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	path := "/api/v1/rooms/" + room.ID
	body := harness.Fields{"token": room.ParticipantToken, "name": "Eve"}
	answer := s.Stranger().Want(t, http.MethodPost, "/api/v1/join", body, 200, nil)
	var eve harness.Joined
	answer.Into(t, &eve)
	var device *http.Cookie
	for _, cookie := range (&http.Response{Header: answer.Header}).Cookies() {
		device = cookie
	}
	if device == nil || !device.HttpOnly {
		t.Fatalf("the door set no HttpOnly device cookie: %v", answer.Header)
	}
	browser := s.Stranger().With("Cookie", device.Name+"="+device.Value)

	s.API().Want(t, http.MethodDelete, path+"/participants/"+eve.ParticipantID, nil, 204, nil)
	s.Stranger().Bearer(eve.Session).Refused(t, http.MethodGet, "/api/v1/session", nil, 403, "banned")
	s.Stranger().Bearer(eve.Session).Refused(t, http.MethodPost, "/api/v1/session/refresh", nil, 403, "banned")
	browser.Refused(t, http.MethodPost, "/api/v1/join", body, 403, "banned")
	s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": room.ParticipantToken, "name": "Eve", "session": eve.Session}, 403, "banned")
	s.Enter(t, room.ParticipantToken, "a stranger with a fresh browser")

	var bans harness.Page[struct{ ID string }]
	s.API().Want(t, http.MethodGet, path+"/bans", nil, 200, &bans)
	if len(bans.Items) == 0 {
		t.Fatal("no ban is listed")
	}
	s.Stop()
	s.Restart()
	browser.Refused(t, http.MethodPost, "/api/v1/join", body, 403, "banned")
	for _, ban := range bans.Items {
		s.API().Want(t, http.MethodDelete, path+"/bans/"+ban.ID, nil, 204, nil)
	}
	browser.Want(t, http.MethodPost, "/api/v1/join", body, 200, nil)
}

func TestARemovalMayBanTheAddress(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	guest := s.Stranger().From("203.0.113.9")
	body := harness.Fields{"token": room.ParticipantToken, "name": "Eve"}
	var eve harness.Joined
	guest.Want(t, http.MethodPost, "/api/v1/join", body, 200, &eve)
	s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID+"/participants/"+eve.ParticipantID+"?ban_address=true", nil, 204, nil)
	guest.Refused(t, http.MethodPost, "/api/v1/join", body, 403, "banned")
	s.Stranger().Want(t, http.MethodPost, "/api/v1/join", body, 200, nil)
}

func TestRegeneratingEndsSessionsOnlyWhenAsked(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	path := "/api/v1/rooms/" + room.ID
	alive := func(j harness.Joined) bool {
		return s.Stranger().Bearer(j.Session).Do(t, http.MethodGet, "/api/v1/session", nil).Status == 200
	}
	first := s.Enter(t, room.ParticipantToken, "by the first token")
	moderator := s.Enter(t, room.ModeratorToken, "Mo")
	var now harness.Room
	s.API().Want(t, http.MethodPost, path+"/participant_token/regenerate", harness.Fields{"disconnect": false}, 200, &now)
	if now.ParticipantToken == room.ParticipantToken || now.ModeratorToken != room.ModeratorToken {
		t.Errorf("regenerated: %+v", now)
	}
	second := s.Enter(t, now.ParticipantToken, "by the second token")
	if !alive(first) {
		t.Error("a session ended although nobody asked for it")
	}
	s.API().Want(t, http.MethodPost, path+"/participant_token/regenerate", harness.Fields{"disconnect": true}, 200, &now)
	for _, j := range []harness.Joined{first, second} {
		s.Stranger().Bearer(j.Session).Refused(t, http.MethodGet, "/api/v1/session", nil, 401, "session_invalid")
		s.Stranger().Bearer(j.Session).Refused(t, http.MethodPost, "/api/v1/session/refresh", nil, 401, "session_invalid")
	}
	if !alive(moderator) {
		t.Error("the moderator's session ended with the participants'")
	}
	s.Patch(t, room.ID, harness.Fields{"moderator_access_code": "12345678"})
	if !alive(moderator) {
		t.Error("changing a code ended a session")
	}
}

func TestDeletionSuspensionAndEnd(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	session := func(j harness.Joined) harness.Client { return s.Stranger().Bearer(j.Session) }
	t.Run("a deleted room ends its sessions", func(t *testing.T) {
		room := s.CreateRoom(t, "meet", nil)
		ada := s.Enter(t, room.ParticipantToken, "Ada")
		s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID, nil, 204, nil)
		session(ada).Refused(t, http.MethodGet, "/api/v1/session", nil, 401, "session_invalid")
		s.API().Refused(t, http.MethodGet, "/api/v1/rooms/"+room.ID, nil, 404, "not_found")
	})
	t.Run("a suspended subscription suspends its rooms", func(t *testing.T) {
		var plan struct{ ID string }
		s.API().Want(t, http.MethodPost, "/api/v1/subscriptions", harness.Fields{"name": "Gold"}, 201, &plan)
		room := s.CreateRoom(t, "live", harness.Fields{"subscription_id": plan.ID})
		ada := s.Enter(t, room.ParticipantToken, "Ada")
		s.API().Want(t, http.MethodPatch, "/api/v1/subscriptions/"+plan.ID, harness.Fields{"status": "suspended"}, 200, nil)
		if got := s.Room(t, room.ID); got.Status != "suspended" {
			t.Errorf("status %q, want suspended", got.Status)
		}
		s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": room.ParticipantToken}, 403, "room_suspended")
		if status := session(ada).Do(t, http.MethodGet, "/api/v1/session", nil).Status; status != 401 && status != 403 {
			t.Errorf("a session in a suspended room: %d", status)
		}
		// Resume lifts only the room's own suspension.
		s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+room.ID+"/resume", nil, 200, nil)
		if got := s.Room(t, room.ID); got.Status != "suspended" {
			t.Errorf("status after resume %q, want suspended", got.Status)
		}
		s.API().Want(t, http.MethodPatch, "/api/v1/subscriptions/"+plan.ID, harness.Fields{"status": "active"}, 200, nil)
		s.Enter(t, room.ParticipantToken, "Ada")
	})
	t.Run("an ended run refuses everybody for a while", func(t *testing.T) {
		room := s.CreateRoom(t, "meet", nil)
		ada := s.Enter(t, room.ParticipantToken, "Ada")
		if got := s.Room(t, room.ID); got.Status != "active" {
			t.Errorf("status with somebody inside %q, want active", got.Status)
		}
		s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+room.ID+"/end", nil, 200, nil)
		session(ada).Refused(t, http.MethodGet, "/api/v1/session", nil, 401, "session_invalid")
		answer := s.Stranger().Do(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": room.ParticipantToken, "name": "Eve"})
		if code := answer.Problem(t).Code; code != "not_ready" {
			t.Errorf("joining an ended run: %d %s, want not_ready", answer.Status, code)
		}
	})
	t.Run("before its time only moderators enter", func(t *testing.T) {
		at := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		room := s.CreateRoom(t, "meet", harness.Fields{"starts_at": at})
		p := s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": room.ParticipantToken, "name": "Ada"}, 409, "not_started")
		if p.StartsAt == nil || !p.StartsAt.Equal(at) {
			t.Errorf("not_started with starts_at %v, want %v", p.StartsAt, at)
		}
		s.Enter(t, room.ModeratorToken, "Mo")
	})
}

func TestGuessingCodesIsSlow(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", codes{room: "4711", moderator: "moderator"}.fields())
	guesser := s.Stranger()
	right := harness.Fields{"token": room.ParticipantToken, "name": "Eve", "access_code": "4711"}
	for i := range 10 {
		guesser.Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": room.ParticipantToken, "name": "Eve"}, 401, "access_code_required")
		guesser.Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": room.ParticipantToken, "name": "Eve", "access_code": fmt.Sprint("guess", i)}, 401, "access_code_invalid")
	}
	answer := guesser.Do(t, http.MethodPost, "/api/v1/join", right)
	answer.Is(t, 429, "too_many_attempts")
	if answer.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	s.Stranger().Want(t, http.MethodPost, "/api/v1/join", right, 200, nil) // nobody else is locked out
	guesser.Want(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": room.ModeratorToken, "name": "Eve", "access_code": "moderator"}, 200, nil)
	v6 := func(n int) harness.Client { return s.Stranger().From(fmt.Sprintf("2001:db8:0:1::%d", n)) }
	for i := range 10 {
		v6(i+1).Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"room_id": room.ID, "name": "Eve", "access_code": "no"}, 401, "access_code_invalid")
	}
	v6(77).Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"room_id": room.ID, "name": "Eve", "access_code": "4711"}, 429, "too_many_attempts")
}

func TestTheRoomURLHoldsAgainstManyAddresses(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", codes{room: "4711"}.fields())
	for i := range 100 {
		s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"room_id": room.ID, "name": "Eve", "access_code": fmt.Sprint("guess", i)}, 401, "access_code_invalid")
	}
	s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"room_id": room.ID, "name": "Ada", "access_code": "4711"}, 429, "too_many_attempts")
	s.Join(t, harness.Fields{"token": room.ParticipantToken, "name": "Ada", "access_code": "4711"}) // the token URL still opens
}
