package ingest

import (
	"net/netip"
	"sync"
	"time"

	"roomcast/rooms"
)

const (
	// maxGuesses wrong keys from one address in guessWindow are looked at as
	// mistakes; what is more is refused as guessing.
	maxGuesses  = 20
	guessWindow = 5 * time.Minute
	// maxGuessers bounds the addresses that are remembered.
	maxGuessers = 10_000
)

// guesses counts wrong keys by address. The zero value is ready.
type guesses struct {
	mu    sync.Mutex
	by    map[netip.Prefix]guesser
	swept time.Time
}

type guesser struct {
	since time.Time
	count int
}

// add counts a wrong key. retry is how long the address is to wait, 0 if it has
// not guessed too often; count is how many it had in this window.
func (g *guesses) add(a netip.Addr) (retry time.Duration, count int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, line := time.Now(), rooms.Line(a)
	who, known := g.by[line]
	if !known {
		g.makeRoom(now)
	}
	if now.Sub(who.since) >= guessWindow {
		who = guesser{since: now}
	}
	who.count++
	if g.by == nil {
		g.by = make(map[netip.Prefix]guesser)
	}
	g.by[line] = who
	if who.count <= maxGuesses {
		return 0, who.count
	}
	return who.since.Add(guessWindow).Sub(now), who.count
}

// makeRoom forgets whose window is over, or else anybody. It looks at all of
// them once a second at most: a flood from many addresses must stay cheap.
func (g *guesses) makeRoom(now time.Time) {
	if len(g.by) < maxGuessers {
		return
	}
	if now.Sub(g.swept) >= time.Second {
		g.swept = now
		for line, who := range g.by {
			if now.Sub(who.since) >= guessWindow {
				delete(g.by, line)
			}
		}
	}
	for line := range g.by {
		if len(g.by) < maxGuessers {
			return
		}
		delete(g.by, line)
	}
}
