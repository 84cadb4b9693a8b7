package request

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
)

// maxHops bounds how many X-Forwarded-For entries are looked at, from the right.
const maxHops = 32

// Resolver makes the Info of requests.
type Resolver struct {
	trusted []netip.Prefix
	log     *slog.Logger
	warned  atomic.Bool
}

// NewResolver makes a Resolver that believes X-Forwarded-* of peers inside the trusted prefixes only.
func NewResolver(trusted []netip.Prefix, log *slog.Logger) *Resolver {
	return &Resolver{trusted: trusted, log: log}
}

// Resolve makes the Info of a request. An untrusted peer that sends X-Forwarded-* is warned about once for the life
// of the Resolver: it usually means that a reverse proxy was forgotten in the configuration.
func (rv *Resolver) Resolve(r *http.Request) *Info {
	info := &Info{ID: r.Header.Get("X-Request-Id"), Address: PeerAddress(r.RemoteAddr), Scheme: "http", Host: r.Host}
	if !FitID(info.ID) {
		info.ID = NewID()
	}
	if r.TLS != nil {
		info.Scheme = "https"
	}
	forwarded := r.Header.Values("X-Forwarded-For")
	protocol, host := lastEntry(r.Header.Values("X-Forwarded-Proto")), lastEntry(r.Header.Values("X-Forwarded-Host"))
	if len(forwarded) == 0 && protocol == "" && host == "" {
		return info
	}
	if !rv.Trusts(info.Address) {
		if rv.warned.CompareAndSwap(false, true) {
			rv.log.Warn("an untrusted peer sends X-Forwarded headers; if it is your reverse proxy, name it in trusted_proxies",
				"peer", info.Address.String())
		}
		return info
	}
	info.Address = ClientAddress(info.Address, forwarded, rv.Trusts)
	switch protocol {
	case "https", "wss":
		info.Scheme = "https"
	case "http", "ws":
		info.Scheme = "http"
	}
	if fitHost(host) {
		info.Host = host
	}
	return info
}

// Trusts reports whether an address is one of the trusted proxies.
func (rv *Resolver) Trusts(a netip.Addr) bool {
	for _, p := range rv.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// ClientAddress walks X-Forwarded-For from the right, starting at the peer, and returns the first hop that is not
// trusted: everything left of it may be forged. When an entry cannot be read, the walk ends at the hop before it.
func ClientAddress(peer netip.Addr, forwarded []string, trusts func(netip.Addr) bool) netip.Addr {
	hop := peer
	seen := 0
	for i := len(forwarded) - 1; i >= 0; i-- {
		rest := forwarded[i]
		for more := true; more; seen++ {
			if !trusts(hop) || seen >= maxHops {
				return hop
			}
			var entry string
			at := strings.LastIndexByte(rest, ',')
			entry, more = rest[at+1:], at >= 0
			if more {
				rest = rest[:at]
			}
			next, ok := parseHop(strings.TrimSpace(entry))
			if !ok {
				return hop
			}
			hop = next
		}
	}
	return hop
}

// parseHop reads one X-Forwarded-For entry: an address, with or without port, IPv6 with or without brackets.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}

// PeerAddress reads net/http's RemoteAddr; the zero address when it is none.
func PeerAddress(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// lastEntry is what the nearest proxy wrote: several header lines are one list (RFC 9110 section 5.3).
func lastEntry(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	list := lines[len(lines)-1]
	return strings.ToLower(strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:]))
}
