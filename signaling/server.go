package signaling

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"roomcast/live"
	"roomcast/rooms"
	"roomcast/secret"
	"roomcast/sfu"
	"roomcast/signaling/protocol"
)

// Door is what signaling asks of the door.
type Door interface {
	// Connect holds the session's seat until release is called.
	Connect(ctx context.Context, session secret.Text) (g rooms.Grant, release func(), err error)
	// Session says who a session is, or why it is none.
	Session(ctx context.Context, session secret.Text) (rooms.Grant, error)
	Leave(ctx context.Context, session secret.Text) error
	Remove(ctx context.Context, roomID, participantID string, banAddress bool) error
	Lock(ctx context.Context, roomID string) (rooms.View, error)
	Unlock(ctx context.Context, roomID string) (rooms.View, error)
	EndRun(ctx context.Context, roomID string) (rooms.View, error)
}

// Registry is what signaling asks of the registry.
type Registry interface {
	Room(ctx context.Context, id string) (rooms.View, error)
	Watch(fn func(rooms.Event)) (cancel func())
}

// Broadcasts is what signaling asks of the hub of live broadcasts.
type Broadcasts interface {
	Brief(roomID string) live.Brief
	Watch(fn func(roomID string, s live.State)) (cancel func())
}

// Options are what a Server needs.
type Options struct {
	Door     Door
	Registry Registry
	// Chats keeps the rooms' chats over a restart; nil: they are in memory only.
	Chats Chats
	// SFU carries the meetings' media; nil: there is none, and offers are refused.
	SFU *sfu.SFU
	// Broadcasts tells of live rooms; nil: nothing is told.
	Broadcasts Broadcasts
	// ICEServers are given to clients, besides which the SFU's own addresses suffice.
	ICEServers []protocol.ICEServer
	// Log receives what an operator may want to know; nil discards it.
	Log *slog.Logger
}

// Server is the signaling of all rooms: an http.Handler for GET /ws. Its
// methods are safe for concurrent use.
//
// Locks are taken in the order Server, room, SFU, queue; none is held while the
// door or the registry is asked.
type Server struct {
	o        Options
	log      *slog.Logger
	upgrader websocket.Upgrader
	ctx      context.Context // ends with Shutdown
	cancel   context.CancelFunc
	unwatch  []func()
	news     news
	waker    *waker
	keeper   *keeper        // nil without Options.Chats
	serving  sync.WaitGroup // sockets, and the goroutines of news, waker and keeper
	grace    time.Duration  // how long a client may be away: protocol.ResumeWindow
	hello    time.Duration  // how long a socket may be silent at first: protocol.HelloTimeout

	mu      sync.Mutex
	closed  bool
	rooms   map[string]*room
	chats   map[string]*chat // by room, in motion or not
	number  int64            // above all that clients may know of chats that are not in memory
	sockets map[*socket]struct{}
}

