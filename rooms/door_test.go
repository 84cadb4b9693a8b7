package rooms_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

// door of a room, as somebody comes by it.
type door string

const (
	moderatorURL   door = "moderator URL"
	participantURL door = "participant URL"
	roomURL        door = "room URL"
)

func through(d door, v rooms.View) rooms.JoinRequest {
	switch d {
	case moderatorURL:
		return rooms.JoinRequest{Token: v.ModeratorToken, Name: "Ann"}
	case participantURL:
		return rooms.JoinRequest{Token: v.ParticipantToken, Name: "Ann"}
	}
	return rooms.JoinRequest{RoomID: v.ID, Name: "Ann"}
}

func TestDoorsAndCodes(t *testing.T) {
	const (
		closed    = ``
		public    = `"room_features":{"public":true}`
		roomCode  = `"room_access_code":"room"`
		bothCodes = `"room_access_code":"room","participant_access_code":"part"`
		modCode   = `"moderator_access_code":"moderate"` // 8 characters
		shortMod  = `"moderator_access_code":"mod"`
	)
	tests := []struct {
		codes string
		door  door
		code  string // given; "" is none
		want  string // a role, or a refusal
		look  string // role and code that a look tells, or a refusal
	}{
		{closed, moderatorURL, "", "moderator", "moderator none"},
		{closed, participantURL, "", "participant", "participant none"},
		{closed, participantURL, "ignored", "participant", "participant none"},
		{closed, roomURL, "", "token_unknown", "token_unknown"},
		{public, roomURL, "", "participant", "participant none"},
		{public, roomURL, "ignored", "participant", "participant none"},
		{roomCode, moderatorURL, "", "moderator", "moderator none"},
		{roomCode, participantURL, "", "access_code_required", "participant required"},
		{roomCode, participantURL, "wrong", "access_code_invalid", "participant required"},
		{roomCode, participantURL, "room", "participant", "participant required"},
		{roomCode, roomURL, "room", "participant", "by_code required"},
		{roomCode, roomURL, "", "access_code_required", "by_code required"},
		{bothCodes, participantURL, "room", "access_code_invalid", "participant required"},
		{bothCodes, participantURL, "part", "participant", "participant required"},
		{bothCodes, roomURL, "room", "access_code_invalid", "by_code required"},
		{bothCodes, roomURL, "part", "participant", "by_code required"},
		{modCode, moderatorURL, "", "access_code_required", "moderator required"},
		{modCode, moderatorURL, "moderate", "moderator", "moderator required"},
		{modCode, participantURL, "", "participant", "participant none"},
		{modCode, roomURL, "moderate", "moderator", "by_code required"},
		{modCode + "," + roomCode, moderatorURL, "room", "access_code_invalid", "moderator required"},
		{modCode + "," + roomCode, participantURL, "moderate", "access_code_invalid", "participant required"},
		{modCode + "," + roomCode, roomURL, "moderate", "moderator", "by_code required"},
		{modCode + "," + roomCode, roomURL, "room", "participant", "by_code required"},
		{modCode + "," + public, roomURL, "", "participant", "by_code optional"},
		{modCode + "," + public, roomURL, "moderate", "moderator", "by_code optional"},
		{modCode + "," + public, roomURL, "wrong", "access_code_invalid", "by_code optional"},
		{shortMod, roomURL, "mod", "token_unknown", "token_unknown"},
		{shortMod + "," + roomCode, roomURL, "mod", "access_code_invalid", "by_code required"},
		{roomCode + "," + public, roomURL, "", "access_code_required", "by_code required"},
	}
	h := newHouse(t)
	for i, tt := range tests {
		name := fmt.Sprintf("%s with %q at {%s}", tt.door, tt.code, tt.codes)
		v := h.room(rooms.Meet, tt.codes)
		req := through(tt.door, v)
		look, err := h.door.Look(t.Context(), rooms.LookRequest{Token: req.Token, RoomID: req.RoomID}, home)
		told := rooms.CodeOf(err)
		if err == nil {
			told = look.Role + " " + look.Code
			if (look.Room == nil) != (look.Code == "required") {
				t.Errorf("%s: a look shows room %v", name, look.Room)
			}
		}
		if told != tt.look {
			t.Errorf("%s: a look tells %q, want %q", name, told, tt.look)
		}
		if tt.code != "" {
			req.AccessCode = code(tt.code)
		}
		j, err := h.door.Join(t.Context(), req, at(i))
		got := rooms.CodeOf(err)
		if err == nil {
			got = string(j.Grant.Role)
		}
		if got != tt.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, tt.want)
		}
		if hasURL := h.get(v.ID).HasRoomURL(); tt.door == roomURL && hasURL != (tt.look != "token_unknown") {
			t.Errorf("%s: room URL %v", name, hasURL)
		}
	}
}

