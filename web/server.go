package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	// maxStreams is how many requests one HTTP/2 connection may have in flight (RFC 9113 section 6.5.2 wants 100 at least).
	maxStreams = 100
	// defaultMaxConnections bounds accepted connections; further ones wait in the kernel's queue.
	defaultMaxConnections = 16384
	// addressShare is the part of them that one address may have: a quarter, for a campus behind one address.
	addressShare = 4
	// defaultWriteTimeout covers a blocking reload, which live bounds by three target durations of at most 10 s.
	defaultWriteTimeout = 2 * time.Minute
	// defaultDrain bounds how long a shutdown waits for requests to finish.
	defaultDrain = 10 * time.Second
	off          = "off"
)

// Sockets are the WebSockets, which net/http forgets once they are hijacked.
type Sockets interface {
	http.Handler
	// Shutdown tells every socket to come back, and returns when they are closed or ctx ends.
	Shutdown(ctx context.Context) error
}

// ServerOptions says where to listen.
type ServerOptions struct {
	// HTTPAddress is host:port; "off" or empty turns the listener off.
	HTTPAddress string
	// MetricsAddress is host:port of the plain-HTTP metrics listener; "off" or empty turns it off.
	MetricsAddress string
	// TLS turns HTTPS and HTTP/2 on for the HTTP address; nil is plain HTTP.
	TLS *tls.Config
	// Handler serves the HTTP address.
	Handler *Handler
	// MaxConnections on the HTTP address; zero means 16384.
	MaxConnections int
	// WriteTimeout bounds how long an answer may take, unless its route says otherwise; zero means 2 min. net/http begins
	// it anew with each request. A handler that sets a deadline itself pays, over HTTP/2, for waking its connection's
	// goroutine.
	WriteTimeout time.Duration
	// Drain is how long a shutdown waits for requests to finish; zero means 10 s.
	Drain time.Duration
	Log   *slog.Logger
}

// Server owns the HTTP and the metrics listeners.
type Server struct {
	options  ServerOptions
	ready    chan struct{}
	mu       sync.Mutex
	http     net.Addr
	metrics  net.Addr
	draining *atomic.Bool
}

// NewServer makes a Server; Run starts it.
func NewServer(o ServerOptions) *Server {
	if o.MaxConnections <= 0 {
		o.MaxConnections = defaultMaxConnections
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = defaultWriteTimeout
	}
	if o.Drain <= 0 {
		o.Drain = defaultDrain
	}
	return &Server{options: o, ready: make(chan struct{}), draining: &o.Handler.draining}
}

// Ready is closed once every listener is open.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is the HTTP listener's address, nil before Ready or when it is off.
func (s *Server) Addr() net.Addr { s.mu.Lock(); defer s.mu.Unlock(); return s.http }

// MetricsAddr is the metrics listener's address, nil before Ready or when it is off.
func (s *Server) MetricsAddr() net.Addr { s.mu.Lock(); defer s.mu.Unlock(); return s.metrics }

// Run listens and serves until ctx ends, then shuts down: it stops accepting, answers new requests on open
// connections with shutting_down, tells the sockets to come back, and waits for requests in flight, for Drain at
// most. It returns nil after a shutdown, and an error when a listener cannot be opened or breaks. Run it once.
func (s *Server) Run(ctx context.Context) error {
	public, private, err := s.listen(ctx)
	if err != nil {
		return err
	}
	front := s.newHTTPServer(s.options.Handler)
	back := s.newHTTPServer(s.options.Handler.metricsHandler())
	broken := make(chan error, 2)
	var serving sync.WaitGroup
	serve := func(what string, run func() error) {
		serving.Go(func() {
			if err := run(); !errors.Is(err, http.ErrServerClosed) {
				broken <- fmt.Errorf("serve %s: %w", what, err)
			}
		})
	}
	if public != nil {
		shared := &sharedListener{public, newShares(0, max(1, s.options.MaxConnections/addressShare), s.options.Handler.unshared)}
		limited := netutil.LimitListener(shared, s.options.MaxConnections)
		if s.options.TLS != nil {
			front.TLSConfig = s.options.TLS.Clone()
			serve("https", func() error { return front.ServeTLS(limited, "", "") })
		} else {
			serve("http", func() error { return front.Serve(limited) })
		}
	}
	if private != nil {
		serve("metrics", func() error { return back.Serve(private) })
	}
	close(s.ready)
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-broken:
	}
	s.shutdown(ctx, front, back)
	serving.Wait()
	return failure
}

func (s *Server) listen(ctx context.Context) (public, private net.Listener, err error) {
	var config net.ListenConfig
	if a := s.options.HTTPAddress; a != "" && a != off {
		if public, err = config.Listen(ctx, "tcp", a); err != nil {
			return nil, nil, fmt.Errorf("listen for HTTP on %s: %w", a, err)
		}
	}
	if a := s.options.MetricsAddress; a != "" && a != off {
		if private, err = config.Listen(ctx, "tcp", a); err != nil {
			if public != nil {
				_ = public.Close() // Nothing was accepted yet.
			}
			return nil, nil, fmt.Errorf("listen for metrics on %s: %w", a, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if public != nil {
		s.http = public.Addr()
	}
	if private != nil {
		s.metrics = private.Addr()
	}
	return public, private, nil
}

func (s *Server) newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      s.options.WriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// WriteTimeout ends a stream of HTTP/2 by a frame, which a connection that takes nothing does not get.
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: s.options.WriteTimeout},
		ErrorLog: slog.NewLogLogger(quietConnections{s.options.Log.Handler()}, slog.LevelDebug),
	}
}

// shutdown is bounded by Drain, whatever callers do.
func (s *Server) shutdown(ctx context.Context, front, back *http.Server) {
	s.draining.Store(true)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.Drain)
	defer cancel()
	var ending sync.WaitGroup
	if sockets := s.options.Handler.sockets; sockets != nil {
		ending.Go(func() {
			if err := sockets.Shutdown(ctx); err != nil {
				s.options.Log.Warn("sockets did not close in time", "error", err.Error())
			}
		})
	}
	ending.Go(func() {
		if err := front.Shutdown(ctx); err != nil {
			s.options.Log.Warn("requests did not finish in time and were cut", "error", err.Error())
			_ = front.Close() // Shutdown has closed the listeners; this cuts what is left.
		}
	})
	ending.Wait()
	_ = back.Close() // Metrics stay readable until the end.
}

// quietConnections keeps net/http's own lines (failed handshakes, broken connections) at debug level: callers cause
// them at will. They name addresses, never paths.
type quietConnections struct{ slog.Handler }
