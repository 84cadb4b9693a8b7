package web

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"roomcast/live/hls"
	"roomcast/rooms"
)

func TestOneAddressHasItsShareOfTheConnections(t *testing.T) {
	for name, trusted := range map[string]bool{"a caller": false, "a trusted proxy": true} {
		t.Run(name, func(t *testing.T) {
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l := &sharedListener{inner, newShares(0, 2, func(netip.Addr) bool { return trusted })}
			accepted := make(chan net.Conn, 8)
			go func() {
				defer close(accepted)
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					accepted <- c
				}
			}()
			defer func() {
				_ = l.Close()
				for c := range accepted {
					_ = c.Close()
				}
			}()
			dial := func() net.Conn {
				c, err := net.Dial("tcp", inner.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				return c
			}
			dial()
			dial()
			first, second := <-accepted, <-accepted
			third := dial()
			if trusted {
				_ = (<-accepted).Close()
			} else if _, err := third.Read(make([]byte, 1)); err == nil {
				t.Error("a third connection is kept")
			}
			_ = first.Close()
			_ = first.Close() // counts once
			fourth := dial()
			c := <-accepted
			if _, err := io.WriteString(c, "x"); err != nil {
				t.Error(err)
			}
			if _, err := fourth.Read(make([]byte, 1)); err != nil {
				t.Errorf("a place that became free is not given: %v", err)
			}
			_ = c.Close()
			_ = second.Close()
			if len(l.shares.open) != 0 {
				t.Errorf("places are still taken: %v", l.shares.open)
			}
		})
	}
}

func TestOneAddressCannotBeAllWhoWait(t *testing.T) {
	h := &hlsRoutes{waiting: newShares(3, 2, func(netip.Addr) bool { return false })}
	ask := func(from string) *refusal {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = from
		_, no := h.await(r, hls.Query{MSN: 1}, func() (hls.Blob, error) { return hls.Blob{}, nil })
		return no
	}
	one, other := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.8")
	first, _ := h.waiting.enter(one)
	if no := ask("203.0.113.7:1"); no != nil {
		t.Errorf("the second is refused: %v", no.err)
	}
	second, _ := h.waiting.enter(one)
	if no := ask("203.0.113.7:1"); no == nil || rooms.CodeOf(no.err) != rooms.CodeOverloaded {
		t.Errorf("the third is answered %v", no)
	}
	if no := ask("203.0.113.8:1"); no != nil {
		t.Errorf("another address is refused: %v", no.err)
	}
	third, _ := h.waiting.enter(other)
	if no := ask("203.0.113.9:1"); no == nil {
		t.Error("there is no bound in all")
	}
	for _, p := range []place{first, second, third} {
		h.waiting.leave(p)
	}
	if no := ask("203.0.113.7:1"); no != nil || h.waiting.all != 0 || len(h.waiting.open) != 0 {
		t.Errorf("when all have gone: %v, %d places taken", no, h.waiting.all)
	}
}
