package outbound

import "net/netip"

// A kind says what an address is for; some are refused whatever is allowed.
type kind int

const (
	public   kind = iota // anywhere on the internet
	private              // here, or in a network that is not public
	unusable             // nothing that one connects to
)

// network is a block of addresses of one kind. what names it in refusals.
type network struct {
	prefix netip.Prefix
	kind   kind
	what   string
}

// networks are the blocks that are not the public internet (IANA special-purpose
// address registries, RFC 6890 and its successors), but for those reserved for
// documentation: they lead nowhere. The first that fits counts.
var networks = func() (all []network) {
	for _, n := range []struct {
		prefix string
		kind   kind
		what   string
	}{
		{"0.0.0.0/8", unusable, "no address of a machine"},
		{"10.0.0.0/8", private, "in a private network"},
		{"100.64.0.0/10", private, "in a carrier's shared network"},
		{"127.0.0.0/8", private, "on this machine"},
		{"169.254.0.0/16", private, "link-local"},
		{"172.16.0.0/12", private, "in a private network"},
		{"192.0.0.0/24", private, "reserved for protocols"},
		{"192.88.99.0/24", private, "reserved for 6to4 relays"},
		{"192.168.0.0/16", private, "in a private network"},
		{"198.18.0.0/15", private, "reserved for benchmarks"},
		{"224.0.0.0/4", unusable, "multicast"},
		{"240.0.0.0/4", unusable, "reserved"},

		{"::1/128", private, "on this machine"},
		{"::/96", unusable, "no address of a machine"}, // unspecified, and IPv4-compatible ones
		{"64:ff9b:1::/48", private, "in a translated private network"},
		{"100::/64", unusable, "a black hole"},
		{"2001::/23", private, "reserved for protocols"}, // Teredo among them, which holds an IPv4 address
		{"5f00::/16", private, "reserved for segment routing"},
		{"fc00::/7", private, "in a private network"},
		{"fe80::/10", private, "link-local"},
		{"fec0::/10", private, "site-local"},
		{"ff00::/8", unusable, "multicast"},
	} {
		all = append(all, network{netip.MustParsePrefix(n.prefix), n.kind, n.what})
	}
	return all
}()

var (
	// nat64 and sixToFour hold an IPv4 address, which is where packets go in the end.
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
	// allocated is where all public IPv6 addresses are (RFC 4291, section 2.4).
	allocated = netip.MustParsePrefix("2000::/3")
)

// embedded is the IPv4 address that packets to an IPv6 address end up at.
func embedded(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	switch {
	case !a.Is6():
		return netip.Addr{}, false
	case a.Is4In6():
		return a.Unmap(), true
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

// classify says what an address is; what is "" for a public one.
func classify(a netip.Addr) (k kind, what string) {
	if !a.IsValid() {
		return unusable, "no address"
	}
	if a.Zone() != "" {
		return private, "link-local"
	}
	if v4, ok := embedded(a); ok {
		return classify(v4)
	}
	for _, n := range networks {
		if n.prefix.Contains(a) {
			return n.kind, n.what
		}
	}
	if a.Is6() && !allocated.Contains(a) && !nat64.Contains(a) {
		return unusable, "reserved"
	}
	return public, ""
}
