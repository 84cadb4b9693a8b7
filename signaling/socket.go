package signaling

import (
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/gorilla/websocket"

	"roomcast/signaling/protocol"
)

const (
	writeTimeout = 10 * time.Second
	// goodbye is how long the other side has to answer a close.
	goodbye = time.Second

	socketReadBuffer  = 512
	socketWriteBuffer = 1024
)

// socket is one WebSocket: a reader (the goroutine that attends it),
// a writer, and the queue between everybody and the writer.
type socket struct {
	conn *websocket.Conn
	out  *queue
	log  *slog.Logger
	done chan struct{} // the reader has ended
}

func newSocket(conn *websocket.Conn, log *slog.Logger) *socket {
	conn.SetReadLimit(protocol.MaxSmallMessageBytes) // a stranger's; more after hello
	return &socket{conn: conn, out: newQueue(), log: log, done: make(chan struct{})}
}

// send queues a message. A client that takes its messages too slowly is dropped.
func (s *socket) send(m protocol.ServerMessage) {
	f, err := ownFrame(m)
	if err != nil {
		s.log.Error("message not sent", "error", err)
		return
	}
	s.sendFrame(f)
}

// sendFrame queues a rendered message.
func (s *socket) sendFrame(f frame) {
	s.out.put(f)
	s.out.signal()
}

// close has the socket closed once what waits has been written.
func (s *socket) close(code int) { s.out.finish(code) }

// write sends what is queued, and pings, until the queue ends, a write fails
// or the reader has ended. It is the only writer of data frames.
func (s *socket) write() {
	ping := time.NewTicker(protocol.PingInterval)
	defer ping.Stop()
	defer s.conn.Close() // nothing is left to be done with the connection
	for {
		select {
		case <-s.done:
			// The reader gave up on a client that may still listen.
			if frames, end := s.out.take(); end != 0 && s.writeAll(frames) == nil {
				s.farewell(end)
			}
			return
		case <-ping.C:
			if s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout)) != nil {
				return
			}
		case <-s.out.wake:
			frames, end := s.out.take()
			if s.writeAll(frames) != nil {
				return
			}
			if end != 0 {
				s.farewell(end)
				return
			}
		}
	}
}

func (s *socket) writeAll(frames []frame) error {
	for _, f := range frames {
		if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if err := s.writeFrame(f); err != nil {
			return err
		}
	}
	return nil
}

func (s *socket) writeFrame(f frame) error {
	if f.shared != nil {
		return s.conn.WritePreparedMessage(f.shared)
	}
	return s.conn.WriteMessage(websocket.TextMessage, f.own)
}

// farewell sends the close frame and gives the other side a moment to answer.
func (s *socket) farewell(code int) {
	closing := websocket.FormatCloseMessage(code, "")
	if s.conn.WriteControl(websocket.CloseMessage, closing, time.Now().Add(writeTimeout)) != nil {
		return
	}
	timer := time.NewTimer(goodbye)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
	}
}

// errBinary is a binary frame, which closes the socket.
var errBinary = errors.New("binary frame")

// listen has the socket end after a silence of that long, pongs counted as sound.
func (s *socket) listen(silence time.Duration) error {
	s.conn.SetPongHandler(func(string) error { return s.conn.SetReadDeadline(time.Now().Add(silence)) })
	return s.conn.SetReadDeadline(time.Now().Add(silence))
}

// read returns the next frame.
func (s *socket) read() ([]byte, error) {
	kind, frame, err := s.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		return nil, errBinary
	}
	return frame, nil
}

// isTimeout reports whether a read ended by its deadline.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
