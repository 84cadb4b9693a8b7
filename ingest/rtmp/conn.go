package rtmp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"

	"roomcast/ingest"
	"roomcast/rooms"
	"roomcast/secret"
)

const (
	// publishApp and playApp are the RTMP applications there are: keys and tickets
	// have a name space each.
	publishApp = "live"
	playApp    = "play"
	// statusChunkStream and messageStream carry onStatus; the library hands out
	// message stream 1, little-endian on the wire.
	statusChunkStream = 5
	messageStream     = 0x1000000
	// farewell is how long a refused client may take to read why.
	farewell = time.Second
)

// errUnpublished ends a publication that its encoder ended.
var errUnpublished = errors.New("encoder stopped publishing")

// conn is one client's connection.
type conn struct {
	server *Server
	nc     net.Conn // what is read and written: raw, or TLS over it
	raw    net.Conn
	addr   netip.Addr
	log    *slog.Logger

	guard *guard
	rtmp  *gortmplib.ServerConn
}

type readWriter struct {
	io.Reader
	io.Writer
}

// run takes the connection from the first byte to the last.
func (c *conn) run(ctx context.Context) {
	started := time.Now()
	_ = c.nc.SetDeadline(started.Add(c.server.o.GreetingTimeout))
	c.guard = newGuard(c.nc)
	c.rtmp = &gortmplib.ServerConn{RW: readWriter{c.guard, c.nc}}
	if err := c.greet(); err != nil {
		// The library's words may quote the URL, and with it the key: say only what kind of end it was.
		c.log.Info("connection ended before publishing", "reason", endReason(err))
		return
	}
	if !c.rtmp.Publish {
		c.play(ctx)
		return
	}
	sink, room, err := c.admit(ctx)
	if err != nil {
		c.tell(err)
		return
	}
	defer sink.Close()
	c.log = c.log.With("room", room)
	err = c.publish(sink)
	var refusal *rooms.Error
	switch {
	case errors.As(err, &refusal):
		c.logRefusal("publisher", refusal)
		c.tell(err)
	case errors.Is(err, errUnpublished), errors.Is(err, io.EOF):
		c.log.Info("publisher left", "after", time.Since(started).Round(time.Millisecond))
	default:
		c.log.Info("publisher dropped", "reason", endReason(err), "error", err, "after", time.Since(started).Round(time.Millisecond))
	}
}

// greet does the handshake and reads commands up to publish or play.
func (c *conn) greet() error {
	if err := c.rtmp.Initialize(); err != nil {
		return err
	}
	return c.rtmp.AcceptConn()
}

// named is what the client connected to: the application and, after it, a key or
// ticket. Encoders put the two together with one slash more when the server's
// address was typed with one at its end.
func (c *conn) named() (app, key string) {
	app, key, _ = strings.Cut(strings.Trim(c.rtmp.URL.Path, "/"), "/")
	return app, strings.TrimLeft(key, "/")
}

// admit asks at the gate, which logs its refusals. The key is checked before
// any media is read.
func (c *conn) admit(ctx context.Context) (ingest.Sink, string, error) {
	name, key := c.named()
	if name != publishApp || key == "" {
		refusal := &rooms.Error{Code: rooms.CodeNotFound, Detail: "publish to rtmp://host/live/{stream_key}"}
		c.logRefusal("publisher", refusal)
		return nil, "", refusal
	}
	raw := c.raw
	sink, room, err := c.server.o.Gate.Admit(ctx, ingest.Request{
		Key: secret.New(key), Protocol: c.server.protocol, Caller: rooms.Caller{Address: c.addr},
		Close: func(error) { _ = raw.Close() },
	})
	if err != nil {
		return nil, "", err
	}
	c.guard.admitted.Store(true)
	if err := c.rtmp.AcceptAction(); err != nil {
		sink.Close()
		return nil, "", err
	}
	return sink, room, nil
}

// publish reads media until the connection ends or the sink refuses it.
func (c *conn) publish(sink ingest.Sink) error {
	c.log.Info("publisher admitted")
	d := newDemuxer(sink)
	idle := c.server.o.IdleTimeout
	deadline := time.Now().Add(idle)
	for {
		// Until tracks are known the deadline stands: a client that only talks is no publisher.
		if d.entry.Announced() {
			deadline = time.Now().Add(idle)
		}
		if err := c.nc.SetDeadline(deadline); err != nil {
			return err
		}
		msg, err := c.rtmp.Read()
		if err != nil {
			return refusedCodec(err)
		}
		if err := d.handle(msg); err != nil {
			return err
		}
	}
}

// refusedCodec gives the library's refusals of unknown codecs our code; it has
// no error type for them.
func refusedCodec(err error) error {
	for _, what := range []string{"unsupported video codec", "unsupported audio codec", "unsupported fourCC", "unsupported object type"} {
		if strings.Contains(err.Error(), what) {
			return &rooms.Error{Code: rooms.CodeCodecNotSupported, Detail: err.Error()}
		}
	}
	return err
}

func (c *conn) logRefusal(who string, e *rooms.Error) {
	c.log.Info(who+" refused", "code", e.Code, "detail", e.Detail)
}

// tell tells the client why it is refused, in RTMP's words, and lets it read them.
func (c *conn) tell(err error) {
	code, detail := rooms.CodeOf(err), "internal error"
	var e *rooms.Error
	if errors.As(err, &e) {
		detail = e.Detail
	}
	status := "NetStream.Play.Failed"
	if c.rtmp.Publish {
		status = "NetStream.Publish.BadName"
	}
	_ = c.nc.SetDeadline(time.Now().Add(farewell))
	werr := c.rtmp.Write(&message.CommandAMF0{
		ChunkStreamID: statusChunkStream, MessageStreamID: messageStream, Name: "onStatus",
		Arguments: []any{nil, amf0.Object{
			{Key: "level", Value: "error"},
			{Key: "code", Value: status},
			{Key: "description", Value: strings.TrimSuffix(code+": "+detail, ": ")},
		}},
	})
	if werr != nil {
		return
	}
	// Closing with unread bytes would reset the connection and lose the message.
	if cw, ok := c.nc.(interface{ CloseWrite() error }); ok && cw.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(c.nc, maxMedia))
	}
}

// endReason says in a word how a connection ended, without quoting anything the client sent.
func endReason(err error) string {
	var ne net.Error
	switch {
	case errors.Is(err, errBounds):
		return err.Error()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return "timeout"
	case errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &ne):
		return "connection lost"
	}
	return "protocol error"
}
