package hls

import (
	"fmt"
	"time"

	"roomcast/media"
)

const (
	// soundPatience is how long an audio rendition waits for its track.
	soundPatience = time.Second
	// soundSlack is how much earlier than the picture of its segment the sound may end.
	soundSlack = 100 * time.Millisecond
	// opening is how much later than the picture the sound may begin.
	opening = 500 * time.Millisecond
	// near is how far a rung's timestamps may be off the source's.
	near = 5 * time.Millisecond
	// maxHeld is how many units may wait for the source to decide.
	maxHeld = 1024
)

// follower is a rendition that is cut where the source rendition is, at its own
// pace: an audio track by itself, or a rung.
type follower struct {
	*rendition
	// patience is how far it may be behind, in media and by the wall clock, before it
	// goes on without its media: a source may come in bursts.
	patience time.Duration
	// keys says that segments begin with key frames: a rung.
	keys bool
	held unitQueue // of the main track, until the source has decided
	// sound is what a rung is mixed with, in order.
	sound unitQueue
	// at is the segment being written or written last; done says the latter.
	at   *cut
	done bool
}

// unitQueue is a short queue that allocates nothing once it has grown.
type unitQueue struct {
	units []*media.Unit
	bytes int
}

func (q *unitQueue) push(u *media.Unit) {
	for len(q.units) >= maxHeld || q.bytes > maxWaiting {
		q.pop()
	}
	q.units = append(q.units, u)
	q.bytes += len(u.Payload)
}

func (q *unitQueue) pop() *media.Unit {
	u := q.units[0]
	n := copy(q.units, q.units[1:])
	q.units[n] = nil
	q.units = q.units[:n]
	q.bytes -= len(u.Payload)
	return u
}

func (q *unitQueue) empty() bool { return len(q.units) == 0 }

// setSounds makes the renditions that a format's audio tracks need. Those that
// were there before go on.
func (p *Packager) setSounds(f *media.Format) {
	tracks := f.Audio()
	for len(p.sounds) < len(tracks) {
		p.sounds = append(p.sounds, nil)
	}
	for i := range tracks {
		if p.sounds[i] != nil || i == 0 && !f.HasVideo() {
			continue // the sound alone is the source rendition
		}
		p.sounds[i] = &follower{rendition: newRendition(p, soundName(i)), patience: soundPatience}
	}
}

// soundName is the name of an audio rendition.
func soundName(i int) string {
	if i == 0 {
		return AudioName
	}
	return fmt.Sprintf("%s-%d", AudioName, i+1)
}

// followers are all of them.
func (p *Packager) followers() []*follower {
	out := make([]*follower, 0, len(p.sounds)+len(p.rungs))
	for _, f := range p.sounds {
		if f != nil {
			out = append(out, f)
		}
	}
	for _, r := range p.rungs {
		out = append(out, &r.follower)
	}
	return out
}

// hear gives a unit of the first audio track to those who want it.
func (p *Packager) hear(u *media.Unit) {
	if len(p.sounds) > 0 && p.sounds[0] != nil {
		p.sounds[0].push(u)
	}
	for _, r := range p.rungs {
		r.sound.push(u)
	}
}

// push gives a unit of the main track.
func (f *follower) push(u *media.Unit) { f.held.push(u) }

// followAll lets the renditions follow; broken says that the source's segment is closed,
// so that of its tracks nothing more belongs to it.
func (p *Packager) followAll(broken bool) {
	for _, f := range p.sounds {
		if f != nil {
			f.follow(broken)
		}
	}
	for _, r := range p.rungs {
		r.follow(false)
	}
}

// follow takes what has been decided on.
func (f *follower) follow(broken bool) {
	for !f.held.empty() {
		u := f.held.units[0]
		if u.PTS > f.p.decided && !broken {
			break
		}
		f.held.pop()
		if broken && u.PTS > f.p.decided+soundSlack {
			continue // nothing goes with it any more
		}
		f.take(u)
	}
	limit := f.limit()
	if broken {
		limit = f.p.decided
	}
	f.catchUp(limit)
	for !f.sound.empty() && f.sound.units[0].DTS < limit-f.patience {
		f.sound.pop()
	}
}

// limit is the time before which its media is not waited for any longer.
func (f *follower) limit() time.Duration {
	list := f.p.cuts.list
	for i := len(list) - 1; i >= 0; i-- {
		if c := list[i]; c.closed && f.p.now.Sub(c.closedAt) >= f.patience {
			return min(f.p.decided-f.patience, c.end)
		}
	}
	return -f.patience
}

// take adds a unit to the segment that it belongs to.
func (f *follower) take(u *media.Unit) {
	if !f.place(u) {
		return
	}
	f.pending = u
}

