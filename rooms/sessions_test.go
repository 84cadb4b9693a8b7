package rooms_test

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"roomcast/rooms"
	"roomcast/secret"
)

func TestASessionLastsAnHourAndCanBeRefreshedForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		v := h.room(rooms.Live, "")
		ctx := t.Context()
		j := h.mustEnter(v.ParticipantToken, "Ann")
		if want := time.Now().Add(time.Hour); j.ExpiresAt.Sub(want).Abs() > time.Second {
			t.Errorf("expires at %v, want %v", j.ExpiresAt, want)
		}
		again, err := h.door.Describe(ctx, j.Session)
		if err != nil || again.Session != j.Session || again.Ticket != j.Ticket || !again.ExpiresAt.Equal(j.ExpiresAt) || again.Grant != j.Grant {
			t.Errorf("described as %+v (%v), want %+v", again, err, j)
		}
		time.Sleep(61 * time.Minute)
		wantCode(t, "expired", second(h.door.Session(ctx, j.Session)), "session_expired")
		wantCode(t, "describe expired", second(h.door.Describe(ctx, j.Session)), "session_expired")
		_, _, err = h.door.Connect(ctx, j.Session)
		wantCode(t, "connect expired", err, "session_expired")
		renewed, err := h.door.Refresh(ctx, j.Session)
		if err != nil || renewed.Grant != j.Grant || renewed.Ticket != j.Ticket {
			t.Fatalf("refreshed as %+v (%v), want %+v", renewed.Grant, err, j.Grant)
		}
		wantCode(t, "refreshed", second(h.door.Session(ctx, renewed.Session)), "")
		time.Sleep(22*time.Hour + 30*time.Minute) // 23.5 h after the join
		wantCode(t, "ticket", second(h.door.Ticket(ctx, v.ID, j.Ticket.Reveal(), "p")), "")
		last, err := h.door.Refresh(ctx, j.Session)
		if err != nil || last.ExpiresAt.After(j.Grant.JoinedAt.Add(24*time.Hour)) {
			t.Errorf("last refresh until %v (%v), joined at %v", last.ExpiresAt, err, j.Grant.JoinedAt)
		}
		time.Sleep(30 * time.Minute)
		wantCode(t, "a day after the join", second(h.door.Refresh(ctx, last.Session)), "session_expired")
		wantCode(t, "ticket after a day", second(h.door.Ticket(ctx, v.ID, j.Ticket.Reveal(), "p")), "session_expired")
		h.stop()
	})
}

func TestForgedSessionsAndTickets(t *testing.T) {
	h := newHouse(t)
	v, other := h.room(rooms.Live, ""), h.room(rooms.Live, "")
	j := h.mustEnter(v.ParticipantToken, "Ann")
	session, ticket := j.Session.Reveal(), j.Ticket.Reveal()
	parts := strings.Split(session, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.MapClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	claims["role"] = "moderator"
	promoted, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		c := jwt.MapClaims{}
		for k, v := range claims {
			c[k] = v
		}
		change(c)
		s, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	key := []byte(h.keys.Session.Reveal())
	same := func(jwt.MapClaims) {}
	for name, s := range map[string]string{
		"none":                      "",
		"garbage":                   "garbage",
		"a changed role":            parts[0] + "." + base64.RawURLEncoding.EncodeToString(promoted) + "." + parts[2],
		"no algorithm":              sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"another algorithm":         sign(jwt.SigningMethodHS512, key, same),
		"another key":               sign(jwt.SigningMethodHS256, []byte("another key"), same),
		"another audience":          sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["aud"] = "else" }),
		"another kind":              sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["kind"] = "reset" }),
		"no end":                    sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { delete(c, "exp") }),
		"a ticket":                  ticket,
		"a session that is too big": session + strings.Repeat("x", 10_000),
	} {
		wantCode(t, name, second(h.door.Session(t.Context(), secret.New(s))), "session_invalid")
	}
	for name, tt := range map[string][2]string{
		"garbage":             {v.ID, "garbage"},
		"another room's":      {other.ID, ticket},
		"a changed character": {v.ID, flip(ticket)},
		"a session":           {v.ID, session},
		"no room's":           {"none", ticket},
		"an empty one":        {v.ID, ""},
		"one of 10000 bytes":  {v.ID, strings.Repeat("A", 10_000)},
	} {
		wantCode(t, name, second(h.door.Ticket(t.Context(), tt[0], tt[1], "p")), "not_found")
	}
	meet := h.room(rooms.Meet, "")
	if m := h.mustEnter(meet.ParticipantToken, "Ann"); !m.Ticket.IsZero() {
		t.Error("a meeting has a play ticket")
	}
}

