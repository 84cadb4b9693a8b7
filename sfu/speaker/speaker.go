// Package speaker chooses whom a room hears: the loudest few of its audio
// tracks, by the audio level each packet carries (RFC 6464), with hysteresis,
// so that a cough takes nobody's place and a pause for breath loses none.
//
// It is pure logic over identifiers and times and is not safe for concurrent
// use, but for Meter, which a media path may feed while a Selector reads it.
package speaker

import (
	"slices"
	"sync/atomic"
	"time"
)

// Tuning of the selection. Loudness is 127 minus the level in -dBov: 0 is
// silence, 127 the loudest.
const (
	// speaks is the smoothed loudness from which a track counts as speaking.
	speaks = 77
	// quiet is the smoothed loudness below which it stops doing so.
	quiet = 67
	// hold is after how long in silence a track loses its place to a speaking one at once.
	hold = 1500 * time.Millisecond
	// margin is how much louder a challenger must be to take a place before that.
	margin = 12
	// challenge is how long it must be so.
	challenge = 400 * time.Millisecond
	// stale is after how long without packets a track counts as silent.
	stale = 300 * time.Millisecond
)

// Meter is the loudness of one track. The zero value is silent.
type Meter struct {
	// smoothed loudness times 256 in the upper half, unix milliseconds' low 32 bits in the lower
	state atomic.Uint64
}

// Feed takes the level of one packet, in -dBov: 0 loudest, 127 silence. Only one goroutine feeds a Meter.
func (m *Meter) Feed(level uint8, at time.Time) {
	loud := int64(127-min(level, 127)) << 8
	old := int64(m.state.Load() >> 32)
	step := loud - old
	if step > 0 {
		old += step / 4 // rises within about four packets
	} else {
		old += step / 16 // falls slowly, over the gaps between words
	}
	m.state.Store(uint64(old)<<32 | uint64(uint32(at.UnixMilli())))
}

// Loudness returns the smoothed loudness, 0 to 127, at a moment.
func (m *Meter) Loudness(at time.Time) int {
	state := m.state.Load()
	if time.Duration(uint32(at.UnixMilli())-uint32(state))*time.Millisecond > stale {
		return 0
	}
	return int(state >> 40)
}

// Reading is one track's loudness now.
type Reading[ID comparable] struct {
	ID       ID
	Loudness int
}

type holder[ID comparable] struct {
	id         ID
	speaking   bool
	lastSpoke  time.Time
	loudness   int
	challenger ID
	challenged time.Time // since when somebody was louder by the margin
}

// Selector keeps the places of a room. The zero value has none; use NewSelector.
type Selector[ID comparable] struct {
	places  int
	holders []holder[ID]
	talking map[ID]bool
}

// NewSelector returns a Selector with that many places.
func NewSelector[ID comparable](places int) *Selector[ID] {
	return &Selector[ID]{places: places, talking: map[ID]bool{}}
}

// Update takes the loudness of every track there is and reports whether the
// selection changed. Tracks that are not named have gone.
func (s *Selector[ID]) Update(readings []Reading[ID], at time.Time) (changed bool) {
	byID := make(map[ID]int, len(readings))
	for _, r := range readings {
		byID[r.ID] = r.Loudness
	}
	for id := range s.talking {
		if _, there := byID[id]; !there {
			delete(s.talking, id)
		}
	}
	for id, loudness := range byID {
		switch {
		case loudness >= speaks:
			s.talking[id] = true
		case loudness < quiet:
			delete(s.talking, id)
		}
	}
	before := len(s.holders)
	s.holders = slices.DeleteFunc(s.holders, func(h holder[ID]) bool {
		_, there := byID[h.id]
		return !there
	})
	changed = len(s.holders) != before
	for i := range s.holders {
		h := &s.holders[i]
		h.loudness, h.speaking = byID[h.id], s.talking[h.id]
		if h.speaking {
			h.lastSpoke = at
		}
		if !s.talking[h.challenger] || byID[h.challenger] < h.loudness+margin {
			h.challenged = time.Time{}
		}
	}
	for _, c := range s.challengers(readings) {
		if s.place(c, at) {
			changed = true
		}
	}
	return changed
}

// challengers returns the tracks without a place, the loudest first.
func (s *Selector[ID]) challengers(readings []Reading[ID]) []Reading[ID] {
	var rest []Reading[ID]
	for _, r := range readings {
		if !s.holds(r.ID) {
			rest = append(rest, r)
		}
	}
	slices.SortStableFunc(rest, func(a, b Reading[ID]) int { return b.Loudness - a.Loudness })
	return rest
}

func (s *Selector[ID]) holds(id ID) bool {
	return slices.ContainsFunc(s.holders, func(h holder[ID]) bool { return h.id == id })
}

// place gives c a place if one is free, or somebody's who has lost theirs.
func (s *Selector[ID]) place(c Reading[ID], at time.Time) bool {
	newcomer := holder[ID]{id: c.ID, loudness: c.Loudness, speaking: s.talking[c.ID], lastSpoke: at}
	if len(s.holders) < s.places {
		s.holders = append(s.holders, newcomer)
		return true
	}
	if !s.talking[c.ID] || len(s.holders) == 0 {
		return false
	}
	weakest := &s.holders[0]
	for i := range s.holders {
		h := &s.holders[i]
		if h.lastSpoke.Before(weakest.lastSpoke) || h.lastSpoke.Equal(weakest.lastSpoke) && h.loudness < weakest.loudness {
			weakest = h
		}
	}
	if !weakest.speaking && at.Sub(weakest.lastSpoke) >= hold {
		*weakest = newcomer
		return true
	}
	if c.Loudness < weakest.loudness+margin {
		return false
	}
	if weakest.challenger != c.ID || weakest.challenged.IsZero() {
		weakest.challenger, weakest.challenged = c.ID, at
		return false
	}
	if at.Sub(weakest.challenged) < challenge {
		return false
	}
	*weakest = newcomer
	return true
}

// Selected returns who has a place; each stays at its position for as long as it has it.
func (s *Selector[ID]) Selected() []ID {
	ids := make([]ID, len(s.holders))
	for i, h := range s.holders {
		ids[i] = h.id
	}
	return ids
}

// Speaking returns who speaks now, the loudest first.
func (s *Selector[ID]) Speaking(readings []Reading[ID]) []Reading[ID] {
	var speaking []Reading[ID]
	for _, r := range readings {
		if s.talking[r.ID] {
			speaking = append(speaking, r)
		}
	}
	slices.SortStableFunc(speaking, func(a, b Reading[ID]) int { return b.Loudness - a.Loudness })
	return speaking
}
