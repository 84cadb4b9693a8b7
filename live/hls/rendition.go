package hls

import (
	"sync/atomic"
	"time"

	"roomcast/media"
)

// segment is one media segment of a rendition, complete or being written.
type segment struct {
	*cut

	name        string
	body        []byte        // once complete
	at          time.Duration // presentation time of its first sample
	duration    time.Duration
	size        int
	independent bool
	init        string // name of its init segment
	parts       []part
	whole       bool   // its parts are not to be listed
	stopped     bool   // nor, since one of its frames is very long, those from
	stop        int    // here on; and none of them once it is complete
	text        []byte // of it in the playlist, once complete
}

// part is a piece of a segment: one fragment.
type part struct {
	name        string
	body        []byte
	duration    time.Duration
	independent bool
}

// rendition is one media playlist and what is in it. It is written under the
// packager's lock; its view is read without.
type rendition struct {
	p    *Packager
	name string
	view atomic.Pointer[view]

	tracks   []*media.Track // of the init segment; the first is the main one
	init     string
	initBody []byte

	segments []*segment // listed, oldest first
	current  *segment   // being written, or nil
	last     int        // number of the segment begun last, or -1

	frag     fragment
	number   uint32 // of the next fragment
	nextPart string
	// partTarget is PART-TARGET, holdBack PART-HOLD-BACK; 0 until they are fixed.
	partTarget, holdBack time.Duration

	pending *media.Unit   // the main track's last unit, whose duration is not known yet
	step    time.Duration // duration of the main track's last unit
	edge    time.Duration // decode time where the written media ends

	rates rates
	text  []byte // the playlist being rendered
}

func newRendition(p *Packager, name string) *rendition {
	return &rendition{p: p, name: name, nextPart: newName(segmentSuffix), last: -1}
}

// main is the track that parts and segments are measured by.
func (r *rendition) main() *media.Track { return r.tracks[0] }

// contentType is that of its objects.
func (r *rendition) contentType() string {
	if len(r.tracks) > 0 && r.main().Kind == media.Video {
		return typeVideo
	}
	return typeAudio
}

func (r *rendition) blob(body []byte) Blob {
	b := Blob{Body: body, ContentType: r.contentType(), MaxAge: objectMaxAge}
	if r.p.o.Uncached {
		b.MaxAge = 0
	}
	return b
}

// setTracks makes the init segment of the segments to come, unless it is the
// same as before.
func (r *rendition) setTracks(tracks ...*media.Track) error {
	same := len(tracks) == len(r.tracks)
	for i := 0; same && i < len(tracks); i++ {
		same = tracks[i] == r.tracks[i]
	}
	if same {
		return nil
	}
	body, err := marshalInit(tracks)
	if err != nil {
		return err
	}
	if n := len(r.segments); n == 0 || r.segments[n-1].init != r.init {
		r.p.objects.forget(r.init) // no segment came to need it
	}
	r.tracks, r.init, r.initBody = tracks, newName(initSuffix), body
	r.frag.reset(tracks)
	r.p.objects.put(r.init, r.blob(body))
	return nil
}

// begin starts the segment of a cut with a unit of the main track.
func (r *rendition) begin(c *cut, u *media.Unit) {
	if c.discontinuity {
		r.frag.reset(r.tracks)
	}
	slack := dateSlack
	if !u.Key {
		slack = maxReorder
	}
	r.current = &segment{
		cut: c, name: newName(segmentSuffix), at: r.dateOf(c, u.PTS, slack), init: r.init,
		independent: u.Key && u.Track == r.main(),
	}
	if r.p.o.LowLatency {
		r.current.parts = make([]part, 0, 16)
	}
	r.last = c.number
}

// dateOf is where a segment begins, by its first sample or, if that is about the
// same, by the end of the one before.
func (r *rendition) dateOf(c *cut, at, slack time.Duration) time.Duration {
	if n := len(r.segments); n > 0 && !c.discontinuity {
		if end := r.segments[n-1].at + r.segments[n-1].duration; (end - at).Abs() < slack {
			return end
		}
	}
	return at
}

// dateSlack is how much a segment's date may be off its first sample's time, and
// maxReorder how much in the middle of a group of pictures, where those that follow
// the first one may be shown before it.
const dateSlack, maxReorder = 50 * time.Millisecond, 500 * time.Millisecond

// advance adds the pending unit, which lasts until end.
func (r *rendition) advance(end time.Duration) {
	u := r.pending
	if u == nil {
		return
	}
	r.pending = nil
	d := max(end-u.DTS, time.Millisecond)
	if nominal := frameDuration(u); nominal > 0 && (d-nominal).Abs() <= nominal/2 {
		d = nominal
	}
	r.step = d
	limit := r.partLimit()
	if f := &r.frag; f.begun && f.duration+d > limit {
		// A part that is too short without this frame lasts a little into it, and the
		// next one that much less.
		borrowed := max(shortest(limit)-f.duration, 0)
		f.duration += borrowed
		f.stretch(borrowed)
		r.finishPart()
		r.frag.duration = -borrowed
	} else if f.begun && r.overfull() {
		r.finishPart()
	}
	f := &r.frag
	if s := r.current; d > max(limit, maxPart) && !s.stopped {
		s.stopped, s.stop = true, len(s.parts)
	}
	if !f.begun {
		f.begun, f.independent = true, u.Key
	}
	if nominal := frameDuration(u); nominal > 0 {
		f.addAudio(0, u)
	} else {
		f.addVideo(0, u, d)
	}
	f.duration += d
	r.current.duration += d
	r.edge = u.DTS + d
	if f.duration > limit {
		// One frame that is longer than a part, as of a still screen. It is listed at
		// once, as the longest part there may be: a player that had to wait for the
		// whole segment would stop, its sound too.
		f.duration = limit
	}
	if f.duration+d > limit && f.duration >= shortest(limit) {
		r.finishPart()
	}
}

