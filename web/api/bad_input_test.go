package api_test

import (
	"strings"
	"testing"
)

func TestEachBadInputGetsItsStatedError(t *testing.T) {
	h := newHouse(t, nil)
	room := h.room(`{"room_name":"live","room_type":"live","participant_access_code":"1"}`).str("id")
	meet := h.room(`{"room_name":"meet","room_type":"meet"}`).str("id")
	path, meetPath := "/api/v1/rooms/"+room, "/api/v1/rooms/"+meet
	type bad struct {
		call, body string
		status     int
		code       string
		pointer    string // Of the first fault; "" is not looked at.
	}
	tests := map[string]bad{
		"create: not JSON":                         {"POST /api/v1/rooms", `{"room_name":`, 400, "malformed_json", ""},
		"create: JSON and more":                    {"POST /api/v1/rooms", `{} {}`, 400, "malformed_json", ""},
		"create: a name twice":                     {"POST /api/v1/rooms", `{"room_name":"a","room_name":"b"}`, 400, "malformed_json", ""},
		"create: a name twice below":               {"POST /api/v1/rooms", `{"limits":{"a":1,"a":2}}`, 400, "malformed_json", ""},
		"create: not UTF-8":                        {"POST /api/v1/rooms", "{\"room_name\":\"\xff\"}", 400, "malformed_json", ""},
		"create: too deep":                         {"POST /api/v1/rooms", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), 400, "malformed_json", ""},
		"create: nothing":                          {"POST /api/v1/rooms", " ", 400, "malformed_json", ""},
		"create: a list":                           {"POST /api/v1/rooms", `[]`, 422, "validation_failed", ""},
		"create: null":                             {"POST /api/v1/rooms", `null`, 422, "validation_failed", ""},
		"create: too large":                        {"POST /api/v1/rooms", `{"room_name":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "body_too_large", ""},
		"create: no name":                          {"POST /api/v1/rooms", `{"room_type":"meet"}`, 422, "validation_failed", "/room_name"},
		"create: no type":                          {"POST /api/v1/rooms", `{"room_name":"x"}`, 422, "validation_failed", "/room_type"},
		"create: an unknown type":                  {"POST /api/v1/rooms", `{"room_name":"x","room_type":"opera"}`, 422, "validation_failed", "/room_type"},
		"create: an unknown field":                 {"POST /api/v1/rooms", `{"room_name":"x","room_type":"meet","colour":1}`, 422, "unknown_field", "/colour"},
		"create: an unknown feature":               {"POST /api/v1/rooms", `{"room_name":"x","room_type":"meet","room_features":{"fly":true}}`, 422, "unknown_field", "/room_features/fly"},
		"create: a read-only field":                {"POST /api/v1/rooms", `{"room_name":"x","room_type":"meet","status":"idle"}`, 422, "read_only", "/status"},
		"create: a token":                          {"POST /api/v1/rooms", `{"room_name":"x","room_type":"meet","moderator_token":"t"}`, 422, "read_only", "/moderator_token"},
		"create: nested metadata":                  {"POST /api/v1/rooms", `{"room_name":"x","room_type":"meet","room_metadata":{"a":{}}}`, 422, "nested_metadata", "/room_metadata/a"},
		"create: equal codes":                      {"POST /api/v1/rooms", `{"room_name":"x","room_type":"meet","moderator_access_code":"1","room_access_code":"1"}`, 422, "codes_equal", ""},
		"create: two faults":                       {"POST /api/v1/rooms", `{"room_name":"","room_type":"opera"}`, 422, "validation_failed", ""},
		"create: an unknown subscription":          {"POST /api/v1/rooms", `{"room_name":"x","room_type":"meet","subscription_id":"none"}`, 422, "validation_failed", "/subscription_id"},
		"create: an unknown query parameter":       {"POST /api/v1/rooms?dry=1", `{}`, 422, "unknown_field", "?dry"},
		"list: a limit of none":                    {"GET /api/v1/rooms?limit=0", "", 422, "validation_failed", "?limit"},
		"list: a limit beyond all":                 {"GET /api/v1/rooms?limit=201", "", 422, "validation_failed", "?limit"},
		"list: a limit that is no number":          {"GET /api/v1/rooms?limit=x", "", 422, "validation_failed", "?limit"},
		"list: an empty limit":                     {"GET /api/v1/rooms?limit=", "", 422, "validation_failed", "?limit"},
		"list: a limit twice":                      {"GET /api/v1/rooms?limit=1&limit=2", "", 422, "validation_failed", "?limit"},
		"list: a cursor of ours it is not":         {"GET /api/v1/rooms?cursor=x", "", 422, "validation_failed", "?cursor"},
		"list: a cursor beyond all":                {"GET /api/v1/rooms?cursor=" + strings.Repeat("x", 600), "", 422, "validation_failed", "?cursor"},
		"list: an unknown type":                    {"GET /api/v1/rooms?room_type=opera", "", 422, "validation_failed", "?room_type"},
		"list: an unknown status":                  {"GET /api/v1/rooms?status=gone", "", 422, "validation_failed", "?status"},
		"list: an unknown filter":                  {"GET /api/v1/rooms?customer=1", "", 422, "unknown_field", "?customer"},
		"list: a query that is none":               {"GET /api/v1/rooms?a=%25zz%zz", "", 422, "validation_failed", "?"},
		"read: an unknown room":                    {"GET /api/v1/rooms/none", "", 404, "not_found", ""},
		"change: an unknown room":                  {"PATCH /api/v1/rooms/none", `{}`, 404, "not_found", ""},
		"change: the type":                         {"PATCH " + path, `{"room_type":"meet"}`, 422, "room_type_immutable", "/room_type"},
		"change: equal codes":                      {"PATCH " + path, `{"moderator_access_code":"1"}`, 422, "codes_equal", ""},
		"change: not an object":                    {"PATCH " + path, `"x"`, 422, "validation_failed", ""},
		"delete: an unknown room":                  {"DELETE /api/v1/rooms/none", "", 404, "not_found", ""},
		"metadata: nested":                         {"PUT " + path + "/room_metadata", `{"a":[]}`, 422, "nested_metadata", "/a"},
		"regenerate: an unknown field":             {"POST " + path + "/stream_key/regenerate", `{"now":true}`, 422, "unknown_field", "/now"},
		"regenerate: a wrong type":                 {"POST " + path + "/stream_key/regenerate", `{"disconnect":"yes"}`, 422, "validation_failed", "/disconnect"},
		"regenerate: an unknown room":              {"POST /api/v1/rooms/none/stream_key/regenerate", "", 404, "not_found", ""},
		"regenerate: an unknown secret":            {"POST " + path + "/room_access_code/regenerate", "", 404, "not_found", ""},
		"end: a body that means nothing":           {"POST " + path + "/end", `{"why":1}`, 422, "unknown_field", "/why"},
		"end: an unknown room":                     {"POST /api/v1/rooms/none/end", "", 404, "not_found", ""},
		"lock: an unknown room":                    {"POST /api/v1/rooms/none/lock", "", 404, "not_found", ""},
		"suspend: an unknown room":                 {"POST /api/v1/rooms/none/suspend", "", 404, "not_found", ""},
		"mint: an unknown role":                    {"POST " + path + "/join_tokens", `{"role":"king"}`, 422, "validation_failed", "/role"},
		"mint: an unknown room":                    {"POST /api/v1/rooms/none/join_tokens", `{"role":"participant"}`, 404, "not_found", ""},
		"mint: no uses":                            {"POST " + path + "/join_tokens", `{"role":"participant","max_uses":0}`, 422, "validation_failed", "/max_uses"},
		"join tokens: an unknown room":             {"GET /api/v1/rooms/none/join_tokens", "", 404, "not_found", ""},
		"join token: an unknown one":               {"DELETE " + path + "/join_tokens/none", "", 404, "not_found", ""},
		"participants: an unknown room":            {"GET /api/v1/rooms/none/participants", "", 404, "not_found", ""},
		"remove: an unknown participant":           {"DELETE " + path + "/participants/none", "", 404, "not_found", ""},
		"remove: a flag that is none":              {"DELETE " + path + "/participants/none?ban_address=1", "", 422, "validation_failed", "?ban_address"},
		"mute: in a live room":                     {"POST " + path + "/participants/p/mute", "", 409, "wrong_room_type", ""},
		"mute: an unknown participant":             {"POST " + meetPath + "/participants/nobody/mute", "", 404, "not_found", ""},
		"mute: an unknown kind":                    {"POST " + meetPath + "/participants/p/mute", `{"kinds":["audio","smell"]}`, 422, "validation_failed", "/kinds/1"},
		"mute: a kind twice":                       {"POST " + meetPath + "/participants/p/mute", `{"kinds":["audio","audio"]}`, 422, "validation_failed", "/kinds/1"},
		"mute: not a list":                         {"POST " + meetPath + "/participants/p/mute", `{"kinds":"audio"}`, 422, "validation_failed", "/kinds"},
		"mute: in a live room, more than chat":     {"POST " + path + "/participants/p/mute", `{"kinds":["chat","audio"]}`, 409, "wrong_room_type", ""},
		"mute: nobody in a live room's chat":       {"POST " + path + "/participants/p/mute", `{"kinds":["chat"]}`, 404, "not_found", ""},
		"unmute: nobody":                           {"POST " + path + "/participants/p/unmute", `{"kinds":["chat"]}`, 404, "not_found", ""},
		"unmute: what they send":                   {"POST " + path + "/participants/p/unmute", `{"kinds":["audio"]}`, 422, "validation_failed", "/kinds/0"},
		"unmute: nothing":                          {"POST " + path + "/participants/p/unmute", `{}`, 422, "validation_failed", "/kinds"},
		"chat: an unknown room":                    {"GET /api/v1/rooms/none/chat", "", 404, "not_found", ""},
		"chat: after nothing":                      {"GET " + path + "/chat?after=-1", "", 422, "validation_failed", "?after"},
		"chat: after what is no number":            {"GET " + path + "/chat?after=x", "", 422, "validation_failed", "?after"},
		"chat: after more than numbers hold":       {"GET " + path + "/chat?after=9007199254740992", "", 422, "validation_failed", "?after"},
		"chat: too many":                           {"GET " + path + "/chat?limit=201", "", 422, "validation_failed", "?limit"},
		"chat: a cursor":                           {"GET " + path + "/chat?cursor=x", "", 422, "unknown_field", "?cursor"},
		"say: nothing":                             {"POST " + path + "/chat", `{}`, 422, "validation_failed", "/text"},
		"say: blanks":                              {"POST " + path + "/chat", `{"text":" "}`, 422, "validation_failed", "/text"},
		"say: a control character":                 {"POST " + path + "/chat", `{"text":"a\u0000"}`, 422, "validation_failed", "/text"},
		"say: no text":                             {"POST " + path + "/chat", `{"text":1}`, 422, "validation_failed", "/text"},
		"say: too much":                            {"POST " + path + "/chat", `{"text":"` + strings.Repeat("ä", 2001) + `"}`, 422, "validation_failed", "/text"},
		"say: far too much":                        {"POST " + path + "/chat", `{"text":"` + strings.Repeat("a", 9000) + `"}`, 422, "validation_failed", "/text"},
		"say: a name of blanks":                    {"POST " + path + "/chat", `{"text":"a","name":" "}`, 422, "validation_failed", "/name"},
		"say: an unknown field":                    {"POST " + path + "/chat", `{"text":"a","role":"king"}`, 422, "unknown_field", "/role"},
		"say: in an unknown room":                  {"POST /api/v1/rooms/none/chat", `{"text":"a","name":"b"}`, 404, "not_found", ""},
		"delete a message: an unknown one":         {"DELETE " + path + "/chat/1", "", 404, "not_found", ""},
		"pin: an unknown one":                      {"PUT " + path + "/chat/pinned", `{"message_id":"1"}`, 404, "not_found", ""},
		"pin: nothing":                             {"PUT " + path + "/chat/pinned", `{}`, 422, "validation_failed", "/message_id"},
		"pin: a number":                            {"PUT " + path + "/chat/pinned", `{"message_id":1}`, 422, "validation_failed", "/message_id"},
		"pin: too long":                            {"PUT " + path + "/chat/pinned", `{"message_id":"` + strings.Repeat("1", 21) + `"}`, 422, "validation_failed", "/message_id"},
		"unpin: in an unknown room":                {"DELETE /api/v1/rooms/none/chat/pinned", "", 404, "not_found", ""},
		"bans: an unknown room":                    {"GET /api/v1/rooms/none/bans", "", 404, "not_found", ""},
		"ban: an unknown one":                      {"DELETE " + path + "/bans/none", "", 404, "not_found", ""},
		"stream: of a meeting":                     {"GET " + meetPath + "/stream", "", 409, "wrong_room_type", ""},
		"stream: of an unknown room":               {"GET /api/v1/rooms/none/stream", "", 404, "not_found", ""},
		"cut: a hold beyond all":                   {"DELETE " + path + "/stream?hold_seconds=3601", "", 422, "validation_failed", "?hold_seconds"},
		"cut: a hold that is none":                 {"DELETE " + path + "/stream?hold_seconds=-1", "", 422, "validation_failed", "?hold_seconds"},
		"cut: of a meeting":                        {"DELETE " + meetPath + "/stream", "", 409, "wrong_room_type", ""},
		"start: nobody publishes":                  {"POST " + path + "/stream/start", "", 409, "not_ready", ""},
		"start: of a meeting":                      {"POST " + meetPath + "/stream/start", "", 409, "wrong_room_type", ""},
		"recordings: an unknown room":              {"GET /api/v1/rooms/none/recordings", "", 404, "not_found", ""},
		"recordings: a cursor of ours it is not":   {"GET " + path + "/recordings?cursor=x", "", 422, "validation_failed", "?cursor"},
		"recordings: an unknown filter":            {"GET " + path + "/recordings?kind=clip", "", 422, "unknown_field", "?kind"},
		"recording: an unknown one":                {"GET " + path + "/recordings/none", "", 404, "not_found", ""},
		"recording: of an unknown room":            {"GET /api/v1/rooms/none/recordings/none", "", 404, "not_found", ""},
		"recording: delete an unknown one":         {"DELETE " + path + "/recordings/none", "", 404, "not_found", ""},
		"clip: nobody is on air":                   {"POST " + path + "/clips", "", 409, "not_ready", ""},
		"clip: too short":                          {"POST " + path + "/clips", `{"seconds":4}`, 422, "validation_failed", "/seconds"},
		"clip: too long":                           {"POST " + path + "/clips", `{"seconds":301}`, 422, "validation_failed", "/seconds"},
		"clip: half a second":                      {"POST " + path + "/clips", `{"seconds":30.5}`, 422, "validation_failed", "/seconds"},
		"clip: no number":                          {"POST " + path + "/clips", `{"seconds":"30"}`, 422, "validation_failed", "/seconds"},
		"clip: a blank title":                      {"POST " + path + "/clips", `{"title":" "}`, 422, "validation_failed", "/title"},
		"clip: a title too long":                   {"POST " + path + "/clips", `{"title":"` + strings.Repeat("ä", 201) + `"}`, 422, "validation_failed", "/title"},
		"clip: a control character":                {"POST " + path + "/clips", `{"title":"a\u0007"}`, 422, "validation_failed", "/title"},
		"clip: an unknown field":                   {"POST " + path + "/clips", `{"from":1}`, 422, "unknown_field", "/from"},
		"clip: of a meeting":                       {"POST " + meetPath + "/clips", "", 409, "wrong_room_type", ""},
		"clip: of an unknown room":                 {"POST /api/v1/rooms/none/clips", "", 404, "not_found", ""},
		"customer: no name":                        {"POST /api/v1/customers", `{}`, 422, "validation_failed", "/name"},
		"customer: an unknown field":               {"POST /api/v1/customers", `{"name":"x","vip":true}`, 422, "unknown_field", "/vip"},
		"customer: an unknown one":                 {"GET /api/v1/customers/none", "", 404, "not_found", ""},
		"customer: change an unknown one":          {"PATCH /api/v1/customers/none", `{}`, 404, "not_found", ""},
		"customer: delete an unknown one":          {"DELETE /api/v1/customers/none", "", 404, "not_found", ""},
		"subscription: an unknown customer":        {"POST /api/v1/subscriptions", `{"name":"x","customer_id":"none"}`, 422, "validation_failed", "/customer_id"},
		"subscription: a limit below none":         {"POST /api/v1/subscriptions", `{"name":"x","limits":{"max_rooms":-1}}`, 422, "validation_failed", "/limits/max_rooms"},
		"subscription: an unknown one":             {"GET /api/v1/subscriptions/none", "", 404, "not_found", ""},
		"subscription: an unknown filter":          {"GET /api/v1/subscriptions?status=active", "", 422, "unknown_field", "?status"},
		"door: no door":                            {"POST /api/v1/door", `{}`, 422, "validation_failed", ""},
		"door: two doors":                          {"POST /api/v1/door", `{"token":"a","room_id":"b"}`, 422, "validation_failed", ""},
		"door: an unknown field":                   {"POST /api/v1/door", `{"token":"a","code":"b"}`, 422, "unknown_field", "/code"},
		"door: an unknown token":                   {"POST /api/v1/door", `{"token":"a"}`, 404, "token_unknown", ""},
		"door: a room without room URL":            {"POST /api/v1/door", `{"room_id":"` + meet + `"}`, 404, "token_unknown", ""},
		"door: an unknown room":                    {"POST /api/v1/door", `{"room_id":"none"}`, 404, "token_unknown", ""},
		"join: a code that is no text":             {"POST /api/v1/join", `{"token":"a","access_code":1}`, 422, "validation_failed", "/access_code"},
		"join: an unknown token":                   {"POST /api/v1/join", `{"token":"a","name":"Ada"}`, 404, "token_unknown", ""},
		"join: a token beyond all":                 {"POST /api/v1/join", `{"token":"` + strings.Repeat("a", 600) + `"}`, 422, "validation_failed", "/token"},
		"login: no key":                            {"POST /api/v1/admin/session", `{}`, 422, "validation_failed", "/key"},
		"login: a key that is no text":             {"POST /api/v1/admin/session", `{"key":4}`, 422, "validation_failed", "/key"},
		"login: an unknown field":                  {"POST /api/v1/admin/session", `{"key":"a","user":"b"}`, 422, "unknown_field", "/user"},
		"a field's name is escaped in its pointer": {"POST /api/v1/door", `{"token":"a","a/b~c":1}`, 422, "unknown_field", "/a~1b~0c"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h.t = t
			method, target, _ := strings.Cut(tt.call, " ")
			a := h.admin(method, target, tt.body)
			h.expect(a, tt.status, tt.code)
			if tt.pointer == "" {
				return
			}
			faults, _ := a.body["errors"].([]any)
			if len(faults) != 1 || faults[0].(map[string]any)["pointer"] != tt.pointer {
				t.Errorf("faults %v, want %s", faults, tt.pointer)
			}
		})
	}
	h.t = t
	if n := len(h.must(200, "GET", "/api/v1/rooms", "").items()); n != 2 {
		t.Errorf("%d rooms are left, want the 2 made before", n)
	}
}

func TestOnlyJSONIsRead(t *testing.T) {
	h := newHouse(t, nil)
	const body = `{"room_name":"x","room_type":"meet"}`
	tests := map[string]struct {
		method, contentType string
		status              int
	}{
		"JSON":                             {"POST", "application/json", 201},
		"JSON in UTF-8":                    {"POST", "application/json; charset=UTF-8", 201},
		"JSON in Latin-1":                  {"POST", "application/json; charset=iso-8859-1", 415},
		"a form, as curl -d sends it":      {"POST", "application/x-www-form-urlencoded", 415},
		"no media type at all":             {"POST", "", 415},
		"a merge patch makes no room":      {"POST", "application/merge-patch+json", 415},
		"a media type that is not one":     {"POST", "application/", 415},
		"a JSON patch is no merge patch":   {"PATCH", "application/json-patch+json", 415},
		"text that a page could send away": {"POST", "text/plain", 415},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h.t = t
			path := "/api/v1/rooms"
			if tt.method == "PATCH" {
				path += "/none"
			}
			a := h.admin(tt.method, path, body, "Content-Type", tt.contentType)
			if tt.status == 415 {
				h.expect(a, 415, "unsupported_media_type")
			} else if a.status != tt.status {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
}

func TestABodyThatSaysNoLengthIsStillBounded(t *testing.T) {
	h := newHouse(t, nil)
	h.expect(h.admin("POST", "/api/v1/rooms", `{"room_name":"`+strings.Repeat("a", 2<<20)+`"}`, "Transfer-Encoding", "chunked"), 413, "body_too_large")
}
