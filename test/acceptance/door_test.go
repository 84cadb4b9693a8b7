package acceptance

import (
	"net/http"
	"testing"
	"time"

	"roomcast/test/harness"
)

// codes are what a room of the matrix may have set.
type codes struct{ room, participant, moderator string }

func (c codes) fields() harness.Fields {
	fields := harness.Fields{}
	for name, code := range map[string]string{
		"room_access_code": c.room, "participant_access_code": c.participant, "moderator_access_code": c.moderator,
	} {
		if code != "" {
			fields[name] = code
		}
	}
	return fields
}

func TestWhoComesInAsWhat(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	const (
		byModerator   = "moderator_url"
		byParticipant = "participant_url"
		byRoom        = "room_url"
	)
	full := codes{room: "room-4711", participant: "part-1234", moderator: "moderator-0815"}
	cases := []struct {
		name   string
		codes  codes
		public bool
		door   string
		code   string // what is presented; "" presents none
		role   string // who they are; "" is refused
		status int
		refuse string
	}{
		{"the moderator URL without a code set", codes{room: "1", participant: "2"}, false, byModerator, "", "moderator", 0, ""},
		{"the moderator URL ignores a code when none is set", codes{}, false, byModerator, "whatever", "moderator", 0, ""},
		{"the moderator URL with its code", full, false, byModerator, full.moderator, "moderator", 0, ""},
		{"the moderator URL wants its code", full, false, byModerator, "", "", 401, "access_code_required"},
		{"the moderator URL refuses the room's code", full, false, byModerator, full.room, "", 401, "access_code_invalid"},
		{"the moderator URL refuses the participants' code", full, false, byModerator, full.participant, "", 401, "access_code_invalid"},
		{"the participant URL without any code", codes{moderator: "12345678"}, false, byParticipant, "", "participant", 0, ""},
		{"the participant URL with the participants' code", full, false, byParticipant, full.participant, "participant", 0, ""},
		{"the participant URL refuses the room's code when there is a participants' code", full, false, byParticipant, full.room, "", 401, "access_code_invalid"},
		{"the participant URL with the room's code", codes{room: "4711"}, false, byParticipant, "4711", "participant", 0, ""},
		{"the participant URL refuses the moderator's code", full, false, byParticipant, full.moderator, "", 401, "access_code_invalid"},
		{"the participant URL wants its code", full, false, byParticipant, "", "", 401, "access_code_required"},
		{"the room URL with the moderator's code", full, false, byRoom, full.moderator, "moderator", 0, ""},
		{"the room URL with the participants' code", full, false, byRoom, full.participant, "participant", 0, ""},
		{"the room URL refuses the room's code when there is a participants' code", full, false, byRoom, full.room, "", 401, "access_code_invalid"},
		{"the room URL with the room's code", codes{room: "4711"}, false, byRoom, "4711", "participant", 0, ""},
		{"the room URL wants a code", codes{room: "4711"}, false, byRoom, "", "", 401, "access_code_required"},
		{"the room URL does not know a moderator's code under 8 characters", codes{room: "4711", moderator: "1234567"}, false, byRoom, "1234567", "", 401, "access_code_invalid"},
		{"no room URL with a short moderator's code alone", codes{moderator: "1234567"}, false, byRoom, "1234567", "", 404, "token_unknown"},
		{"no room URL without codes", codes{}, false, byRoom, "", "", 404, "token_unknown"},
		{"a public room without codes", codes{}, true, byRoom, "", "participant", 0, ""},
		{"a public room with a moderator's code and none given", codes{moderator: "12345678"}, true, byRoom, "", "participant", 0, ""},
		{"a public room with the moderator's code", codes{moderator: "12345678"}, true, byRoom, "12345678", "moderator", 0, ""},
		{"a public room still wants the participants' code", codes{room: "4711"}, true, byRoom, "", "", 401, "access_code_required"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fields := c.codes.fields()
			if c.public {
				fields["room_features"] = harness.Fields{"public": true}
			}
			room := s.CreateRoom(t, "meet", fields)
			body := harness.Fields{"name": "Ada"}
			switch c.door {
			case byModerator:
				body["token"] = room.ModeratorToken
			case byParticipant:
				body["token"] = room.ParticipantToken
			case byRoom:
				body["room_id"] = room.ID
			}
			if c.code != "" {
				body["access_code"] = c.code
			}
			if c.role == "" {
				s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", body, c.status, c.refuse)
				return
			}
			joined := s.Join(t, body)
			if joined.Role != c.role || joined.Admission != "admitted" || joined.Session == "" {
				t.Errorf("joined as %q (%s), want %s", joined.Role, joined.Admission, c.role)
			}
		})
	}
}

