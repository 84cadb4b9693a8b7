package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"roomcast/configs"
	"roomcast/rooms"
	"roomcast/secret"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// carryOut runs one command line.
func carryOut(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(&process{ctx: t.Context(), env: env, stdout: &out, stderr: &errs}, args)
	return code, out.String(), errs.String()
}

func TestCommandLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "roomcast.yaml")
	if err := os.WriteFile(file, []byte("http: {address: ':81'}\nrtmp: {address: ':82'}\nadmin_key: 0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args   []string
		env    []string
		code   int
		stdout string
		stderr string
	}{
		"version":                   {args: []string{"version"}, stdout: "roomcast unknown (go"},
		"help":                      {args: []string{"--help"}, stdout: "Usage: roomcast <command>"},
		"help of serve":             {args: []string{"serve", "--help"}, stdout: "--tls-cert-file"},
		"no command":                {code: exitUsage, stderr: "expected one of"},
		"an unknown command":        {args: []string{"sing"}, code: exitUsage, stderr: "unexpected argument sing"},
		"an unknown flag":           {args: []string{"config", "check", "--colour"}, code: exitUsage, stderr: "unknown flag --colour"},
		"a secret has no flag":      {args: []string{"config", "check", "--admin-key=0123456789abcdef"}, code: exitUsage, stderr: "unknown flag --admin-key"},
		"the defaults are right":    {args: []string{"config", "check"}, stdout: "The configuration is right."},
		"a file is read":            {args: []string{"config", "print", "--config", file}, stdout: `address: :81`},
		"its secrets are not shown": {args: []string{"config", "print", "-c", file}, stdout: "# admin_key: [redacted]"},
		"flags go over the rest":    {args: []string{"config", "print", "-c", file, "--rtmp-address=:84"}, env: []string{"ROOMCAST_RTMP_ADDRESS=:83"}, stdout: "rtmp:\n  address: :84"},
		"a flag of true and false":  {args: []string{"config", "print", "--outbound-allow-private"}, stdout: "allow_private: true"},
		"the same, false":           {args: []string{"config", "print", "--outbound-allow-private=false"}, env: []string{"ROOMCAST_OUTBOUND_ALLOW_PRIVATE=true"}, stdout: "allow_private: false"},
		"the example":               {args: []string{"config", "print", "--example"}, stdout: "# Every key that Roomcast reads"},
		"each fault has its line":   {args: []string{"config", "check", "--http-address=x", "--log-level=loud"}, code: exitConfig, stderr: "the configuration is wrong:\nhttp.address (--http-address): \"x\" is not an address"},
		"serve checks too":          {args: []string{"serve", "--http-address=x"}, code: exitConfig, stderr: "http.address (--http-address)"},
		"an unknown variable":       {args: []string{"config", "check"}, env: []string{"ROOMCAST_ADMINKEY=x"}, code: exitConfig, stderr: "did you mean ROOMCAST_ADMIN_KEY?"},
		"a file that is not there":  {args: []string{"config", "check", "-c", "/nonexistent.yaml"}, code: exitFailure, stderr: "open configuration file"},
		"a certificate that is not there": {
			args: []string{"config", "check", "--tls-cert-file=/nonexistent.pem", "--tls-key-file=" + file}, code: exitConfig,
			stderr: `tls.cert_file: "/nonexistent.pem" cannot be read`,
		},
		"demo without a key": {args: []string{"demo"}, code: exitFailure, stderr: "no API key"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := carryOut(t, c.env, c.args...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("got %d\n%s\n%s", code, stdout, stderr)
			}
			if strings.Contains(stdout+stderr, "0123456789abcdef") && c.code != exitUsage {
				t.Error("a secret is shown")
			}
		})
	}
}

