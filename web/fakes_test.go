package web_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"roomcast/live/hls"
	"roomcast/rooms"
	"roomcast/web"
	"roomcast/web/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ticket = "canary-ticket-1f3a"
	room   = "01room"
)

// registry knows one room, which one origin may frame, and one that breaks.
type registry struct{ api.Registry }

func (registry) Room(_ context.Context, id string) (rooms.View, error) {
	switch id {
	case room:
		v := rooms.View{Room: rooms.Room{ID: room}}
		v.Settings.Features.EmbedOrigins = []string{"https://one.example", "https://two.example:8443"}
		return v, nil
	case "panic":
		panic("canary-panic")
	}
	return rooms.View{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such room"}
}

// vault holds nothing.
type vault struct{ api.Vault }

func (vault) Setting(context.Context, string) ([]byte, error) { return nil, rooms.ErrNotStored }

// media gives what it is told.
type media struct {
	mu      sync.Mutex
	query   hls.Query
	player  string
	err     error
	objects map[string]hls.Blob
	files   string // where File looks
}

func (m *media) Multivariant(_ context.Context, _, player string) (hls.Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return hls.Blob{Body: []byte("#EXTM3U\n" + player + "/live.m3u8\n"), ContentType: "application/vnd.apple.mpegurl"}, m.err
}

func (m *media) Playlist(_ context.Context, _, _ string, q hls.Query) (hls.Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.query = q
	return hls.Blob{Body: []byte("#EXTM3U plain"), Gzip: []byte("#EXTM3U small"), ContentType: "application/vnd.apple.mpegurl"}, m.err
}

// PreviewMultivariant and PreviewPlaylist have what the others have, said to be a preview.
func (m *media) PreviewMultivariant(ctx context.Context, roomID, player string) (hls.Blob, error) {
	return m.Multivariant(ctx, roomID, player)
}

func (m *media) PreviewPlaylist(ctx context.Context, roomID, name string, q hls.Query) (hls.Blob, error) {
	b, err := m.Playlist(ctx, roomID, name, q)
	b.Body = append(b.Body, " preview"...)
	return b, err
}

func (m *media) Object(roomID, name string) (hls.Blob, error) {
	if blob, ok := m.objects[roomID+"/"+name]; ok {
		return blob, nil
	}
	return hls.Blob{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such object"}
}

// AwaitObject has one object more: a part that was announced.
func (m *media) AwaitObject(_ context.Context, roomID, name string) (hls.Blob, error) {
	if name == "announced.m4s" {
		name = "abc.m4s"
	}
	return m.Object(roomID, name)
}

// Rewind has a playlist of its own.
func (m *media) Rewind(_ context.Context, _, player string) (hls.Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return hls.Blob{Body: []byte("#EXTM3U\n" + player + "/dvr-live.m3u8\n"), ContentType: "application/vnd.apple.mpegurl"}, m.err
}

// File has the files of a directory.
func (m *media) File(_, name string) (*os.File, error) {
	f, err := os.Open(filepath.Join(m.files, name))
	if m.files == "" || err != nil {
		return nil, &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such object"}
	}
	return f, nil
}

// tickets takes one ticket.
type tickets struct{ media *media }

func (t tickets) Ticket(_ context.Context, roomID, given, player string) (rooms.Grant, error) {
	t.media.mu.Lock()
	defer t.media.mu.Unlock()
	t.media.player = player
	switch {
	case roomID == room && given == ticket:
		return rooms.Grant{RoomID: room, Role: rooms.Participant}, nil
	case roomID == room && given == "moderator":
		return rooms.Grant{RoomID: room, Role: rooms.Moderator}, nil
	case given == "removed":
		return rooms.Grant{}, &rooms.Error{Code: rooms.CodeBanned, Detail: "removed from this room"}
	case given == "full":
		return rooms.Grant{}, &rooms.Error{Code: rooms.CodeRoomFull, Detail: "no seat"}
	case given == "fifth":
		return rooms.Grant{}, &rooms.Error{Code: rooms.CodeRateLimited, Detail: "four players", RetryAfter: 1500 * time.Millisecond}
	}
	return rooms.Grant{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such ticket"}
}

// sockets remembers its shutdown.
type sockets struct{ told chan struct{} }

func (s *sockets) ServeHTTP(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }

func (s *sockets) Shutdown(context.Context) error { close(s.told); return nil }

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

var frontEnd = fstest.MapFS{
	"join.html":            {Data: []byte("<!doctype html><title>door</title>")},
	"admin.html":           {Data: []byte("<!doctype html><title>admin</title>")},
	"embed.html":           {Data: []byte("<!doctype html><title>embed</title>")},
	"assets/app-1a2b.js":   {Data: []byte(strings.Repeat("export const a = 1;\n", 100))},
	"assets/x-1a2b.woff2":  {Data: []byte("font")},
	"assets/deep/y-2.css":  {Data: []byte("a{}")},
	"assets/logo-1a2b.svg": {Data: []byte("<svg/>")},
}

// door is a composed handler with its parts.
type door struct {
	*web.Handler
	log     *logBuffer
	media   *media
	sockets *sockets
}

func newDoor(t testing.TB, change func(*web.Options)) *door {
	t.Helper()
	d := &door{log: &logBuffer{}, media: &media{objects: map[string]hls.Blob{}}, sockets: &sockets{told: make(chan struct{})}}
	o := web.Options{
		API: api.Options{Registry: registry{}, Vault: vault{}},
		App: frontEnd, HLS: d.media, Tickets: tickets{d.media}, Sockets: d.sockets,
		Log: slog.New(slog.NewJSONHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	h, err := web.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.Handler = h
	return d
}

// get asks the door; headers come in pairs.
func (d *door) ask(method, target string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result()
}

func textOf(t testing.TB, r *http.Response) string {
	t.Helper()
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
