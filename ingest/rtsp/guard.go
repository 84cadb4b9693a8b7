package rtsp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"roomcast/ingest"
	"roomcast/rooms"
)

const (
	// interleaved begins a packet that goes over the RTSP connection (RFC 2326,
	// section 10.12); its second byte is the channel, even for RTP.
	interleaved = '$'
	// maxIdle is how many bytes a client may send before it publishes or plays.
	maxIdle = 256 << 10
)

var (
	errTunnel = errors.New("RTSP over HTTP is not offered")
	errTalk   = errors.New("too much before publishing or playing")
)

// listener accepts connections within the server's bounds. Unlike its own
// listener it does not fail for a moment's want of file descriptors.
type listener struct {
	net.Listener
	ctx    context.Context //nolint:containedctx // the library's accept loop has none
	o      *Options
	log    *slog.Logger
	places *ingest.Places
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		switch {
		case err == nil:
		case l.ctx.Err() != nil, errors.Is(err, net.ErrClosed):
			return nil, err
		default:
			l.log.Warn("accept connection", "error", err)
			pause(l.ctx, 50*time.Millisecond)
			continue
		}
		addr := remoteAddr(nc)
		place := rooms.Line(addr)
		if !l.places.Enter(place) {
			l.log.Warn("connection refused", "remote", addr, "code", rooms.CodeOverloaded, "detail", "too many connections")
			_ = nc.Close()
			continue
		}
		until := time.Now().Add(l.o.GreetingTimeout)
		_ = nc.SetReadDeadline(until) // the library sets none for the first bytes
		return &guard{
			Conn: nc, addr: addr, until: until, left: maxIdle,
			leave: sync.OnceFunc(func() { l.places.Leave(place) }), room: make(chan struct{}, 1),
		}, nil
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// guard is a connection that has to publish or play before its time is up.
type guard struct {
	net.Conn
	addr  netip.Addr
	until time.Time
	busy  atomic.Bool // publishing or playing
	begun bool
	left  int // bytes until it must be busy
	leave func()

	packets atomic.Int64  // RTP packets written over this connection
	room    chan struct{} // has one when packets has risen
}

// SetReadDeadline implements net.Conn: until the client is busy no deadline is
// later than its time.
func (g *guard) SetReadDeadline(t time.Time) error {
	if !g.busy.Load() && (t.IsZero() || t.After(g.until)) {
		t = g.until
	}
	return g.Conn.SetReadDeadline(t)
}

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	if g.busy.Load() {
		return g.Conn.Read(p)
	}
	n, err := g.Conn.Read(p)
	if n > 0 && !g.begun {
		g.begun = true
		// GET and POST would open a tunnel, whose halves wait for each other without an end.
		if p[0] == 'P' || p[0] == 'G' {
			return 0, errTunnel
		}
	}
	if g.left -= n; g.left < 0 && !g.busy.Load() {
		return 0, errTalk
	}
	return n, err
}

// Write implements net.Conn. The library writes each packet with one call.
func (g *guard) Write(p []byte) (int, error) {
	n, err := g.Conn.Write(p)
	if len(p) > 1 && p[0] == interleaved && p[1]&1 == 0 {
		g.packets.Add(1)
		select {
		case g.room <- struct{}{}:
		default:
		}
	}
	return n, err
}

// Close implements net.Conn.
func (g *guard) Close() error {
	g.leave()
	return g.Conn.Close()
}

func remoteAddr(nc net.Conn) netip.Addr {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
