package live

import (
	"errors"
	"fmt"
	"time"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
)

// bridged is the silence after which what comes is a new beginning: the
// packager has gone on with gaps meanwhile.
const bridged = time.Second

// stillPatience is that of a picture alone at no fixed rate: browsers send a
// screen that stands still about once a second.
const stillPatience = 3 * time.Second

var (
	errGone     = errors.New("publisher was sent away")
	errReplaced = &rooms.Error{Code: rooms.CodePublisherConflict, Detail: "another encoder took over"}
	errSilent   = errors.New("publisher sent no media for 10 s")
)

// Session is one publisher of a room: an ingest.Sink. SetTracks, Write and
// Close are called by the publisher's goroutine; everything is kept under the
// room's lock.
type Session struct {
	publication ingest.Publication
	room        *room

	onAirOnce bool
	done      bool // not on air any more, or refused
	replaced  bool
	since     time.Time
	opened    time.Time // what the meters count from
	watch     *time.Timer

	format    *media.Format
	anchored  bool
	base      time.Duration // from the publisher's timeline to the room's
	lastMedia time.Time
	// steadySince is when it began to send without a break.
	steadySince time.Time
	cache       gop  // while it stands by
	joining     bool // on air as soon as there is a key frame to begin with

	meters map[*media.Track]*meter
	total  meter
	health health
	told   string // the codes of the warnings that were told last
}

var _ ingest.Sink = (*Session)(nil)

