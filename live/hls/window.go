package hls

import "time"

const (
	// windowTargets is the length of the live playlist in target durations; a
	// player may begin three back (rfc8216bis, 6.3.3).
	windowTargets = 5
	// partTargets is how far back parts are listed, in target durations.
	partTargets = 3
	// minSegments are listed whatever the bounds say, and never more than maxSegments.
	minSegments = 3
	maxSegments = 150
)

// trim drops from the list what is out of the window, so that it still begins
// with a key frame, and parts that are too old.
func (p *Packager) trim() {
	window := windowTargets * p.timing.target
	total, size := time.Duration(0), 0
	for _, s := range p.segments {
		total += s.duration
		size += s.size
	}
	for p.objects.retiredBytes() > 0 && size+p.objects.retiredBytes() > p.o.MaxBytes {
		p.objects.forgetOldest()
	}
	if !p.timing.fixed() {
		p.trimOpening(size)
		return
	}
	for len(p.segments) > minSegments {
		first, next := p.segments[0], p.segments[1]
		over := size > p.o.MaxBytes || len(p.segments) > maxSegments || total-first.duration >= 2*window
		if !over && (total-first.duration < window || !next.independent && !next.gap) {
			break
		}
		p.drop(first, window)
		total -= first.duration
		size -= first.size
	}
	p.trimParts()
}

// trimOpening bounds what is kept before anything is listed.
func (p *Packager) trimOpening(size int) {
	for len(p.segments) > 2*minSegments || size > p.o.MaxBytes && len(p.segments) > minSegments {
		size -= p.segments[0].size
		p.drop(p.segments[0], 0)
	}
}

// drop takes the oldest segment off the list and lets it be fetched for as
// long as a playlist that names it may be in use (rfc8216bis, 6.2.2).
func (p *Packager) drop(s *segment, window time.Duration) {
	p.segments[0] = nil
	p.segments = p.segments[1:]
	if s.discontinuity {
		p.discontinuities++
	}
	names := []string{s.name}
	for _, pt := range s.parts {
		names = append(names, pt.name)
	}
	if len(p.segments) == 0 || p.segments[0].init != s.init && s.init != p.init {
		names = append(names, s.init)
	}
	p.objects.retire(p.lastUnit.Add(window+s.duration), s.size, names...)
}

// trimParts takes parts off segments that are more than three target durations
// from the edge. Their names can be fetched for one more.
func (p *Packager) trimParts() {
	var after time.Duration
	for i := len(p.segments) - 1; i >= 0; i-- {
		s := p.segments[i]
		if after >= partTargets*p.timing.target && len(s.parts) > 0 {
			names := make([]string, len(s.parts))
			for k, pt := range s.parts {
				names[k] = pt.name
			}
			s.parts = nil
			p.objects.retire(p.lastUnit.Add(p.timing.target), 0, names...)
		}
		after += s.duration
	}
}

// rates are what the segments so far need to be carried.
type rates struct {
	peak  float64 // bits per second
	bits  float64
	total time.Duration
}

func (r *rates) add(s *segment) {
	bits := float64(s.size) * 8
	r.bits += bits
	r.total += s.duration
	// A short last piece says nothing of the peak a player has to sustain.
	if s.duration >= 500*time.Millisecond || r.peak == 0 {
		r.peak = max(r.peak, bits/s.duration.Seconds())
	}
}

func (r *rates) average() float64 {
	if r.total <= 0 {
		return r.peak
	}
	return r.bits / r.total.Seconds()
}
