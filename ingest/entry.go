package ingest

import (
	"slices"
	"time"

	"roomcast/media"
)

const (
	// analyze is how much media is looked at for tracks that were not announced.
	analyze = 2 * time.Second
	// maxHeld and maxHeldBytes bound what is held until the tracks are known.
	maxHeld      = 1000
	maxHeldBytes = 16 << 20
)

// Frame is an access unit on its source's clock. Its track is nil if that is
// not known (yet): the frame is then dropped, but its time counts.
type Frame struct {
	Track *media.Track
	// Time is when it is decoded, Delay how much later it is shown.
	Time, Delay time.Duration
	Key         bool
	Payload     []byte
}

// Entry leads a publisher on air whose tracks become known one by one: it holds
// the first frames until they are, announces the tracks, and from then on
// passes frames to the sink, on one timeline. It is used by one goroutine.
type Entry struct {
	Sink Sink
	// Tracks are those that are known; Complete says that no more are to come.
	Tracks   func() []*media.Track
	Complete func() bool

	timeline  Timeline
	current   []*media.Track // as the sink was told
	held      []Frame
	heldBytes int
}

// Announced reports whether the publisher is on air.
func (e *Entry) Announced() bool { return e.current != nil }

// Renew tells the sink of tracks that changed while on air.
func (e *Entry) Renew() error {
	if !e.Announced() {
		return nil
	}
	ts := e.Tracks()
	if len(ts) == 0 || slices.Equal(ts, e.current) {
		return nil
	}
	e.current = ts
	e.timeline.Retain(ts)
	return e.Sink.SetTracks(ts)
}

// Put takes a frame.
func (e *Entry) Put(f Frame) error {
	if e.Announced() {
		return e.pass(f)
	}
	e.held = append(e.held, f)
	e.heldBytes += len(f.Payload)
	if span := f.Time - e.held[0].Time; !e.Complete() && span < analyze && len(e.held) < maxHeld && e.heldBytes < maxHeldBytes {
		return nil
	}
	ts := e.Tracks()
	if len(ts) == 0 {
		return Unsupported("no decoder configuration in the first %v", analyze)
	}
	if err := e.Sink.SetTracks(ts); err != nil {
		return err
	}
	e.current = ts
	held := e.held
	e.held = nil
	for _, h := range held {
		if err := e.pass(h); err != nil {
			return err
		}
	}
	return nil
}

// pass hands a frame of a known track to the sink.
func (e *Entry) pass(f Frame) error {
	if len(f.Payload) == 0 || !slices.Contains(e.current, f.Track) {
		return nil
	}
	dts, pts, jump, ok := e.timeline.Place(f.Track, f.Time, f.Delay)
	if !ok {
		return nil
	}
	return e.Sink.Write(Sample{Track: f.Track, DTS: dts, PTS: pts, Key: f.Key, Jump: jump, Payload: f.Payload})
}
