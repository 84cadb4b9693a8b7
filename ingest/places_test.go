package ingest

import (
	"net/netip"
	"testing"
)

func TestPlacesAreBoundedInAllAndPerLine(t *testing.T) {
	a, b, c := netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("10.0.0.2/32"), netip.MustParsePrefix("2001:db8::/64")
	p := NewPlaces(3, 2)
	for range 2 {
		if !p.Enter(a) {
			t.Error("one line does not get two places")
		}
	}
	if p.Enter(a) {
		t.Error("one line gets a third place")
	}
	if !p.Enter(b) || p.Enter(c) {
		t.Error("not three places in all")
	}
	p.Leave(a)
	if !p.Enter(c) {
		t.Error("a place that was given back is not free")
	}
	for _, line := range []netip.Prefix{a, b, c} {
		p.Leave(line)
	}
	if open, lines := p.Open(); open != 0 || lines != 0 {
		t.Errorf("%d places and %d lines are left", open, lines)
	}
}
