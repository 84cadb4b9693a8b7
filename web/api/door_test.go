package api_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"roomcast/web"
)

func TestTheDoorOverHTTP(t *testing.T) {
	h := newHouse(t, nil)
	plain := h.room(`{"room_name":"plain","room_type":"live"}`)
	coded := h.room(`{"room_name":"coded","room_type":"live","room_access_code":"4711","moderator_access_code":"moderator-code"}`)
	early := h.room(`{"room_name":"early","room_type":"live","starts_at":"2099-01-01T00:00:00Z"}`)
	full := h.room(`{"room_name":"full","room_type":"live","limits":{"max_participants":0}}`)
	gone := h.room(`{"room_name":"gone","room_type":"live"}`)
	h.must(204, "DELETE", "/api/v1/rooms/"+gone.str("id"), "")
	locked := h.room(`{"room_name":"locked","room_type":"live"}`)
	h.must(200, "POST", "/api/v1/rooms/"+locked.str("id")+"/lock", "")
	asleep := h.room(`{"room_name":"asleep","room_type":"live"}`)
	h.must(200, "POST", "/api/v1/rooms/"+asleep.str("id")+"/suspend", "")
	meet := h.room(`{"room_name":"meet","room_type":"meet"}`)
	token := func(room answer, role string) string { return `"token":"` + room.str(role+"_token") + `"` }
	tests := map[string]struct {
		body   string
		status int
		code   string
		role   string
	}{
		"a participant URL without a code":      {token(plain, "participant"), 200, "", "participant"},
		"a moderator URL without a code":        {token(plain, "moderator"), 200, "", "moderator"},
		"a missing code":                        {token(coded, "participant"), 401, "access_code_required", ""},
		"a wrong code":                          {token(coded, "participant") + `,"access_code":"4712"`, 401, "access_code_invalid", ""},
		"the moderators' code is no key here":   {token(coded, "participant") + `,"access_code":"moderator-code"`, 401, "access_code_invalid", ""},
		"the right code":                        {token(coded, "participant") + `,"access_code":"4711"`, 200, "", "participant"},
		"the room URL and a participants' code": {`"room_id":"` + coded.str("id") + `","access_code":"4711"`, 200, "", "participant"},
		"the room URL and the moderators' code": {`"room_id":"` + coded.str("id") + `","access_code":"moderator-code"`, 200, "", "moderator"},
		"the room URL without a code":           {`"room_id":"` + coded.str("id") + `"`, 401, "access_code_required", ""},
		"a room without room URL":               {`"room_id":"` + plain.str("id") + `"`, 404, "token_unknown", ""},
		"before it begins":                      {token(early, "participant"), 409, "not_started", ""},
		"moderators before it begins":           {token(early, "moderator"), 200, "", "moderator"},
		"a full room":                           {token(full, "participant"), 409, "room_full", ""},
		"moderators in a full room":             {token(full, "moderator"), 200, "", "moderator"},
		"a deleted room":                        {token(gone, "participant"), 404, "token_unknown", ""},
		"a locked room":                         {token(locked, "participant"), 403, "room_locked", ""},
		"moderators in a locked room":           {token(locked, "moderator"), 200, "", "moderator"},
		"a suspended room":                      {token(asleep, "participant"), 403, "room_suspended", ""},
		"a meeting without a name":              {token(meet, "participant"), 422, "validation_failed", ""},
		"a meeting with a name":                 {token(meet, "participant") + `,"name":" Ada "`, 200, "", "participant"},
		"a name with a control character":       {token(meet, "participant") + `,"name":"A\u0007"`, 422, "validation_failed", ""},
		"another room's session is no help":     {token(meet, "participant") + `,"name":"B","session":"forged"`, 200, "", "participant"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h.t = t
			a := h.ask("POST", "/api/v1/join", "{"+tt.body+"}")
			h.expect(a, tt.status, tt.code)
			if a.str("role") != tt.role {
				t.Errorf("role %q, want %q", a.str("role"), tt.role)
			}
			if tt.code == "not_started" && a.str("starts_at") != "2099-01-01T00:00:00Z" {
				t.Errorf("%s", a.text)
			}
			if tt.code == "room_full" && (a.str("limit") != "max_participants" || a.body["value"] != json.Number("0") || a.str("source") != "room") {
				t.Errorf("%s", a.text)
			}
		})
	}
}

