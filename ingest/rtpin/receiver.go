package rtpin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
)

const (
	// configurationWait is how long the first key frame may take to come when
	// nothing else says what the picture is.
	configurationWait = 30 * time.Second
	// lossPeriod is what losses are counted over for a warning, and how long it
	// stands after the last one.
	lossPeriod = 10 * time.Second
)

// The warnings of a session.
const (
	warnLoss  = "packet_loss"
	warnAudio = "audio_not_supported"
)

// Options are what a Receiver needs.
type Options struct {
	Sink ingest.Sink
	// Description is what the session announced.
	Description *description.Session
	// Warn shows a warning in the room's state until Clear takes it back; both
	// may be nil.
	Warn  func(code, detail string)
	Clear func(code string)
}

// Receiver takes the packets of one session. Its methods may be called by
// several goroutines.
type Receiver struct {
	o Options

	mu        sync.Mutex
	tracks    map[*description.Media]*track
	ordered   []*track // video first
	clocks    clocks
	timeline  ingest.Timeline
	announced bool
	failed    error
	since     time.Time // the first packet
	units     int64

	lost, dropped int64     // packets, pictures
	lossNoted     time.Time // when losses were last counted
	lossSeen      time.Time
	lossAtNote    int64
	warned        map[string]bool
}

// New makes a receiver. It answers codec_not_supported if there is nothing in
// the session that can be taken, or a picture that cannot.
func New(o Options) (*Receiver, error) {
	r := &Receiver{o: o, tracks: make(map[*description.Media]*track), warned: make(map[string]bool)}
	var refusedAudio, refusedVideo []string
	for _, m := range o.Description.Medias {
		var add func(format.Format) (*track, error)
		var refused *[]string
		switch {
		case m.IsBackChannel:
			continue
		case m.Type == description.MediaTypeVideo:
			add, refused = newVideo, &refusedVideo
		case m.Type == description.MediaTypeAudio:
			add, refused = newAudio, &refusedAudio
		default:
			continue // metadata of cameras
		}
		if why := r.add(m, add); why != "" {
			*refused = append(*refused, why)
		}
	}
	if len(r.ordered) == 0 || len(refusedVideo) > 0 && r.ordered[0].video == nil {
		return nil, ingest.Unsupported("the stream has %s", strings.Join(append(refusedVideo, refusedAudio...), ", "))
	}
	if len(refusedAudio) > 0 {
		r.warn(warnAudio, "The sound comes as "+strings.Join(refusedAudio, ", ")+" and is left out; set the encoder or camera to AAC or Opus.")
	}
	return r, nil
}

// add takes a media with the first of its formats that can be taken. why says
// why there is none; a second picture and a fifth sound are left out silently.
func (r *Receiver) add(m *description.Media, open func(format.Format) (*track, error)) (why string) {
	for _, f := range m.Formats {
		if f.ClockRate() <= 0 {
			continue
		}
		t, err := open(f)
		switch {
		case err != nil:
			why = err.Error()
			continue
		case t == nil:
			if why == "" {
				why = formatName(f)
			}
			continue
		}
		audio := len(r.ordered)
		if audio > 0 && r.ordered[0].video != nil {
			audio--
		}
		switch {
		case t.video == nil && audio < media.MaxAudioTracks:
			r.ordered = append(r.ordered, t)
		case t.video != nil && audio == len(r.ordered):
			r.ordered = slices.Insert(r.ordered, 0, t)
		default:
			return ""
		}
		r.tracks[m] = t
		return ""
	}
	if why == "" {
		why = "nothing known"
	}
	return why
}

// formatName is the codec as the session description names it.
func formatName(f format.Format) string {
	name, _, _ := strings.Cut(f.RTPMap(), "/")
	switch {
	case name != "":
		return name
	case f.PayloadType() == 0:
		return "PCMU"
	case f.PayloadType() == 8:
		return "PCMA"
	case f.PayloadType() == 26:
		return "JPEG"
	}
	return fmt.Sprintf("RTP payload type %d", f.PayloadType())
}

// Wants reports whether packets of a media are of use.
func (r *Receiver) Wants(m *description.Media) bool { return r.tracks[m] != nil }

// Units is how many units were passed on so far.
func (r *Receiver) Units() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.units
}

// Waiting reports whether packets came in, but the first key frame did not yet.
func (r *Receiver) Waiting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.since.IsZero() && !r.announced
}

// Lost is how many packets were missed so far, and how many pictures dropped.
func (r *Receiver) Lost() (packets, pictures int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost, r.dropped
}

// Report takes a sender report of a media's source.
func (r *Receiver) Report(m *description.Media, sr *rtcp.SenderReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tracks[m]; t != nil {
		r.clocks.take(&t.clock, sr)
	}
}

// Packet takes the next packet of a media, in order. An error, once there is
// one, is given from then on: the session has to end. A *rooms.Error is for the
// publisher to know.
func (r *Receiver) Packet(m *description.Media, pkt *rtp.Packet, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return r.failed
	}
	t := r.tracks[m]
	if t == nil || pkt.PayloadType != t.payloadType || len(pkt.Payload) == 0 {
		return nil
	}
	if r.since.IsZero() {
		r.since = now
	}
	if lost := t.gap(pkt); lost > 0 {
		r.lost += int64(lost)
		r.lossSeen = now
	}
	r.noteLoss(now)
	r.failed = r.take(t, pkt, now)
	return r.failed
}

