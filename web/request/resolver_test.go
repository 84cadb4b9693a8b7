package request_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"roomcast/web/request"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestTheAddressIsTheRightMostUntrustedHop(t *testing.T) {
	tests := map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"without a proxy it is the peer":                     {"192.0.2.1:5000", nil, "192.0.2.1"},
		"an untrusted peer is not believed":                  {"192.0.2.1:5000", []string{"198.51.100.7"}, "192.0.2.1"},
		"a trusted proxy names the client":                   {"10.0.0.1:5000", []string{"198.51.100.7"}, "198.51.100.7"},
		"what stands left of the client may be forged":       {"10.0.0.1:5000", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		"trusted hops are skipped":                           {"10.0.0.1:5000", []string{"198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		"several header lines are one list":                  {"10.0.0.1:5000", []string{"203.0.113.9", "198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
		"a hop that cannot be read ends the walk":            {"10.0.0.1:5000", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		"a hop that cannot be read behind a proxy ends it":   {"10.0.0.1:5000", []string{"nonsense, 10.0.0.2"}, "10.0.0.2"},
		"all hops trusted gives the left-most":               {"10.0.0.1:5000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"a port is taken off":                                {"10.0.0.1:5000", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		"IPv6 stands in brackets with a port":                {"[fd00::1]:5000", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		"IPv6 stands bare":                                   {"[fd00::1]:5000", []string{"2001:db8::7"}, "2001:db8::7"},
		"an IPv4 address in IPv6 clothes is the IPv4 one":    {"[::ffff:10.0.0.1]:5000", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"an empty header says nothing":                       {"10.0.0.1:5000", []string{""}, "10.0.0.1"},
		"a peer without an address has none":                 {"@", nil, "invalid IP"},
		"a list longer than any chain of proxies is cut off": {"10.0.0.1:5000", []string{"198.51.100.7" + strings.Repeat(", 10.0.0.2", 100)}, "10.0.0.2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			for _, line := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", line)
			}
			got := request.NewResolver(proxies, slog.New(slog.DiscardHandler)).Resolve(r)
			if got.Address.String() != tt.want {
				t.Errorf("address %s, want %s", got.Address, tt.want)
			}
		})
	}
}

func TestSchemeAndHostAreTheClients(t *testing.T) {
	tests := map[string]struct {
		peer, proto, host string
		tls               bool
		wantOrigin        string
	}{
		"plain HTTP":                           {"192.0.2.1:1", "", "", false, "http://own.example"},
		"our own TLS":                          {"192.0.2.1:1", "", "", true, "https://own.example"},
		"an untrusted peer is not believed":    {"192.0.2.1:1", "https", "evil.example", false, "http://own.example"},
		"a trusted proxy ends TLS":             {"10.0.0.1:1", "https", "pub.example", false, "https://pub.example"},
		"a proxy may name a port":              {"10.0.0.1:1", "https", "pub.example:8443", false, "https://pub.example:8443"},
		"a host that is none is left out":      {"10.0.0.1:1", "https", "pub.example/path", false, "https://own.example"},
		"a host with a user is left out":       {"10.0.0.1:1", "https", "a@b", false, "https://own.example"},
		"a scheme that is none is left out":    {"10.0.0.1:1", "gopher", "", false, "http://own.example"},
		"of several entries the last is taken": {"10.0.0.1:1", "http, https", "evil.example, pub.example", false, "https://pub.example"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr, r.Host = tt.peer, "own.example"
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			r.Header.Set("X-Forwarded-Proto", tt.proto)
			r.Header.Set("X-Forwarded-Host", tt.host)
			got := request.NewResolver(proxies, slog.New(slog.DiscardHandler)).Resolve(r)
			if got.Origin().String() != tt.wantOrigin {
				t.Errorf("origin %s, want %s", got.Origin(), tt.wantOrigin)
			}
		})
	}
}

func TestOfSeveralHeaderLinesTheLastIsTheProxys(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr, r.Host = "10.0.0.1:1", "own.example"
	r.Header["X-Forwarded-Proto"] = []string{"http", "https"}
	r.Header["X-Forwarded-Host"] = []string{"evil.example", "pub.example"}
	got := request.NewResolver(proxies, slog.New(slog.DiscardHandler)).Resolve(r)
	if got.Origin().String() != "https://pub.example" {
		t.Errorf("origin %s", got.Origin())
	}
}

func TestAnUntrustedPeerIsWarnedAboutOnce(t *testing.T) {
	var log bytes.Buffer
	rv := request.NewResolver(nil, slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-For", "198.51.100.7")
		rv.Resolve(r)
	}
	if n := strings.Count(log.String(), "trusted_proxies"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, log.String())
	}
}

func TestRequestIDs(t *testing.T) {
	tests := map[string]struct {
		id  string
		fit bool
	}{
		"letters, digits and marks":   {"a-B_9.z", true},
		"64 characters":               {strings.Repeat("a", 64), true},
		"65 characters are too many":  {strings.Repeat("a", 65), false},
		"an empty one is none":        {"", false},
		"a line break could forge":    {"a\nb", false},
		"a space could forge":         {"a b", false},
		"another alphabet is refused": {"é", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if request.FitID(tt.id) != tt.fit {
				t.Errorf("FitID(%q) = %v", tt.id, !tt.fit)
			}
		})
	}
	if a, b := request.NewID(), request.NewID(); a == b || !request.FitID(a) {
		t.Errorf("made %q and %q", a, b)
	}
}

func FuzzClientAddress(f *testing.F) {
	f.Add("198.51.100.7, 10.0.0.2")
	f.Add("[2001:db8::7]:1,,unknown")
	f.Add(", ,")
	trusted := func(a netip.Addr) bool { return proxies[0].Contains(a) || proxies[1].Contains(a) }
	peer := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, header string) {
		got := request.ClientAddress(peer, []string{header}, trusted)
		if !got.IsValid() || got.Is4In6() || got.Zone() != "" {
			t.Errorf("ClientAddress(%q) = %v", header, got)
		}
	})
}

func FuzzFitID(f *testing.F) {
	f.Add("abc")
	f.Add("a\x00b")
	f.Fuzz(func(t *testing.T, id string) {
		if request.FitID(id) && strings.ContainsAny(id, " \t\r\n\"'<>&=;,\x00") {
			t.Errorf("%q passes", id)
		}
	})
}