func flip(s string) string {
	c := byte('A')
	if s[len(s)/2] == c {
		c = 'B'
	}
	return s[:len(s)/2] + string(c) + s[len(s)/2+1:]
}

func TestAnOldSessionGivesSeatAndIdentityBack(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Live, `"limits":{"max_participants":2}`)
	other := h.room(rooms.Live, "")
	first := h.mustEnter(v.ParticipantToken, "Ann")
	back := func(token, session secret.Text, name string) rooms.Joined {
		t.Helper()
		j, err := h.door.Join(t.Context(), rooms.JoinRequest{Token: token, Session: session, Name: name}, home)
		if err != nil {
			t.Fatalf("come back: %v", err)
		}
		return j
	}
	j := back(v.ParticipantToken, first.Session, "")
	if j.Grant.ParticipantID != first.Grant.ParticipantID || j.Grant.Name != "Ann" || h.door.Viewers(v.ID) != 1 {
		t.Errorf("came back as %+v, %d seats", j.Grant, h.door.Viewers(v.ID))
	}
	if j := back(v.ParticipantToken, first.Session, "Ann B."); j.Grant.Name != "Ann B." {
		t.Errorf("name %q", j.Grant.Name)
	}
	for name, j := range map[string]rooms.Joined{
		"in another role": back(v.ModeratorToken, first.Session, ""),
		"in another room": back(other.ParticipantToken, first.Session, ""),
		"with garbage":    back(other.ParticipantToken, secret.New("garbage"), ""),
	} {
		if j.Grant.ParticipantID == first.Grant.ParticipantID {
			t.Errorf("%s: the identity came along", name)
		}
	}
	if err := h.door.Leave(t.Context(), first.Session); err != nil {
		t.Fatal(err)
	}
	if j := back(v.ParticipantToken, first.Session, ""); j.Grant.ParticipantID == first.Grant.ParticipantID {
		t.Error("who left came back as the same")
	}
}

