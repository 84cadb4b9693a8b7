package ingest

import (
	"net/netip"
	"sync"
)

// Places bounds the open connections of a door, in all and per line of
// addresses (rooms.Line), so that one caller cannot hold every place.
type Places struct {
	most, each int

	mu   sync.Mutex
	open int
	per  map[netip.Prefix]int
}

// NewPlaces makes room for most connections, each of them at most from one line.
func NewPlaces(most, each int) *Places {
	return &Places{most: most, each: each, per: make(map[netip.Prefix]int)}
}

// Enter takes a place, if there is one. Who got one gives it back by Leave.
func (p *Places) Enter(line netip.Prefix) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open >= p.most || p.per[line] >= p.each {
		return false
	}
	p.open++
	p.per[line]++
	return true
}

// Leave gives a place back.
func (p *Places) Leave(line netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	if p.per[line]--; p.per[line] == 0 {
		delete(p.per, line)
	}
}

// Open is how many places are taken, and by how many lines.
func (p *Places) Open() (connections, lines int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open, len(p.per)
}
