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

// trim drops from a rendition's list what is out of the window, and parts that
// are too old. The source rendition's list begins with a key frame; the others
// begin where it does.
func (p *Packager) trim(r *rendition) {
	size := p.listedBytes()
	for p.objects.retiredBytes() > 0 && size+p.objects.retiredBytes() > p.o.MaxBytes {
		p.objects.forgetOldest()
	}
	switch {
	case r != p.source:
		p.trimFollower(r)
	case !p.timing.fixed():
		for len(r.segments) > 2*minSegments || size > p.o.MaxBytes && len(r.segments) > minSegments {
			size -= r.segments[0].size
			p.drop(r)
		}
		return
	default:
		p.trimSource(r, size)
	}
	if p.timing.fixed() {
		p.trimParts(r)
	}
}

func (p *Packager) listedBytes() int {
	n := p.source.bytes()
	for _, f := range p.sounds {
		if f != nil {
			n += f.bytes()
		}
	}
	for _, r := range p.rungs {
		n += r.bytes()
	}
	return n
}

// bytes is the size of the listed segments.
func (r *rendition) bytes() int {
	n := 0
	for _, s := range r.segments {
		n += s.size
	}
	return n
}

func (p *Packager) trimSource(r *rendition, size int) {
	window := windowTargets * p.timing.target
	total := time.Duration(0)
	for _, s := range r.segments {
		total += s.duration
	}
	for len(r.segments) > minSegments {
		first, next := r.segments[0], r.segments[1]
		over := size > p.o.MaxBytes || len(r.segments) > maxSegments || total-first.duration >= 2*window
		if !over && (total-first.duration < window || !next.independent && !next.gap) {
			break
		}
		total -= first.duration
		size -= first.size
		p.drop(r)
	}
	p.trimCuts()
}

// trimCuts forgets the segments that nobody is behind of.
func (p *Packager) trimCuts() {
	oldest := p.source.last
	for _, f := range p.sounds {
		if f != nil && f.at != nil {
			oldest = min(oldest, f.at.number)
		}
	}
	for _, r := range p.rungs {
		if r.at != nil {
			oldest = min(oldest, r.at.number)
		}
	}
	p.cuts.trim(oldest)
}

// trimFollower begins the list where the source rendition's does, if that leaves enough.
func (p *Packager) trimFollower(r *rendition) {
	if len(p.source.segments) == 0 {
		return
	}
	first := p.source.segments[0].number
	for len(r.segments) > minSegments && r.segments[0].number < first || len(r.segments) > 2*maxSegments {
		p.drop(r)
	}
}

// drop takes the oldest segment off the list and lets it be fetched for as
// long as a playlist that names it may be in use (rfc8216bis, 6.2.2).
func (p *Packager) drop(r *rendition) {
	s := r.segments[0]
	r.segments[0] = nil
	r.segments = r.segments[1:]
	names := make([]string, 0, 2+len(s.parts))
	if !s.gap {
		names = append(names, s.name)
	}
	for _, pt := range s.parts {
		names = append(names, pt.name)
	}
	if len(r.segments) == 0 || r.segments[0].init != s.init && s.init != r.init {
		names = append(names, s.init)
	}
	p.objects.retire(p.now.Add(windowTargets*p.timing.target+s.duration), s.size, names...)
}

// trimParts takes parts off segments that are more than three target durations
// from the edge. Their names can be fetched for one more.
func (p *Packager) trimParts(r *rendition) {
	var after time.Duration
	for i := len(r.segments) - 1; i >= 0; i-- {
		s := r.segments[i]
		if after >= partTargets*p.timing.target && len(s.parts) > 0 {
			names := make([]string, len(s.parts))
			for k, pt := range s.parts {
				names[k] = pt.name
			}
			s.parts, s.text = nil, nil
			p.objects.retire(p.now.Add(p.timing.target), 0, names...)
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

// add counts the newest of the listed segments. The peak is that of any run of
// them that lasts from half to one and a half target durations (rfc8216bis, 4.4.6.2).
func (r *rates) add(list []*segment, target time.Duration) {
	newest := list[len(list)-1]
	r.bits += float64(newest.size) * 8
	r.total += newest.duration
	if target == 0 {
		target = minTarget
	}
	bits, d := 0.0, time.Duration(0)
	for i := len(list) - 1; i >= 0 && d+list[i].duration <= target*3/2; i-- {
		bits += float64(list[i].size) * 8
		d += list[i].duration
		if d >= target/2 {
			r.peak = max(r.peak, bits/d.Seconds())
		}
	}
	if r.peak == 0 {
		r.peak = r.average()
	}
}

func (r *rates) average() float64 {
	if r.total <= 0 {
		return r.peak
	}
	return r.bits / r.total.Seconds()
}
