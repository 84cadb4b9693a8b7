package web_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"roomcast/web"
)

func TestPagesCarryTheirHeaders(t *testing.T) {
	d := newDoor(t, nil)
	tests := map[string]struct {
		path, title, ancestors string
	}{
		"the door of a token":                       {"/join/canary-token", "door", "'none'"},
		"the door of another token is the same":     {"/join/x", "door", "'none'"},
		"the door of a room":                        {"/rooms/" + room, "door", "'none'"},
		"the admin pages":                           {"/admin", "admin", "'none'"},
		"an admin page below":                       {"/admin/rooms/" + room, "admin", "'none'"},
		"an embed names the room's origins":         {"/embed/" + room, "embed", "https://one.example https://two.example:8443"},
		"an embed of an unknown room is not framed": {"/embed/nobody", "embed", "'none'"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := d.ask("GET", tt.path)
			if body := textOf(t, r); r.StatusCode != 200 || !strings.Contains(body, "<title>"+tt.title+"<") {
				t.Errorf("%d %s", r.StatusCode, body)
			}
			policy := r.Header.Get("Content-Security-Policy")
			if !strings.HasSuffix(policy, "frame-ancestors "+tt.ancestors) {
				t.Errorf("policy %q", policy)
			}
			if strings.Contains(policy, "script-src 'self' '") || !strings.Contains(policy, "script-src 'self';") || !strings.Contains(policy, "default-src 'none'") {
				t.Errorf("policy lets scripts in: %q", policy)
			}
			for header, want := range map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			} {
				if got := r.Header.Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			if framed := tt.ancestors != "'none'"; (r.Header.Get("X-Frame-Options") == "") != framed {
				t.Errorf("X-Frame-Options %q", r.Header.Get("X-Frame-Options"))
			}
		})
	}
}

func TestTheMissingPageHasItsStyle(t *testing.T) {
	d := newDoor(t, nil)
	r := d.ask("GET", "/nothing/here", "Accept", "text/html")
	if body := textOf(t, r); r.StatusCode != 404 || !strings.Contains(body, `href="/plain.css"`) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if r := d.ask("GET", "/plain.css"); r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(textOf(t, r), "--surface") {
		t.Errorf("%d %s", r.StatusCode, r.Header.Get("Content-Type"))
	}
}

func TestThePublicURLIsAllowedToTheScripts(t *testing.T) {
	d := newDoor(t, func(o *web.Options) { o.PublicURL = &url.URL{Scheme: "https", Host: "pub.example"} })
	policy := d.ask("GET", "/admin").Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "connect-src 'self' https://pub.example wss://pub.example;") {
		t.Errorf("policy %q", policy)
	}
}

func TestWithoutItsFrontEndAPageSaysHowToBuildIt(t *testing.T) {
	d := newDoor(t, func(o *web.Options) { o.App = nil })
	r := d.ask("GET", "/join/x")
	if body := textOf(t, r); r.StatusCode != 503 || !strings.Contains(body, "make build") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if !strings.Contains(d.log.String(), "front end is not built") {
		t.Error("the log does not say so")
	}
}

func TestAssets(t *testing.T) {
	d := newDoor(t, nil)
	r := d.ask("GET", "/assets/app-1a2b.js", "Accept-Encoding", "br, gzip")
	if r.StatusCode != 200 || r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Vary") != "Accept-Encoding" ||
		r.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || r.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if body := textOf(t, r); len(body) > 1000 {
		t.Errorf("%d bytes are not compressed", len(body))
	}
	tag := r.Header.Get("ETag")
	if r := d.ask("GET", "/assets/app-1a2b.js", "If-None-Match", `"other", W/`+tag); r.StatusCode != 304 {
		t.Errorf("with the ETag: %d", r.StatusCode)
	}
	if r := d.ask("GET", "/assets/app-1a2b.js", "Accept-Encoding", "gzip;q=0"); r.Header.Get("Content-Encoding") != "" || len(textOf(t, r)) != 2000 {
		t.Error("gzip was refused and sent")
	}
	if r := d.ask("GET", "/assets/x-1a2b.woff2", "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "" || r.Header.Get("Content-Type") != "font/woff2" {
		t.Errorf("a font: %v", r.Header)
	}
	if r := d.ask("GET", "/assets/deep/y-2.css"); r.StatusCode != 200 {
		t.Errorf("a folder below: %d", r.StatusCode)
	}
	for _, path := range []string{"/assets/none.js", "/assets/", "/assets/deep", "/assets/%2e%2e/join.html", "/assets/../join.html"} {
		if r := d.ask("GET", path); r.StatusCode == 200 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

func TestWhatIsNotThereIsRefusedInKind(t *testing.T) {
	d := newDoor(t, nil)
	tests := map[string]struct {
		method, path, accept string
		status               int
		code, allow          string
	}{
		"an unknown call":                 {"GET", "/api/v1/nothing", "", 404, "not_found", ""},
		"an unknown call by a browser":    {"GET", "/api/v1/nothing", "text/html", 404, "not_found", ""},
		"a call of a later issue":         {"GET", "/api/v1/rooms/x/destinations", "", 404, "not_found", ""},
		"another method of a call":        {"PUT", "/api/v1/rooms", "", 405, "method_not_allowed", "GET, HEAD, POST"},
		"another method of a page":        {"POST", "/join/x", "text/html", 405, "method_not_allowed", "GET, HEAD"},
		"a method nobody knows":           {"BREW", "/api/v1/rooms", "", 405, "method_not_allowed", "GET, HEAD, POST"},
		"an unknown address by a program": {"GET", "/nothing", "*/*", 404, "not_found", ""},
		"an unknown address by a browser": {"GET", "/nothing", "text/html,*/*", 404, "", ""},
		"metrics stand elsewhere":         {"GET", "/metrics", "", 404, "not_found", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := d.ask(tt.method, tt.path, "Accept", tt.accept)
			body := textOf(t, r)
			var problem struct{ Code string }
			_ = json.Unmarshal([]byte(body), &problem) // The page is none, and its code is "".
			if r.StatusCode != tt.status || problem.Code != tt.code || r.Header.Get("Allow") != tt.allow {
				t.Errorf("%d %q Allow %q: %s", r.StatusCode, problem.Code, r.Header.Get("Allow"), body)
			}
			if tt.code == "" && !strings.Contains(body, "<h1>") {
				t.Errorf("no page: %s", body)
			}
		})
	}
}

func TestPreflightsAreAnsweredWhereOtherOriginsMayCall(t *testing.T) {
	d := newDoor(t, nil)
	for path, want := range map[string]string{
		"/api/v1/rooms": "*", "/hls/r/t/index.m3u8": "*", "/api/v1/admin/session": "", "/admin": "",
	} {
		r := d.ask("OPTIONS", path, "Origin", "https://else.example", "Access-Control-Request-Method", "PATCH")
		if got := r.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: Access-Control-Allow-Origin %q, want %q", path, got, want)
		}
		if r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: credentials are allowed", path)
		}
		if want != "" && (r.StatusCode != 204 || !strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Authorization")) {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
	}
}

