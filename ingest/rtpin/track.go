package rtpin

import (
	"errors"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpav1"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpfragmented"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpvp9"
	"github.com/pion/rtp"

	"roomcast/ingest"
	"roomcast/media"
)

// track is one track of a session, from its packets to its units.
type track struct {
	payloadType uint8
	clock       clock
	open        func() (depacketizer, error)
	packets     depacketizer
	video       *ingest.Pictures // nil for audio
	order       *order           // nil for codecs without reordering
	media       *media.Track     // what was announced

	seen     bool
	next     uint16 // the sequence number to come
	begun    bool   // an access unit has begun
	beganAt  uint32 // with this timestamp
	damaged  bool   // nothing but a key frame helps
	skipping bool   // the access unit of this timestamp has lost something
	skip     uint32
}

// unit is one access unit on the session's time.
type unit struct {
	at, delay time.Duration // presentation, and how long before it is decoded
	key       bool
	payload   []byte
}

func newTrack(f format.Format, t *media.Track, open func() (depacketizer, error)) (*track, error) {
	packets, err := open()
	if err != nil {
		return nil, err
	}
	return &track{payloadType: f.PayloadType(), clock: clock{rate: int64(f.ClockRate())}, open: open, packets: packets, media: t}, nil
}

// gap notices packets that are missing before this one, and says how many.
func (t *track) gap(pkt *rtp.Packet) (lost int) {
	if t.seen && pkt.SequenceNumber != t.next {
		t.lose(pkt.Timestamp)
		if d := int16(pkt.SequenceNumber - t.next); d > 0 {
			lost = int(d)
		}
	}
	t.seen, t.next = true, pkt.SequenceNumber+1
	return lost
}

// lose begins afresh after something was lost before a packet of this timestamp.
func (t *track) lose(ts uint32) {
	if t.video != nil {
		t.damaged = true
		t.skipping, t.skip = true, ts
	}
	t.begun = false
	if packets, err := t.open(); err == nil {
		t.packets = packets
	}
}

// take gives the parts of the access unit that is whole with a packet, and its
// timestamp. err says that the packet is malformed.
func (t *track) take(pkt *rtp.Packet) (parts [][]byte, ts uint32, err error) {
	if t.skipping {
		if pkt.Timestamp == t.skip {
			return nil, 0, nil
		}
		t.skipping = false
	}
	if !t.begun {
		t.begun, t.beganAt = true, pkt.Timestamp
	}
	parts, err = t.packets.decode(pkt)
	switch {
	case more(err):
		return nil, 0, nil
	case err != nil:
		t.lose(pkt.Timestamp)
		return nil, 0, err
	}
	ts = t.beganAt
	// An access unit may also end where a packet of another time begins.
	t.begun, t.beganAt = pkt.Timestamp != ts, pkt.Timestamp
	return parts, ts, nil
}

// more reports whether a decoder only wants more packets.
func more(err error) bool {
	for _, e := range []error{
		rtph264.ErrMorePacketsNeeded, rtph264.ErrNonStartingPacketAndNoPrevious,
		rtph265.ErrMorePacketsNeeded, rtph265.ErrNonStartingPacketAndNoPrevious,
		rtpav1.ErrMorePacketsNeeded, rtpav1.ErrNonStartingPacketAndNoPrevious,
		rtpvp9.ErrMorePacketsNeeded, rtpvp9.ErrNonStartingPacketAndNoPrevious,
		rtpmpeg4audio.ErrMorePacketsNeeded, rtpfragmented.ErrMorePacketsNeeded,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
