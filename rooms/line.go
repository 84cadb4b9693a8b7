package rooms

import "net/netip"

// Line is what counts as one address when callers are limited: an IPv4
// address, or the /64 of an IPv6 one, which is one subscriber's line. The zero
// address gives the zero prefix: callers without one are one caller.
func Line(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
