package whip

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpav1"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpvp9"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtp"

	"roomcast/ingest"
	"roomcast/media"
)

// frame is one access unit: a picture, or a packet of sound.
type frame struct {
	track *media.Track
	// timestamp is the RTP timestamp of its presentation.
	timestamp uint32
	// delay is from decoding to presentation.
	delay   time.Duration
	key     bool
	payload []byte
}

// depacketizer makes frames of the packets of one stream, which come in order.
type depacketizer interface {
	// push takes a packet; ok is false when no frame ends with it. An error means
	// that the frame is damaged.
	push(p *rtp.Packet) (f frame, ok bool, err error)
	// reset forgets a frame that has begun: packets are missing.
	reset()
}

func newDepacketizer(codec media.Codec) depacketizer {
	var d depacketizer
	switch codec {
	case media.H264:
		d = &h264Depacketizer{pictures: ingest.NewPictures(codec, 0)}
	case media.VP9:
		d = &vp9Depacketizer{pictures: ingest.NewPictures(codec, 0)}
	case media.AV1:
		d = &av1Depacketizer{pictures: ingest.NewPictures(codec, 0)}
	default:
		d = &opusDepacketizer{}
	}
	d.reset()
	return d
}

// h264Depacketizer reads RFC 6184.
type h264Depacketizer struct {
	decoder  rtph264.Decoder
	pictures *ingest.Pictures
	order    h264.DTSExtractor
	clock    ticks
	track    *media.Track // that order was begun for
	pending  uint32       // timestamp of the picture that has begun
	begun    bool
}

func (d *h264Depacketizer) reset() {
	d.decoder = rtph264.Decoder{PacketizationMode: 1}
	d.begun = false
}

func (d *h264Depacketizer) push(p *rtp.Packet) (f frame, ok bool, err error) {
	timestamp := p.Timestamp
	if d.begun && timestamp != d.pending {
		// A sender without marker bits: the next picture ends the one before.
		timestamp = d.pending
	}
	d.begun, d.pending = true, p.Timestamp
	nals, err := d.decoder.Decode(p)
	switch {
	case errors.Is(err, rtph264.ErrMorePacketsNeeded):
		return frame{}, false, nil
	case err != nil:
		d.reset()
		return frame{}, false, fmt.Errorf("read H.264 packet: %w", err)
	}
	if timestamp == p.Timestamp {
		d.begun = false
	}
	if slices.ContainsFunc(nals, func(nal []byte) bool { return len(nal) == 0 }) {
		return frame{}, false, errors.New("read H.264 packet: an empty NAL unit")
	}
	payload, key, err := d.pictures.Units(nals)
	if err != nil || payload == nil {
		return frame{}, false, err
	}
	f = frame{track: d.pictures.Track(), timestamp: timestamp, key: key, payload: payload}
	f.delay = d.delay(nals, f)
	return f, true, nil
}

// delay derives the time of decoding from the picture order, which only an
// encoder with B-frames makes differ from that of presentation.
func (d *h264Depacketizer) delay(nals [][]byte, f frame) time.Duration {
	if d.track != f.track || f.key {
		nals = append([][]byte{f.track.SPS}, nals...)
	}
	if d.track != f.track {
		d.track = f.track
		d.order = h264.DTSExtractor{}
		d.order.Initialize()
	}
	pts := d.clock.unwrap(f.timestamp)
	dts, err := d.order.Extract(nals, pts)
	if err != nil {
		return 0
	}
	return time.Duration(pts-dts) * time.Second / videoClockRate
}

// vp9Depacketizer reads RFC 9628. Of a stream with spatial layers it takes the
// lowest, which decodes by itself.
type vp9Depacketizer struct {
	decoder  rtpvp9.Decoder
	pictures *ingest.Pictures
	last     uint32 // timestamp of the newest frame
	seen     bool
}

func (d *vp9Depacketizer) reset() { d.decoder = rtpvp9.Decoder{} }

func (d *vp9Depacketizer) push(p *rtp.Packet) (f frame, ok bool, err error) {
	whole, err := d.decoder.Decode(p)
	switch {
	case errors.Is(err, rtpvp9.ErrMorePacketsNeeded):
		return frame{}, false, nil
	case err != nil:
		d.reset()
		return frame{}, false, fmt.Errorf("read VP9 packet: %w", err)
	}
	if d.seen && d.last == p.Timestamp {
		return frame{}, false, nil
	}
	d.seen, d.last = true, p.Timestamp
	payload, key, err := d.pictures.Units([][]byte{whole})
	if err != nil || payload == nil {
		return frame{}, false, err
	}
	return frame{track: d.pictures.Track(), timestamp: p.Timestamp, key: key, payload: payload}, true, nil
}

// av1Depacketizer reads the RTP payload format for AV1, version 1.0.
type av1Depacketizer struct {
	decoder  rtpav1.Decoder
	pictures *ingest.Pictures
}

func (d *av1Depacketizer) reset() { d.decoder = rtpav1.Decoder{} }

func (d *av1Depacketizer) push(p *rtp.Packet) (f frame, ok bool, err error) {
	obus, err := d.decoder.Decode(p)
	switch {
	case errors.Is(err, rtpav1.ErrMorePacketsNeeded):
		return frame{}, false, nil
	case err != nil:
		d.reset()
		return frame{}, false, fmt.Errorf("read AV1 packet: %w", err)
	}
	payload, key, err := d.pictures.Units(obus)
	if err != nil || payload == nil {
		return frame{}, false, err
	}
	return frame{track: d.pictures.Track(), timestamp: p.Timestamp, key: key, payload: payload}, true, nil
}

// opusDepacketizer reads RFC 7587: a packet is a frame.
type opusDepacketizer struct{ track *media.Track }

func (d *opusDepacketizer) reset() {}

func (d *opusDepacketizer) push(p *rtp.Packet) (f frame, ok bool, err error) {
	lasts := media.OpusDuration(p.Payload)
	if lasts == 0 {
		return frame{}, false, errors.New("read Opus packet: it is malformed")
	}
	if d.track == nil {
		// WebRTC's Opus is always announced as stereo (RFC 7587, section 7); a
		// decoder makes two channels of one by itself.
		t, err := media.NewOpus(2)
		if err != nil {
			return frame{}, false, err
		}
		t.FrameSamples = int(lasts * audioClockRate / time.Second)
		d.track = t
	}
	return frame{track: d.track, timestamp: p.Timestamp, key: true, payload: p.Payload}, true, nil
}