func TestWhatEndsASession(t *testing.T) {
	ctx := t.Context()
	type who struct{ joined, minted, byURL, mod rooms.Joined }
	tests := map[string]struct {
		room rooms.Type
		do   func(h *house, v rooms.View, w who, tok rooms.JoinToken) error
		want [4]string // of a participant, a minted one, one by room URL, a moderator
	}{
		"leaving ends one": {rooms.Meet, func(h *house, _ rooms.View, w who, _ rooms.JoinToken) error {
			return h.door.Leave(ctx, w.joined.Session)
		}, [4]string{"session_invalid", "", "", ""}},
		"removal bans one": {rooms.Meet, func(h *house, v rooms.View, w who, _ rooms.JoinToken) error {
			return h.door.Remove(ctx, v.ID, w.joined.Grant.ParticipantID, false)
		}, [4]string{"banned", "", "", ""}},
		"the end of a meeting ends all": {rooms.Meet, func(h *house, v rooms.View, _ who, _ rooms.JoinToken) error {
			return second(h.door.EndRun(ctx, v.ID))
		}, [4]string{"session_invalid", "session_invalid", "session_invalid", "session_invalid"}},
		"the end of a broadcast ends none": {rooms.Live, func(h *house, v rooms.View, _ who, _ rooms.JoinToken) error {
			if err := h.door.BeginRun(ctx, v.ID); err != nil {
				return err
			}
			return second(h.door.EndRun(ctx, v.ID))
		}, [4]string{"", "", "", ""}},
		"deletion ends all": {rooms.Live, func(h *house, v rooms.View, _ who, _ rooms.JoinToken) error {
			return h.DeleteRoom(ctx, v.ID, full)
		}, [4]string{"session_invalid", "session_invalid", "session_invalid", "session_invalid"}},
		"suspension holds all": {rooms.Live, func(h *house, v rooms.View, _ who, _ rooms.JoinToken) error {
			return second(h.SetSuspended(ctx, v.ID, true))
		}, [4]string{"room_suspended", "room_suspended", "room_suspended", "room_suspended"}},
		"suspension ends all for good": {rooms.Live, func(h *house, v rooms.View, _ who, _ rooms.JoinToken) error {
			if _, err := h.SetSuspended(ctx, v.ID, true); err != nil {
				return err
			}
			return second(h.SetSuspended(ctx, v.ID, false))
		}, [4]string{"session_invalid", "session_invalid", "session_invalid", "session_invalid"}},
		"a new participant token with disconnect ends who came by the old one": {rooms.Meet, func(h *house, v rooms.View, _ who, _ rooms.JoinToken) error {
			if _, err := h.Regenerate(ctx, v.ID, "participant_token", false); err != nil {
				return err
			}
			return second(h.Regenerate(ctx, v.ID, "participant_token", true))
		}, [4]string{"session_invalid", "", "", ""}},
		"a new participant token alone ends nobody": {rooms.Meet, func(h *house, v rooms.View, _ who, _ rooms.JoinToken) error {
			return second(h.Regenerate(ctx, v.ID, "participant_token", false))
		}, [4]string{"", "", "", ""}},
		"a new moderator token with disconnect ends moderators": {rooms.Meet, func(h *house, v rooms.View, _ who, _ rooms.JoinToken) error {
			return second(h.Regenerate(ctx, v.ID, "moderator_token", true))
		}, [4]string{"", "", "", "session_invalid"}},
		"deleting a minted token ends its own": {rooms.Meet, func(h *house, v rooms.View, _ who, tok rooms.JoinToken) error {
			return h.DeleteJoinToken(ctx, v.ID, tok.ID)
		}, [4]string{"", "session_invalid", "", ""}},
		"changing a code ends nobody": {rooms.Meet, func(h *house, v rooms.View, _ who, _ rooms.JoinToken) error {
			return second(h.PatchRoom(ctx, v.ID, json.RawMessage(`{"room_access_code":"x","room_features":{"public":false}}`), full))
		}, [4]string{"", "", "", ""}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			v := h.room(tt.room, `"room_features":{"public":true}`)
			tok := h.mint(v.ID, `{"name":"Minted"}`)
			w := who{joined: h.mustEnter(v.ParticipantToken, "Ann"), minted: h.mustEnter(tok.Token, "x"), mod: h.mustEnter(v.ModeratorToken, "Mod")}
			var err error
			if w.byURL, err = h.door.Join(ctx, rooms.JoinRequest{RoomID: v.ID, Name: "Bob"}, home); err != nil {
				t.Fatal(err)
			}
			if w.minted.Grant.Name != "Minted" {
				t.Errorf("a minted name lost to %q", w.minted.Grant.Name)
			}
			if err := tt.do(h, v, w, tok); err != nil {
				t.Fatal(err)
			}
			check := func(h *house, when string) {
				for i, j := range []rooms.Joined{w.joined, w.minted, w.byURL, w.mod} {
					who := []string{"participant", "minted", "by room URL", "moderator"}[i] + " " + when
					wantCode(t, who, second(h.door.Session(ctx, j.Session)), tt.want[i])
					wantCode(t, who+" refreshing", second(h.door.Refresh(ctx, j.Session)), tt.want[i])
					if tt.room == rooms.Live && tt.want[i] != "" && name != "deletion ends all" {
						wantCode(t, who+" playing", second(h.door.Ticket(ctx, v.ID, j.Ticket.Reveal(), "p")), tt.want[i])
					}
				}
			}
			check(h, "at once")
			ended := 0
			for _, want := range tt.want {
				if want != "" {
					ended++
				}
			}
			if got := len(h.seen(rooms.SessionEnded)); got != ended {
				t.Errorf("%d ended sessions were told, want %d", got, ended)
			}
			h.stop()
			check(reopen(t, h.dir), "after a restart")
		})
	}
}

