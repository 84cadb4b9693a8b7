package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"roomcast/ingest"
	"roomcast/rooms"
)

// Options are what a Server needs, and its bounds; a zero bound takes the default.
type Options struct {
	// Address to listen on, such as ":1935".
	Address string
	// TLS makes it an RTMPS listener.
	TLS  *tls.Config
	Gate *ingest.Gate
	// Theatre is asked by those who want to watch; nil refuses them.
	Theatre ingest.Theatre
	Log     *slog.Logger

	// MaxConnections and MaxPerAddress bound open connections, in all [1000] and
	// per client address (IPv6: /64) [50].
	MaxConnections, MaxPerAddress int
	// GreetingTimeout is the time from connecting to publishing [10 s].
	GreetingTimeout time.Duration
	// IdleTimeout is the time each message may take to come in whole [10 s].
	IdleTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.MaxConnections <= 0 {
		o.MaxConnections = 1000
	}
	if o.MaxPerAddress <= 0 {
		o.MaxPerAddress = 50
	}
	if o.GreetingTimeout <= 0 {
		o.GreetingTimeout = 10 * time.Second
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 10 * time.Second
	}
	return o
}

// Server accepts RTMP publishers. Make one with NewServer, then Listen and Run.
type Server struct {
	o        Options
	protocol string

	mu       sync.Mutex
	listener net.Listener
	places   *ingest.Places
	group    sync.WaitGroup
}

// NewServer makes a server that does not listen yet.
func NewServer(o Options) *Server {
	o = o.withDefaults()
	s := &Server{o: o, protocol: "rtmp", places: ingest.NewPlaces(o.MaxConnections, o.MaxPerAddress)}
	if o.TLS != nil {
		s.protocol = "rtmps"
	}
	return s
}

// Listen binds the address, so that a wrong or taken one is known before Run.
func (s *Server) Listen(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.o.Address)
	if err != nil {
		return fmt.Errorf("listen for %s on %s: %w", s.protocol, s.o.Address, err)
	}
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	return nil
}

// Addr is where the server listens; nil before Listen.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Run serves until ctx ends, then closes every connection and waits for them.
// It listens first if that has not been done.
func (s *Server) Run(ctx context.Context) error {
	if s.Addr() == nil {
		if err := s.Listen(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer s.group.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() })
	defer stop()
	for {
		nc, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = nc.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept %s connection: %w", s.protocol, err)
		case err != nil:
			// Out of file descriptors, or a client that left early: go on, but not in a busy loop.
			s.o.Log.Warn("accept connection", "protocol", s.protocol, "error", err)
			pause(ctx, 50*time.Millisecond)
			continue
		}
		s.accept(ctx, nc)
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

// accept starts serving a connection, unless there are too many.
func (s *Server) accept(ctx context.Context, nc net.Conn) {
	addr := remoteAddr(nc)
	place := rooms.Line(addr)
	if !s.places.Enter(place) {
		s.o.Log.Warn("publisher refused", "protocol", s.protocol, "remote", addr, "code", rooms.CodeOverloaded,
			"detail", "too many connections")
		_ = nc.Close()
		return
	}
	s.group.Go(func() {
		defer s.places.Leave(place)
		s.serve(ctx, nc, addr)
	})
}

// serve runs one connection to its end. A panic in the parsers of the library
// ends the connection that caused it, not the server.
func (s *Server) serve(ctx context.Context, nc net.Conn, addr netip.Addr) {
	log := s.o.Log.With("protocol", s.protocol, "remote", addr)
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer func() {
		stop()
		_ = nc.Close()
		if p := recover(); p != nil {
			log.Error("publisher's connection panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	raw := nc
	if s.o.TLS != nil {
		nc = tls.Server(nc, s.o.TLS)
	}
	c := &conn{server: s, nc: nc, raw: raw, addr: addr, log: log}
	c.run(ctx)
}

func remoteAddr(nc net.Conn) netip.Addr {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