// place moves to the segment that u belongs to; false if there is none for it any more.
func (f *follower) place(u *media.Unit) bool {
	t := u.PTS
	if f.keys {
		t += near
	}
	c := f.p.cuts.holding(t)
	if c == nil || c.gap {
		return false
	}
	switch {
	case f.at == nil: // it begins where a segment does
		if f.keys && (!u.Key || u.PTS > c.start+near) || !f.keys && t > c.start+opening {
			return false
		}
	case c.number < f.at.number || c.number == f.at.number && f.done:
		return false
	case c != f.at && t > c.start+soundSlack && !c.discontinuity:
		return false // the beginning is missing: the whole segment is
	}
	if f.pending != nil {
		f.mix(u.DTS)
		f.advance(f.endBefore(c, u))
	}
	if c == f.at {
		return true
	}
	f.moveTo(c)
	return f.start(c, u)
}

// endBefore is where the pending unit ends when u comes, in the segment of c.
func (f *follower) endBefore(c *cut, u *media.Unit) time.Duration {
	switch {
	case c == f.at:
		return u.DTS
	case c.discontinuity || c.number != f.at.number+1:
		return f.lastEnd()
	}
	return min(u.DTS, max(c.start, f.pending.DTS+f.guessStep()))
}

// moveTo completes what is before c.
func (f *follower) moveTo(c *cut) {
	f.finishSegment()
	if f.at == nil {
		return
	}
	for n := f.p.cuts.after(f.at.number); n != nil && n.number < c.number; n = f.p.cuts.after(n.number) {
		f.skip(n)
		f.at = n
	}
}

// start begins the segment of c with u.
func (f *follower) start(c *cut, u *media.Unit) bool {
	tracks := f.tracksFor(c, u)
	if err := f.setTracks(tracks...); err != nil {
		f.p.err = err
		return false
	}
	f.fixTarget()
	f.begin(c, u)
	f.at, f.done = c, false
	return true
}

// tracksFor are the tracks of a segment that begins with u.
func (f *follower) tracksFor(c *cut, u *media.Unit) []*media.Track {
	if len(f.tracks) > 0 && f.tracks[0] == u.Track {
		if !f.keys || len(f.tracks) == 1 && len(c.format.Audio()) == 0 ||
			len(f.tracks) == 2 && len(c.format.Audio()) > 0 && f.tracks[1] == c.format.Audio()[0] {
			return f.tracks
		}
	}
	if a := c.format.Audio(); f.keys && len(a) > 0 {
		return []*media.Track{u.Track, a[0]}
	}
	return []*media.Track{u.Track}
}

// mix adds the sound before a time to a rung.
func (f *follower) mix(before time.Duration) {
	for !f.sound.empty() && f.sound.units[0].DTS < before {
		u := f.sound.pop()
		if f.current == nil || len(f.tracks) < 2 || u.Track != f.tracks[1] || u.DTS < f.at.start-soundPatience || f.overfull() {
			continue
		}
		f.frag.addAudio(1, u)
	}
}

// catchUp completes segments that the source has ended until limit, with what there is.
func (f *follower) catchUp(limit time.Duration) {
	for f.at != nil {
		if f.done {
			n := f.p.cuts.after(f.at.number)
			if n == nil || !n.closed || n.end > limit {
				return
			}
			f.skip(n)
			f.at = n
			continue
		}
		if !f.at.closed || f.at.end > limit {
			return
		}
		end := f.ending()
		if n := f.p.cuts.after(f.at.number); n != nil && !n.discontinuity && f.current != nil && f.pending != nil &&
			f.pending.PTS+f.guessStep()+soundSlack < end {
			f.abandon(end)
			f.done = true
			continue
		}
		f.finish()
	}
}

// ending is where the segment being written ends, which the source has closed: where
// the next one begins, if that continues it.
func (f *follower) ending() time.Duration {
	if n := f.p.cuts.after(f.at.number); n != nil && !n.discontinuity {
		return n.start
	}
	return f.at.end
}

// lastEnd is where the pending unit ends as the last of its segment. A rung that lacks
// the last pictures shows the one before them until the end: its segments last as long
// as the source's.
func (f *follower) lastEnd() time.Duration {
	end := f.pending.DTS + f.guessStep()
	if lacks := f.ending() - end; f.keys && f.at.closed && lacks > 0 && lacks <= soundSlack {
		return end + lacks
	}
	return end
}

// finish completes the segment being written.
func (f *follower) finish() {
	if f.pending != nil {
		end := f.lastEnd()
		f.mix(end)
		f.advance(end)
	}
	f.complete()
	f.done = true
}

// fixTarget decides the part target as soon as the source's is.
func (f *follower) fixTarget() {
	if !f.p.timing.fixed() || len(f.tracks) == 0 {
		return
	}
	if f.keys {
		f.fix(f.p.source.partTarget)
		return
	}
	f.fix(f.p.timing.partFor(f.main()))
}
