package web

import (
	"net"
	"net/netip"
	"sync"

	"roomcast/rooms"
	"roomcast/web/request"
)

// sharedListener closes connections of an address (IPv6: /64) that has its
// share already, so that one caller cannot hold every place. Sockets count
// until they close. Trusted proxies, which bring many callers, and the machine
// itself have no limit.
type sharedListener struct {
	net.Listener
	share  int
	exempt func(netip.Addr) bool

	mu   sync.Mutex
	open map[netip.Prefix]int
}

func newSharedListener(l net.Listener, share int, exempt func(netip.Addr) bool) *sharedListener {
	return &sharedListener{Listener: l, share: share, exempt: exempt, open: map[netip.Prefix]int{}}
}

// Accept implements net.Listener.
func (l *sharedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := request.PeerAddress(c.RemoteAddr().String())
		if l.exempt(address) {
			return c, nil
		}
		line := rooms.Line(address)
		if l.enter(line) {
			return &sharedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(line) })}, nil
		}
		_ = c.Close() // Nothing was said yet.
	}
}

func (l *sharedListener) enter(line netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[line] >= l.share {
		return false
	}
	l.open[line]++
	return true
}

func (l *sharedListener) leave(line netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[line]--; l.open[line] == 0 {
		delete(l.open, line)
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