func TestUnknownDoorsNeverSayWhy(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Live, `"room_access_code":"1"`)
	gone := h.room(rooms.Meet, "")
	if err := h.DeleteRoom(t.Context(), gone.ID, full); err != nil {
		t.Fatal(err)
	}
	old := v.ParticipantToken
	v, err := h.Regenerate(t.Context(), v.ID, "participant_token", false)
	if err != nil {
		t.Fatal(err)
	}
	minted := h.mint(v.ID, `{}`)
	if err := h.DeleteJoinToken(t.Context(), v.ID, minted.ID); err != nil {
		t.Fatal(err)
	}
	var told []string
	for name, req := range map[string]rooms.JoinRequest{
		"no such token":        {Token: secret.New("x")},
		"a regenerated token":  {Token: old},
		"a stream key":         {Token: *v.StreamKey},
		"a deleted room":       {Token: gone.ModeratorToken},
		"a deleted room's id":  {RoomID: gone.ID},
		"no such room":         {RoomID: strings.Repeat("0", 26)},
		"no id":                {RoomID: "../etc"},
		"a deleted join token": {Token: minted.Token},
	} {
		_, err := h.door.Join(t.Context(), req, home)
		wantCode(t, name, err, "token_unknown")
		told = append(told, fmt.Sprint(err))
		_, err = h.door.Look(t.Context(), rooms.LookRequest{Token: req.Token, RoomID: req.RoomID}, home)
		wantCode(t, "look at "+name, err, "token_unknown")
	}
	for _, text := range told {
		if text != told[0] {
			t.Errorf("refusals differ: %q and %q", text, told[0])
		}
	}
	for _, req := range []rooms.JoinRequest{{}, {Token: old, RoomID: v.ID}} {
		_, err := h.door.Join(t.Context(), req, home)
		wantCode(t, "both or neither", err, "validation_failed")
	}
}

func TestNames(t *testing.T) {
	h := newHouse(t)
	meet, live := h.room(rooms.Meet, ""), h.room(rooms.Live, "")
	tests := map[string]struct {
		room       rooms.View
		name, want string // want "" is a refusal, "*" any
	}{
		"spaces around it are taken off":     {meet, "  Ann \t", "Ann"},
		"64 characters are fine":             {meet, strings.Repeat("é", 64), strings.Repeat("é", 64)},
		"65 characters are refused":          {meet, strings.Repeat("é", 65), ""},
		"none is refused in a meeting":       {meet, " ", ""},
		"none is made up elsewhere":          {live, "", "*"},
		"a control character is refused":     {live, "a\x00b", ""},
		"a bidirectional control is refused": {meet, "a\u202eb", ""},
		"an isolate is refused":              {meet, "a\u2066b", ""},
		"a line separator is refused":        {meet, "a\u2028b", ""},
		"an emoji of several parts is fine":  {meet, "👩‍🚀", "👩‍🚀"},
		"broken UTF-8 is refused":            {meet, "a\xff", ""},
	}
	for name, tt := range tests {
		j, err := h.enter(tt.room.ParticipantToken, tt.name)
		switch {
		case tt.want == "":
			if wantCode(t, name, err, "validation_failed"); err != nil && errorOf(t, err).Faults[0].Pointer != "/name" {
				t.Errorf("%s: %+v", name, err)
			}
		case err != nil || j.Grant.Name != tt.want && (tt.want != "*" || j.Grant.Name == ""):
			t.Errorf("%s: name %q, %v", name, j.Grant.Name, err)
		}
	}
}

func TestWrongCodesCloseOneDoorToOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		v := h.room(rooms.Meet, `"room_access_code":"right","moderator_access_code":"moderator"`)
		try := func(d door, c, from string) error {
			req := through(d, v)
			if c != "" {
				req.AccessCode = code(c)
			}
			_, err := h.door.Join(t.Context(), req, rooms.Caller{Address: netip.MustParseAddr(from)})
			return err
		}
		const mine, neighbour, stranger = "2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"
		for range 9 {
			wantCode(t, "a wrong code", try(participantURL, "wrong", mine), "access_code_invalid")
			wantCode(t, "a missing code", try(participantURL, "", mine), "access_code_required")
		}
		wantCode(t, "success resets nothing", try(participantURL, "right", mine), "")
		time.Sleep(time.Minute)
		wantCode(t, "the tenth wrong code", try(participantURL, "wrong", neighbour), "access_code_invalid")
		blocked := try(participantURL, "right", mine)
		wantCode(t, "the right code after it", blocked, "too_many_attempts")
		if got := errorOf(t, blocked).RetryAfter; got != 4*time.Minute {
			t.Errorf("retry after %v, want 4m", got)
		}
		wantCode(t, "no code after it", try(participantURL, "", mine), "too_many_attempts")
		wantCode(t, "another network", try(participantURL, "right", stranger), "")
		wantCode(t, "another door", try(moderatorURL, "moderator", mine), "")
		wantCode(t, "the room URL", try(roomURL, "right", mine), "")
		time.Sleep(4 * time.Minute)
		wantCode(t, "when the first nine are over", try(participantURL, "right", mine), "")
		h.stop()
	})
}

func TestTheRoomURLTakes100WrongCodesAnHourFromAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		v := h.room(rooms.Meet, `"room_access_code":"right"`)
		guess := func(d door, n int, c string) error {
			req := through(d, v)
			req.AccessCode = code(c)
			_, err := h.door.Join(t.Context(), req, at(n))
			return err
		}
		for n := range 100 {
			wantCode(t, "a wrong code", guess(roomURL, n, "wrong"), "access_code_invalid")
		}
		wantCode(t, "the right code from elsewhere", guess(roomURL, 1000, "right"), "too_many_attempts")
		wantCode(t, "the token URL", guess(participantURL, 1000, "right"), "")
		time.Sleep(time.Hour)
		wantCode(t, "an hour later", guess(roomURL, 1000, "right"), "")
		h.stop()
	})
}

func TestAnAddressJoins200TimesAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		v := h.room(rooms.Meet, "")
		for range 200 {
			wantCode(t, "a join", join(h, v), "")
		}
		err := join(h, v)
		if wantCode(t, "the 201st", err, "rate_limited"); errorOf(t, err).RetryAfter <= 0 {
			t.Error("no Retry-After")
		}
		_, err = h.door.Join(t.Context(), through(participantURL, v), at(1))
		wantCode(t, "another address", err, "")
		time.Sleep(time.Minute)
		wantCode(t, "a minute later", join(h, v), "")
		h.stop()
	})
}

func join(h *house, v rooms.View) error {
	_, err := h.door.Join(h.t.Context(), through(participantURL, v), home)
	return err
}

func TestStartAndLockHoldParticipantsBackOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		starts := time.Now().Add(time.Hour).UTC()
		v := h.room(rooms.Meet, `"starts_at":"`+starts.Format(time.RFC3339)+`"`)
		_, err := h.enter(v.ParticipantToken, "Ann")
		if wantCode(t, "before the start", err, "not_started"); !errorOf(t, err).StartsAt.Equal(starts) {
			t.Errorf("starts_at %v", errorOf(t, err).StartsAt)
		}
		look, err := h.door.Look(t.Context(), rooms.LookRequest{Token: v.ParticipantToken}, home)
		if err != nil || look.StartsAt == nil || !look.StartsAt.Equal(starts) {
			t.Errorf("look %+v %v", look, err)
		}
		h.mustEnter(v.ModeratorToken, "Mod")
		time.Sleep(time.Hour)
		inside := h.mustEnter(v.ParticipantToken, "Ann")

		locked, err := h.door.Lock(t.Context(), v.ID)
		if err != nil || !locked.Locked || !h.get(v.ID).Locked {
			t.Fatalf("lock: %v %v", locked.Locked, err)
		}
		_, err = h.enter(v.ParticipantToken, "Bob")
		wantCode(t, "a newcomer", err, "room_locked")
		wantCode(t, "a minted participant", second(h.enter(h.mint(v.ID, `{"name":"B"}`).Token, "")), "room_locked")
		h.mustEnter(v.ModeratorToken, "Mod 2")
		req := through(participantURL, v)
		req.Session = inside.Session
		back, err := h.door.Join(t.Context(), req, home)
		if err != nil || back.Grant.ParticipantID != inside.Grant.ParticipantID {
			t.Errorf("who comes back: %v", err)
		}
		if _, err := h.door.Unlock(t.Context(), v.ID); err != nil {
			t.Fatal(err)
		}
		h.mustEnter(v.ParticipantToken, "Bob")
		if len(h.seen(rooms.RoomLocked)) != 1 || len(h.seen(rooms.RoomUnlocked)) != 1 {
			t.Error("lock and unlock were not told once each")
		}
		h.stop()
	})
}

func second[T any](_ T, err error) error { return err }

func TestStreamKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		v, meet := h.room(rooms.Live, ""), h.room(rooms.Meet, "")
		v, err := h.Regenerate(t.Context(), v.ID, "backup_stream_key", false)
		if err != nil {
			t.Fatal(err)
		}
		knock := func(key secret.Text, n int) (rooms.Publisher, error) {
			return h.door.Publisher(t.Context(), key, at(n))
		}
		p, err := knock(*v.StreamKey, 1)
		if err != nil || p.RoomID != v.ID || p.RoomType != rooms.Live || p.Backup || p.Settings.Features.ReconnectWindowSeconds != 60 {
			t.Errorf("publisher %+v %v", p, err)
		}
		p, err = knock(*v.BackupStreamKey, 1)
		if err != nil || !p.Backup {
			t.Errorf("backup publisher %+v %v", p, err)
		}
		byRoom, err := h.door.PublisherOf(t.Context(), v.ID)
		if err != nil || byRoom.RoomID != v.ID || byRoom.Backup || byRoom.SRTPassphrase != nil {
			t.Errorf("publisher by room %+v %v", byRoom, err)
		}
		wantCode(t, "no room", second(h.door.PublisherOf(t.Context(), "01nosuchroom")), "not_found")
		if v, err = h.Regenerate(t.Context(), v.ID, "srt_passphrase", false); err != nil {
			t.Fatal(err)
		}
		if p, err = knock(*v.StreamKey, 1); err != nil || p.SRTPassphrase == nil || !p.SRTPassphrase.Equal(v.SRTPassphrase.Reveal()) {
			t.Errorf("the SRT passphrase is not told: %v", err)
		}
		for name, key := range map[string]secret.Text{"none": {}, "a token": v.ModeratorToken, "a meeting's token": meet.ParticipantToken} {
			wantCode(t, name, second(knock(key, 2)), "not_found")
		}
		if _, err := h.SetSuspended(t.Context(), v.ID, true); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "a suspended room", second(knock(*v.StreamKey, 1)), "room_suspended")
		if _, err := h.SetSuspended(t.Context(), v.ID, false); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			wantCode(t, "a wrong key", second(knock(secret.New("x"), 2)), "not_found")
		}
		wantCode(t, "the right key after many wrong ones", second(knock(*v.StreamKey, 2)), "")
		h.stop()
	})
}
