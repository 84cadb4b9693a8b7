package mpegts

import (
	"bytes"
	"errors"
	"time"

	"roomcast/ingest"
	"roomcast/media"
)

// stream is one elementary stream.
type stream struct {
	pid      uint16
	kind     media.Kind
	codec    media.Codec
	language string
	channels int // of Opus

	counted bool
	counter byte // continuity
	open    bool // a packet is being put together
	damaged bool // something is missing since the last key frame
	pes     []byte
	want    int // its length, 0 if it goes up to the next one
	timed   bool

	pictures *ingest.Pictures
	nals     [][]byte

	track           *media.Track // of sound
	config, pending [2]byte      // of AAC: the track's, and the last frame's
	next            time.Duration
	rest            []byte // the beginning of a frame of sound
}

func (s *stream) video(c media.Codec) {
	s.kind, s.codec, s.pictures = media.Video, c, ingest.NewPictures(c, 0)
}

func (s *stream) audio(c media.Codec) { s.kind, s.codec = media.Audio, c }

// begin starts a packet.
func (s *stream) begin() {
	if cap(s.pes) > 1<<20 && len(s.pes) < cap(s.pes)/8 {
		s.pes = nil // the space of one huge picture is not kept
	}
	s.open, s.pes, s.want = true, s.pes[:0], 0
}

// lose drops what is being put together: a part of it is missing.
func (s *stream) lose() {
	s.open, s.damaged, s.rest = false, true, s.rest[:0]
}

// current is the stream's track, nil if it is not known.
func (s *stream) current() *media.Track {
	if s.pictures != nil {
		return s.pictures.Track()
	}
	return s.track
}

// take takes the content of a packet. b is used again by the next one.
func (s *stream) take(d *Demuxer, b []byte, pts, dts time.Duration) error {
	switch s.codec {
	case media.AAC:
		return s.adts(d, b, pts)
	case media.Opus:
		return s.opus(d, b, pts)
	default:
		return s.picture(d, b, pts, dts)
	}
}

// picture takes an access unit with start codes (ITU-T H.264, annex B).
func (s *stream) picture(d *Demuxer, b []byte, pts, dts time.Duration) error {
	s.nals = splitNALs(s.nals[:0], b)
	if len(s.nals) == 0 {
		return nil
	}
	before := s.pictures.Track()
	payload, key, err := s.pictures.Units(s.nals)
	if err != nil {
		return err
	}
	if t := s.pictures.Track(); t != before {
		if err := d.entry.Renew(); err != nil {
			return err
		}
	}
	s.damaged = s.damaged && !key
	if s.damaged {
		payload = nil // its time counts
	}
	return d.put(ingest.Frame{Track: s.pictures.Track(), Time: dts, Delay: max(pts-dts, 0), Key: key, Payload: payload})
}

// splitNALs appends the NAL units between start codes.
func splitNALs(dst [][]byte, b []byte) [][]byte {
	code := []byte{0, 0, 1}
	at := bytes.Index(b, code)
	for at >= 0 {
		b = b[at+3:]
		nal := b
		if at = bytes.Index(b, code); at >= 0 {
			nal = b[:at]
		}
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) > 0 {
			dst = append(dst, nal)
		}
	}
	return dst
}

var errADTS = errors.New("malformed ADTS")

// adtsFrame reads the header of an AAC frame (ISO 13818-7, 6.2): its length and
// the length of the header.
func adtsFrame(b []byte) (length, header int, err error) {
	if len(b) < 7 {
		return 0, 0, nil
	}
	if b[0] != 0xff || b[1]&0xf6 != 0xf0 {
		return 0, 0, errADTS
	}
	header = 7
	if b[1]&1 == 0 {
		header = 9 // with a checksum
	}
	length = int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5)
	if length < header {
		return 0, 0, errADTS
	}
	return length, header, nil
}

