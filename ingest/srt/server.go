package srt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	srt "github.com/datarhei/gosrt"

	"roomcast/ingest"
	"roomcast/rooms"
)

// Warnings shows what is wrong with a room's broadcast; live.Hub is the one.
type Warnings interface {
	SetWarning(roomID, code, detail string)
	ClearWarning(roomID, code string)
}

// Options are what a Server needs, and its bounds; a zero bound takes the default.
type Options struct {
	// Address to listen on (UDP), such as ":8890".
	Address string
	Gate    *ingest.Gate
	// Theatre is asked by those who want to watch; nil refuses them.
	Theatre ingest.Theatre
	// Warnings is told of losses; nil: nobody is.
	Warnings Warnings
	Log      *slog.Logger

	// MaxConnections and MaxPerAddress bound open connections, in all [1000] and
	// per client address (IPv6: /64) [50].
	MaxConnections, MaxPerAddress int
	// IdleTimeout is how long a publisher may send no media [10 s].
	IdleTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.MaxConnections <= 0 {
		o.MaxConnections = 1000
	}
	if o.MaxPerAddress <= 0 {
		o.MaxPerAddress = 50
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 10 * time.Second
	}
	return o
}

// Server accepts SRT publishers and players. Make one with NewServer, then
// Listen and Run.
type Server struct {
	o          Options
	handshakes *handshakes

	mu        sync.Mutex
	listener  srt.Listener
	places    *ingest.Places
	group     sync.WaitGroup
	malformed time.Time // when the last one was logged
}

// NewServer makes a server that does not listen yet.
func NewServer(o Options) *Server {
	o = o.withDefaults()
	return &Server{o: o, handshakes: &handshakes{}, places: ingest.NewPlaces(o.MaxConnections, o.MaxPerAddress)}
}

// reopenAfter is how long a socket that failed is left alone.
const reopenAfter = 500 * time.Millisecond

// receiveBuffer is asked of the kernel for all connections together, in bytes.
const receiveBuffer = 4 << 20

// Listen binds the address, so that a wrong or taken one is known before Run.
func (s *Server) Listen(ctx context.Context) error {
	c := srt.DefaultConfig()
	c.Logger = s.handshakes
	c.ListenerControl = func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
			// The library shares the address with whoever else asks for it.
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0)
		})
		return errors.Join(err, failed)
	}
	address, err := numeric(ctx, s.o.Address)
	if err != nil {
		return fmt.Errorf("listen for srt on %s: %w", s.o.Address, err)
	}
	l, err := srt.Listen("srt", address, c)
	if err != nil {
		return fmt.Errorf("listen for srt on %s: %w", s.o.Address, err)
	}
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	return nil
}

// numeric is an address without names, which the library does not resolve.
func numeric(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return "", err
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil {
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return "", err
		}
		host = ips[0].Unmap().String()
	}
	return net.JoinHostPort(host, strconv.Itoa(number)), nil
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
	for {
		err := s.serve(ctx)
		if ctx.Err() != nil {
			return nil
		}
		// An error of the socket ends the library's listener with all its connections.
		s.o.Log.Error("srt socket failed: opening it again", "error", err)
		for pause(ctx, reopenAfter) == nil {
			if err := s.Listen(ctx); err == nil {
				break
			}
		}
	}
}

// serve accepts connections until the listener or ctx ends.
func (s *Server) serve(ctx context.Context) error {
	s.mu.Lock()
	l := s.listener
	s.mu.Unlock()
	defer l.Close()
	stop := context.AfterFunc(ctx, l.Close)
	defer stop()
	for {
		req, err := s.next(l)
		switch {
		case err != nil:
			return err
		case req == nil:
		case ctx.Err() != nil:
			req.Reject(srt.REJX_DOWN)
			return nil
		default:
			s.accept(ctx, req, s.handshakes.last)
		}
	}
}

// next waits for a request; it is nil for a handshake that made the library's
// parser panic.
func (s *Server) next(l srt.Listener) (req srt.ConnRequest, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.logMalformed(p)
		}
	}()
	return l.Accept2()
}

// logMalformed tells of handshakes that nothing sane sends, but not of each:
// anybody can send them.
func (s *Server) logMalformed(p any) {
	if time.Since(s.malformed) < time.Minute {
		return
	}
	s.malformed = time.Now()
	s.o.Log.Warn("malformed handshake", "protocol", "srt", "panic", fmt.Sprint(p))
}

// accept starts serving a request, unless there are too many.
func (s *Server) accept(ctx context.Context, req srt.ConnRequest, o offer) {
	var addr netip.Addr
	if a, ok := req.RemoteAddr().(*net.UDPAddr); ok && a != nil {
		addr = a.AddrPort().Addr().Unmap()
	}
	log := s.o.Log.With("protocol", "srt", "remote", addr)
	place := rooms.Line(addr)
	if !s.places.Enter(place) {
		log.Warn("connection refused", "code", rooms.CodeOverloaded, "detail", "too many connections")
		req.Reject(srt.REJX_OVERLOAD)
		return
	}
	s.group.Go(func() {
		defer s.places.Leave(place)
		defer func() {
			if p := recover(); p != nil {
				req.Reject(srt.REJX_ISE)
				log.Error("connection panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
		}()
		if err := o.check(); err != nil || req.Version() != 5 {
			log.Info("connection refused", "code", "unacceptable", "error", err, "version", req.Version())
			req.Reject(srt.REJX_UNACCEPTABLE)
			return
		}
		c := &conn{server: s, req: req, caller: rooms.Caller{Address: addr}, log: log, began: time.Now()}
		c.run(ctx)
	})
}
