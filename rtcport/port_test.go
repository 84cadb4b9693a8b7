package rtcport

import (
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, o Options) *Port {
	t.Helper()
	p, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestUDPAndTCPAreOnOneNumber(t *testing.T) {
	p := open(t, Options{UDPAddress: "127.0.0.1:0", TCPAddress: "127.0.0.1:0"})
	if p.Addr().Port == 0 || !p.Addr().IP.IsLoopback() {
		t.Fatalf("at %v", p.Addr())
	}
	c, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: p.Addr().IP, Port: p.Addr().Port})
	if err != nil {
		t.Fatalf("no TCP on the number of UDP: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestWrongAddressesAreRefused(t *testing.T) {
	taken := open(t, Options{UDPAddress: "127.0.0.1:0", TCPAddress: "127.0.0.1:0"}).Addr().String()
	for name, tt := range map[string]struct {
		o    Options
		want string
	}{
		"a name for a public address": {Options{UDPAddress: "127.0.0.1:0", PublicIPs: []string{"example.org"}}, "not an IP address"},
		"a UDP port that is taken":    {Options{UDPAddress: taken}, "listen for WebRTC"},
		"a TCP port that is taken":    {Options{UDPAddress: "127.0.0.1:0", TCPAddress: taken}, "listen for WebRTC"},
		"no address at all":           {Options{UDPAddress: "nonsense"}, "read WebRTC UDP address"},
		"a wrong TCP address":         {Options{UDPAddress: "127.0.0.1:0", TCPAddress: "nonsense"}, "read WebRTC TCP address"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Open(tt.o)
			if err == nil {
				t.Fatalf("opened, %v", p.Close())
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}
