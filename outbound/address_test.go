package outbound

import (
	"net"
	"net/netip"
	"testing"
)

func TestWhatAnAddressIs(t *testing.T) {
	tests := map[kind][]string{
		public: {
			"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
			"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
			"198.17.255.255", "198.20.0.0", "223.255.255.255", "192.0.2.1", "198.51.100.7", "203.0.113.7", "2001:db8::1", "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888",
			"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
		},
		private: {
			"10.0.0.0", "10.255.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255",
			"192.168.0.1", "100.64.0.1", "100.127.255.255", "192.0.0.1", "198.18.0.1", "198.19.255.255", "192.88.99.1",
			"::1", "fc00::1", "fd12:3456::1", "fe80::1", "febf::1", "fe80::1%eth0", "fec0::1", "2606:4700::1111%eth0", "2001::1", "2001:0:53aa:64c::1",
			"::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::5",
		},
		unusable: {
			"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
			"::", "::2", "::7f00:1", "::127.0.0.1", "ff02::1", "ff0e::1", "100::1", "4000::1", "e000::1",
			"::ffff:0.0.0.0", "::ffff:224.0.0.1", "64:ff9b::0.0.0.0", "64:ff9b::255.255.255.255",
		},
	}
	for want, list := range tests {
		for _, text := range list {
			got, what := classify(netip.MustParseAddr(text))
			if got != want || (what == "") != (want == public) {
				t.Errorf("%s is %d (%s), want %d", text, got, what, want)
			}
		}
	}
	if k, _ := classify(netip.Addr{}); k != unusable {
		t.Error("no address is usable")
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "8.8.8.8", "::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:a00:1::", "fe80::1%eth0"} {
		a := netip.MustParseAddr(s)
		b := a.As16()
		f.Add(b[:], uint16(80))
	}
	guarded := NewDialer(Options{})
	lenient := NewDialer(Options{AllowPrivate: true})
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		at := netip.AddrPortFrom(a, port)
		strict, loose := guarded.Allow("host", at), lenient.Allow("host", at)
		if loose != nil && strict == nil {
			t.Fatalf("%s is refused only when private addresses are allowed: %v", a, loose)
		}
		// The standard library's own view, however the address is written.
		ip := net.IP(a.Unmap().AsSlice())
		if strict == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified()) {
			t.Fatalf("%s is let through", a)
		}
		if loose == nil && (ip.IsMulticast() || ip.IsUnspecified()) {
			t.Fatalf("%s is let through when private addresses are allowed", a)
		}
		if mapped := netip.AddrFrom16(a.As16()); (guarded.Allow("host", netip.AddrPortFrom(mapped, port)) == nil) != (strict == nil) {
			t.Fatalf("%s is judged otherwise as %s", a, mapped)
		}
	})
}