func TestTheAccessLogHasRoutesAndNoSecrets(t *testing.T) {
	d := newDoor(t, func(o *web.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	paths := []string{
		"/join/canary-token?canary-query=1", "/hls/" + room + "/" + ticket + "/index.m3u8", "/hls/" + room + "/removed/canary-player/live.m3u8?x=canary-query",
		"/canary-path", "/embed/canary-room", "/embed/panic",
	}
	for _, path := range paths {
		d.ask("GET", path, "Referer", "https://x.example/canary-referer", "X-Forwarded-For", "198.51.100.7", "X-Request-Id", "id-1",
			"Authorization", "Bearer canary-key", "Cookie", "roomcast_admin=canary-cookie", "User-Agent", "canary-agent")
	}
	log := d.log.String()
	routes := []string{`"/join/{token}"`, `"/hls/{room}/{ticket}/{name}"`, `"/hls/{room}/{ticket}/{player}/{name}"`, `"unmatched"`, `"/embed/{id}"`}
	for _, want := range append(routes, `"request_id":"id-1"`, `"address":"198.51.100.7"`, `"method":"GET"`, `"status":200`, `"duration_ms":`, `"bytes":`) {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %s", want)
		}
	}
	planted := "canary-panic"
	if !strings.Contains(log, planted) {
		t.Errorf("the planted %s is not found: this test would find nothing", planted)
	}
	if rest := strings.ReplaceAll(log, planted, ""); strings.Contains(rest, "canary") {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}

func TestAPanicIsACodedAnswer(t *testing.T) {
	d := newDoor(t, nil)
	r := d.ask("GET", "/embed/panic")
	body := textOf(t, r)
	if r.StatusCode != http.StatusInternalServerError || !strings.Contains(body, `"code":"internal"`) || strings.Contains(body, "canary") {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if r.Header.Get("X-Request-Id") == "" || !strings.Contains(d.log.String(), r.Header.Get("X-Request-Id")) {
		t.Error("the request id does not lead to the log")
	}
}

func TestTheRequestIDIsTheCallersIfItIsFit(t *testing.T) {
	d := newDoor(t, nil)
	if got := d.ask("GET", "/healthz", "X-Request-Id", "abc.1").Header.Get("X-Request-Id"); got != "abc.1" {
		t.Errorf("got %q", got)
	}
	if got := d.ask("GET", "/healthz", "X-Request-Id", "a b").Header.Get("X-Request-Id"); got == "a b" || got == "" {
		t.Errorf("got %q", got)
	}
}

func TestTheDocumentationIsWhole(t *testing.T) {
	d := newDoor(t, nil)
	r := d.ask("GET", "/api/docs")
	body := textOf(t, r)
	if r.StatusCode != 200 || !strings.Contains(body, `id="call-create-room"`) || !strings.Contains(body, `id="error-room_full"`) || !strings.Contains(body, `id="schema-room"`) {
		t.Errorf("%d %.300s", r.StatusCode, body)
	}
	if strings.Contains(body, "https://cdn") || strings.Contains(body, "<style") || strings.Contains(body, " style=") || strings.Contains(body, "<script>") {
		t.Error("the page needs what its policy forbids")
	}
	for _, path := range []string{"/api/docs/page.css", "/api/docs/page.js", "/api/v1/openapi.json"} {
		if r := d.ask("GET", path); r.StatusCode != 200 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}
