package bench

import (
	"slices"
	"sync"
	"time"
)

// maxSamples bounds the latencies that one viewer keeps.
const maxSamples = 20_000

// tally is what one viewer saw. It is used by one goroutine until it is added up.
type tally struct {
	// gate is closed when what is seen begins to count; before, players only settle.
	gate     <-chan struct{}
	counting bool

	bytes, requests int64
	playlists       int64
	stalls          int
	stalled         time.Duration
	ages            []time.Duration // of pictures when they were delivered, from their wall clock
	failure         error
	protocol        string // of the first answer
}

// counts reports whether the measurement is on.
func (t *tally) counts() bool {
	if !t.counting {
		select {
		case <-t.gate:
			t.counting = true
		default:
		}
	}
	return t.counting
}

// answered counts one answer of n bytes.
func (t *tally) answered(n int) {
	if t.counts() {
		t.bytes += int64(n)
		t.requests++
	}
}

// received counts n bytes that nobody asked for one by one.
func (t *tally) received(n int) {
	if t.counts() {
		t.bytes += int64(n)
	}
}

// stall counts a pause of the picture.
func (t *tally) stall(d time.Duration) {
	if t.counts() {
		t.stalls++
		t.stalled += d
	}
}

// media reads the clocks in delivered media.
func (t *tally) media(b []byte) {
	if !t.counts() {
		return
	}
	now := time.Now()
	clocks(b, func(at time.Time) {
		if len(t.ages) < maxSamples {
			t.ages = append(t.ages, now.Sub(at))
		}
	})
}

// playout is a player's buffer, as time only: what arrived, and what has been
// shown since the first picture. It stalls when the second overtakes the first.
type playout struct {
	began    time.Time
	buffered time.Duration
	paused   time.Duration // in stalls, all together
	behind   time.Duration // to be buffered before it plays
}

// arrive notes media of a duration at a time, and tells of a stall that it ended.
func (p *playout) arrive(now time.Time, d time.Duration) (stalled time.Duration) {
	if p.began.IsZero() {
		p.buffered += d
		if p.buffered >= p.behind {
			p.began = now
		}
		return 0
	}
	if dry := now.Sub(p.began) - p.paused - p.buffered; dry > 0 {
		stalled = dry
		p.paused += dry
	}
	p.buffered += d
	return stalled
}

// sum adds up the tallies of viewers that may still be running.
type sum struct {
	mu  sync.Mutex
	all []*tally
}

func (s *sum) add(t *tally) {
	s.mu.Lock()
	s.all = append(s.all, t)
	s.mu.Unlock()
}

// percentiles are of latencies, in milliseconds.
func percentiles(ages []time.Duration) (p50, p95, p99 float64) {
	if len(ages) == 0 {
		return 0, 0, 0
	}
	slices.Sort(ages)
	at := func(q float64) float64 {
		return float64(ages[int(q*float64(len(ages)-1))].Microseconds()) / 1000
	}
	return at(0.50), at(0.95), at(0.99)
}

// fill adds up what everybody saw.
func (s *sum) fill(r *LiveReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ages []time.Duration
	for _, t := range s.all {
		r.DeliveredBytes += t.bytes
		r.Requests += t.requests
		r.Playlists += t.playlists
		r.Stalls += t.stalls
		r.StalledMs += t.stalled.Milliseconds()
		ages = append(ages, t.ages...)
		r.Protocol = max(r.Protocol, t.protocol)
		if t.failure != nil {
			r.Failures++
			if r.FirstFailure == "" {
				r.FirstFailure = t.failure.Error()
			}
		}
	}
	r.Pictures = len(ages)
	r.LatencyP50Ms, r.LatencyP95Ms, r.LatencyP99Ms = percentiles(ages)
}
