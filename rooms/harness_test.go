package rooms_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"roomcast/rooms"
	"roomcast/rooms/sqlstore"
	"roomcast/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a registry with its door on a store of their own.
type house struct {
	t     testing.TB
	dir   string
	store *sqlstore.Store
	*rooms.Registry
	door *rooms.Door
	keys rooms.Keys
	stop func()

	mu     sync.Mutex
	events []rooms.Event
}

type options struct {
	limits   rooms.Limits
	outgoing func(ctx context.Context, url string) error
}

func newHouse(t testing.TB, o ...options) *house {
	t.Helper()
	return reopen(t, t.TempDir(), o...)
}

// reopen starts a house on what another one left.
func reopen(t testing.TB, dir string, o ...options) *house {
	t.Helper()
	ctx := t.Context()
	log := slog.New(slog.DiscardHandler)
	store, err := sqlstore.Open(ctx, dir, log)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	h := &house{t: t, dir: dir, store: store}
	if h.keys, err = rooms.LoadKeys(ctx, store); err != nil {
		t.Fatal(err)
	}
	ro := rooms.RegistryOptions{Store: store, Keys: h.keys, Log: log}
	if len(o) > 0 {
		ro.ServerLimits, ro.Outgoing = o[0].limits, o[0].outgoing
	}
	h.Registry = rooms.NewRegistry(ro)
	h.door = rooms.NewDoor(rooms.DoorOptions{Registry: h.Registry, Store: store, Keys: h.keys, Log: log})
	h.Watch(func(ev rooms.Event) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events = append(h.events, ev)
	})
	runCtx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- h.door.Run(runCtx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run the door: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	t.Cleanup(h.stop)
	return h
}

// seen returns the events of a kind so far.
func (h *house) seen(kind rooms.EventKind) []rooms.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.events), func(ev rooms.Event) bool { return ev.Kind != kind })
}

var full = rooms.WriteOptions{Secrets: true}

// room makes a room; more are further members of its body.
func (h *house) room(t rooms.Type, more string) rooms.View {
	h.t.Helper()
	if more != "" {
		more = "," + more
	}
	v, _, err := h.CreateRoom(h.t.Context(), json.RawMessage(fmt.Sprintf(`{"room_name":"Room","room_type":%q%s}`, t, more)), full)
	if err != nil {
		h.t.Fatalf("create a room: %v", err)
	}
	return v
}

func (h *house) get(id string) rooms.View {
	h.t.Helper()
	v, err := h.Room(h.t.Context(), id)
	if err != nil {
		h.t.Fatalf("read a room: %v", err)
	}
	return v
}

func (h *house) patch(id, patch string) rooms.View {
	h.t.Helper()
	v, err := h.PatchRoom(h.t.Context(), id, json.RawMessage(patch), full)
	if err != nil {
		h.t.Fatalf("patch a room: %v", err)
	}
	return v
}

func (h *house) subscription(body string) rooms.Subscription {
	h.t.Helper()
	s, _, err := h.CreateSubscription(h.t.Context(), json.RawMessage(body), full)
	if err != nil {
		h.t.Fatalf("create a subscription: %v", err)
	}
	return s
}

func (h *house) mint(roomID, body string) rooms.JoinToken {
	h.t.Helper()
	tok, _, err := h.MintJoinToken(h.t.Context(), roomID, json.RawMessage(body), full)
	if err != nil {
		h.t.Fatalf("mint a join token: %v", err)
	}
	return tok
}

var home = rooms.Caller{Address: netip.MustParseAddr("192.0.2.1")}

// at is a caller from the n-th of many networks.
func at(n int) rooms.Caller {
	return rooms.Caller{Address: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})}
}

func (h *house) enter(token secret.Text, name string) (rooms.Joined, error) {
	return h.door.Join(h.t.Context(), rooms.JoinRequest{Token: token, Name: name}, home)
}

func (h *house) mustEnter(token secret.Text, name string) rooms.Joined {
	h.t.Helper()
	j, err := h.enter(token, name)
	if err != nil {
		h.t.Fatalf("join: %v", err)
	}
	return j
}

func code(s string) *secret.Text { c := secret.New(s); return &c }

func wantCode(t testing.TB, what string, err error, want string) {
	t.Helper()
	if got := rooms.CodeOf(err); got != want || (want == "") != (err == nil) {
		t.Errorf("%s: error %v, want code %q", what, err, want)
	}
}

func errorOf(t testing.TB, err error) *rooms.Error {
	t.Helper()
	var e *rooms.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no refusal", err)
	}
	return e
}