// fakeAPI answers the two calls that the demo makes.
func fakeAPI(t *testing.T, key string) (handler http.Handler, made *[]string) {
	t.Helper()
	made = &[]string{}
	rooms := map[string]map[string]any{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	allowed := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "Bearer "+key {
			return true
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"code": "unauthorized", "detail": "wrong key"}`))
		return false
	}
	mux.HandleFunc("GET /api/v1/rooms", func(w http.ResponseWriter, r *http.Request) {
		items := []any{map[string]any{"room_name": "Demo meeting of another"}}
		if room, ok := rooms[r.FormValue("room_type")]; ok {
			items = append(items, room)
		}
		if allowed(w, r) {
			_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "next_cursor": nil})
		}
	})
	mux.HandleFunc("POST /api/v1/rooms", func(w http.ResponseWriter, r *http.Request) {
		if !allowed(w, r) {
			return
		}
		var room map[string]any
		if err := json.NewDecoder(r.Body).Decode(&room); err != nil {
			t.Error(err)
		}
		kind, _ := room["room_type"].(string)
		room["moderator_url"] = "http://" + r.Host + "/join/m-" + kind
		room["participant_url"] = "http://" + r.Host + "/join/p-" + kind
		if kind == "live" {
			room["ingest_urls"] = map[string]any{"rtmp": map[string]any{"url": "rtmp://localhost/live", "stream_key": "key-live"}}
		}
		rooms[kind] = room
		*made = append(*made, kind)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(room)
	})
	return mux, made
}

func TestTheDemoMakesOneRoomOfEachTypeOnce(t *testing.T) {
	handler, made := fakeAPI(t, "the admin's key")
	server := httptest.NewServer(handler)
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte("the admin's key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, first, stderr := carryOut(t, nil, "demo", "--url", server.URL+"/", "--key-file", keyFile)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"Demo meeting (meet)", server.URL + "/join/m-meet", "/join/p-video", "4711", "rtmp://localhost/live", "stream key key-live", "ffmpeg"} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	_, second, _ := carryOut(t, []string{"ROOMCAST_ADMIN_KEY=the admin's key"}, "demo", "--url", server.URL)
	if second != first {
		t.Errorf("the second time\n%s\nthe first time\n%s", second, first)
	}
	if got := strings.Join(*made, " "); got != "meet live simulcast video" {
		t.Errorf("made %s", got)
	}
}

func TestTheDemoSaysWhatTheServerRefuses(t *testing.T) {
	handler, _ := fakeAPI(t, "the admin's key")
	server := httptest.NewServer(handler)
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	code, _, stderr := carryOut(t, []string{"ROOMCAST_ADMIN_KEY=another"}, "demo", "--url", server.URL)
	if code != exitFailure || !strings.Contains(stderr, "the server answers 401 unauthorized wrong key") || strings.Contains(stderr, "another") {
		t.Errorf("got %d %s", code, stderr)
	}
	server.Close()
	code, _, stderr = carryOut(t, []string{"ROOMCAST_ADMIN_KEY=another"}, "demo", "--url", server.URL, "--wait=1ms")
	if code != exitFailure || !strings.Contains(stderr, "to be ready") {
		t.Errorf("got %d %s", code, stderr)
	}
}

// noKeys refuses every key.
type noKeys struct{}

func (noKeys) Check(context.Context, secret.Text) (rooms.Key, error) {
	return rooms.Key{}, &rooms.Error{Code: rooms.CodeUnauthorized}
}

func TestTheDemoOfServeUsesAKeyOfItsOwnThatIsSpentThen(t *testing.T) {
	keys, others := newDemoKeys(noKeys{}), newDemoKeys(noKeys{})
	refused := func(key secret.Text) bool {
		_, err := keys.Check(t.Context(), key)
		return rooms.CodeOf(err) == rooms.CodeUnauthorized
	}
	handler, made := fakeAPI(t, keys.key.Reveal())
	checked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused(keys.key) || !refused(others.key) || !refused(secret.New("")) || r.TLS == nil {
			t.Error("its key is not let in, or another one is, or the scheme is lost")
		}
		handler.ServeHTTP(w, r)
	})
	if !refused(keys.key) {
		t.Error("its key is let in before it is needed")
	}
	var out bytes.Buffer
	if err := keys.demo(t.Context(), checked, "https://rooms.example.com", &out); err != nil {
		t.Fatal(err)
	}
	if len(*made) != len(demoRooms) || !strings.Contains(out.String(), "http://rooms.example.com/join/p-meet") {
		t.Errorf("made %v\n%s", *made, out.String())
	}
	if !refused(keys.key) {
		t.Error("its key is let in for ever")
	}
}

func TestTheWelcomeShowsAMadeKeyOnce(t *testing.T) {
	for name, c := range map[string]struct {
		env  []string
		port int
		made string
		want string
	}{
		"the defaults":   {port: 8080, made: "made-key", want: "http://localhost:8080/admin"},
		"port 80":        {port: 80, want: "http://localhost/admin"},
		"TLS":            {env: []string{"ROOMCAST_TLS_DOMAINS=a.example.com"}, port: 443, want: "https://a.example.com/admin"},
		"TLS on a port":  {env: []string{"ROOMCAST_TLS_CERT_FILE=c", "ROOMCAST_TLS_KEY_FILE=k"}, port: 8443, want: "https://localhost:8443/admin"},
		"a public URL":   {env: []string{"ROOMCAST_PUBLIC_URL=https://b.example.com"}, port: 8080, want: "https://b.example.com/admin"},
		"an earlier key": {port: 8080, want: "log in"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := configs.Load(configs.Sources{Env: c.env})
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := welcome(&out, baseURL(config, &net.TCPAddr{Port: c.port}), secret.New(c.made)); err != nil {
				t.Fatal(err)
			}
			if text := out.String(); !strings.Contains(text, c.want) || strings.Contains(text, "Admin key  ") != (c.made != "") || !strings.Contains(text, c.made) {
				t.Error(text)
			}
		})
	}
}

func TestTheLoggerFollowsTheConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		log  configs.Log
		want string
	}{
		"text":          {configs.Log{Level: "info", Format: "text"}, "level=INFO msg=shown key=[redacted]\n"},
		"JSON":          {configs.Log{Level: "info", Format: "json"}, `"level":"INFO","msg":"shown","key":"[redacted]"}` + "\n"},
		"errors alone":  {configs.Log{Level: "error", Format: "text"}, ""},
		"everything":    {configs.Log{Level: "debug", Format: "text"}, "msg=fine"},
		"warnings also": {configs.Log{Level: "warn", Format: "text"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := newLogger(&process{stderr: &out}, c.log)
			log.LogAttrs(t.Context(), slog.LevelDebug, "fine")
			log.Info("shown", "key", secret.New("s3cret"))
			if !strings.Contains(out.String(), c.want) || (c.want == "") != (out.Len() == 0) {
				t.Errorf("got %q, want %q", out.String(), c.want)
			}
		})
	}
}