func TestRemovalHolds(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	v := h.room(rooms.Meet, "")
	join := func(token secret.Text, address, device string) (rooms.Joined, error) {
		return h.door.Join(ctx, rooms.JoinRequest{Token: token, Name: "Ann"}, rooms.Caller{Address: netip.MustParseAddr(address), Device: device})
	}
	const here, elsewhere = "192.0.2.1", "198.51.100.1"
	first, err := join(v.ParticipantToken, here, "")
	if err != nil || first.Device == "" {
		t.Fatalf("join: %v, device %q", err, first.Device)
	}
	kicked := first.Grant.ParticipantID
	if err := h.door.Remove(ctx, v.ID, kicked, false); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "removed twice", h.door.Remove(ctx, v.ID, kicked, false), "not_found")
	wantCode(t, "the same browser", second(join(v.ParticipantToken, here, first.Device)), "banned")
	wantCode(t, "the session", second(h.door.Refresh(ctx, first.Session)), "banned")
	_, err = h.door.Join(ctx, rooms.JoinRequest{Token: v.ParticipantToken, Name: "A", Session: first.Session}, home)
	wantCode(t, "coming back with it", err, "banned")
	wantCode(t, "a fresh browser", second(join(v.ParticipantToken, here, "")), "")
	wantCode(t, "a moderator in that browser", second(join(v.ModeratorToken, here, first.Device)), "")

	one, two := h.mint(v.ID, `{"external_id":"user-1"}`), h.mint(v.ID, `{"external_id":"user-1"}`)
	m, err := join(one.Token, here, "")
	if err != nil {
		t.Fatal(err)
	}
	twin, err := join(two.Token, here, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.door.Remove(ctx, v.ID, m.Grant.ParticipantID, false); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "the same external id, inside", second(h.door.Session(ctx, twin.Session)), "banned")
	wantCode(t, "the same external id, again", second(join(two.Token, elsewhere, "")), "banned")

	last, err := join(v.ParticipantToken, here, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.door.Remove(ctx, v.ID, last.Grant.ParticipantID, true); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "the address", second(join(v.ParticipantToken, here, "")), "banned")
	wantCode(t, "another address", second(join(v.ParticipantToken, elsewhere, "")), "")

	h.stop()
	h = reopen(t, h.dir)
	wantCode(t, "after a restart", second(join(v.ParticipantToken, elsewhere, first.Device)), "banned")
	bans, err := h.door.Bans(ctx, v.ID, 2, "")
	if err != nil || len(bans.Items) != 2 || bans.Items[0].Address != "192.0.2.1/32" {
		t.Fatalf("bans %+v, %v", bans, err)
	}
	rest, err := h.door.Bans(ctx, v.ID, 2, bans.NextCursor)
	if err != nil || len(rest.Items) != 1 || rest.Items[0].ParticipantID != kicked {
		t.Fatalf("the first ban %+v, %v", rest, err)
	}
	if err := h.door.DeleteBan(ctx, v.ID, rest.Items[0].ID); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "lifted twice", h.door.DeleteBan(ctx, v.ID, rest.Items[0].ID), "not_found")
	wantCode(t, "after the ban was lifted", second(join(v.ParticipantToken, elsewhere, first.Device)), "")
	wantCode(t, "the removed session", second(h.door.Session(ctx, first.Session)), "session_invalid")
	if _, err := h.door.EndRun(ctx, v.ID); err != nil {
		t.Fatal(err)
	}
	if bans, err := h.door.Bans(ctx, v.ID, 0, ""); err != nil || len(bans.Items) != 0 {
		t.Errorf("bans of an ended run: %v %v", bans.Items, err)
	}
}