// take passes on what a packet completes.
func (r *Receiver) take(t *track, pkt *rtp.Packet, now time.Time) error {
	parts, ts, err := t.take(pkt)
	if err != nil {
		r.drop(now)
		return nil //nolint:nilerr // a malformed packet is counted, and does not end the session
	}
	if len(parts) == 0 {
		return nil
	}
	at := r.clocks.at(&t.clock, ts, now)
	if t.video != nil {
		return r.picture(t, parts, ts, at, now)
	}
	for _, p := range parts {
		length := unitLength(t.media, p)
		if len(p) == 0 || length <= 0 {
			continue
		}
		if err := r.pass(t, unit{at: at, key: true, payload: p}, now); err != nil {
			return err
		}
		at += length
	}
	return nil
}

// picture passes on an access unit of the video track, unless it is damaged.
func (r *Receiver) picture(t *track, parts [][]byte, ts uint32, at time.Duration, now time.Time) error {
	if t.order != nil && !t.order.picture(parts) {
		// Parameter sets that come alone are for the next key frame.
		if _, _, err := t.video.Units(parts); err != nil {
			r.drop(now)
		}
		return nil
	}
	payload, key, err := t.video.Units(parts)
	if err == nil && t.damaged && !key {
		if r.announced {
			r.dropped++
		}
		return nil
	}
	var delay int64
	if err == nil && payload != nil && t.order != nil {
		delay, err = t.order.delay(t.video.Track(), parts, t.clock.unwrap(ts), key)
	}
	var refusal *rooms.Error
	switch {
	case errors.As(err, &refusal):
		return err
	case err != nil:
		t.damaged = true
		r.drop(now)
		return nil //nolint:nilerr // a malformed picture is counted, and does not end the session
	case payload == nil:
		return nil
	}
	t.damaged = false
	if next := t.video.Track(); next != t.media {
		t.media = next
		if r.announced {
			tracks := r.formats()
			if err := r.o.Sink.SetTracks(tracks); err != nil {
				return err
			}
			r.timeline.Retain(tracks)
		}
	}
	return r.pass(t, unit{at: at, delay: t.clock.span(delay), key: key, payload: payload}, now)
}

func (r *Receiver) formats() []*media.Track {
	out := make([]*media.Track, len(r.ordered))
	for i, t := range r.ordered {
		out[i] = t.media
	}
	return out
}

// announce tells the sink of the tracks, once all are known.
func (r *Receiver) announce(now time.Time) error {
	for _, t := range r.ordered {
		if t.media == nil && t.video != nil {
			t.media = t.video.Track()
		}
		if t.media == nil {
			if now.Sub(r.since) > configurationWait {
				return ingest.Unsupported("no key frame that says what the picture is in %v", configurationWait)
			}
			return nil
		}
	}
	if err := r.o.Sink.SetTracks(r.formats()); err != nil {
		return err
	}
	r.announced = true
	return nil
}

// pass hands a unit to the sink.
func (r *Receiver) pass(t *track, u unit, now time.Time) error {
	if !r.announced {
		if err := r.announce(now); err != nil || !r.announced {
			return err
		}
	}
	dts, pts, jump, ok := r.timeline.Place(t.media, u.at-u.delay, u.delay)
	if !ok {
		return nil
	}
	r.units++
	return r.o.Sink.Write(ingest.Sample{Track: t.media, DTS: dts, PTS: pts, Key: u.key, Jump: jump, Payload: u.payload})
}

// drop counts a picture or packet that was of no use.
func (r *Receiver) drop(now time.Time) {
	r.dropped++
	r.lossSeen = now
}

// noteLoss keeps the warning of losses true, now and then.
func (r *Receiver) noteLoss(now time.Time) {
	if r.lossSeen.IsZero() || now.Sub(r.lossNoted) < lossPeriod {
		return
	}
	lost := r.lost + r.dropped - r.lossAtNote
	r.lossNoted, r.lossAtNote = now, r.lost+r.dropped
	if lost == 0 {
		r.clear(warnLoss)
		r.lossSeen = time.Time{}
		return
	}
	r.warn(warnLoss, fmt.Sprintf("The network lost %d packets or pictures of the last %v, which freezes the picture until the next key frame; send over TCP, or lower the bitrate.",
		lost, lossPeriod))
}

func (r *Receiver) warn(code, detail string) {
	if r.o.Warn != nil {
		r.warned[code] = true
		r.o.Warn(code, detail)
	}
}

func (r *Receiver) clear(code string) {
	if r.warned[code] && r.o.Clear != nil {
		delete(r.warned, code)
		r.o.Clear(code)
	}
}

// Close takes the warnings back. It does not close the sink.
func (r *Receiver) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for code := range r.warned {
		r.clear(code)
	}
	if r.failed == nil {
		r.failed = errClosed
	}
}

var errClosed = errors.New("session is over")
