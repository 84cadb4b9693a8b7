package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

	"roomcast/rooms"
	"roomcast/web/request"
)

// shares bounds how many of something there are at once, in all and for one address
// (IPv6: /64), so that one caller cannot hold every place. Trusted proxies, which bring
// many callers, and the machine itself are bounded by the total alone.
type shares struct {
	each   int
	most   int // 0 for no bound in all
	exempt func(netip.Addr) bool

	mu   sync.Mutex
	all  int
	open map[netip.Prefix]int
}

func newShares(most, each int, exempt func(netip.Addr) bool) *shares {
	return &shares{most: most, each: each, exempt: exempt, open: map[netip.Prefix]int{}}
}

// place is one that was taken.
type place struct {
	line    netip.Prefix
	counted bool // for its line, too
}

// enter takes a place, if there is one; who got one gives it back by leave.
func (s *shares) enter(address netip.Addr) (p place, ok bool) {
	if !s.exempt(address) {
		p = place{rooms.Line(address), true}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 && s.all >= s.most || p.counted && s.open[p.line] >= s.each {
		return p, false
	}
	s.all++
	if p.counted {
		s.open[p.line]++
	}
	return p, true
}

func (s *shares) leave(p place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if !p.counted {
		return
	}
	if s.open[p.line]--; s.open[p.line] == 0 {
		delete(s.open, p.line)
	}
}

// enterFor is enter for who sent a request.
func (s *shares) enterFor(r *http.Request) (place, bool) {
	return s.enter(request.PeerAddress(r.RemoteAddr))
}

// sharedListener closes connections of an address that has its share already. Sockets
// count until they close.
type sharedListener struct {
	net.Listener
	shares *shares
}

// Accept implements net.Listener.
func (l *sharedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if p, ok := l.shares.enter(request.PeerAddress(c.RemoteAddr().String())); ok {
			return &sharedConn{Conn: c, leave: sync.OnceFunc(func() { l.shares.leave(p) })}, nil
		}
		_ = c.Close() // Nothing was said yet.
	}
}

// sharedConn gives its place back when it closes.
type sharedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *sharedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
