// Package rewrite makes one continuous RTP stream of several: the numbers of
// each source are moved so that sequence number, timestamp and VP8 counters go
// on where the source before stopped.
//
// It is pure arithmetic: it knows no socket and takes the time as an argument.
// One Rewriter serves one outgoing stream; it is not safe for concurrent use.
package rewrite

import (
	"time"

	"roomcast/sfu/vp8"
)

// window is how far behind the newest packet of a source a late one is taken.
const window = 1024

// Rewriter moves the numbers of one source after another onto one timeline.
type Rewriter struct {
	clockRate int64

	started   bool // a packet has been mapped
	switching bool // the next packet begins a source

	seqOffset uint16 // out = in + offset, for the current source
	tsOffset  uint32
	newest    uint16 // newest sequence number in, of the current source
	age       int    // how many numbers lie between the source's first and newest, up to window
	sent      [window / 64]uint64

	lastSeq uint16 // newest sequence number out
	lastTS  uint32 // timestamp out of the packet with lastSeq
	lastAt  time.Time

	vp8Switching bool
	pictureShift uint16
	tl0Shift     uint8
	lastPicture  uint16
	lastTL0      uint8
}

// New returns a Rewriter for a stream of the given clock rate whose first
// packet gets these numbers (RFC 3550 section 5.1 wants them random).
func New(clockRate uint32, firstSeq uint16, firstTS uint32) *Rewriter {
	return &Rewriter{
		clockRate: int64(clockRate), switching: true, vp8Switching: true,
		lastSeq: firstSeq - 1, lastTS: firstTS,
	}
}

// Switch makes the next packet the first of another source.
func (r *Rewriter) Switch() { r.switching, r.vp8Switching = true, true }

// Map returns the numbers with which a packet goes out. It reports false for a
// packet that must not be sent: of before the switch, too late, or sent
// already (an SRTP nonce must not be used twice).
func (r *Rewriter) Map(seq uint16, ts uint32, at time.Time) (outSeq uint16, outTS uint32, ok bool) {
	if r.switching {
		r.begin(seq, ts, at)
		return r.lastSeq, r.lastTS, true
	}
	if ahead := int16(seq - r.newest); ahead > 0 {
		r.advance(seq, int(ahead))
		r.lastSeq, r.lastTS, r.lastAt = seq+r.seqOffset, ts+r.tsOffset, at
		return r.lastSeq, r.lastTS, true
	}
	behind := int(r.newest - seq)
	if behind > r.age || behind >= window || r.marked(seq) {
		return 0, 0, false
	}
	r.mark(seq)
	return seq + r.seqOffset, ts + r.tsOffset, true
}

// begin puts the first packet of a source right behind the last one sent, and
// as much later as it is.
func (r *Rewriter) begin(seq uint16, ts uint32, at time.Time) {
	outTS := r.lastTS
	if r.started {
		ticks := at.Sub(r.lastAt).Nanoseconds() * r.clockRate / int64(time.Second)
		outTS += uint32(max(ticks, 1))
	}
	r.started, r.switching = true, false
	r.lastSeq++
	r.lastTS, r.lastAt = outTS, at
	r.seqOffset, r.tsOffset = r.lastSeq-seq, outTS-ts
	r.newest, r.age = seq, 0
	r.sent = [window / 64]uint64{}
	r.mark(seq)
}

func (r *Rewriter) advance(seq uint16, ahead int) {
	if ahead >= window {
		r.sent = [window / 64]uint64{}
	} else {
		for s := r.newest + 1; s != seq; s++ {
			r.unmark(s)
		}
	}
	r.newest = seq
	r.age = min(r.age+ahead, window)
	r.mark(seq)
}

// Source returns the number a packet had in its source, for one that was sent
// as outSeq and is still in reach.
func (r *Rewriter) Source(outSeq uint16) (seq uint16, ok bool) {
	if !r.started || r.switching {
		return 0, false
	}
	seq = outSeq - r.seqOffset
	behind := int(r.newest - seq)
	if behind > r.age || behind >= window || !r.marked(seq) {
		return 0, false
	}
	return seq, true
}

// Timestamp maps a timestamp of the current source.
func (r *Rewriter) Timestamp(ts uint32) uint32 { return ts + r.tsOffset }

// Now returns the timestamp the stream has at a moment, for a sender report
// (RFC 3550 section 6.4.1); false before the first packet.
func (r *Rewriter) Now(at time.Time) (ts uint32, ok bool) {
	if !r.started {
		return 0, false
	}
	return r.lastTS + uint32(at.Sub(r.lastAt).Nanoseconds()*r.clockRate/int64(time.Second)), true
}

// VP8 moves the counters of a packet's descriptor, which must be of a packet
// that Map let pass, in the order of Map. payload is changed in place.
func (r *Rewriter) VP8(d *vp8.Descriptor, payload []byte) {
	if r.vp8Switching {
		r.vp8Switching = false
		r.pictureShift = r.lastPicture + 1 - d.PictureID
		r.tl0Shift = r.lastTL0 + 1 - d.TL0PicIdx
	}
	picture, tl0 := r.shifted(d)
	d.Rewrite(payload, picture, tl0)
	if d.PictureIDBits != vp8.NoPictureID && newer15(picture, r.lastPicture) {
		r.lastPicture = picture
	}
	if d.HasTL0PicIdx && int8(tl0-r.lastTL0) > 0 {
		r.lastTL0 = tl0
	}
}

// VP8Again moves the counters of a packet that is sent once more.
func (r *Rewriter) VP8Again(d *vp8.Descriptor, payload []byte) {
	picture, tl0 := r.shifted(d)
	d.Rewrite(payload, picture, tl0)
}

func (r *Rewriter) shifted(d *vp8.Descriptor) (picture uint16, tl0 uint8) {
	return (d.PictureID + r.pictureShift) & 0x7fff, d.TL0PicIdx + r.tl0Shift
}

// newer15 reports whether a is after b among 15-bit numbers.
func newer15(a, b uint16) bool {
	diff := (a - b) & 0x7fff
	return diff != 0 && diff < 0x4000
}

func (r *Rewriter) mark(seq uint16)        { r.sent[seq%window/64] |= 1 << (seq % 64) }
func (r *Rewriter) unmark(seq uint16)      { r.sent[seq%window/64] &^= 1 << (seq % 64) }
func (r *Rewriter) marked(seq uint16) bool { return r.sent[seq%window/64]&(1<<(seq%64)) != 0 }