func TestTheDoorCallTellsWhatIsAsked(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	type look struct {
		RoomType string         `json:"room_type"`
		Role     string         `json:"role"`
		Code     string         `json:"code"`
		Room     map[string]any `json:"room"`
	}
	coded := s.CreateRoom(t, "meet", codes{"4711", "", "12345678"}.fields())
	open := s.CreateRoom(t, "live", harness.Fields{"room_features": harness.Fields{"public": true, "embed_origins": []string{"https://a.example"}}, "moderator_access_code": "12345678"})
	cases := []struct {
		name       string
		body       harness.Fields
		role, code string
		shown      bool
	}{
		{"a moderator's token with a code", harness.Fields{"token": coded.ModeratorToken}, "moderator", "required", false},
		{"a participants' token with a code", harness.Fields{"token": coded.ParticipantToken}, "participant", "required", false},
		{"a participants' token without", harness.Fields{"token": open.ParticipantToken}, "participant", "none", true},
		{"a room URL with codes", harness.Fields{"room_id": coded.ID}, "by_code", "required", false},
		{"a public room with a moderator's code", harness.Fields{"room_id": open.ID}, "by_code", "optional", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got look
			s.Stranger().Want(t, http.MethodPost, "/api/v1/door", c.body, 200, &got)
			if got.Role != c.role || got.Code != c.code || (got.Room != nil) != c.shown {
				t.Errorf("got %+v, want role %s, code %s, room shown %v", got, c.role, c.code, c.shown)
			}
			if c.shown {
				features, _ := got.Room["features"].(map[string]any)
				if _, there := features["embed_origins"]; there || got.Room["moderator_token"] != nil || got.Room["room_metadata"] != nil {
					t.Errorf("the public projection holds too much: %v", got.Room)
				}
			}
		})
	}
	s.Stranger().Refused(t, http.MethodPost, "/api/v1/door", harness.Fields{"token": "nope"}, 404, "token_unknown")
	s.Stranger().Refused(t, http.MethodPost, "/api/v1/door", harness.Fields{"room_id": "nope"}, 404, "token_unknown")
}

func TestNobodyLearnsWhyATokenIsUnknown(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	path := "/api/v1/rooms/" + room.ID
	var minted struct{ ID, Token, URL string }
	mint := func(more harness.Fields) {
		t.Helper()
		body := harness.Fields{"name": "Grace", "role": "moderator", "external_id": "e-1"}
		for k, v := range more {
			body[k] = v
		}
		s.API().Want(t, http.MethodPost, path+"/join_tokens", body, 201, &minted)
	}
	mint(harness.Fields{"max_uses": 1})
	joined := s.Join(t, harness.Fields{"token": minted.Token, "name": "Somebody else"})
	if joined.Name != "Grace" || joined.Role != "moderator" {
		t.Errorf("by a minted token: %+v", joined)
	}
	unknown := func(what, token string) {
		t.Helper()
		p := s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": token, "name": "x"}, 404, "token_unknown")
		never := s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": "never-was-one", "name": "x"}, 404, "token_unknown")
		if p.Detail != never.Detail {
			t.Errorf("%s says %q, another unknown token %q", what, p.Detail, never.Detail)
		}
	}
	unknown("a used-up token", minted.Token)
	mint(nil)
	s.API().Want(t, http.MethodDelete, path+"/join_tokens/"+minted.ID, nil, 204, nil)
	unknown("a deleted token", minted.Token)
	mint(harness.Fields{"expires_at": time.Now().Add(700 * time.Millisecond).UTC()})
	if !harness.Until(5*time.Second, func() bool {
		return s.Stranger().Do(t, http.MethodPost, "/api/v1/join", harness.Fields{"token": minted.Token, "name": "x"}).Status == 404
	}) {
		t.Error("an expired token still opens the door")
	}
	unknown("an expired token", minted.Token)

	var now harness.Room
	s.API().Want(t, http.MethodPost, path+"/participant_token/regenerate", nil, 200, &now)
	unknown("a regenerated token", room.ParticipantToken)
	s.Enter(t, now.ParticipantToken, "by the new one")
	s.API().Want(t, http.MethodDelete, path, nil, 204, nil)
	unknown("a deleted room's token", now.ParticipantToken)
}

func TestNames(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	meet := s.CreateRoom(t, "meet", nil)
	live := s.CreateRoom(t, "live", nil)
	for _, c := range []struct{ what, name, want string }{
		{"spaces around it", "  Ada Lovelace ", "Ada Lovelace"},
		{"64 characters", repeat("ß", 64), repeat("ß", 64)},
		{"65 characters", repeat("ß", 65), ""},
		{"none", "", ""},
		{"only spaces", "   ", ""},
		{"a bidirectional override", "a\u202eb", ""},
		{"a control character", "a\x07b", ""},
	} {
		body := harness.Fields{"token": meet.ParticipantToken, "name": c.name}
		if c.want == "" {
			s.Stranger().Refused(t, http.MethodPost, "/api/v1/join", body, 422, "validation_failed")
			continue
		}
		if got := s.Join(t, body); got.Name != c.want {
			t.Errorf("%s: %q, want %q", c.what, got.Name, c.want)
		}
	}
	s.Join(t, harness.Fields{"token": live.ParticipantToken})
}