// adts takes frames of AAC; one may go on in the next packet.
func (s *stream) adts(d *Demuxer, b []byte, at time.Duration) error {
	carried := len(s.rest) // of these the first frame has begun before
	b = append(s.rest, b...)
	pos, placed := 0, false
	for {
		if !placed && pos >= carried {
			placed, s.next = true, at
		}
		length, header, err := adtsFrame(b[pos:])
		if err != nil { // look for the next one
			i := bytes.IndexByte(b[pos+1:], 0xff)
			if i < 0 {
				pos = len(b)
				break
			}
			pos += 1 + i
			continue
		}
		if length == 0 || length > len(b)-pos {
			break
		}
		if err := s.aac(d, b[pos:pos+length], header); err != nil {
			return err
		}
		pos += length
	}
	s.rest = append(s.rest[:0], b[pos:]...)
	return nil
}

// aac takes one frame of AAC.
func (s *stream) aac(d *Demuxer, frame []byte, header int) error {
	if frame[6]&3 != 0 {
		return ingest.Unsupported("AAC with several blocks in a frame")
	}
	// AudioSpecificConfig (ISO 14496-3, 1.6.2.1): object type, sampling frequency
	// and channels, of five, four and four bits.
	kind, rate, channels := frame[2]>>6+1, frame[2]>>2&0x0f, frame[2]&1<<2|frame[3]>>6
	config := [2]byte{kind<<3 | rate>>1, rate<<7 | channels<<3}
	if s.track == nil || config != s.config && config == s.pending {
		t, err := media.NewAAC(config[:])
		if err != nil {
			return ingest.Unsupported("%v", err)
		}
		t.Language = s.language
		s.track, s.config = t, config
		if err := d.entry.Renew(); err != nil {
			return err
		}
	}
	s.pending = config
	if config != s.config {
		return nil // damaged, unless the next one says so too
	}
	f := ingest.Frame{Track: s.track, Time: s.next, Key: true, Payload: bytes.Clone(frame[header:])}
	s.next += time.Duration(s.track.FrameSamples) * time.Second / time.Duration(s.track.ClockRate)
	return d.put(f)
}

// opus takes packets of Opus, each after a control header (ETSI TS 103 491
// and the mapping that it follows).
func (s *stream) opus(d *Demuxer, b []byte, at time.Duration) error {
	if s.track == nil {
		t, err := media.NewOpus(s.channels)
		if err != nil {
			return ingest.Unsupported("%v", err)
		}
		t.Language = s.language
		s.track = t
		if err := d.entry.Renew(); err != nil {
			return err
		}
	}
	s.next = at
	for len(b) > 0 {
		var packet []byte
		packet, b = opusPacket(b)
		if packet == nil {
			return nil
		}
		if err := d.put(ingest.Frame{Track: s.track, Time: s.next, Key: true, Payload: bytes.Clone(packet)}); err != nil {
			return err
		}
		s.next += media.OpusDuration(packet)
	}
	return nil
}

// opusPacket takes the first packet of b apart; nil if it is malformed.
func opusPacket(b []byte) (packet, rest []byte) {
	if len(b) < 3 || b[0] != 0x7f || b[1]&0xe0 != 0xe0 {
		return nil, nil
	}
	flags, size := b[1], 0
	for b = b[2:]; ; b = b[1:] {
		if len(b) == 0 {
			return nil, nil
		}
		size += int(b[0])
		if b[0] != 0xff {
			b = b[1:]
			break
		}
	}
	skip := 0
	if flags&0x10 != 0 { // trim at the start
		skip += 2
	}
	if flags&0x08 != 0 { // trim at the end
		skip += 2
	}
	if flags&0x04 != 0 { // extension
		if len(b) <= skip {
			return nil, nil
		}
		skip += 1 + int(b[skip])
	}
	if size == 0 || len(b) < skip+size {
		return nil, nil
	}
	return b[skip : skip+size], b[skip+size:]
}