// SetTracks implements ingest.Sink.
func (s *Session) SetTracks(tracks []*media.Track) error {
	if err := s.checkHeight(tracks); err != nil {
		return err
	}
	r := s.room
	if !s.onAirOnce {
		replaced, err := r.enter(s)
		if err != nil {
			return err
		}
		s.onAirOnce = true
		if replaced != nil {
			replaced.watch.Stop()
			replaced.publication.Close(errReplaced)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.format = &media.Format{Tracks: tracks}
	s.meters = make(map[*media.Track]*meter, len(tracks))
	for _, t := range tracks {
		s.meters[t] = &meter{}
	}
	s.health = health{since: time.Now()}
	s.cache.drop()
	if r.onAir == s {
		r.prepareSlate(s)
	}
	r.hub.changed(r.id)
	return nil
}

func (s *Session) checkHeight(tracks []*media.Track) error {
	limit := s.publication.Room.Settings.Limits.MaxHeight
	if limit == nil {
		return nil
	}
	for _, t := range tracks {
		if t.Kind == media.Video && int64(t.Height) > *limit {
			return s.overLimit("max_height", *limit, fmt.Sprintf("the picture is %dx%d", t.Width, t.Height))
		}
	}
	return nil
}

func (s *Session) overLimit(name string, value int64, what string) error {
	return &rooms.Error{
		Code: rooms.CodeLimitExceeded, Detail: fmt.Sprintf("%s, %s is %d", what, name, value),
		Limit: &rooms.LimitHit{Limit: name, Value: value, Source: s.publication.Room.Settings.LimitSources[name]},
	}
}

// Write implements ingest.Sink.
func (s *Session) Write(in ingest.Sample) error {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case s.replaced:
		return errReplaced
	case s.done || s.format == nil:
		return errGone
	}
	now := time.Now()
	silent := now.Sub(s.lastMedia)
	if silent > bridged {
		s.steadySince = now
	}
	if in.Jump || silent > s.patience() {
		s.format = &media.Format{Tracks: s.format.Tracks}
	}
	if silent > s.patience() {
		s.anchored = false
		s.cache.drop()
		// Nobody can decode it before its next key frame: the slate goes on until then.
		s.joining = s.joining || r.onAir == s && r.bridge.on
	}
	s.lastMedia = now
	switch {
	case r.onAir != s && !r.mayTake(s, in, now):
		s.cache.keep(in, s.startsWith(in))
		return s.measure(in, now)
	case r.onAir != s:
		s.joining = true
		r.takeAir(s)
	}
	if s.joining && !s.join(in, now) {
		return s.measure(in, now)
	}
	s.put(in, now)
	return s.measure(in, now)
}

// startsWith reports whether a broadcast can begin with this sample.
func (s *Session) startsWith(in ingest.Sample) bool {
	return in.Key && (in.Track.Kind == media.Video || !s.format.HasVideo())
}

// patience is how long the publisher may send nothing before that is silence.
// A picture alone at no fixed rate may stand still: a screen that is shared.
func (s *Session) patience() time.Duration {
	if s.format == nil || s.format.Find(media.Audio) != nil {
		return bridged
	}
	if v := s.format.Find(media.Video); v != nil {
		if v.FrameRate == 0 {
			return stillPatience
		}
		return max(bridged, time.Duration(2.5*float64(time.Second)/v.FrameRate))
	}
	return bridged
}

// join lets a publisher that stood by begin with a key frame: the one that
// comes, or the last one, with all since then. It reports whether it has begun.
func (s *Session) join(in ingest.Sample, now time.Time) bool {
	switch {
	case s.startsWith(in):
		s.cache.drop()
	case len(s.cache.samples) == 0:
		return false
	}
	s.joining = false
	for i, kept := range s.cache.samples {
		if i == 0 {
			// What comes now is to be at the time that is now.
			s.anchor(kept.DTS, now.Add(kept.DTS-in.DTS))
		}
		s.put(kept, now)
	}
	s.cache.drop()
	return true
}

// anchor lets the publisher's timeline be at dts at a wall clock time, or as
// soon after it as the room's goes on.
func (s *Session) anchor(dts time.Duration, at time.Time) {
	r := s.room
	s.anchored = true
	s.base = max(at.Sub(r.epoch), r.end) - dts
}

// put writes a sample into the room's stream.
func (s *Session) put(in ingest.Sample, now time.Time) {
	r := s.room
	if !s.anchored {
		s.anchor(in.DTS, now)
	}
	u := &media.Unit{
		Format: s.format, Track: in.Track, NTP: now, Key: in.Key, Payload: in.Payload,
		DTS: max(s.base+in.DTS, 0), PTS: max(s.base+in.PTS, 0),
	}
	r.advance(u)
	r.lastMedia = now
	r.bridge.stop()
	r.bytesIn += int64(len(in.Payload))
	r.stream.Write(u)
}

// age is how long the session has been. Dates would not do for its meters: with the
// clock set back, the second they are in would last until it is as late again.
func (s *Session) age(now time.Time) time.Duration { return now.Sub(s.opened) }

// measure keeps the figures of the state, and the bitrate within its limit.
func (s *Session) measure(in ingest.Sample, now time.Time) error {
	if m := s.meters[in.Track]; m != nil {
		m.add(s.age(now), len(in.Payload))
	}
	s.health.see(in, now)
	if !s.total.add(s.age(now), len(in.Payload)) {
		return nil
	}
	bps, _, whole := s.total.rate(s.age(now))
	s.health.second(s.format, s.meters, s.age(now), bps, whole)
	if codes := codesOf(s.warnings(now)); codes != s.told {
		s.told = codes
		s.room.hub.changed(s.room.id)
	}
	// A key frame more or less in the measure is no excess.
	limit := s.publication.Room.Settings.Limits.MaxBitrateBps
	if limit != nil && whole && bps > *limit+*limit/10 {
		return s.overLimit("max_bitrate_bps", *limit, fmt.Sprintf("the broadcast has %d bits per second", bps))
	}
	return nil
}

// Close implements ingest.Sink.
func (s *Session) Close() {
	r := s.room
	r.mu.Lock()
	finished := s.done
	r.mu.Unlock()
	if !finished {
		r.withdraw(s, true)
	}
}

// checkSilence sends the publisher away when it has been silent too long.
func (s *Session) checkSilence() {
	r := s.room
	r.mu.Lock()
	if s.done {
		r.mu.Unlock()
		return
	}
	if left := silenceLimit - time.Since(s.lastMedia); left > 0 {
		s.watch.Reset(left)
		r.mu.Unlock()
		return
	}
	r.leave(s)
	r.mu.Unlock()
	s.publication.Close(errSilent)
}

// describe fills in what the state says of the publisher.
func (s *Session) describe(out *State) {
	now := time.Now()
	out.Publisher = &PublisherState{Protocol: s.publication.Protocol, Since: s.since.UTC()}
	if s.format == nil {
		return
	}
	for _, t := range s.format.Tracks {
		bps, units, _ := s.meters[t].rate(s.age(now))
		out.Tracks = append(out.Tracks, trackState(t, bps, units))
	}
	out.Warnings = append(out.Warnings, s.warnings(now)...)
}
