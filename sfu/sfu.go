package sfu

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"golang.org/x/net/netutil"
)

// Options are what an SFU needs.
type Options struct {
	// UDPAddress is where media arrives, host:port; port 0 takes a free one.
	UDPAddress string
	// TCPAddress is where it arrives from those without UDP: the same port; "" for none.
	// Port 0 takes the number of the UDP port.
	TCPAddress string
	// PublicIPs are the addresses clients reach the server at, where they are not those of its interfaces.
	PublicIPs []string
	// Log receives what an operator may want to know; nil discards it.
	Log *slog.Logger
}

// SFU is the media ports of a server and the meetings on them. Its methods are
// safe for concurrent use.
type SFU struct {
	log       *slog.Logger
	settings  webrtc.SettingEngine
	udp       net.PacketConn
	udpMux    ice.UDPMux
	tcpMux    ice.TCPMux
	tcpListen net.Listener

	mu     sync.Mutex
	closed bool
	rooms  map[*Room]struct{}

	conns sync.WaitGroup // PeerConnections; added to under mu while not closed
}

// ErrClosed is the answer of a closed SFU, Room or Peer.
var ErrClosed = errors.New("sfu is closed")

// New opens the ports.
func New(o Options) (*SFU, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &SFU{log: o.Log, rooms: map[*Room]struct{}{}}
	for _, ip := range o.PublicIPs {
		if net.ParseIP(ip) == nil {
			return nil, fmt.Errorf("public address %q is not an IP address", ip)
		}
	}
	if err := s.listen(o.UDPAddress, o.TCPAddress); err != nil {
		return nil, err
	}
	if err := s.configure(o.PublicIPs); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

const (
	// maxTCP is how many connections may be open on the TCP port; more wait in the kernel's queue.
	maxTCP = 4096
	// strangerTimeout is how long one may stay that belongs to no PeerConnection.
	strangerTimeout = 5 * time.Second
)

// portTries is how often a free port is looked for that is free for UDP and TCP both.
const portTries = 32

func (s *SFU) listen(udpAddress, tcpAddress string) error {
	udpAddr, err := net.ResolveUDPAddr("udp", udpAddress)
	if err != nil {
		return fmt.Errorf("read WebRTC UDP address: %w", err)
	}
	tries := 1
	if udpAddr.Port == 0 {
		tries = portTries
	}
	for range tries {
		if err = s.listenOnce(udpAddr, tcpAddress); err == nil {
			return nil
		}
	}
	return err
}

func (s *SFU) listenOnce(udpAddr *net.UDPAddr, tcpAddress string) error {
	udp, err := net.ListenUDP("udp", udpAddr)
	if err != nil {
		return fmt.Errorf("listen for WebRTC: %w", err)
	}
	// A key frame for a roomful leaves in one burst; the kernel's default
	// buffers drop part of it. What the system allows is taken.
	const buffer = 4 << 20
	if err := errors.Join(udp.SetReadBuffer(buffer), udp.SetWriteBuffer(buffer)); err != nil {
		s.log.Warn("socket buffers could not be set", "error", err)
	}
	s.udp = udp
	if tcpAddress == "" {
		return nil
	}
	tcpAddr, err := net.ResolveTCPAddr("tcp", tcpAddress)
	if err != nil {
		return errors.Join(fmt.Errorf("read WebRTC TCP address: %w", err), udp.Close())
	}
	if tcpAddr.Port == 0 {
		tcpAddr.Port = udp.LocalAddr().(*net.UDPAddr).Port
	}
	tcp, err := net.ListenTCP("tcp", tcpAddr)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for WebRTC: %w", err), udp.Close())
	}
	s.tcpListen = netutil.LimitListener(tcp, maxTCP)
	return nil
}

// configure makes the settings every PeerConnection has.
//
// The server is an ICE-lite agent: clients reach it, it reaches out to nobody,
// so that names hidden by mDNS, firewalls and address translation on their side
// do not matter, and no candidate of theirs is ever connected to.
func (s *SFU) configure(publicIPs []string) error {
	logs := logFactory{s.log}
	s.udpMux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: s.udp, Logger: logs.NewLogger("ice")})
	e := &s.settings
	e.LoggerFactory = logs
	e.SetLite(true)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetICEUDPMux(s.udpMux)
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if s.tcpListen != nil {
		s.tcpMux = ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: s.tcpListen, Logger: logs.NewLogger("ice-tcp"), ReadBufferSize: 64, WriteBufferSize: 1 << 20,
			FirstStunBindTimeout: strangerTimeout, AliveDurationForConnFromStun: strangerTimeout,
		})
		e.SetICETCPMux(s.tcpMux)
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	e.SetNetworkTypes(networks)
	e.DisableActiveTCP(true)
	if len(publicIPs) > 0 {
		if err := e.SetICEAddressRewriteRules(rewriteRules(publicIPs)...); err != nil {
			return fmt.Errorf("set public addresses: %w", err)
		}
	}
	// A listener on loopback has no other address that the public ones could stand for.
	e.SetIncludeLoopbackCandidate(len(publicIPs) == 0 || s.Addr().IP.IsLoopback())
	if err := e.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return fmt.Errorf("set DTLS role: %w", err)
	}
	e.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	e.SetDTLSRetransmissionInterval(100 * time.Millisecond)
	e.SetICETimeouts(10*time.Second, 20*time.Second, 2*time.Second)
	e.SetReceiveMTU(maxPacket)
	return nil
}

// rewriteRules puts the public addresses in the place of the server's own, by family.
func rewriteRules(publicIPs []string) (rules []webrtc.ICEAddressRewriteRule) {
	for _, family := range []struct {
		cidr string
		is4  bool
	}{{"0.0.0.0/0", true}, {"::/0", false}} {
		external := slices.DeleteFunc(slices.Clone(publicIPs), func(ip string) bool {
			return (net.ParseIP(ip).To4() != nil) != family.is4
		})
		if len(external) > 0 {
			rules = append(rules, webrtc.ICEAddressRewriteRule{
				External: external, CIDR: family.cidr, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
			})
		}
	}
	return rules
}

// Addr is where media arrives.
func (s *SFU) Addr() *net.UDPAddr { return s.udp.LocalAddr().(*net.UDPAddr) }

// Close ends every room and closes the ports; it returns when nothing of them runs any more.
func (s *SFU) Close() error {
	s.mu.Lock()
	s.closed = true
	rooms := make([]*Room, 0, len(s.rooms))
	for r := range s.rooms {
		rooms = append(rooms, r)
	}
	s.mu.Unlock()
	for _, r := range rooms {
		r.Close()
	}
	s.conns.Wait()
	var errs []error
	if s.udpMux != nil {
		errs = append(errs, s.udpMux.Close())
	}
	if s.tcpMux != nil {
		errs = append(errs, s.tcpMux.Close())
	} else if s.tcpListen != nil {
		errs = append(errs, s.tcpListen.Close())
	}
	errs = append(errs, ignoreClosed(s.udp.Close()))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close WebRTC ports: %w", err)
	}
	return nil
}

// hold counts a connection that is being made; false when the SFU is closed.
func (s *SFU) hold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns.Add(1)
	return true
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