func TestOnlyTheEndpointsThatARoomHas(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	for _, c := range []struct {
		roomType   string
		there, not []string
	}{
		{"meet", []string{"signaling"}, []string{"hls", "dvr", "whep"}},
		{"live", []string{"signaling", "hls"}, []string{"uploads", "videos"}},
	} {
		room := s.CreateRoom(t, c.roomType, nil)
		joined := s.Enter(t, room.ParticipantToken, "Ada")
		for _, name := range c.there {
			if joined.Endpoints[name] == "" {
				t.Errorf("%s: no endpoint %s in %v", c.roomType, name, joined.Endpoints)
			}
		}
		for _, name := range c.not {
			if _, there := joined.Endpoints[name]; there {
				t.Errorf("%s: endpoint %s is there: %v", c.roomType, name, joined.Endpoints)
			}
		}
		if (joined.Stream != nil) != (c.roomType == "live") {
			t.Errorf("%s: stream is %+v", c.roomType, joined.Stream)
		}
	}
}

func TestSessionsAreReadRenewedAndLeft(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	other := s.CreateRoom(t, "meet", nil)
	joined := s.Enter(t, room.ParticipantToken, "Ada")
	if until := time.Until(joined.ExpiresAt); until < 55*time.Minute || until > 65*time.Minute {
		t.Errorf("the session is good for %v, want 1 h", until)
	}
	me := s.Stranger().Bearer(joined.Session)
	var again, renewed harness.Joined
	me.Want(t, http.MethodGet, "/api/v1/session", nil, 200, &again)
	if again.ParticipantID != joined.ParticipantID || again.Endpoints["signaling"] != joined.Endpoints["signaling"] {
		t.Errorf("read again: %+v", again)
	}
	me.Want(t, http.MethodPost, "/api/v1/session/refresh", nil, 200, &renewed)
	if renewed.Session == "" || renewed.ParticipantID != joined.ParticipantID {
		t.Errorf("renewed: %+v", renewed)
	}
	back := s.Join(t, harness.Fields{"token": room.ParticipantToken, "name": "Ada", "session": joined.Session})
	if back.ParticipantID != joined.ParticipantID {
		t.Errorf("an old session gave %s, want %s back", back.ParticipantID, joined.ParticipantID)
	}
	elsewhere := s.Join(t, harness.Fields{"token": other.ParticipantToken, "name": "Ada", "session": joined.Session})
	if elsewhere.ParticipantID == joined.ParticipantID {
		t.Error("a session of another room gave its identity")
	}
	me.Want(t, http.MethodDelete, "/api/v1/session", nil, 204, nil)
	me.Refused(t, http.MethodGet, "/api/v1/session", nil, 401, "session_invalid")
	s.Stranger().Bearer(renewed.Session).Refused(t, http.MethodPost, "/api/v1/session/refresh", nil, 401, "session_invalid")
}

func TestRolesAreHeldByTheServer(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	other := s.CreateRoom(t, "meet", nil)
	moderator := s.Stranger().Bearer(s.Enter(t, room.ModeratorToken, "Mo").Session)
	participant := s.Stranger().Bearer(s.Enter(t, room.ParticipantToken, "Pa").Session)
	path := "/api/v1/rooms/" + room.ID
	for _, call := range []string{"lock", "unlock"} {
		participant.Refused(t, http.MethodPost, path+"/"+call, nil, 403, "forbidden")
		moderator.Want(t, http.MethodPost, path+"/"+call, nil, 200, nil)
		moderator.Refused(t, http.MethodPost, "/api/v1/rooms/"+other.ID+"/"+call, nil, 403, "forbidden")
	}
	participant.Refused(t, http.MethodPost, path+"/end", nil, 403, "forbidden")
	participant.Refused(t, http.MethodGet, path+"/participants", nil, 403, "forbidden")
	moderator.Want(t, http.MethodGet, path+"/participants", nil, 200, nil)
	for _, keyOnly := range []struct{ method, path string }{
		{http.MethodGet, path},
		{http.MethodPatch, path},
		{http.MethodDelete, path},
		{http.MethodGet, "/api/v1/rooms"},
		{http.MethodPost, path + "/suspend"},
		{http.MethodPost, path + "/moderator_token/regenerate"},
		{http.MethodGet, path + "/join_tokens"},
	} {
		answer := moderator.Do(t, keyOnly.method, keyOnly.path, harness.Fields{})
		if answer.Status != 401 && answer.Status != 403 {
			t.Errorf("a moderator's session may %s %s: %d %s", keyOnly.method, keyOnly.path, answer.Status, answer.Body)
		}
	}
}

func repeat(s string, n int) string {
	out := ""
	for range n {
		out += s
	}
	return out
}
