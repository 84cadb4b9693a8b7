package signaling

import (
	"context"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomcast/live"
	"roomcast/rooms"
	"roomcast/rtcport"
	"roomcast/secret"
	"roomcast/sfu"
	"roomcast/signaling/client"
	"roomcast/signaling/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 15 * time.Second

// house stands in for the door and the registry, as plainly as the tests need:
// a session is "room/participant/role", and an ended one stays so.
type house struct {
	mu       sync.Mutex
	rooms    map[string]rooms.View
	ended    map[string]string // "room/participant" -> code
	sockets  map[string]int    // "room/participant" -> open ones
	watchers map[int]func(rooms.Event)
	next     int
	full     bool
}

func newHouse() *house {
	return &house{
		rooms: map[string]rooms.View{}, ended: map[string]string{}, sockets: map[string]int{}, watchers: map[int]func(rooms.Event){},
	}
}

func (h *house) add(id string, t rooms.Type, change func(*rooms.Features)) {
	f := rooms.Features{
		Type: t, Chat: true, ParticipantsAudio: true, ParticipantsVideo: true, ParticipantsScreen: true, ParticipantsChat: true,
		VideoCodec: "vp8", EmbedOrigins: []string{},
	}
	if change != nil {
		change(&f)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rooms[id] = rooms.View{
		Room: rooms.Room{ID: id, Name: "Room " + id, Type: t}, Status: rooms.StatusActive, Settings: rooms.Settings{Features: f},
	}
}

// change alters a room and tells of it.
func (h *house) change(id string, kind rooms.EventKind, fn func(*rooms.View)) (rooms.View, error) {
	h.mu.Lock()
	v := h.rooms[id]
	fn(&v)
	h.rooms[id] = v
	h.mu.Unlock()
	h.emit(rooms.Event{Kind: kind, RoomID: id})
	return v, nil
}

func (h *house) emit(ev rooms.Event) {
	h.mu.Lock()
	watchers := slices.Collect(maps.Values(h.watchers))
	h.mu.Unlock()
	for _, fn := range watchers {
		fn(ev)
	}
}

func (h *house) Session(_ context.Context, session secret.Text) (rooms.Grant, error) {
	part := strings.Split(session.Reveal(), "/")
	if len(part) != 3 {
		return rooms.Grant{}, &rooms.Error{Code: rooms.CodeSessionInvalid, Detail: "the session is not one of ours"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	v, ok := h.rooms[part[0]]
	if !ok {
		return rooms.Grant{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "the room is gone"}
	}
	if code := h.ended[part[0]+"/"+part[1]]; code != "" {
		return rooms.Grant{}, &rooms.Error{Code: code, Detail: "the session has ended"}
	}
	return rooms.Grant{
		ParticipantID: part[1], RoomID: part[0], RoomType: v.Type, Role: rooms.Role(part[2]), Name: "Name of " + part[1],
		JoinedAt: time.Unix(1_700_000_000, 0),
	}, nil
}

func (h *house) Connect(ctx context.Context, session secret.Text) (rooms.Grant, func(), error) {
	g, err := h.Session(ctx, session)
	if err != nil {
		return rooms.Grant{}, nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.full {
		return rooms.Grant{}, nil, &rooms.Error{Code: rooms.CodeRoomFull, Detail: "every seat is taken"}
	}
	key := g.RoomID + "/" + g.ParticipantID
	h.sockets[key]++
	return g, sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.sockets[key]--; h.sockets[key] == 0 {
			delete(h.sockets, key)
		}
	}), nil
}

func (h *house) end(roomID, participantID, code string) {
	h.mu.Lock()
	h.ended[roomID+"/"+participantID] = code
	h.mu.Unlock()
	h.emit(rooms.Event{Kind: rooms.SessionEnded, RoomID: roomID, ParticipantID: participantID, Code: code})
}

func (h *house) Leave(ctx context.Context, session secret.Text) error {
	g, err := h.Session(ctx, session)
	if err == nil {
		h.end(g.RoomID, g.ParticipantID, rooms.CodeSessionInvalid)
	}
	return err
}

func (h *house) Remove(_ context.Context, roomID, participantID string, _ bool) error {
	h.mu.Lock()
	there := h.sockets[roomID+"/"+participantID] > 0
	h.mu.Unlock()
	if !there {
		return &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such participant in the room"}
	}
	h.end(roomID, participantID, rooms.CodeBanned)
	return nil
}

func (h *house) Lock(_ context.Context, id string) (rooms.View, error) {
	return h.change(id, rooms.RoomLocked, func(v *rooms.View) { v.Locked = true })
}

func (h *house) Unlock(_ context.Context, id string) (rooms.View, error) {
	return h.change(id, rooms.RoomUnlocked, func(v *rooms.View) { v.Locked = false })
}

func (h *house) EndRun(_ context.Context, id string) (rooms.View, error) {
	h.emit(rooms.Event{Kind: rooms.RunEnded, RoomID: id, Detail: rooms.EndedByCall})
	return rooms.View{}, nil
}

func (h *house) Room(_ context.Context, id string) (rooms.View, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, ok := h.rooms[id]
	if !ok {
		return rooms.View{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such room"}
	}
	return v, nil
}

func (h *house) Watch(fn func(rooms.Event)) (cancel func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	n := h.next
	h.watchers[n] = fn
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, n)
	}
}

// open returns how many sockets hold a seat.
func (h *house) open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sockets)
}

