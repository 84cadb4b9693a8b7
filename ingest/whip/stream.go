package whip

import (
	"slices"
	"time"

	"github.com/pion/rtp"

	"roomcast/ingest"
	"roomcast/ingest/whip/jitter"
	"roomcast/media"
)

const (
	// videoWait and audioWait are how long what came is held back for a packet
	// that is missing: several round trips for pictures, which are damaged
	// without it, and mere disorder for sound, which is not sent again.
	videoWait = 500 * time.Millisecond
	audioWait = 60 * time.Millisecond
)

// stream is one media section's way from packets to frames. It is used by the
// connection's own goroutine.
type stream struct {
	ssrc   uint32
	video  bool
	heard  time.Time // when its newest packet arrived
	buffer *jitter.Buffer
	depack depacketizer
	clock  clock
	track  *media.Track // of the newest frame

	damaged bool // until the next key frame
	keys    keyFrames
	asked   []uint16 // scratch

	framesDropped, framesDamaged uint64
}

// newStream begins a stream; before is the one whose place it takes, or nil.
func newStream(s *section, ssrc uint32, before *stream) *stream {
	st := &stream{ssrc: ssrc, depack: newDepacketizer(s.codec)}
	if before != nil {
		st.track = before.track // until its own is known
	}
	if s.codec == media.Opus {
		st.buffer, st.clock.rate = jitter.New(audioWait), audioClockRate
		return st
	}
	st.video, st.damaged = true, true
	st.buffer, st.clock.rate = jitter.New(videoWait), videoClockRate
	st.keys.need()
	return st
}

// frames gives out, in order, what is whole at now.
func (s *stream) frames(now time.Time, yield func(frame) error) error {
	for {
		p, lost := s.buffer.Pop(now)
		if p == nil {
			return nil
		}
		if lost {
			s.depack.reset()
			s.damage()
		}
		if len(p.Payload) == 0 {
			continue // padding, by which senders measure the network
		}
		f, ok, err := s.depack.push(p)
		if err != nil {
			if refused(err) {
				return err
			}
			s.framesDamaged++
			s.damage()
			continue
		}
		if !ok {
			continue
		}
		if s.video {
			if s.damaged && !f.key {
				s.framesDropped++
				continue
			}
			s.damaged = false
			s.keys.frame(f.key, now)
		}
		s.track = f.track
		if err := yield(f); err != nil {
			return err
		}
	}
}

// damage says that pictures cannot be shown until the next key frame. Sound has no such thing.
func (s *stream) damage() {
	if s.video {
		s.damaged = true
		s.keys.need()
	}
}

func (s *stream) push(p *rtp.Packet, now time.Time) { s.buffer.Push(p, now) }

// broadcast writes the frames of a connection to the house: it waits until it
// knows its tracks, puts both streams on one timeline, and says when tracks change.
type broadcast struct {
	sink     ingest.Sink
	began    time.Time
	timeline ingest.Timeline
	// Either is nil until its first packet; wants say which were offered.
	video, audio           *stream
	wantsVideo, wantsAudio bool
	first                  time.Time // when one of them was ready
	announced              []*media.Track
}

// patience is how long one stream waits for the other before it goes on air alone.
const patience = 3 * time.Second

// write passes on what a stream has ready.
func (b *broadcast) write(s *stream, now time.Time) error {
	return s.frames(now, func(f frame) error { return b.frame(s, f, now) })
}

func (b *broadcast) frame(s *stream, f frame, now time.Time) error {
	if s.video && b.audio != nil {
		// Sound stays where it is: it is counted, pictures are only shown.
		s.clock.follow(&b.audio.clock, b.announced == nil)
	}
	source := s.clock.place(f.timestamp, now.Sub(b.began)) - f.delay
	if ready, err := b.announce(now); err != nil || !ready {
		return err
	}
	dts, pts, jump, ok := b.timeline.Place(f.track, source, f.delay)
	if !ok {
		return nil // of before a jump of the source's clock
	}
	return b.sink.Write(ingest.Sample{Track: f.track, DTS: dts, PTS: pts, Key: f.key, Jump: jump, Payload: f.payload})
}

// announce tells the tracks when they are known, and again when they change.
func (b *broadcast) announce(now time.Time) (ready bool, err error) {
	var tracks []*media.Track
	missing := false
	for _, s := range []struct {
		*stream
		wanted bool
	}{{b.video, b.wantsVideo}, {b.audio, b.wantsAudio}} {
		switch {
		case s.stream != nil && s.track != nil:
			tracks = append(tracks, s.track)
		case s.wanted:
			missing = true
		}
	}
	if b.announced == nil {
		if b.first.IsZero() {
			b.first = now
		}
		if missing && now.Sub(b.first) < patience {
			return false, nil
		}
	}
	if slices.Equal(tracks, b.announced) {
		return true, nil
	}
	if err := b.sink.SetTracks(tracks); err != nil {
		return false, err
	}
	b.announced = tracks
	b.timeline.Retain(tracks)
	return true, nil
}
