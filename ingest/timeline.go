package ingest

import (
	"maps"
	"math"
	"slices"
	"time"

	"roomcast/media"
)

const (
	// maxForward and maxBack are how far a track's clock may move between two
	// samples before it counts as a jump.
	maxForward = 5 * time.Second
	maxBack    = 500 * time.Millisecond
	// snapTolerance is how far a timestamp may be from the exact frame grid and
	// still be on it: protocols with millisecond clocks round by half of one.
	snapTolerance = 1100 * time.Microsecond
	// audioDrift is how far audio may be from the count of its samples.
	audioDrift = 40 * time.Millisecond
	// maxLead is how far before the publisher's first sample those of another
	// track may begin.
	maxLead = 900 * time.Millisecond
	// minStep is the least time between two samples of a track.
	minStep = time.Millisecond
	// stragglers is how many samples of the other tracks may still come with the
	// old clock after one track has jumped.
	stragglers = 100
)

// Timeline turns the timestamps of one publisher into a timeline that starts
// at 0 (a second track may begin up to 0.9 s before) and never goes back within a track. Clocks rounded to milliseconds are
// made exact again: audio by counting samples, video of a steady frame rate by
// its frame grid. A jump of the source's clock, in either direction, becomes a
// Jump and the next regular step, never a negative or huge duration.
//
// It is used by one goroutine; the zero value is ready.
type Timeline struct {
	started bool
	offset  time.Duration // added to the source's time
	last    time.Duration // newest DTS given out, of any track
	tracks  map[*media.Track]*trackClock
	// ended is the newest DTS of the tracks that are no more.
	ended map[media.Kind]time.Duration
	// stale counts samples dropped since the last jump because they were on the
	// clock of before.
	stale int
	// previous is the offset before the last jump.
	previous time.Duration
	jumped   bool
}

// trackClock is what is known of one track.
type trackClock struct {
	seen     bool
	raw, out time.Duration // last timestamp, as the source sent it and as given out
	// Audio: samples since base.
	base    time.Duration
	samples int64
}

// Place maps a sample's source timestamps. jump says that the timeline broke
// before this sample; ok is false for a sample that has no place and is to be
// dropped. delay is PTS minus DTS.
func (t *Timeline) Place(tr *media.Track, source, delay time.Duration) (dts, pts time.Duration, jump, ok bool) {
	if t.tracks == nil {
		t.tracks = make(map[*media.Track]*trackClock, 2)
	}
	if !t.started {
		t.started = true
		t.offset = -source
	}
	c := t.tracks[tr]
	if c == nil {
		c = &trackClock{out: -maxLead}
		if after, ok := t.ended[tr.Kind]; ok {
			c.out = after
		}
		t.tracks[tr] = c
	}
	if t.isJump(c, source+t.offset) {
		if t.jumped && t.stale < stragglers && !t.isJump(c, source+t.previous) {
			t.stale++
			return 0, 0, false, false
		}
		t.reanchor(source)
		jump = true
		// Map entries of other tracks are on the clock of before.
		for _, o := range t.tracks {
			o.seen = false
		}
	}
	dts = c.place(tr, source+t.offset)
	t.last = max(t.last, dts)
	return dts, dts + exactDelay(tr, delay), jump, true
}

// Retain forgets the clocks of tracks that are no more. What comes instead of
// them goes on after them.
func (t *Timeline) Retain(tracks []*media.Track) {
	maps.DeleteFunc(t.tracks, func(tr *media.Track, c *trackClock) bool {
		if slices.Contains(tracks, tr) {
			return false
		}
		if t.ended == nil {
			t.ended = make(map[media.Kind]time.Duration, 2)
		}
		before, ok := t.ended[tr.Kind]
		if !ok || c.out > before {
			t.ended[tr.Kind] = c.out
		}
		return true
	})
}

// isJump reports whether at, on our timeline, is too far from where the track,
// or before its first sample the publisher, is.
func (t *Timeline) isJump(c *trackClock, at time.Duration) bool {
	ref := t.last
	if c.seen {
		ref = c.raw
	}
	d := at - ref
	return d > maxForward || d < -maxBack && (c.seen || d < -maxForward)
}

// reanchor lets source be the next step after everything given out so far.
func (t *Timeline) reanchor(source time.Duration) {
	t.previous, t.jumped, t.stale = t.offset, true, 0
	t.offset = t.last + 20*time.Millisecond - source
}

// place gives out the timestamp for at, the next sample of the track.
func (c *trackClock) place(tr *media.Track, at time.Duration) time.Duration {
	if !c.seen {
		c.out = max(at, c.out+minStep)
		c.seen, c.raw = true, at
		c.base, c.samples = c.out, 0
		return c.out
	}
	out := at
	switch {
	// Opus packets differ in length, within a stream too.
	case tr.Kind == media.Audio && tr.Codec != media.Opus && tr.FrameSamples > 0:
		c.samples += int64(tr.FrameSamples)
		// Whole seconds go into the base: days of samples would overflow.
		if rate := int64(tr.ClockRate); c.samples >= rate {
			c.base += time.Duration(c.samples/rate) * time.Second
			c.samples %= rate
		}
		exact := c.base + time.Duration(c.samples*int64(time.Second)/int64(tr.ClockRate))
		if d := at - exact; d > -audioDrift && d < audioDrift {
			out = exact
		} else {
			out = max(at, c.out+minStep)
			c.base, c.samples = out, 0
		}
	case tr.FrameRate > 0:
		if frames := math.Round((at - c.raw).Seconds() * tr.FrameRate); frames >= 1 {
			exact := c.out + time.Duration(frames*float64(time.Second)/tr.FrameRate)
			if d := at - exact; d > -snapTolerance && d < snapTolerance {
				out = exact
			}
		}
	}
	c.raw, c.out = at, max(out, c.out+minStep)
	return c.out
}

// exactDelay is PTS minus DTS, on the frame grid if it is near it, at least 0.
func exactDelay(tr *media.Track, d time.Duration) time.Duration {
	if d <= 0 || d > 10*time.Second {
		return 0
	}
	if tr.Kind == media.Video && tr.FrameRate > 0 {
		exact := time.Duration(math.Round(d.Seconds()*tr.FrameRate) * float64(time.Second) / tr.FrameRate)
		if e := d - exact; e > -snapTolerance && e < snapTolerance {
			return exact
		}
	}
	return d
}
