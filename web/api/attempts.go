package api

import (
	"net/netip"
	"sync"
	"time"

	"roomcast/rooms"
)

// attempts counts wrong keys per address (IPv6: per /64) in a sliding window. It is bounded: when it is full, the
// address whose last wrong key is longest ago is forgotten.
type attempts struct {
	limit     int
	window    time.Duration
	addresses int
	mu        sync.Mutex
	wrong     map[netip.Prefix][]time.Time
}

func newAttempts(limit int, window time.Duration) *attempts {
	return &attempts{limit: limit, window: window, addresses: 8192, wrong: map[netip.Prefix][]time.Time{}}
}

// wait tells how long an address is refused; zero when it may try.
func (a *attempts) wait(address netip.Addr, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	recent := a.recent(rooms.Line(address), now)
	if len(recent) < a.limit {
		return 0
	}
	return recent[len(recent)-a.limit].Add(a.window).Sub(now)
}

// failed counts one wrong key.
func (a *attempts) failed(address netip.Addr, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := rooms.Line(address)
	recent := append(a.recent(key, now), now)
	if len(recent) > a.limit {
		recent = recent[len(recent)-a.limit:]
	}
	if _, known := a.wrong[key]; !known && len(a.wrong) >= a.addresses {
		a.forgetOldest()
	}
	a.wrong[key] = recent
}

// recent drops what has left the window.
func (a *attempts) recent(key netip.Prefix, now time.Time) []time.Time {
	list := a.wrong[key]
	for len(list) > 0 && now.Sub(list[0]) >= a.window {
		list = list[1:]
	}
	if len(list) == 0 {
		delete(a.wrong, key)
	} else {
		a.wrong[key] = list
	}
	return list
}

func (a *attempts) forgetOldest() {
	var oldest netip.Prefix
	var at time.Time
	for key, list := range a.wrong {
		if last := list[len(list)-1]; at.IsZero() || last.Before(at) {
			oldest, at = key, last
		}
	}
	delete(a.wrong, oldest)
}
