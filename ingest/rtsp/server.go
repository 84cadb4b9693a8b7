package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"

	"roomcast/ingest"
)

// Gate admits publishers; ingest.Gate is the one.
type Gate interface {
	Admit(ctx context.Context, r ingest.Request) (ingest.Sink, string, error)
}

// Warnings shows what is wrong with a room's broadcast; live.Hub is the one.
type Warnings interface {
	SetWarning(roomID, code, detail string)
	ClearWarning(roomID, code string)
}

// Options are what a Server needs, and its bounds; a zero bound takes the default.
type Options struct {
	// Address to listen on, such as ":8554".
	Address string
	// UDPAddress is where packets of publishers and spectators come and go by
	// UDP: its port, which must be even, for RTP and the next one for RTCP. Port 0
	// takes any pair; "" offers no UDP.
	UDPAddress string
	Gate       Gate
	// Theatre is asked for playbacks; nil if there are none.
	Theatre  ingest.Theatre
	Warnings Warnings // nil: nobody is told
	Log      *slog.Logger

	// MaxConnections and MaxPerAddress bound open connections, in all [1000] and
	// per client address (IPv6: /64) [50].
	MaxConnections, MaxPerAddress int
	// GreetingTimeout is the time from connecting to publishing or playing [10 s].
	GreetingTimeout time.Duration
	// IdleTimeout is how long a publisher may send nothing [10 s].
	IdleTimeout time.Duration
	// KeepAlive is how long a spectator may say nothing [60 s].
	KeepAlive time.Duration
}

func (o Options) withDefaults() Options {
	if o.MaxConnections <= 0 {
		o.MaxConnections = 1000
	}
	if o.MaxPerAddress <= 0 {
		o.MaxPerAddress = 50
	}
	for d, fallback := range map[*time.Duration]time.Duration{
		&o.GreetingTimeout: 10 * time.Second, &o.IdleTimeout: 10 * time.Second, &o.KeepAlive: time.Minute,
	} {
		if *d <= 0 {
			*d = fallback
		}
	}
	return o
}

// queue is how many packets may wait for one connection. It is a power of two.
const queue = 1024

// udpBuffer is what the kernel keeps of incoming packets, in bytes: a key frame
// of several publishers at once. The kernel may give less.
const udpBuffer = 4 << 20

// Server speaks RTSP. Make one with NewServer, then Listen and Run.
type Server struct {
	o Options

	mu       sync.Mutex
	tcp      net.Listener
	rtp      *net.UDPConn
	rtcp     *net.UDPConn
	sessions sync.WaitGroup // goroutines of spectators
}

// NewServer makes a server that does not listen yet.
func NewServer(o Options) *Server { return &Server{o: o.withDefaults()} }

// Listen binds the addresses, so that a wrong or taken one is known before Run.
func (s *Server) Listen(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.o.Address)
	if err != nil {
		return fmt.Errorf("listen for rtsp on %s: %w", s.o.Address, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.o.UDPAddress != "" {
		if s.rtp, s.rtcp, err = listenPair(ctx, s.o.UDPAddress); err != nil {
			_ = l.Close()
			return fmt.Errorf("listen for rtsp media on %s: %w", s.o.UDPAddress, err)
		}
	}
	s.tcp = l
	return nil
}

// listenPair opens an even port and the one after it.
func listenPair(ctx context.Context, address string) (rtp, rtcp *net.UDPConn, err error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, nil, err
	}
	if port%2 != 0 {
		return nil, nil, fmt.Errorf("port %d is not even", port)
	}
	for try := range 50 {
		rtp, err = listenUDP(ctx, address)
		if err != nil {
			return nil, nil, err
		}
		at, _ := rtp.LocalAddr().(*net.UDPAddr)
		if at.Port%2 == 0 {
			rtcp, err = listenUDP(ctx, net.JoinHostPort(host, strconv.Itoa(at.Port+1)))
			if err == nil || port != 0 {
				break
			}
		}
		_ = rtp.Close()
		rtp = nil
		if try == 49 && err == nil {
			err = errors.New("found no two free ports side by side")
		}
	}
	if err != nil && rtp != nil {
		_ = rtp.Close()
	}
	if err != nil {
		return nil, nil, err
	}
	return rtp, rtcp, nil
}

func listenUDP(ctx context.Context, address string) (*net.UDPConn, error) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	c, ok := pc.(*net.UDPConn)
	if !ok {
		_ = pc.Close()
		return nil, fmt.Errorf("unexpected socket %T", pc)
	}
	_ = c.SetReadBuffer(udpBuffer) // what the kernel gives has to do
	return c, nil
}

// Addr is where the server listens; nil before Listen.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tcp == nil {
		return nil
	}
	return s.tcp.Addr()
}

// UDPPort is the port of RTP by UDP; 0 if there is none.
func (s *Server) UDPPort() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rtp == nil {
		return 0
	}
	return int(addrPort(s.rtp).Port())
}

func addrPort(c *net.UDPConn) netip.AddrPort {
	a, _ := c.LocalAddr().(*net.UDPAddr)
	return a.AddrPort()
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
	defer s.sessions.Wait()
	defer cancel()
	log := s.o.Log.With("protocol", "rtsp")
	server := &gortsplib.Server{
		RTSPAddress: s.o.Address,
		ReadTimeout: s.o.IdleTimeout, WriteTimeout: s.o.IdleTimeout, IdleTimeout: s.o.KeepAlive,
		WriteQueueSize: queue,
		Listen: func(string, string) (net.Listener, error) {
			return &listener{Listener: s.tcp, ctx: ctx, o: &s.o, log: log, places: ingest.NewPlaces(s.o.MaxConnections, s.o.MaxPerAddress)}, nil
		},
	}
	if s.rtp != nil {
		given := []*net.UDPConn{s.rtp, s.rtcp}
		port := int(addrPort(s.rtp).Port())
		server.UDPRTPAddress, server.UDPRTCPAddress = ":"+strconv.Itoa(port), ":"+strconv.Itoa(port+1)
		server.ListenPacket = func(string, string) (net.PacketConn, error) {
			c := given[0]
			given = given[1:]
			return c, nil
		}
	}
	server.Handler = &handler{ctx: ctx, server: s, rtsp: server, log: log}
	if err := server.Start(); err != nil {
		return fmt.Errorf("serve rtsp: %w", err)
	}
	stop := context.AfterFunc(ctx, server.Close)
	defer stop()
	err := server.Wait()
	if ctx.Err() != nil {
		server.Close()
		return nil
	}
	return fmt.Errorf("serve rtsp: %w", err)
}
