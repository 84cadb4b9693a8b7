package hls

import (
	"math"
	"time"
)

// Beat has segments begin at regular times, whatever key frames the source has:
// with the first picture, in the order of decoding, that comes at or after each of
// the beat's points. It is for a source whose rungs are to have key frames where it
// has none; who makes them finds the same pictures by the same rule. The zero value
// is no beat.
type Beat struct {
	// From is the first point, Every how far apart they are.
	From, Every time.Duration
	// Until is where it ends.
	Until time.Duration
}

// Endless is the Until of a beat that goes on.
const Endless = time.Duration(math.MaxInt64)

// On reports whether a time lies within the beat.
func (b Beat) On(at time.Duration) bool {
	return b.Every > 0 && at >= b.From && at < b.Until
}

// Falls reports whether a point lies at a picture that is shown at a time, or between
// the latest shown of those decoded before it and that.
func (b Beat) Falls(latest, at time.Duration) bool {
	if at <= latest || !b.On(at) {
		return false
	}
	return latest < b.From || (at-b.From)/b.Every > (latest-b.From)/b.Every
}

// SetBeat has segments cut by a beat, from now on. As long as it goes on and there are
// rungs, the source rendition is not among the variants: its segments do not begin with
// key frames, so that no player could change to it.
func (p *Packager) SetBeat(b Beat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat = b
	if p.open {
		p.arrange()
	}
}

// LongestSegment is how long a segment may be; until that is fixed, how long one
// may be at most.
func (p *Packager) LongestSegment() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timing.longestSegment()
}

// offersSource reports whether the source rendition is among the variants.
func (p *Packager) offersSource() bool {
	if !p.beat.On(p.latest) {
		return true
	}
	for _, r := range p.rungs {
		if r.view.Load() != nil {
			return false
		}
	}
	return true
}

// beatPatience is how much of the source there may be before the first playlists are
// shown without the rungs that a beat is for: who comes first is to be offered them too.
const beatPatience = 5 * time.Second

// awaitsRungs reports whether the first playlists wait for rungs.
func (p *Packager) awaitsRungs() bool {
	if !p.beat.On(p.latest) || p.latest-p.source.segments[0].at >= beatPatience {
		return false
	}
	for _, r := range p.rungs {
		if len(r.segments) == 0 {
			return true
		}
	}
	return len(p.rungs) == 0
}
