package live

import (
	"slices"
	"time"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
)

// The places of a room's publishers.
const (
	mainSlot = iota
	backupSlot
)

// steady is how long the main encoder must have sent without a break before it
// takes the air back from a backup that is well.
const steady = time.Second

// slot is the place of who comes by one of the two stream keys.
type slot struct {
	session   *Session
	takeovers []time.Time
	conflict  bool // two encoders fight for it
}

// refuses says why a newcomer may not have the place: while two encoders
// fight, the one that has it keeps it.
func (p *slot) refuses() error {
	if p.session != nil && p.conflict {
		return &rooms.Error{Code: rooms.CodePublisherConflict, Detail: "two encoders are fighting for this room; the one on air stays"}
	}
	return nil
}

// countTakeover notes a takeover, and reports whether it was one too many.
func (p *slot) countTakeover(now time.Time) bool {
	p.takeovers = slices.DeleteFunc(p.takeovers, func(t time.Time) bool { return now.Sub(t) >= fightWindow })
	p.takeovers = append(p.takeovers, now)
	if len(p.takeovers) >= fightTakeovers {
		p.conflict = true
	}
	return p.conflict
}

// slot is the place that s has, or wants.
func (r *room) slot(s *Session) *slot {
	if s.publication.Room.Backup {
		return &r.slots[backupSlot]
	}
	return &r.slots[mainSlot]
}

// rival is who came by the other key, or nil.
func (r *room) rival(s *Session) *Session {
	if s.publication.Room.Backup {
		return r.slots[mainSlot].session
	}
	return r.slots[backupSlot].session
}

// enter gives a publisher its place, and the air if nobody else has it. It
// returns the one it replaced.
func (r *room) enter(s *Session) (replaced *Session, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.done {
		return nil, errGone
	}
	place := r.slot(s)
	if err := place.refuses(); err != nil {
		return nil, err
	}
	if s.publication.Yields && r.onAir != nil {
		return nil, &rooms.Error{Code: rooms.CodePublisherConflict, Detail: "an encoder is on air, which goes before a camera that is fetched"}
	}
	now := time.Now()
	if old := place.session; old != nil {
		if !old.publication.Yields && now.Sub(old.lastMedia) <= activeWithin && place.countTakeover(now) {
			r.hub.o.Log.Warn("encoders are fighting", "room", r.id, "code", rooms.CodePublisherConflict)
		}
		old.done, old.replaced = true, true
		replaced = old
	}
	delete(r.pending, s)
	place.session = s
	s.since, s.lastMedia, s.steadySince = now, now, now
	s.watch = time.AfterFunc(silenceLimit, s.checkSilence)
	if r.onAir == nil || r.onAir == replaced {
		r.takeAir(s)
	} else {
		r.hub.o.Log.Info("publisher stands by", "room", r.id, "protocol", s.publication.Protocol, "backup", s.publication.Room.Backup)
	}
	return replaced, nil
}

// takeAir puts a publisher on air. Held under the lock.
func (r *room) takeAir(s *Session) {
	takeover := r.onAir != nil
	r.onAir = s
	r.settings = s.publication.Room.Settings
	r.stopTimer(&r.window)
	if s.format != nil {
		s.format = &media.Format{Tracks: s.format.Tracks}
		r.prepareSlate(s)
	}
	s.anchored = false
	e := published
	if r.settings.Features.PreviewBeforeLive {
		e = publishedPreview
	}
	r.apply(e)
	r.interruptedAt = time.Time{}
	r.hub.o.Log.Info("publisher on air", "room", r.id, "protocol", s.publication.Protocol,
		"backup", s.publication.Room.Backup, "phase", string(r.phase), "takeover", takeover)
}

// advance notes how far the stream is. Held under the lock.
func (r *room) advance(u *media.Unit) {
	r.edge = max(r.edge, u.DTS)
	r.end = max(r.end, u.DTS+frameDuration(u.Track))
}

// frameDuration is how long a unit of a track is said to be, at least 1 ms.
func frameDuration(t *media.Track) (d time.Duration) {
	switch {
	case t.Kind == media.Video && t.FrameRate > 0:
		d = time.Duration(float64(time.Second) / t.FrameRate)
	case t.Kind == media.Audio && t.ClockRate > 0:
		d = time.Duration(t.FrameSamples) * time.Second / time.Duration(t.ClockRate)
	}
	return max(d, time.Millisecond)
}

// leave takes a publisher out of its place, and off air; who stands by takes
// over. Held under the lock.
func (r *room) leave(s *Session) {
	delete(r.pending, s)
	s.done = true
	place := r.slot(s)
	if place.session != s {
		return
	}
	s.watch.Stop()
	*place = slot{}
	r.hub.changed(r.id)
	if r.onAir != s {
		return
	}
	r.hub.o.Log.Info("publisher off air", "room", r.id)
	r.onAir = nil
	if other := r.rival(s); other != nil && !other.done {
		other.joining = true
		r.takeAir(other)
		return
	}
	r.apply(gone)
	if r.phase == Interrupted {
		r.interruptedAt = time.Now()
	}
	r.openWindow()
}

// mayTake reports whether a publisher that stands by takes the air with this
// sample: the backup from a main encoder that is silent, and the main encoder,
// once it is steady, from the backup, at a key frame. Held under the lock.
func (r *room) mayTake(s *Session, in ingest.Sample, now time.Time) bool {
	quiet := now.Sub(r.onAir.lastMedia) >= r.onAir.patience()
	if s.publication.Room.Backup {
		return quiet && (s.startsWith(in) || len(s.cache.samples) > 0)
	}
	return s.startsWith(in) && (quiet || now.Sub(s.steadySince) >= steady)
}

// gop is the current group of pictures of a publisher that stands by, so that
// it can take the air at once.
type gop struct {
	samples []ingest.Sample
	bytes   int
}

const (
	// maxGOPBytes and maxGOPSpan bound a group that is kept; a larger one is
	// not: the next key frame is waited for.
	maxGOPBytes = 16 << 20
	maxGOPSpan  = 10 * time.Second
)

// keep adds a sample to the group, or begins a new one with it.
func (g *gop) keep(in ingest.Sample, begins bool) {
	if begins {
		g.drop()
	}
	if !begins && len(g.samples) == 0 {
		return
	}
	g.bytes += len(in.Payload) + sampleOverhead
	g.samples = append(g.samples, in)
	if g.bytes > maxGOPBytes || in.DTS-g.samples[0].DTS > maxGOPSpan || in.Jump && !begins {
		g.drop()
	}
}

// sampleOverhead is what a sample without payload counts for, in bytes.
const sampleOverhead = 64

func (g *gop) drop() {
	clear(g.samples)
	g.samples, g.bytes = g.samples[:0], 0
}
