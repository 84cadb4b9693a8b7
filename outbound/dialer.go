package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

const (
	// dialTimeout is for one address of a name.
	dialTimeout = 10 * time.Second
	// checkTimeout is for a name in somebody's request.
	checkTimeout = 3 * time.Second
	// maxAddresses of one name are tried.
	maxAddresses = 8
)

// Refusal says why an address is not connected to. It is what API and state
// call address_not_allowed.
type Refusal struct {
	// Host is what was asked for, Reason what is wrong with where it leads:
	// "in a private network".
	Host, Reason string
	// Allowable says that the operator may allow it (outbound.allow_private).
	Allowable bool
}

// Error implements error.
func (r *Refusal) Error() string {
	s := r.Host + " is " + r.Reason
	if r.Allowable {
		s += "; the operator can allow that with ROOMCAST_OUTBOUND_ALLOW_PRIVATE=true"
	}
	return s
}

// Resolver finds the addresses of a name; net.Resolver is the one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Listener is a socket of this process.
type Listener struct {
	// Address is where it listens; an unspecified one is everywhere.
	Address netip.AddrPort
	// Ingest says that it takes broadcasts: connecting one to itself would go
	// round in circles, so it is refused even when private addresses are allowed.
	Ingest bool
}

// Options are what a Dialer goes by.
type Options struct {
	// AllowPrivate lets it connect to this machine and to private networks.
	AllowPrivate bool
	// Listeners are this process's own sockets; they may come later than the dialer.
	Listeners func() []Listener
	// Local are the addresses this machine is reached by, beside those of its
	// interfaces: the outside of a NAT.
	Local []netip.Addr
	// Resolver [net.DefaultResolver] and Interfaces [net.InterfaceAddrs].
	Resolver   Resolver
	Interfaces func() ([]net.Addr, error)
}

// Dialer opens connections to addresses that strangers name. Its methods may be
// called at the same time.
type Dialer struct{ o Options }

// NewDialer makes a dialer.
func NewDialer(o Options) *Dialer {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Interfaces == nil {
		o.Interfaces = net.InterfaceAddrs
	}
	if o.Listeners == nil {
		o.Listeners = func() []Listener { return nil }
	}
	return &Dialer{o}
}

// Allow answers a *Refusal if the address must not be connected to. host is
// what it was found for.
func (d *Dialer) Allow(host string, a netip.AddrPort) error {
	addr := a.Addr().Unmap()
	if v4, ok := embedded(addr); ok {
		addr = v4
	}
	if err := d.allowOwn(host, netip.AddrPortFrom(addr, a.Port())); err != nil {
		return err
	}
	switch k, what := classify(addr); {
	case k == public, k == private && d.o.AllowPrivate:
		return nil
	default:
		return &Refusal{Host: host, Reason: what, Allowable: k == private}
	}
}

// allowOwn refuses this process's own listeners.
func (d *Dialer) allowOwn(host string, a netip.AddrPort) error {
	for _, l := range d.o.Listeners() {
		if l.Address.Port() != a.Port() || !l.Ingest && d.o.AllowPrivate {
			continue
		}
		if at := l.Address.Addr().Unmap(); at == a.Addr() || at.IsUnspecified() && d.isLocal(a.Addr()) {
			return &Refusal{Host: host, Reason: "this server itself", Allowable: !l.Ingest}
		}
	}
	return nil
}

// isLocal reports whether an address is one of this machine.
func (d *Dialer) isLocal(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	for _, own := range d.o.Local {
		if own.Unmap() == a {
			return true
		}
	}
	list, err := d.o.Interfaces()
	if err != nil {
		return true // nobody knows: rather refuse
	}
	for _, i := range list {
		if p, err := netip.ParsePrefix(i.String()); err == nil && p.Addr().Unmap().WithZone("") == a.WithZone("") {
			return true
		}
	}
	return false
}

// Resolve finds the addresses of host:port that may be connected to. It answers
// a *Refusal if there are only others.
func (d *Dialer) Resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return nil, errors.New("read address: no port number")
	}
	addrs := make([]netip.Addr, 1)
	if addrs[0], err = netip.ParseAddr(host); err != nil {
		if addrs, err = d.o.Resolver.LookupNetIP(ctx, "ip", host); err != nil {
			return nil, err
		}
	}
	var allowed []netip.AddrPort
	var refusal error
	for _, a := range addrs {
		at := netip.AddrPortFrom(a.Unmap(), uint16(port))
		if err := d.Allow(host, at); err != nil {
			refusal = err
			continue
		}
		if len(allowed) < maxAddresses {
			allowed = append(allowed, at)
		}
	}
	if len(allowed) == 0 {
		if refusal == nil {
			refusal = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
		}
		return nil, refusal
	}
	return allowed, nil
}

// ports are those of URLs that name none.
var ports = map[string]string{
	"rtsp": "554", "rtsps": "322", "http": "80", "https": "443", "ws": "80", "wss": "443", "rtmp": "1935", "rtmps": "443",
}

// CheckURL answers a *Refusal if a URL leads only to where nobody may connect
// to, so that whoever names it is told at once. A name that cannot be resolved
// now is let through: it is checked again with each connection.
func (d *Dialer) CheckURL(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return nil // the syntax is for others to judge
	}
	port := u.Port()
	if port == "" {
		if port = ports[u.Scheme]; port == "" {
			port = "1" // of no listener
		}
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err = d.Resolve(ctx, net.JoinHostPort(u.Hostname(), port))
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return nil
}

// DialContext connects to host:port over tcp or udp, as net.Dialer does, if that
// is allowed. It tries the addresses of a name one after the other.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	addrs, err := d.Resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	var failed error
	for _, a := range addrs {
		nc, err := dialer.DialContext(ctx, network, a.String())
		if err == nil {
			return nc, nil
		}
		failed = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// ListenPacket opens a UDP socket that sends only to addresses that are allowed:
// protocols such as RTSP let the far side say where packets are to go.
func (d *Dialer) ListenPacket(network, address string) (net.PacketConn, error) {
	pc, err := (&net.ListenConfig{}).ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	c, ok := pc.(*net.UDPConn)
	if !ok {
		_ = pc.Close()
		return nil, fmt.Errorf("open socket: %s is not UDP", network)
	}
	return &packetConn{UDPConn: c, dialer: d}, nil
}

// packetConn checks where packets go.
type packetConn struct {
	*net.UDPConn
	dialer *Dialer
}

// WriteTo implements net.PacketConn.
func (c *packetConn) WriteTo(p []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("send to %s: not a UDP address", to)
	}
	at := a.AddrPort()
	if err := c.dialer.Allow(at.Addr().String(), at); err != nil {
		return 0, err
	}
	return c.UDPConn.WriteTo(p, to)
}
