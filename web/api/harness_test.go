package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"roomcast/live"
	"roomcast/live/record"
	"roomcast/rooms"
	"roomcast/rooms/sqlstore"
	"roomcast/secret"
	"roomcast/signaling"
	"roomcast/web"
	"roomcast/web/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const adminKey = "canary-admin-key-0123456789"

// house is the API over a real registry, door, hub and store, behind the real HTTP door.
type house struct {
	t        *testing.T
	handler  http.Handler
	registry *rooms.Registry
	door     *rooms.Door
	store    *sqlstore.Store
	stage    *stage
	library  *record.Library
	log      *logBuffer
}

// logBuffer is a log that may be written and read at once.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *logBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// stage is a meeting in which everybody sends audio until muted; its chat is a real one.
type stage struct {
	*signaling.Server
	mu    sync.Mutex
	muted map[string][]string
}

func (s *stage) Publishing(_, participant string) api.Publishing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return api.Publishing{Audio: len(s.muted[participant]) == 0}
}

func (s *stage) Mute(ctx context.Context, room, participant string, kinds []string) error {
	if slices.Contains(kinds, "chat") {
		return s.Server.Mute(ctx, room, participant, kinds)
	}
	if participant == "nobody" {
		return &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such participant"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.muted[participant] = kinds
	return nil
}

func newHouse(t *testing.T, change func(*web.Options)) *house {
	t.Helper()
	return openHouse(t, t.TempDir(), adminKey, change)
}

// openHouse opens the house over a data directory.
func openHouse(t *testing.T, dir, key string, change func(*web.Options)) *house {
	t.Helper()
	ctx := t.Context()
	h := &house{t: t, log: &logBuffer{}, stage: &stage{muted: map[string][]string{}}}
	log := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if h.store, err = sqlstore.Open(ctx, dir, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.store.Close() })
	keys, err := rooms.LoadKeys(ctx, h.store)
	if err != nil {
		t.Fatal(err)
	}
	apiKeys := rooms.NewAPIKeys(h.store)
	if _, _, err := apiKeys.EnsureAdminKey(ctx, secret.New(key)); err != nil {
		t.Fatal(err)
	}
	h.registry = rooms.NewRegistry(rooms.RegistryOptions{Store: h.store, Keys: keys, Log: log})
	h.door = rooms.NewDoor(rooms.DoorOptions{Registry: h.registry, Store: h.store, Keys: keys, Log: log})
	h.stage.Server = signaling.NewServer(signaling.Options{Door: h.door, Registry: h.registry, Log: log})
	t.Cleanup(func() { _ = h.stage.Shutdown(context.Background()) })
	hub := live.NewHub(live.Options{Runs: h.door, Viewers: h.door.Viewers, Log: log})
	library := record.New(record.Options{Assets: h.registry, Broadcasts: hub, DataDir: dir, Log: log})
	t.Cleanup(library.Close)
	h.library = library
	o := web.Options{
		API: api.Options{
			Registry: h.registry, Door: h.door, Keys: apiKeys, Vault: h.store, Broadcasts: hub, Recordings: library, Stage: h.stage,
			Listeners: func() api.Listeners { return api.Listeners{RTMPPort: 1935} },
		},
		HLS: hub, Tickets: h.door, Library: library, Files: h.door, Log: log,
	}
	if change != nil {
		change(&o)
	}
	if h.handler, err = web.New(ctx, o); err != nil {
		t.Fatal(err)
	}
	return h
}

// scoped stores another API key with other scopes.
func (h *house) scoped(key string, scopes ...string) {
	h.t.Helper()
	err := h.store.Update(h.t.Context(), func(tx rooms.Writer) error {
		return tx.SetAPIKey(h.t.Context(), rooms.Key{ID: "scoped", Scopes: scopes}, rooms.SumOf(secret.New(key)))
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// answer is what a call gave.
type answer struct {
	status  int
	header  http.Header
	text    string
	body    map[string]any
	cookies []*http.Cookie
}

func (a answer) code() string        { c, _ := a.body["code"].(string); return c }
func (a answer) str(k string) string { s, _ := a.body[k].(string); return s }

// items of a list.
func (a answer) items() []map[string]any {
	list, _ := a.body["items"].([]any)
	out := make([]map[string]any, 0, len(list))
	for _, one := range list {
		m, _ := one.(map[string]any)
		out = append(out, m)
	}
	return out
}

// ask makes a call without any credential. A body is sent as JSON; headers come in pairs and override.
func (h *house) ask(method, path, body string, headers ...string) answer {
	h.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	result := w.Result()
	defer func() { _ = result.Body.Close() }()
	raw, err := io.ReadAll(result.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{status: result.StatusCode, header: result.Header, text: string(raw), cookies: result.Cookies()}
	if len(raw) > 0 && strings.Contains(result.Header.Get("Content-Type"), "json") {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		if err := decoder.Decode(&a.body); err != nil {
			h.t.Fatalf("%s %s answered no JSON: %s", method, path, raw)
		}
	}
	return a
}

// admin makes a call with the admin key.
func (h *house) admin(method, path, body string, headers ...string) answer {
	h.t.Helper()
	return h.ask(method, path, body, append([]string{"Authorization", "Bearer " + adminKey}, headers...)...)
}

// must makes a call with the admin key that has to go well.
func (h *house) must(status int, method, path, body string, headers ...string) answer {
	h.t.Helper()
	a := h.admin(method, path, body, headers...)
	if a.status != status {
		h.t.Fatalf("%s %s: %d %s", method, path, a.status, a.text)
	}
	return a
}

// room makes one.
func (h *house) room(body string) answer {
	h.t.Helper()
	return h.must(http.StatusCreated, "POST", "/api/v1/rooms", body)
}

// join enters a room by a token and gives the answer.
func (h *house) join(token, rest string) answer {
	h.t.Helper()
	a := h.ask("POST", "/api/v1/join", `{"token":"`+token+`"`+rest+`}`)
	if a.status != http.StatusOK {
		h.t.Fatalf("join: %d %s", a.status, a.text)
	}
	return a
}

func (h *house) expect(a answer, status int, code string) {
	h.t.Helper()
	if a.status != status || a.code() != code {
		h.t.Errorf("%d %q, want %d %q: %s", a.status, a.code(), status, code, a.text)
		return
	}
	if status < http.StatusBadRequest {
		return
	}
	if a.header.Get("Content-Type") != "application/problem+json" || a.str("title") == "" || a.str("detail") == "" || a.str("type") == "" ||
		a.body["status"] != json.Number(strconv.Itoa(status)) {
		h.t.Errorf("not a problem as promised: %v %s", a.header, a.text)
	}
}
