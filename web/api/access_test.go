package api_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"roomcast/web"
)

func TestWhoMayCallWhat(t *testing.T) {
	h := newHouse(t, nil)
	mine := h.room(`{"room_name":"mine","room_type":"meet"}`)
	other := h.room(`{"room_name":"other","room_type":"meet"}`)
	path, otherPath := "/api/v1/rooms/"+mine.str("id"), "/api/v1/rooms/"+other.str("id")
	moderator := h.join(mine.str("moderator_token"), `,"name":"Mo"`).str("session")
	participant := h.join(mine.str("participant_token"), `,"name":"Pa"`).str("session")
	forged := moderator[:strings.LastIndex(moderator, ".")+1] + "AAAA"
	tests := map[string]struct {
		credential, call string
		status           int
		code             string
	}{
		"nobody reads rooms":                            {"", "GET /api/v1/rooms", 401, "unauthorized"},
		"a wrong key reads no rooms":                    {"Bearer wrong", "GET /api/v1/rooms", 401, "unauthorized"},
		"another scheme is not read":                    {"Basic d3Jvbmc=", "GET /api/v1/rooms", 401, "unauthorized"},
		"an empty credential is none":                   {"Bearer ", "GET /api/v1/rooms", 401, "unauthorized"},
		"a credential beyond all":                       {"Bearer " + strings.Repeat("k", 5000), "GET /api/v1/rooms", 401, "unauthorized"},
		"a session reads no rooms":                      {"Bearer " + moderator, "GET /api/v1/rooms", 403, "forbidden"},
		"a session reads not even its room":             {"Bearer " + moderator, "GET " + path, 403, "forbidden"},
		"a forged session is no key":                    {"Bearer " + forged, "GET /api/v1/rooms", 401, "unauthorized"},
		"a moderator sees who is there":                 {"Bearer " + moderator, "GET " + path + "/participants", 200, ""},
		"a moderator sees nobody elsewhere":             {"Bearer " + moderator, "GET " + otherPath + "/participants", 403, "forbidden"},
		"a participant does not":                        {"Bearer " + participant, "GET " + path + "/participants", 403, "forbidden"},
		"a forged session does not":                     {"Bearer " + forged, "GET " + path + "/participants", 401, "session_invalid"},
		"nobody does not":                               {"", "GET " + path + "/participants", 401, "unauthorized"},
		"a moderator sees the bans":                     {"Bearer " + moderator, "GET " + path + "/bans", 200, ""},
		"a moderator locks":                             {"Bearer " + moderator, "POST " + path + "/lock", 200, ""},
		"a participant does not lock":                   {"Bearer " + participant, "POST " + path + "/lock", 403, "forbidden"},
		"a moderator does not lock elsewhere":           {"Bearer " + moderator, "POST " + otherPath + "/lock", 403, "forbidden"},
		"a moderator unlocks":                           {"Bearer " + moderator, "POST " + path + "/unlock", 200, ""},
		"a participant does not end":                    {"Bearer " + participant, "POST " + path + "/end", 403, "forbidden"},
		"a moderator does not suspend":                  {"Bearer " + moderator, "POST " + path + "/suspend", 403, "forbidden"},
		"a moderator reads the chat":                    {"Bearer " + moderator, "GET " + path + "/chat", 200, ""},
		"a participant does not by the API":             {"Bearer " + participant, "GET " + path + "/chat", 403, "forbidden"},
		"a participant deletes no message":              {"Bearer " + participant, "DELETE " + path + "/chat/1", 403, "forbidden"},
		"a participant unpins nothing":                  {"Bearer " + participant, "DELETE " + path + "/chat/pinned", 403, "forbidden"},
		"a moderator reads no chat elsewhere":           {"Bearer " + moderator, "GET " + otherPath + "/chat", 403, "forbidden"},
		"a moderator mints nothing":                     {"Bearer " + moderator, "POST " + path + "/join_tokens", 403, "forbidden"},
		"a moderator makes no token anew":               {"Bearer " + moderator, "POST " + path + "/moderator_token/regenerate", 403, "forbidden"},
		"a session asks about itself":                   {"Bearer " + participant, "GET /api/v1/session", 200, ""},
		"a forged one does not":                         {"Bearer " + forged, "GET /api/v1/session", 401, "session_invalid"},
		"a key is no session":                           {"Bearer " + adminKey, "GET /api/v1/session", 401, "session_invalid"},
		"nobody has a session":                          {"", "GET /api/v1/session", 401, "session_invalid"},
		"a key is no admin cookie":                      {"Bearer " + adminKey, "GET /api/v1/admin/session", 401, "unauthorized"},
		"a wrong credential is refused before its body": {"Bearer wrong", "POST /api/v1/rooms", 401, "unauthorized"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h.t = t
			method, target, _ := strings.Cut(tt.call, " ")
			var headers []string
			if tt.credential != "" {
				headers = []string{"Authorization", tt.credential}
			}
			a := h.ask(method, target, "", headers...)
			h.expect(a, tt.status, tt.code)
			if a.status == 401 && a.code() == "unauthorized" && a.header.Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
}

func TestAModeratorSeesOnlyThePublicProjection(t *testing.T) {
	h := newHouse(t, nil)
	room := h.room(`{"room_name":"x","room_type":"meet","room_metadata":{"billing":1}}`)
	session := h.join(room.str("moderator_token"), `,"name":"Mo"`).str("session")
	a := h.ask("POST", "/api/v1/rooms/"+room.str("id")+"/lock", "", "Authorization", "Bearer "+session)
	if a.status != 200 || a.str("room_name") != "x" || strings.Contains(a.text, "billing") || strings.Contains(a.text, "token") || strings.Contains(a.text, "customer") {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// login gives the admin cookie and its CSRF token.
func (h *house) login(headers ...string) (cookie *http.Cookie, csrf string) {
	h.t.Helper()
	a := h.ask("POST", "/api/v1/admin/session", `{"key":"`+adminKey+`"}`, headers...)
	if a.status != 200 || len(a.cookies) != 1 || a.str("csrf_token") == "" || a.str("expires_at") == "" {
		h.t.Fatalf("login: %d %s", a.status, a.text)
	}
	return a.cookies[0], a.str("csrf_token")
}

func TestTheAdminCookieWorksFromOurOwnPagesOnly(t *testing.T) {
	h := newHouse(t, nil)
	cookie, csrf := h.login()
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.MaxAge != 12*3600 || cookie.Path != "/" || cookie.Secure {
		t.Errorf("cookie %+v", cookie)
	}
	with := cookie.Name + "=" + cookie.Value
	if a := h.ask("GET", "/api/v1/admin/session", "", "Cookie", with); a.status != 200 || a.str("csrf_token") != csrf {
		t.Errorf("%d %s", a.status, a.text)
	}
	tests := map[string]struct {
		call    string
		headers []string
		status  int
		code    string
	}{
		"reading needs no CSRF token":               {"GET /api/v1/rooms", nil, 200, ""},
		"reading from our own origin":               {"GET /api/v1/rooms", []string{"Origin", "http://example.com", "Sec-Fetch-Site", "same-origin"}, 200, ""},
		"reading from another origin":               {"GET /api/v1/rooms", []string{"Origin", "https://evil.example"}, 403, "origin_not_allowed"},
		"reading from a sandbox":                    {"GET /api/v1/rooms", []string{"Origin", "null"}, 403, "origin_not_allowed"},
		"reading from another site without Origin":  {"GET /api/v1/rooms", []string{"Sec-Fetch-Site", "cross-site"}, 403, "origin_not_allowed"},
		"reading from a sister host":                {"GET /api/v1/rooms", []string{"Sec-Fetch-Site", "same-site"}, 403, "origin_not_allowed"},
		"another port is another origin":            {"GET /api/v1/rooms", []string{"Origin", "http://example.com:81"}, 403, "origin_not_allowed"},
		"changing needs the CSRF token":             {"POST /api/v1/rooms", nil, 403, "forbidden"},
		"changing with a wrong CSRF token":          {"POST /api/v1/rooms", []string{"X-CSRF-Token", "wrong"}, 403, "forbidden"},
		"changing with the CSRF token":              {"POST /api/v1/rooms", []string{"X-CSRF-Token", csrf}, 201, ""},
		"changing from another origin even with it": {"POST /api/v1/rooms", []string{"X-CSRF-Token", csrf, "Origin", "https://evil.example"}, 403, "origin_not_allowed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h.t = t
			method, target, _ := strings.Cut(tt.call, " ")
			body := ""
			if method == "POST" {
				body = `{"room_name":"x","room_type":"meet"}`
			}
			a := h.ask(method, target, body, append([]string{"Cookie", with}, tt.headers...)...)
			h.expect(a, tt.status, tt.code)
			if a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("a cookie's answer is open to other origins")
			}
		})
	}
	h.t = t
	h.expect(h.ask("DELETE", "/api/v1/admin/session", "", "Cookie", with), 403, "forbidden")
	out := h.ask("DELETE", "/api/v1/admin/session", "", "Cookie", with, "X-CSRF-Token", csrf)
	if out.status != 204 || len(out.cookies) != 1 || out.cookies[0].MaxAge >= 0 {
		t.Errorf("%d %v", out.status, out.cookies)
	}
	h.expect(h.ask("GET", "/api/v1/rooms", "", "Cookie", with), 401, "unauthorized")
	h.expect(h.ask("POST", "/api/v1/admin/session", `{"key":"`+adminKey+`"}`, "Origin", "https://evil.example"), 403, "origin_not_allowed")
}

func TestALoginSurvivesARestartButNotAnotherKey(t *testing.T) {
	dir := t.TempDir()
	h := openHouse(t, dir, adminKey, nil)
	cookie, _ := h.login()
	with := cookie.Name + "=" + cookie.Value
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	h = openHouse(t, dir, adminKey, nil)
	if a := h.ask("GET", "/api/v1/rooms", "", "Cookie", with); a.status != 200 {
		t.Errorf("after a restart: %d %s", a.status, a.text)
	}
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	h = openHouse(t, dir, "another-admin-key-0123456789", nil)
	h.expect(h.ask("GET", "/api/v1/rooms", "", "Cookie", with), 401, "unauthorized")
}

func TestOverHTTPSCookiesAreSecure(t *testing.T) {
	h := newHouse(t, func(o *web.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	cookie, _ := h.login("X-Forwarded-Proto", "https")
	if cookie.Name != "__Host-roomcast_admin" || !cookie.Secure {
		t.Errorf("admin %+v", cookie)
	}
	token := h.room(`{"room_name":"x","room_type":"live"}`).str("participant_token")
	a := h.ask("POST", "/api/v1/join", `{"token":"`+token+`"}`, "X-Forwarded-Proto", "https")
	if len(a.cookies) != 1 || !a.cookies[0].Secure || !a.cookies[0].Partitioned || !a.cookies[0].HttpOnly || a.cookies[0].SameSite != http.SameSiteNoneMode {
		t.Errorf("device %+v", a.cookies)
	}
	if endpoints, _ := a.body["endpoints"].(map[string]any); endpoints["signaling"] != "wss://example.com/ws" {
		t.Errorf("%v", endpoints)
	}
	plain := h.ask("POST", "/api/v1/join", `{"token":"`+token+`"}`)
	if len(plain.cookies) != 1 || plain.cookies[0].Secure || !plain.cookies[0].HttpOnly || plain.cookies[0].SameSite != http.SameSiteLaxMode {
		t.Errorf("device over HTTP %+v", plain.cookies)
	}
	r := httptest.NewRequest("GET", "/api/v1/rooms", nil)
	r.TLS = &tls.ConnectionState{}
	r.AddCookie(&http.Cookie{Name: "roomcast_admin", Value: cookie.Value})
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("over HTTPS a cookie without the prefix is taken: %d", w.Code)
	}
}

func TestManyWrongKeysAtOnceAreNoWayAround(t *testing.T) {
	h := newHouse(t, nil)
	var tried atomic.Int64
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			r := httptest.NewRequest("POST", "/api/v1/admin/session", strings.NewReader(`{"key":"wrong"}`))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			h.handler.ServeHTTP(w, r)
			if w.Code == http.StatusUnauthorized {
				tried.Add(1)
			}
		})
	}
	if all.Wait(); tried.Load() != 10 {
		t.Errorf("%d wrong keys were looked at, want 10", tried.Load())
	}
}

