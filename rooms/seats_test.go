package rooms_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
)

func TestSeatsAreExactWhen100JoinAtOnce(t *testing.T) {
	for _, kind := range []rooms.Type{rooms.Meet, rooms.Live} {
		h := newHouse(t)
		v := h.room(kind, `"limits":{"max_participants":30}`)
		tok := h.mint(v.ID, `{"name":"n","max_uses":7}`)
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]int{}
		for i := range 100 {
			wg.Go(func() {
				req := rooms.JoinRequest{Token: v.ParticipantToken, Name: "n"}
				what := "participant "
				if i%4 == 0 {
					req.Token, what = tok.Token, "minted "
				}
				_, err := h.door.Join(t.Context(), req, at(i))
				mu.Lock()
				defer mu.Unlock()
				got[what+rooms.CodeOf(err)]++
			})
		}
		wg.Wait()
		seated := got["participant "] + got["minted "]
		if seated != 30 || h.door.Viewers(v.ID) != 30 || got["minted "] > 7 || got["participant room_full"]+got["minted room_full"]+got["minted token_unknown"] != 70 {
			t.Errorf("%s: %v, %d seats taken", kind, got, h.door.Viewers(v.ID))
		}
		list, err := h.JoinTokens(t.Context(), v.ID, 0, "")
		if err != nil || list.Items[0].Uses != int64(got["minted "]) {
			t.Errorf("%s: %d uses counted (%v), %d minted got in", kind, list.Items[0].Uses, err, got["minted "])
		}
		_, err = h.enter(v.ParticipantToken, "n")
		wantCode(t, "one more", err, "room_full")
		if hit := errorOf(t, err).Limit; *hit != (rooms.LimitHit{Limit: "max_participants", Value: 30, Source: "room"}) {
			t.Errorf("limit %+v", hit)
		}
		h.mustEnter(v.ModeratorToken, "Mod")
		if len(h.seen(rooms.RunStarted)) != map[rooms.Type]int{rooms.Meet: 1}[kind] {
			t.Errorf("%s: %d runs started", kind, len(h.seen(rooms.RunStarted)))
		}
		h.stop()
	}
}

func TestAMintedTokenIsUsedExactlyAsOftenAsAllowed(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Live, "")
	tok := h.mint(v.ID, `{"role":"moderator","external_id":"e","max_uses":3}`)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var in []rooms.Joined
	for i := range 20 {
		wg.Go(func() {
			j, err := h.door.Join(t.Context(), rooms.JoinRequest{Token: tok.Token}, at(i))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				in = append(in, j)
			} else {
				wantCode(t, "used up", err, "token_unknown")
			}
		})
	}
	wg.Wait()
	if len(in) != 3 || in[0].Grant.Role != rooms.Moderator || in[0].Grant.ExternalID != "e" {
		t.Fatalf("%d got in, want 3", len(in))
	}
	again, err := h.door.Join(t.Context(), rooms.JoinRequest{Token: tok.Token, Session: in[0].Session}, home)
	if err != nil || again.Grant.ParticipantID != in[0].Grant.ParticipantID {
		t.Errorf("who came by a used-up token comes back: %v", err)
	}
	wantCode(t, "look", second(h.door.Look(t.Context(), rooms.LookRequest{Token: tok.Token}, home)), "token_unknown")
}

func TestAMintedTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		v := h.room(rooms.Live, "")
		tok := h.mint(v.ID, `{"expires_at":"`+time.Now().Add(time.Minute).UTC().Format(time.RFC3339)+`"}`)
		j := h.mustEnter(tok.Token, "")
		time.Sleep(time.Minute)
		wantCode(t, "a newcomer", second(h.enter(tok.Token, "")), "token_unknown")
		wantCode(t, "who is inside", second(h.door.Session(t.Context(), j.Session)), "")
		h.stop()
	})
}

func TestHowLongASeatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx := t.Context()
		v := h.room(rooms.Live, `"limits":{"max_participants":1}`)
		free := func(what string, want bool) {
			t.Helper()
			synctest.Wait()
			j, err := h.enter(v.ParticipantToken, "Bob")
			if (err == nil) != want {
				t.Errorf("%s: free %v, want %v (%v)", what, err == nil, want, err)
			}
			if err == nil {
				if err := h.door.Leave(ctx, j.Session); err != nil {
					t.Error(err)
				}
			}
		}
		ann := h.mustEnter(v.ParticipantToken, "Ann")
		time.Sleep(15*time.Second - time.Millisecond)
		free("unused for less than 15 s", false)
		time.Sleep(time.Millisecond)
		free("unused for 15 s", true)

		_, release, err := h.door.Connect(ctx, ann.Session)
		if err != nil {
			t.Fatal(err)
		}
		_, release2, err := h.door.Connect(ctx, ann.Session)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		free("an open socket", false)
		release()
		release()
		time.Sleep(time.Minute)
		free("another open socket", false)
		release2()
		time.Sleep(14 * time.Second)
		free("14 s after it closed", false)
		_, release, err = h.door.Connect(ctx, ann.Session)
		if err != nil {
			t.Errorf("a resume within 15 s: %v", err)
		}
		release()
		time.Sleep(15 * time.Second)
		free("15 s after it closed", true)

		ticket := ann.Ticket.Reveal()
		for range 3 {
			wantCode(t, "a playlist", second(h.door.Ticket(ctx, v.ID, ticket, "p")), "")
			time.Sleep(59 * time.Second)
			free("59 s after a playlist", false)
		}
		time.Sleep(time.Second)
		free("60 s after a playlist", true)
		bob := h.mustEnter(v.ParticipantToken, "Bob")
		err = second(h.door.Ticket(ctx, v.ID, ticket, "p"))
		if wantCode(t, "a playlist without a seat", err, "room_full"); errorOf(t, err).Limit == nil {
			t.Error("no limit named")
		}
		_, _, err = h.door.Connect(ctx, ann.Session)
		wantCode(t, "a socket without a seat", err, "room_full")
		if err := h.door.Leave(ctx, bob.Session); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "a playlist that takes the seat again", second(h.door.Ticket(ctx, v.ID, ticket, "p")), "")
		free("then", false)
		h.stop()
	})
}

func TestFourPlayersOnOneTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		v := h.room(rooms.Live, "")
		j := h.mustEnter(v.ParticipantToken, "")
		play := func(player string) error {
			return second(h.door.Ticket(t.Context(), v.ID, j.Ticket.Reveal(), player))
		}
		for round := range 3 {
			for n := range 4 {
				wantCode(t, fmt.Sprintf("player %d, round %d", n, round), play(fmt.Sprint("p", n)), "")
			}
			wantCode(t, "the multivariant playlist", play(""), "")
			err := play("p5")
			if wantCode(t, "the fifth", err, "rate_limited"); errorOf(t, err).RetryAfter <= 0 {
				t.Error("no Retry-After")
			}
			time.Sleep(5 * time.Second)
		}
		time.Sleep(20 * time.Second)
		wantCode(t, "when one has gone", play("p5"), "")
		h.stop()
	})
}

func TestATicketOutlivesARestart(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Live, "")
	tok := h.mint(v.ID, `{"name":"Ann","external_id":"e"}`)
	j := h.mustEnter(tok.Token, "")
	h.stop()
	h = reopen(t, h.dir)
	g, err := h.door.Ticket(t.Context(), v.ID, j.Ticket.Reveal(), "p")
	if err != nil || g != j.Grant || h.door.Viewers(v.ID) != 1 {
		t.Errorf("grant %+v (%v), want %+v", g, err, j.Grant)
	}
	list, err := h.door.Participants(t.Context(), v.ID, 0, "")
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "Ann" || list.Items[0].ExternalID != "e" {
		t.Errorf("participants %+v, %v", list, err)
	}
}

func TestASubscriptionsParticipantsAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		sub := h.subscription(`{"name":"s","limits":{"max_concurrent_participants":10}}`)
		list := []rooms.View{h.room(rooms.Meet, `"subscription_id":"`+sub.ID+`"`), h.room(rooms.Live, `"subscription_id":"`+sub.ID+`"`)}
		outside := h.room(rooms.Meet, "")
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]int{}
		for i := range 40 {
			wg.Go(func() {
				_, err := h.door.Join(t.Context(), through(participantURL, list[i%2]), at(i))
				mu.Lock()
				defer mu.Unlock()
				got[rooms.CodeOf(err)]++
			})
		}
		wg.Wait()
		if got[""] != 10 || got["limit_exceeded"] != 30 {
			t.Errorf("joins %v, want 10 in", got)
		}
		_, err := h.enter(list[0].ParticipantToken, "Ann")
		if hit := errorOf(t, err).Limit; *hit != (rooms.LimitHit{Limit: "max_concurrent_participants", Value: 10, Source: "subscription"}) {
			t.Errorf("limit %+v", hit)
		}
		h.mustEnter(outside.ParticipantToken, "Ann")
		_, err = h.PatchRoom(t.Context(), outside.ID, json.RawMessage(`{"subscription_id":"`+sub.ID+`"}`), full)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second) // unused seats are free, whatever the clock has swept
		for i := range 10 {
			if _, err := h.door.Join(t.Context(), through(participantURL, list[i%2]), home); err != nil {
				t.Errorf("join %d after all seats were freed: %v", i, err)
			}
		}
		wantCode(t, "the eleventh", second(h.enter(outside.ParticipantToken, "Ann")), "limit_exceeded")
		h.stop()
	})
}

func TestParticipantsAreListedNewestFirst(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Meet, "")
	for i := range 5 {
		h.mustEnter(v.ParticipantToken, fmt.Sprint("p", i))
	}
	first, err := h.door.Participants(t.Context(), v.ID, 3, "")
	if err != nil {
		t.Fatal(err)
	}
	rest, err := h.door.Participants(t.Context(), v.ID, 3, first.NextCursor)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range append(first.Items, rest.Items...) {
		names = append(names, o.Name)
	}
	if fmt.Sprint(names) != "[p4 p3 p2 p1 p0]" || rest.NextCursor != "" {
		t.Errorf("participants %v", names)
	}
	wantCode(t, "no room", second(h.door.Participants(t.Context(), "none", 0, "")), "not_found")
}