// NewServer returns a Server that hears of the registry's events; Shutdown ends it.
func NewServer(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ICEServers == nil {
		o.ICEServers = []protocol.ICEServer{}
	}
	s := &Server{
		o: o, log: o.Log, grace: protocol.ResumeWindow, hello: protocol.HelloTimeout,
		rooms: map[string]*room{}, chats: map[string]*chat{}, sockets: map[*socket]struct{}{},
		waker: newWaker(),
		// Above what clients know of the server before.
		number: time.Now().UnixMilli(),
		upgrader: websocket.Upgrader{
			HandshakeTimeout: protocol.HelloTimeout,
			// What idle clients hold is kept small: most messages are prepared for all and pass no buffer.
			ReadBufferSize: socketReadBuffer, WriteBufferSize: socketWriteBuffer, WriteBufferPool: &sync.Pool{},
			// The session is in the first message, never in a cookie: another
			// site's page can open a socket but has no session to show.
			CheckOrigin: func(*http.Request) bool { return true },
		},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.news.wake = make(chan struct{}, 1)
	s.serving.Go(s.spread)
	s.serving.Go(func() { s.waker.run(s.ctx) })
	if o.Chats != nil {
		s.number, s.keeper = o.Chats.First(), newKeeper(o.Chats)
		s.serving.Go(s.keepChats)
	}
	s.unwatch = append(s.unwatch, o.Registry.Watch(s.onEvent))
	if o.Broadcasts != nil {
		s.unwatch = append(s.unwatch, o.Broadcasts.Watch(func(roomID string, _ live.State) {
			s.onEvent(rooms.Event{Kind: broadcastChanged, RoomID: roomID})
		}))
	}
	return s
}

// ServeHTTP takes a WebSocket, which is served until it closes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		problem(w, http.StatusUpgradeRequired, "upgrade_required", "this address takes WebSockets only")
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, rooms.CodeShuttingDown, "the server is going down")
		return
	}
	s.serving.Add(1)
	s.mu.Unlock()
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.serving.Done()
		return // Upgrade has answered
	}
	// A goroutine of its own: that of the request, with its stack and buffers, has done its part.
	go s.attend(conn)
}

// attend serves a WebSocket until it closes.
func (s *Server) attend(conn *websocket.Conn) {
	defer s.serving.Done()
	defer func() {
		if fault := recover(); fault != nil {
			s.log.Error("a socket's goroutine panicked", "panic", fault, "stack", string(debug.Stack()))
		}
	}()
	sock := newSocket(conn, s.log)
	if !s.add(sock) {
		sock.send(&protocol.Error{Code: protocol.CodeShuttingDown, Detail: "the server is going down", Fatal: true})
		sock.close(protocol.CloseRefused + http.StatusServiceUnavailable)
	}
	defer s.forget(sock)
	var writer sync.WaitGroup
	defer writer.Wait()
	defer close(sock.done) // also behind a panic: the writer closes the connection
	writer.Go(sock.write)
	s.serve(sock)
}

// add takes a socket in; false when the server is going down.
func (s *Server) add(sock *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.sockets[sock] = struct{}{}
	return true
}

func (s *Server) forget(sock *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, sock)
}

// Shutdown tells every socket to come back later, closes them all, and returns
// when nothing of the server runs any more or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	for sock := range s.sockets {
		// Not all at once: a full house would overrun the door after a restart.
		sock.send(&protocol.Reconnect{AfterMs: 200 + rand.Int64N(1800)}) //nolint:gosec // spreads the rush, no more
		sock.close(protocol.CloseRestart)
	}
	s.mu.Unlock()
	if !already {
		for _, cancel := range s.unwatch {
			cancel()
		}
	}
	s.cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serving.Wait()
		s.saveLast(ctx)
		s.closeRooms()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		for sock := range s.sockets {
			sock.conn.Close() // it is being thrown away
		}
		s.mu.Unlock()
		<-done
		return fmt.Errorf("close sockets: %w", ctx.Err())
	}
}

// saveLast stores what is left of the chats, also when ctx has ended: that is
// how long sockets had.
func (s *Server) saveLast(ctx context.Context) {
	if s.keeper == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
	defer cancel()
	if err := s.saveChats(ctx); err != nil {
		s.log.Error("the end of chats is lost", "error", err)
	}
}

func (s *Server) closeRooms() {
	s.mu.Lock()
	left := make([]*room, 0, len(s.rooms))
	for _, r := range s.rooms {
		left = append(left, r)
	}
	clear(s.rooms)
	s.mu.Unlock()
	for _, r := range left {
		r.close()
	}
}

// room returns a room in motion, nil if nobody is there.
func (s *Server) room(id string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[id]
}

// problem answers a request that is no WebSocket, as RFC 9457 has it.
func problem(w http.ResponseWriter, status int, code, detail string) {
	body, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
	if err != nil { // cannot be: plain strings only
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone misses nothing
}
