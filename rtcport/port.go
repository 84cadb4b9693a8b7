package rtcport

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"golang.org/x/net/netutil"
)

// MaxPacket is the largest packet taken, in bytes.
const MaxPacket = 1500

// Options are what a Port needs.
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

// Port is the open port. Its methods are safe for concurrent use.
type Port struct {
	log       *slog.Logger
	settings  webrtc.SettingEngine
	udp       net.PacketConn
	udpMux    ice.UDPMux
	tcpMux    ice.TCPMux
	tcpListen net.Listener
}

// Open opens the port. The error says which address was wrong or taken.
func Open(o Options) (*Port, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Port{log: o.Log}
	for _, ip := range o.PublicIPs {
		if net.ParseIP(ip) == nil {
			return nil, fmt.Errorf("public address %q is not an IP address", ip)
		}
	}
	if err := p.listen(o.UDPAddress, o.TCPAddress); err != nil {
		return nil, err
	}
	if err := p.configure(o.PublicIPs); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

const (
	// maxTCP is how many connections may be open on the TCP port; more wait in the kernel's queue.
	maxTCP = 4096
	// strangerTimeout is how long one may stay that belongs to no PeerConnection.
	strangerTimeout = 5 * time.Second
)

// portTries is how often a free port is looked for that is free for UDP and TCP both.
const portTries = 32

func (p *Port) listen(udpAddress, tcpAddress string) error {
	udpAddr, err := net.ResolveUDPAddr("udp", udpAddress)
	if err != nil {
		return fmt.Errorf("read WebRTC UDP address: %w", err)
	}
	tries := 1
	if udpAddr.Port == 0 {
		tries = portTries
	}
	for range tries {
		if err = p.listenOnce(udpAddr, tcpAddress); err == nil {
			return nil
		}
	}
	return err
}

func (p *Port) listenOnce(udpAddr *net.UDPAddr, tcpAddress string) error {
	udp, err := net.ListenUDP("udp", udpAddr)
	if err != nil {
		return fmt.Errorf("listen for WebRTC: %w", err)
	}
	// A key frame for a roomful leaves in one burst; the kernel's default
	// buffers drop part of it. What the system allows is taken.
	const buffer = 4 << 20
	if err := errors.Join(udp.SetReadBuffer(buffer), udp.SetWriteBuffer(buffer)); err != nil {
		p.log.Warn("socket buffers could not be set", "error", err)
	}
	p.udp = udp
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
	p.tcpListen = netutil.LimitListener(tcp, maxTCP)
	return nil
}

// configure makes the settings every PeerConnection has.
func (p *Port) configure(publicIPs []string) error {
	logs := logFactory{p.log}
	p.udpMux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: p.udp, Logger: logs.NewLogger("ice")})
	e := &p.settings
	e.LoggerFactory = logs
	e.SetLite(true)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetICEUDPMux(p.udpMux)
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if p.tcpListen != nil {
		p.tcpMux = ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: p.tcpListen, Logger: logs.NewLogger("ice-tcp"), ReadBufferSize: 64, WriteBufferSize: 1 << 20,
			FirstStunBindTimeout: strangerTimeout, AliveDurationForConnFromStun: strangerTimeout,
		})
		e.SetICETCPMux(p.tcpMux)
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
	e.SetIncludeLoopbackCandidate(len(publicIPs) == 0 || p.Addr().IP.IsLoopback())
	if err := e.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return fmt.Errorf("set DTLS role: %w", err)
	}
	e.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	e.SetDTLSRetransmissionInterval(100 * time.Millisecond)
	e.SetICETimeouts(10*time.Second, 20*time.Second, 2*time.Second)
	e.SetReceiveMTU(MaxPacket)
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
func (p *Port) Addr() *net.UDPAddr { return p.udp.LocalAddr().(*net.UDPAddr) }

// Settings are what a PeerConnection on this port is made with: the caller's
// own copy, to add to.
func (p *Port) Settings() webrtc.SettingEngine { return p.settings }

// Close closes the port. Those who use it must have closed their connections before.
func (p *Port) Close() error {
	var errs []error
	if p.udpMux != nil {
		errs = append(errs, p.udpMux.Close())
	}
	if p.tcpMux != nil {
		errs = append(errs, p.tcpMux.Close())
	} else if p.tcpListen != nil {
		errs = append(errs, p.tcpListen.Close())
	}
	errs = append(errs, ignoreClosed(p.udp.Close()))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close WebRTC ports: %w", err)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