func TestWrongKeysAreLimitedByAddress(t *testing.T) {
	h := newHouse(t, func(o *web.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	try := func(key, address string) answer {
		return h.ask("POST", "/api/v1/admin/session", `{"key":"`+key+`"}`, "X-Forwarded-For", address)
	}
	for range 10 {
		h.expect(try("wrong", "2001:db8::1"), 401, "unauthorized")
	}
	blocked := try(adminKey, "2001:db8::2") // The same line: one /64.
	h.expect(blocked, 429, "too_many_attempts")
	if blocked.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if a := try(adminKey, "2001:db8:0:1::1"); a.status != 200 {
		t.Errorf("another line: %d", a.status)
	}
	if a := h.admin("GET", "/api/v1/rooms", "", "X-Forwarded-For", "2001:db8::1"); a.status != 200 {
		t.Errorf("programs with the right key are not locked out by the login: %d", a.status)
	}
	for range 600 {
		h.expect(h.ask("GET", "/api/v1/rooms", "", "Authorization", "Bearer wrong", "X-Forwarded-For", "198.51.100.1"), 401, "unauthorized")
	}
	h.expect(h.admin("GET", "/api/v1/rooms", "", "X-Forwarded-For", "198.51.100.1"), 429, "too_many_attempts")
	if a := h.admin("GET", "/api/v1/rooms", "", "X-Forwarded-For", "198.51.100.2"); a.status != 200 {
		t.Errorf("another address: %d", a.status)
	}
}

func TestBearerCallsAreOpenToOtherOrigins(t *testing.T) {
	h := newHouse(t, nil)
	for name, a := range map[string]answer{
		"a good call":      h.admin("GET", "/api/v1/rooms", "", "Origin", "https://else.example"),
		"a refused call":   h.ask("GET", "/api/v1/rooms", "", "Origin", "https://else.example", "Authorization", "Bearer wrong"),
		"the door":         h.ask("POST", "/api/v1/door", `{"token":"x"}`, "Origin", "https://else.example"),
		"an unknown route": h.admin("GET", "/api/v1/none", "", "Origin", "https://else.example"),
	} {
		if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", name, a.header)
		}
	}
	if a := h.ask("POST", "/api/v1/admin/session", `{}`, "Origin", "https://else.example"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the login is open to other origins")
	}
}