// air stands in for the hub of broadcasts.
type air struct {
	mu    sync.Mutex
	state live.Brief
	fn    func(string, live.State)
}

func (a *air) Brief(string) live.Brief {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

func (a *air) Watch(fn func(string, live.State)) (cancel func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fn = fn
	return func() {}
}

func (a *air) turn(roomID string, b live.Brief) {
	a.mu.Lock()
	a.state = b
	fn := a.fn
	a.mu.Unlock()
	fn(roomID, live.State{State: b.State})
}

// place is a whole signaling server under test.
type place struct {
	t      *testing.T
	house  *house
	air    *air
	server *Server
	http   *httptest.Server
	url    string
}

// newPlace starts a server with a meet room "m" and a live room "l"; prepare may alter it first.
func newPlace(t *testing.T, prepare ...func(*Server)) *place {
	t.Helper()
	return newPlaceWith(t, nil, prepare...)
}

// newPlaceWith is newPlace with a store of chats, if there is one.
func newPlaceWith(t *testing.T, chats Chats, prepare ...func(*Server)) *place {
	t.Helper()
	port, err := rtcport.Open(rtcport.Options{UDPAddress: "127.0.0.1:0", TCPAddress: "127.0.0.1:0"})
	must(t, err)
	media := sfu.New(sfu.Options{Port: port})
	p := &place{t: t, house: newHouse(), air: &air{state: live.Brief{State: live.Waiting}}}
	p.house.add("m", rooms.Meet, nil)
	p.house.add("l", rooms.Live, nil)
	p.server = NewServer(Options{Door: p.house, Registry: p.house, Chats: chats, SFU: media, Broadcasts: p.air})
	for _, fn := range prepare {
		fn(p.server)
	}
	p.http = httptest.NewServer(p.server)
	p.url = "ws" + strings.TrimPrefix(p.http.URL, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		must(t, p.server.Shutdown(ctx))
		media.Close()
		must(t, port.Close())
		p.http.Close()
	})
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// guest is a client in a room, with what it was told and has not looked at.
type guest struct {
	*client.Client
	t       *testing.T
	id      string
	welcome *protocol.Welcome
}

func (p *place) try(session, resume string) (*client.Client, *protocol.Welcome, error) {
	return p.tryAfter(session, resume, 0)
}

func (p *place) tryAfter(session, resume string, chatAfter int64) (*client.Client, *protocol.Welcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return client.Dial(ctx, client.Options{URL: p.url, Session: secret.New(session), Resume: resume, ChatAfter: chatAfter})
}

// join brings somebody in; session is "room/participant/role".
func (p *place) join(session string) *guest { return p.rejoin(session, "") }

func (p *place) rejoin(session, resume string) *guest {
	p.t.Helper()
	return p.dial(session, resume, 0)
}

func (p *place) dial(session, resume string, chatAfter int64) *guest {
	p.t.Helper()
	c, w, err := p.tryAfter(session, resume, chatAfter)
	if err != nil {
		p.t.Fatalf("join as %s: %v", session, err)
	}
	p.t.Cleanup(c.Close)
	return &guest{Client: c, t: p.t, id: strings.Split(session, "/")[1], welcome: w}
}

// ask sends a message that must be accepted.
func (g *guest) ask(m protocol.ClientMessage) protocol.ServerMessage {
	g.t.Helper()
	reply, err := g.try(m)
	if err != nil {
		g.t.Fatalf("%s: %s: %v", g.id, protocol.KindOf(m), err)
	}
	return reply
}

func (g *guest) try(m protocol.ClientMessage) (protocol.ServerMessage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return g.Call(ctx, m)
}

// refused sends a message that must be refused with that code.
func (g *guest) refused(code string, m protocol.ClientMessage) {
	g.t.Helper()
	_, err := g.try(m)
	if got := codeOf(err); got != code {
		g.t.Errorf("%s: %s: got %v, want %s", g.id, protocol.KindOf(m), err, code)
	}
}

func codeOf(err error) string {
	if r, ok := refusedBy(err); ok {
		return r.Code
	}
	return ""
}

// hear waits for the next message of a type that is as wanted; others are dropped.
func hear[M protocol.ServerMessage](g *guest, wanted func(M) bool) M {
	g.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case m, open := <-g.Messages():
			if !open {
				g.t.Fatalf("%s: the connection ended: %v", g.id, g.Err())
			}
			if m, ok := m.(M); ok && (wanted == nil || wanted(m)) {
				return m
			}
		case <-timeout:
			var want M
			g.t.Fatalf("%s: no %T came", g.id, want)
		}
	}
}

// gone waits for the connection to be closed by the server.
func (g *guest) gone() *client.Closed {
	g.t.Helper()
	select {
	case <-g.Done():
	case <-time.After(patience):
		g.t.Fatalf("%s: the connection was not closed", g.id)
	}
	closed, ok := closedBy(g.Err())
	if !ok {
		g.t.Fatalf("%s: the connection ended otherwise: %v", g.id, g.Err())
	}
	return closed
}

// soon waits for something to become true.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !is() {
		select {
		case <-poll.C:
		case <-deadline.C:
			t.Fatalf("still not: %s", what)
		}
	}
}
