package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// names answers each question with the next of a name's answers.
type names map[string][][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	list := n[host]
	if len(list) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(list) > 1 {
		n[host] = list[1:]
	}
	var out []netip.Addr
	for _, s := range list[0] {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

func TestNamesAreCheckedByWhereTheyLead(t *testing.T) {
	resolver := names{
		"public":   {{"93.184.216.34", "2606:2800:220:1::1"}},
		"private":  {{"10.0.0.5"}},
		"metadata": {{"169.254.169.254"}},
		"mixed":    {{"127.0.0.1", "93.184.216.34", "::1"}},
		"mapped":   {{"::ffff:192.168.1.1"}},
		"nowhere":  {{}},
	}
	tests := []struct {
		address      string
		allowPrivate bool
		want         string // addresses, or the refusal's reason
	}{
		{"public:554", false, "93.184.216.34:554 [2606:2800:220:1::1]:554"},
		{"private:554", false, "in a private network"},
		{"private:554", true, "10.0.0.5:554"},
		{"metadata:80", false, "link-local"},
		{"mixed:80", false, "93.184.216.34:80"},
		{"mapped:80", false, "in a private network"},
		{"mapped:80", true, "192.168.1.1:80"},
		{"127.0.0.1:80", false, "on this machine"},
		{"[::1]:80", false, "on this machine"},
		{"[::ffff:127.0.0.1]:80", false, "on this machine"},
		{"[64:ff9b::10.0.0.1]:80", false, "in a private network"},
		{"0.0.0.0:80", true, "no address of a machine"},
		{"[::]:80", true, "no address of a machine"},
		{"224.0.0.1:80", true, "multicast"},
		{"unknown:80", false, "no such host"},
		{"nowhere:80", false, "no addresses"},
		{"public", false, "missing port"},
		{"public:0", false, "no port number"},
		{"public:http", false, "no port number"},
		{"2130706433:80", false, "no such host"}, // 127.0.0.1 to some resolvers; ours is asked by name
		{"127.1:80", false, "no such host"},
	}
	for _, tt := range tests {
		d := NewDialer(Options{AllowPrivate: tt.allowPrivate, Resolver: resolver})
		got, err := d.Resolve(t.Context(), tt.address)
		var texts []string
		for _, a := range got {
			texts = append(texts, a.String())
		}
		if text := strings.Join(texts, " "); err == nil && text != tt.want || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %s, %v; want %s", tt.address, text, err, tt.want)
		}
	}
}

func TestOwnListenersAreRefused(t *testing.T) {
	own := []Listener{
		{Address: netip.MustParseAddrPort("[::]:1935"), Ingest: true},
		{Address: netip.MustParseAddrPort("0.0.0.0:8080")},
		{Address: netip.MustParseAddrPort("198.51.100.1:8554"), Ingest: true},
	}
	interfaces := func() ([]net.Addr, error) {
		return []net.Addr{
			&net.IPNet{IP: net.IPv4(93, 184, 216, 34), Mask: net.CIDRMask(24, 32)},
			&net.IPNet{IP: net.ParseIP("2606:2800::1"), Mask: net.CIDRMask(64, 128)},
		}, nil
	}
	for _, tt := range []struct {
		address      string
		allowPrivate bool
		refused      bool
	}{
		{"93.184.216.34:1935", false, true},
		{"93.184.216.34:1935", true, true},
		{"[::ffff:93.184.216.34]:1935", true, true},
		{"[2606:2800::1]:1935", true, true},
		{"127.0.0.1:1935", true, true},
		{"127.9.9.9:1935", true, true},
		{"93.184.216.34:1936", false, false},
		{"93.184.216.35:1935", false, false},
		{"93.184.216.34:8080", false, true},
		{"93.184.216.34:8080", true, false},
		{"127.0.0.1:8080", true, false},
		{"1.2.3.4:1935", false, true}, // the outside of a NAT
		{"198.51.100.1:8554", true, true},
		{"198.51.100.2:8554", true, false},
	} {
		d := NewDialer(Options{
			AllowPrivate: tt.allowPrivate, Listeners: func() []Listener { return own },
			Local: []netip.Addr{netip.MustParseAddr("1.2.3.4")}, Interfaces: interfaces,
		})
		_, err := d.Resolve(t.Context(), tt.address)
		if (err != nil) != tt.refused {
			t.Errorf("%s, private allowed %v: %v", tt.address, tt.allowPrivate, err)
		}
	}
	blind := NewDialer(Options{Listeners: func() []Listener { return own }, Interfaces: func() ([]net.Addr, error) { return nil, errors.New("no") }})
	if _, err := blind.Resolve(t.Context(), "93.184.216.34:1935"); err == nil {
		t.Error("without knowing the interfaces a listener's port is dialled")
	}
}

func TestTheAddressThatWasCheckedIsDialled(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	// The second answer of a name that changes its mind is never asked for.
	resolver := names{"rebinding": {{"127.0.0.1"}, {"192.0.2.1"}}}
	d := NewDialer(Options{AllowPrivate: true, Resolver: resolver})
	nc, err := d.DialContext(t.Context(), "tcp", "rebinding:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.Close()
	if len(resolver["rebinding"]) != 1 || resolver["rebinding"][0][0] != "192.0.2.1" {
		t.Error("the name was not asked for once")
	}
	guarded := NewDialer(Options{Resolver: names{"rebinding": {{"127.0.0.1"}}}})
	var refusal *Refusal
	if _, err := guarded.DialContext(t.Context(), "tcp", "rebinding:"+port); !errors.As(err, &refusal) || !refusal.Allowable || !strings.Contains(err.Error(), "ROOMCAST_OUTBOUND_ALLOW_PRIVATE") {
		t.Errorf("dialled all the same: %v", err)
	}
}

func TestURLsAreCheckedByWhereTheyLead(t *testing.T) {
	d := NewDialer(Options{
		Resolver:  names{"public": {{"93.184.216.34"}}, "private": {{"10.0.0.5"}}},
		Listeners: func() []Listener { return []Listener{{Address: netip.MustParseAddrPort("93.184.216.34:554")}} },
	})
	for raw, refused := range map[string]bool{
		"rtsp://user:pass@private/stream":    true,
		"rtsp://127.0.0.1/stream":            true,
		"rtsp://[::1]:8554/stream":           true,
		"rtsps://public/stream":              false,
		"rtsp://public/stream":               true, // the port of a listener of ours
		"rtsp://public:8554/stream":          false,
		"srt://public":                       false,
		"rtsp://unknown/stream":              false,
		"::":                                 false,
		"rtsp:///stream":                     false,
		"https://[64:ff9b::127.0.0.1]/hook?": true,
	} {
		err := d.CheckURL(t.Context(), raw)
		if (err != nil) != refused || err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestPacketsGoOnlyWhereTheyMay(t *testing.T) {
	for _, allow := range []bool{false, true} {
		pc, err := NewDialer(Options{AllowPrivate: allow}).ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, err = pc.WriteTo([]byte("x"), pc.LocalAddr())
		if (err == nil) != allow {
			t.Errorf("private allowed %v: %v", allow, err)
		}
		if _, err := pc.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(224, 0, 0, 1), Port: 9}); err == nil {
			t.Error("multicast is sent to")
		}
		if _, err := pc.WriteTo([]byte("x"), &net.TCPAddr{}); err == nil {
			t.Error("something else is sent to")
		}
		_ = pc.Close()
	}
}