// shortest is the least that a part may last that is not its segment's last
// (rfc8216bis, 4.4.4.9).
func shortest(target time.Duration) time.Duration { return target * 85 / 100 }

// partLimit is how long a part may be.
func (r *rendition) partLimit() time.Duration {
	if r.partTarget > 0 {
		return r.partTarget + partSlack
	}
	return r.p.timing.partFor(r.main()) + partSlack
}

// guessStep is how long a unit of the main track is, when there is no next one to tell.
func (r *rendition) guessStep() time.Duration {
	if r.step > 0 && r.step < silence {
		return r.step
	}
	return 40 * time.Millisecond
}

// overfull reports whether the part being written is larger than any honest
// source makes it.
func (r *rendition) overfull() bool {
	return r.frag.size > r.p.o.MaxBytes/16 || r.frag.samples > maxSamples
}

// finishPart completes the part being written.
func (r *rendition) finishPart() {
	f, s := &r.frag, r.current
	if f.samples == 0 || s == nil {
		f.clear()
		return
	}
	body := f.marshal(r.number)
	r.number++
	pt := part{name: r.nextPart, body: body, duration: f.duration, independent: f.independent}
	f.clear()
	r.nextPart = newName(segmentSuffix)
	s.parts = append(s.parts, pt)
	s.size += len(body)
	if r.listsParts() && !s.whole {
		r.p.objects.put(pt.name, r.blob(body))
		r.p.publish(r)
	}
}

// listsParts reports whether parts are shown to viewers.
func (r *rendition) listsParts() bool { return r.p.o.LowLatency && r.partTarget > 0 }

// complete ends the segment being written, whose pending unit lasts as long as
// the one before, and lists it.
func (r *rendition) complete() {
	if r.pending != nil {
		r.advance(r.pending.DTS + r.guessStep())
	}
	r.finishSegment()
}

// finishSegment completes the segment being written and lists it.
func (r *rendition) finishSegment() {
	s := r.current
	if s == nil {
		r.frag.clear()
		return
	}
	// Audio alone, after the last picture, is no part of its own.
	if !r.frag.begun && len(s.parts) > 0 {
		r.frag.clear()
	}
	r.finishPart()
	r.frag.clear()
	r.current = nil
	if s.size == 0 || s.duration == 0 {
		return
	}
	s.body = make([]byte, 0, s.size)
	for i := range s.parts {
		at := len(s.body)
		s.body = append(s.body, s.parts[i].body...)
		// The part lives on as a piece of the segment: nothing is kept twice.
		s.parts[i].body = s.body[at:len(s.body):len(s.body)]
	}
	switch {
	case !r.p.o.LowLatency:
		s.parts = nil
	case r.listsParts():
		r.putParts(s)
	}
	r.p.objects.put(s.name, r.blob(s.body))
	r.list(s)
}

// list appends a complete segment.
func (r *rendition) list(s *segment) {
	r.segments = append(r.segments, s)
	if !s.gap {
		r.rates.add(r.segments, r.p.timing.target)
	}
	r.p.listed(r)
	r.p.archive(r, s)
	r.p.publish(r)
}

// skip lists a cut of which this rendition has no media.
func (r *rendition) skip(c *cut) {
	r.last = c.number
	if len(r.segments) == 0 {
		return // it begins with the first media
	}
	at := r.dateOf(c, c.start, dateSlack)
	if c.end <= at {
		at = c.start
	}
	missing := *c
	missing.gap = true
	r.list(&segment{
		cut: &missing, name: newName(segmentSuffix), at: at, duration: max(c.end-at, time.Millisecond),
		init: r.segments[len(r.segments)-1].init,
	})
}

// abandon makes a gap until end of the segment being written: its media stopped.
func (r *rendition) abandon(end time.Duration) {
	s := r.current
	names := make([]string, 0, len(s.parts)+1)
	if r.listsParts() {
		for _, pt := range s.shown() {
			names = append(names, pt.name)
		}
	}
	r.p.objects.retire(r.p.now.Add(windowTargets*r.p.timing.target), s.size, names...)
	r.pending, r.current = nil, nil
	r.frag.clear()
	if len(r.segments) == 0 {
		return
	}
	missing := *s.cut
	missing.gap = true
	r.list(&segment{cut: &missing, name: s.name, at: s.at, duration: end - s.at, init: s.init})
}

// fix decides the part target. Parts of the opening are shown if they keep it.
func (r *rendition) fix(target time.Duration) {
	if r.partTarget > 0 {
		return
	}
	r.partTarget, r.holdBack = target, 3*target+r.p.lag
	for _, s := range r.segments {
		s.text = nil
		s.judge(target, true)
	}
	if r.current != nil {
		r.current.judge(target, false)
	}
	if !r.listsParts() {
		return
	}
	for _, s := range r.segments {
		r.putParts(s)
	}
	if r.current != nil {
		r.putParts(r.current)
	}
}

// judge hides the parts of a segment if one of them does not keep the target.
func (s *segment) judge(target time.Duration, complete bool) {
	for i, pt := range s.parts {
		last := complete && i == len(s.parts)-1
		if pt.duration > target+partSlack || pt.duration < shortest(target) && !last {
			s.whole = true
		}
	}
}

func (r *rendition) putParts(s *segment) {
	for _, pt := range s.shown() {
		r.p.objects.put(pt.name, r.blob(pt.body))
	}
}

// shown are the parts that may be listed.
func (s *segment) shown() []part {
	switch {
	case s.whole || s.stopped && s.body != nil:
		return nil
	case s.stopped:
		return s.parts[:s.stop]
	}
	return s.parts
}
