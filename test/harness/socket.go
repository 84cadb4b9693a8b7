package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const socketWithin = 10 * time.Second

// Socket is a bare signaling connection, for what a well-behaved client would
// never send.
type Socket struct {
	t    testing.TB
	conn *websocket.Conn
	once sync.Once
}

// Message is a signaling message, as loose JSON.
type Message map[string]any

// Type returns the message's type.
func (m Message) Type() string { return fmt.Sprint(m["type"]) }

// Dial opens a signaling connection.
func (s *Server) Dial(t testing.TB, header http.Header) *Socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), socketWithin)
	defer cancel()
	conn, res, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+s.HTTP+"/ws", header)
	if err != nil {
		t.Fatalf("dial /ws: %v", err)
	}
	_ = res.Body.Close() // empty after the upgrade
	socket := &Socket{t: t, conn: conn}
	t.Cleanup(socket.Close)
	return socket
}

// Hello opens a connection and says hello with a session; it returns welcome.
func (s *Server) Hello(t testing.TB, session string) (*Socket, Message) {
	t.Helper()
	socket := s.Dial(t, nil)
	socket.Send(Message{"type": "hello", "id": "hello", "session": session})
	return socket, socket.Await("welcome")
}

// Send sends a message.
func (s *Socket) Send(m any) {
	s.t.Helper()
	body, err := json.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.SendFrame(websocket.TextMessage, body)
}

// SendFrame sends bytes as they are. That the peer may have closed already is no
// failure: what it said is read next.
func (s *Socket) SendFrame(kind int, body []byte) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(socketWithin)) // a broken socket shows when it is read
	_ = s.conn.WriteMessage(kind, body)
}

// Await reads until a message of the given type comes.
func (s *Socket) Await(wanted string) Message {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(socketWithin)) // a broken socket shows when it is read
	var seen []string
	for {
		_, body, err := s.conn.ReadMessage()
		if err != nil {
			s.t.Fatalf("waiting for %q: %v; seen %v", wanted, err, seen)
		}
		var m Message
		if err := json.Unmarshal(body, &m); err != nil {
			s.t.Fatalf("the server sent %q: %v", body, err)
		}
		if m.Type() == wanted {
			return m
		}
		seen = append(seen, fmt.Sprintf("%.200s", body))
	}
}

// Ended reads until the connection is closed; it returns the close code and the
// last message before it.
func (s *Socket) Ended(within time.Duration) (code int, last Message) {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(within)) // a broken socket shows when it is read
	for {
		_, body, err := s.conn.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return closed.Code, last
		case err != nil:
			s.t.Fatalf("waiting for the end: %v; the last message was %v", err, last)
		}
		last = nil
		if err := json.Unmarshal(body, &last); err != nil {
			s.t.Fatalf("the server sent %q: %v", body, err)
		}
	}
}

// Close cuts the connection without a goodbye.
func (s *Socket) Close() {
	s.once.Do(func() { _ = s.conn.Close() }) // may be closed by the peer already
}
