//go:build long && !race

package scale

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"roomcast/secret"
	"roomcast/signaling/protocol"
	"roomcast/test/harness"
)

// patience is how long one step of one client may take.
const patience = 30 * time.Second

// crowd is many chat clients in one room.
type crowd struct {
	server  *harness.Server
	token   string
	guests  []*guest
	delays  histogram
	readers sync.WaitGroup
}

// guest is one chat client. It reads as little of a message as it needs to: the
// test must cost less than what it tests.
type guest struct {
	crowd   *crowd
	session string

	conn    *websocket.Conn
	reading chan struct{} // closed when the reader has ended
	pauses  chan time.Duration

	seq    atomic.Int64 // of the last event
	events atomic.Int64
	fault  atomic.Pointer[error]
}

// open brings n clients in.
func (c *crowd) open(ctx context.Context, n int) error {
	work := make(chan *guest)
	var failure atomic.Pointer[error]
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for g := range work {
				if err := g.enter(ctx); err != nil {
					failure.Store(&err)
				}
			}
		})
	}
	for range n {
		g := &guest{crowd: c, pauses: make(chan time.Duration, 1)}
		c.guests = append(c.guests, g)
		work <- g
	}
	close(work)
	workers.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

// close drops all clients.
func (c *crowd) close() {
	for _, g := range c.guests {
		if g.conn != nil {
			_ = g.conn.Close() // nothing is left to be said
		}
	}
	c.readers.Wait()
}

func (g *guest) enter(ctx context.Context) error {
	answer, err := g.crowd.server.Stranger().Send(ctx, http.MethodPost, "/api/v1/join", harness.Fields{"token": g.crowd.token})
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("join: %d %s", answer.Status, answer.Body)
	}
	var joined harness.Joined
	if err := json.Unmarshal(answer.Body, &joined); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	g.session = joined.Session
	return g.connect(ctx)
}

var dialer = websocket.Dialer{ReadBufferSize: 1024, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{}}

// connect opens a socket, continues the chat after the last event known, and reads.
func (g *guest) connect(ctx context.Context) error {
	conn, res, err := dialer.DialContext(ctx, "ws://"+g.crowd.server.HTTP+"/ws", nil)
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	_ = res.Body.Close() // empty after the upgrade
	hello, err := protocol.EncodeClient(&protocol.Hello{Session: secret.New(g.session), ChatAfter: g.seq.Load()})
	if err != nil {
		return err
	}
	if err := errors.Join(conn.SetReadDeadline(time.Now().Add(patience)), conn.WriteMessage(websocket.TextMessage, hello)); err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	_, frame, err := conn.ReadMessage()
	if err != nil {
		return fmt.Errorf("read welcome: %w", err)
	}
	m, err := protocol.ReadServer(frame)
	if err != nil {
		return err
	}
	welcome, ok := m.(*protocol.Welcome)
	if !ok {
		return fmt.Errorf("instead of welcome came %s", frame)
	}
	if before := g.seq.Load(); before != 0 {
		if !welcome.Chat.Resumed || welcome.Chat.Seq != before+int64(len(welcome.Chat.Events)) {
			return fmt.Errorf("after %d came %d events up to %d, resumed %v", before, len(welcome.Chat.Events), welcome.Chat.Seq, welcome.Chat.Resumed)
		}
		g.events.Add(int64(len(welcome.Chat.Events)))
	}
	g.seq.Store(welcome.Chat.Seq)
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	g.conn, g.reading = conn, make(chan struct{})
	g.crowd.readers.Go(g.read)
	return nil
}

// read takes messages until the socket closes.
func (g *guest) read() {
	defer close(g.reading)
	var frame bytes.Buffer
	for {
		select {
		case d := <-g.pauses:
			<-time.After(d)
		default:
		}
		_, r, err := g.conn.NextReader()
		if err != nil {
			return
		}
		frame.Reset()
		if _, err := frame.ReadFrom(r); err != nil {
			return
		}
		if err := g.take(frame.Bytes(), time.Now()); err != nil {
			g.fault.Store(&err)
			return
		}
	}
}

var (
	chatHead = []byte(`{"type":"chat",`)
	seqKey   = []byte(`"seq":`)
	textKey  = []byte(`"text":"sent `)
)

// take checks that a message's events follow the last one, and notes how long
// what they say was on its way.
func (g *guest) take(frame []byte, now time.Time) error {
	if !bytes.HasPrefix(frame, chatHead) {
		return nil
	}
	for {
		i := bytes.Index(frame, seqKey)
		if i < 0 {
			return nil
		}
		frame = frame[i+len(seqKey):]
		seq := number(frame)
		if before := g.seq.Load(); seq != before+1 {
			return fmt.Errorf("after the event %d comes %d", before, seq)
		}
		g.seq.Store(seq)
		g.events.Add(1)
		if i := bytes.Index(frame, textKey); i >= 0 {
			frame = frame[i+len(textKey):]
			g.crowd.delays.add(now.Sub(time.Unix(0, number(frame))))
		}
	}
}

// number reads the digits that b begins with.
func number(b []byte) (n int64) {
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

// say writes a message that carries the time.
func (g *guest) say() error {
	frame, err := protocol.EncodeClient(&protocol.ChatSend{Text: "sent " + strconv.FormatInt(time.Now().UnixNano(), 10) + " and something that people say"})
	if err != nil {
		return err
	}
	return g.conn.WriteMessage(websocket.TextMessage, frame)
}

// histogram counts durations by the millisecond, up to its last bucket.
type histogram [20_000]atomic.Int64

func (h *histogram) add(d time.Duration) { h[max(0, min(int(d.Milliseconds()), len(h)-1))].Add(1) }

// quantile is the duration below which that share of the counted ones is, and how many there are.
func (h *histogram) quantile(q float64) (d time.Duration, n int64) {
	for i := range h {
		n += h[i].Load()
	}
	var below int64
	for i := range h {
		if below += h[i].Load(); float64(below) >= q*float64(n) {
			return time.Duration(i+1) * time.Millisecond, n
		}
	}
	return 0, n
}