func TestTheDoorSaysWhatItAsksFor(t *testing.T) {
	h := newHouse(t, nil)
	coded := h.room(`{"room_name":"canary-name","room_type":"live","participant_access_code":"4711"}`)
	a := h.ask("POST", "/api/v1/door", `{"token":"`+coded.str("participant_token")+`"}`)
	if a.status != 200 || a.str("code") != "required" || a.str("role") != "participant" || a.body["room"] != nil || strings.Contains(a.text, "canary") {
		t.Errorf("%d %s", a.status, a.text)
	}
	a = h.ask("POST", "/api/v1/door", `{"token":"`+coded.str("moderator_token")+`"}`)
	if room, _ := a.body["room"].(map[string]any); a.str("code") != "none" || room["room_name"] != "canary-name" {
		t.Errorf("%d %s", a.status, a.text)
	}
}

func TestASessionIsAskedRenewedAndLeft(t *testing.T) {
	h := newHouse(t, nil)
	room := h.room(`{"room_name":"x","room_type":"live","room_features":{"embed_origins":["https://a.example"]}}`)
	joined := h.join(room.str("participant_token"), `,"name":"Ada"`)
	endpoints, _ := joined.body["endpoints"].(map[string]any)
	hls, _ := endpoints["hls"].(string)
	if endpoints["signaling"] != "ws://example.com/ws" || !strings.HasPrefix(hls, "http://example.com/hls/"+room.str("id")+"/") || !strings.HasSuffix(hls, "/index.m3u8") ||
		endpoints["dvr"] != strings.TrimSuffix(hls, "index.m3u8")+"dvr.m3u8" ||
		endpoints["poster"] != strings.TrimSuffix(hls, "index.m3u8")+"poster.jpg" ||
		!strings.HasPrefix(endpoints["rtmp"].(string), "rtmp://example.com/play/") || len(endpoints) != 5 {
		t.Errorf("endpoints %v", endpoints)
	}
	plain := h.room(`{"room_name":"x","room_type":"live","room_features":{"dvr_window_seconds":0}}`)
	if e, _ := h.join(plain.str("participant_token"), "").body["endpoints"].(map[string]any); e["hls"] == nil || e["dvr"] != nil {
		t.Errorf("without a rewind window: %v", e)
	}
	stream, _ := joined.body["stream"].(map[string]any)
	if stream["state"] != "waiting" || joined.str("admission") != "admitted" || joined.body["ice_servers"] == nil {
		t.Errorf("%s", joined.text)
	}
	if strings.Contains(joined.text, "embed_origins") || strings.Contains(joined.text, "_token") || strings.Contains(joined.text, "stream_key") {
		t.Errorf("more than the public projection: %s", joined.text)
	}
	bearer := []string{"Authorization", "Bearer " + joined.str("session")}
	again := h.ask("GET", "/api/v1/session", "", bearer...)
	if again.status != 200 || again.str("participant_id") != joined.str("participant_id") || again.str("name") != "Ada" {
		t.Errorf("%d %s", again.status, again.text)
	}
	if a := h.ask("POST", "/api/v1/session/refresh", "", bearer...); a.status != 200 || a.str("participant_id") != joined.str("participant_id") {
		t.Errorf("%d %s", a.status, a.text)
	}
	h.expect(h.ask("POST", "/api/v1/session/refresh", `{"for":"ever"}`, bearer...), 422, "unknown_field")
	playlist := strings.TrimPrefix(hls, "http://example.com")
	h.expect(h.ask("GET", playlist, ""), 503, "not_ready")
	h.expect(h.ask("GET", "/hls/"+room.str("id")+"/forged/index.m3u8", ""), 404, "not_found")
	if a := h.ask("DELETE", "/api/v1/session", "", bearer...); a.status != 204 {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := h.ask("GET", "/api/v1/session", "", bearer...); a.status != 401 {
		t.Errorf("after leaving: %d %s", a.status, a.text)
	}
	meet := h.join(h.room(`{"room_name":"m","room_type":"meet"}`).str("participant_token"), `,"name":"Ada"`)
	if endpoints, _ := meet.body["endpoints"].(map[string]any); len(endpoints) != 1 || meet.body["stream"] != nil {
		t.Errorf("meet: %s", meet.text)
	}
}

func TestAModeratorRemovesAndTheBanHolds(t *testing.T) {
	h := newHouse(t, func(o *web.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	room := h.room(`{"room_name":"x","room_type":"meet"}`)
	path := "/api/v1/rooms/" + room.str("id")
	moderator := []string{"Authorization", "Bearer " + h.join(room.str("moderator_token"), `,"name":"Mo"`).str("session")}
	guest := h.ask("POST", "/api/v1/join", `{"token":"`+room.str("participant_token")+`","name":"Eve"}`, "X-Forwarded-For", "198.51.100.9")
	device := guest.cookies[0]
	list := h.ask("GET", path+"/participants", "", moderator...)
	if people := list.items(); len(people) != 2 || people[0]["name"] != "Eve" || people[0]["publishing"].(map[string]any)["audio"] != true {
		t.Errorf("%s", list.text)
	}
	muted := h.ask("POST", path+"/participants/"+guest.str("participant_id")+"/mute", "", moderator...)
	if publishing, _ := muted.body["publishing"].(map[string]any); muted.status != 200 || publishing["audio"] != false {
		t.Errorf("%d %s", muted.status, muted.text)
	}
	if a := h.ask("DELETE", path+"/participants/"+guest.str("participant_id")+"?ban_address=true", "", moderator...); a.status != 204 {
		t.Errorf("%d %s", a.status, a.text)
	}
	h.expect(h.ask("GET", "/api/v1/session", "", "Authorization", "Bearer "+guest.str("session")), 403, "banned")
	join := func(headers ...string) answer {
		return h.ask("POST", "/api/v1/join", `{"token":"`+room.str("participant_token")+`","name":"Eve"}`, headers...)
	}
	h.expect(join("Cookie", device.Name+"="+device.Value), 403, "banned")
	h.expect(join("X-Forwarded-For", "198.51.100.9"), 403, "banned")
	if a := join("X-Forwarded-For", "198.51.100.10"); a.status != 200 {
		t.Errorf("a stranger: %d %s", a.status, a.text)
	}
	bans := h.ask("GET", path+"/bans", "", moderator...).items()
	if len(bans) != 1 || bans[0]["name"] != "Eve" || bans[0]["device"] != true || bans[0]["address"] != "198.51.100.9/32" {
		t.Fatalf("%v", bans)
	}
	if strings.Contains(h.ask("GET", path+"/bans", "", moderator...).text, device.Value) {
		t.Error("the list shows the device cookie")
	}
	if a := h.ask("DELETE", path+"/bans/"+bans[0]["id"].(string), "", moderator...); a.status != 204 {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := join("X-Forwarded-For", "198.51.100.9"); a.status != 200 {
		t.Errorf("after the ban: %d %s", a.status, a.text)
	}
}

func TestMintedTokensAreShownOnce(t *testing.T) {
	h := newHouse(t, nil)
	room := h.room(`{"room_name":"x","room_type":"meet","participant_access_code":"1"}`)
	path := "/api/v1/rooms/" + room.str("id") + "/join_tokens"
	minted := h.must(201, "POST", path, `{"name":"Ada","role":"moderator","external_id":"e1","max_uses":1}`)
	if minted.str("url") != "http://example.com/join/"+minted.str("token") || minted.header.Get("Location") != path+"/"+minted.str("id") || minted.body["uses"] != json.Number("0") {
		t.Errorf("%v %s", minted.header, minted.text)
	}
	if list := h.must(200, "GET", path, ""); strings.Contains(list.text, minted.str("token")) || strings.Contains(list.text, `"url"`) || len(list.items()) != 1 {
		t.Errorf("%s", list.text)
	}
	if joined := h.join(minted.str("token"), `,"name":"Eve"`); joined.str("name") != "Ada" || joined.str("role") != "moderator" {
		t.Errorf("%s", joined.text)
	}
	h.expect(h.ask("POST", "/api/v1/join", `{"token":"`+minted.str("token")+`"}`), 404, "token_unknown")
	h.must(204, "DELETE", path+"/"+minted.str("id"), "")
	if list := h.must(200, "GET", path, "").items(); len(list) != 0 {
		t.Errorf("%v", list)
	}
	if plain := h.must(201, "POST", path, ""); plain.str("role") != "participant" || plain.str("token") == "" {
		t.Errorf("minted without a body: %s", plain.text)
	}
}

func TestRunsEndAndRest(t *testing.T) {
	h := newHouse(t, nil)
	room := h.room(`{"room_name":"x","room_type":"meet"}`)
	path := "/api/v1/rooms/" + room.str("id")
	session := h.join(room.str("participant_token"), `,"name":"Ada"`).str("session")
	if a := h.must(200, "GET", path, ""); a.str("status") != "active" {
		t.Errorf("status %s", a.str("status"))
	}
	if a := h.must(200, "POST", path+"/end", ""); a.str("status") != "idle" || a.str("moderator_token") == "" {
		t.Errorf("%s", a.text)
	}
	if a := h.ask("GET", "/api/v1/session", "", "Authorization", "Bearer "+session); a.status != 401 {
		t.Errorf("the session of an ended meeting: %d", a.status)
	}
	refused := h.ask("POST", "/api/v1/join", `{"token":"`+room.str("participant_token")+`","name":"Ada"}`)
	h.expect(refused, http.StatusConflict, "not_ready")
	if refused.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if a := h.must(200, "POST", path+"/suspend", ""); a.str("status") != "suspended" {
		t.Errorf("%s", a.text)
	}
	if a := h.must(200, "POST", path+"/resume", ""); a.str("status") != "idle" {
		t.Errorf("%s", a.text)
	}
}

func TestTheBroadcastIsToldAndCut(t *testing.T) {
	h := newHouse(t, nil)
	path := "/api/v1/rooms/" + h.room(`{"room_name":"x","room_type":"simulcast"}`).str("id")
	a := h.must(200, "GET", path+"/stream", "")
	for _, field := range []string{"state", "publisher", "backup_connected", "tracks", "started_at", "interrupted_at", "viewers", "bytes_in", "warnings"} {
		if _, there := a.body[field]; !there {
			t.Errorf("no %s in %s", field, a.text)
		}
	}
	if a.str("state") != "waiting" || !strings.Contains(a.text, `"tracks":[]`) || !strings.Contains(a.text, `"warnings":[]`) {
		t.Errorf("%s", a.text)
	}
	h.must(204, "DELETE", path+"/stream?hold_seconds=0", "")
	h.must(200, "POST", path+"/stream/stop", "")
}

func TestWrongCodesAreLimitedThroughHTTP(t *testing.T) {
	h := newHouse(t, nil)
	room := h.room(`{"room_name":"x","room_type":"live","participant_access_code":"4711"}`)
	try := func(code string) answer {
		return h.ask("POST", "/api/v1/join", `{"token":"`+room.str("participant_token")+`","access_code":"`+code+`"}`)
	}
	for range 10 {
		h.expect(try("wrong"), 401, "access_code_invalid")
	}
	blocked := try("4711")
	h.expect(blocked, 429, "too_many_attempts")
	if blocked.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestNoSecretIsInTheLog(t *testing.T) {
	h := newHouse(t, nil)
	room := h.room(`{"room_name":"x","room_type":"live","participant_access_code":"canary-code"}`)
	joined := h.join(room.str("participant_token"), `,"access_code":"canary-code"`)
	h.ask("POST", "/api/v1/join", `{"token":"`+room.str("participant_token")+`","access_code":"canary-wrong"}`)
	h.ask("POST", "/api/v1/door", `{"token":"canary-unknown-token"}`)
	h.ask("GET", "/join/"+room.str("participant_token")+"?canary=1", "", "Referer", "https://x/canary-referer")
	h.ask("GET", "/api/v1/rooms", "", "Authorization", "Bearer canary-wrong-key")
	h.ask("GET", "/api/v1/session", "", "Authorization", "Bearer "+joined.str("session"))
	cookie, csrf := h.login()
	h.ask("PATCH", "/api/v1/rooms/"+room.str("id"), `{"canary_field":1}`, "Cookie", cookie.Name+"="+cookie.Value, "X-CSRF-Token", csrf)
	endpoints, _ := joined.body["endpoints"].(map[string]any)
	hls, _ := endpoints["hls"].(string)
	h.ask("GET", strings.TrimPrefix(hls, "http://example.com"), "")
	regenerated := h.must(200, "POST", "/api/v1/rooms/"+room.str("id")+"/stream_key/regenerate", "")
	log := h.log.String()
	if !strings.Contains(log, "/api/v1/join") {
		t.Fatal("the log is not being written: this test would find nothing")
	}
	for name, secret := range map[string]string{
		"a canary": "canary", "the moderator token": room.str("moderator_token"), "the participant token": room.str("participant_token"),
		"the stream key": room.str("stream_key"), "the new stream key": regenerated.str("stream_key"), "the session": joined.str("session"),
		"the ticket": strings.Split(hls, "/")[5], "the admin cookie": cookie.Value, "the CSRF token": csrf,
	} {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("%s is in the log", name)
		}
	}
}
