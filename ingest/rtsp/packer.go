package rtsp

import (
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"roomcast/media"
)

// firstPayloadType is the first of the dynamic RTP payload types (RFC 3551, section 6).
const firstPayloadType = 96

// packer makes RTP packets of the units of one track.
type packer struct {
	media  *description.Media
	format format.Format
	encode func(parts [][]byte) ([]*rtp.Packet, error)
	track  *media.Track // as last seen
	rate   int64        // ticks per second
	ssrc   uint32
	parts  [][]byte
	told   bool // of the relation between its timestamps and the wall clock
}

// newPacker describes a track for the n-th media of a session.
func newPacker(t *media.Track, n int) (*packer, error) {
	p := &packer{track: t, rate: int64(t.ClockRate)}
	kind := description.MediaTypeVideo
	pt := uint8(firstPayloadType + n)
	var err error
	switch t.Codec {
	case media.H264:
		f := &format.H264{PayloadTyp: pt, PacketizationMode: 1, SPS: t.SPS, PPS: t.PPS}
		p.format = f
		p.encode, err = encoder(f.CreateEncoder())
	case media.H265:
		f := &format.H265{PayloadTyp: pt, VPS: t.VPS, SPS: t.SPS, PPS: t.PPS}
		p.format = f
		p.encode, err = encoder(f.CreateEncoder())
	case media.AV1:
		f := &format.AV1{PayloadTyp: pt}
		p.format = f
		p.encode, err = encoder(f.CreateEncoder())
	case media.VP9:
		f := &format.VP9{PayloadTyp: pt}
		p.format = f
		p.encode, err = frameEncoder(f.CreateEncoder())
	case media.AAC:
		var c mpeg4audio.AudioSpecificConfig
		if err := c.Unmarshal(t.AudioConfig); err != nil {
			return nil, fmt.Errorf("read AAC configuration: %w", err)
		}
		f := &format.MPEG4Audio{
			PayloadTyp: pt, ProfileLevelID: 1, Config: &c, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
		}
		kind, p.format = description.MediaTypeAudio, f
		p.encode, err = encoder(f.CreateEncoder())
	case media.Opus:
		f := &format.Opus{PayloadTyp: pt, ChannelCount: t.Channels}
		kind, p.format = description.MediaTypeAudio, f
		p.encode, err = packetEncoder(f.CreateEncoder())
	default:
		err = fmt.Errorf("no RTP payload format for %s", t.Codec)
	}
	if err != nil {
		return nil, err
	}
	p.media = &description.Media{Type: kind, Formats: []format.Format{p.format}}
	return p, nil
}

// encoder is the encode function of an encoder of several parts.
func encoder[E interface {
	Encode(parts [][]byte) ([]*rtp.Packet, error)
}](e E, err error) (func([][]byte) ([]*rtp.Packet, error), error) {
	if err != nil {
		return nil, err
	}
	return e.Encode, nil
}

// frameEncoder is that of an encoder of one frame.
func frameEncoder[E interface {
	Encode(frame []byte) ([]*rtp.Packet, error)
}](e E, err error) (func([][]byte) ([]*rtp.Packet, error), error) {
	return func(parts [][]byte) ([]*rtp.Packet, error) { return e.Encode(parts[0]) }, err
}

// packetEncoder is that of an encoder of one packet.
func packetEncoder[E interface {
	Encode(frame []byte) (*rtp.Packet, error)
}](e E, err error) (func([][]byte) ([]*rtp.Packet, error), error) {
	return func(parts [][]byte) ([]*rtp.Packet, error) {
		pkt, err := e.Encode(parts[0])
		return []*rtp.Packet{pkt}, err
	}, err
}

// ticks is a time on the track's clock, modulo 2^32.
func (p *packer) ticks(d time.Duration) uint32 {
	return uint32(int64(d/time.Second)*p.rate + int64(d%time.Second)*p.rate/int64(time.Second))
}

// pack makes the packets of a unit. Key frames carry their parameter sets, so
// that a change of them reaches the player.
func (p *packer) pack(u *media.Unit) ([]*rtp.Packet, error) {
	p.parts = p.parts[:0]
	switch u.Track.Codec {
	case media.H264, media.H265:
		if u.Key {
			for _, set := range [][]byte{u.Track.VPS, u.Track.SPS, u.Track.PPS} {
				if len(set) > 0 {
					p.parts = append(p.parts, set)
				}
			}
		}
		for nal := range media.NALs(u.Payload) {
			p.parts = append(p.parts, nal)
		}
	case media.AV1:
		for obu := range media.OBUs(u.Payload) {
			p.parts = append(p.parts, unsized(obu))
		}
	case media.VP9, media.AAC, media.Opus:
		p.parts = append(p.parts, u.Payload)
	}
	if len(p.parts) == 0 {
		return nil, nil
	}
	packets, err := p.encode(p.parts)
	if err != nil {
		return nil, err
	}
	ts := p.ticks(u.PTS)
	for _, pkt := range packets {
		pkt.Timestamp = ts
	}
	return packets, nil
}

// unsized is an OBU without its size field, as it goes over RTP.
func unsized(obu []byte) []byte {
	payload := media.OBUPayload(obu)
	header := 1
	if obu[0]&0x04 != 0 {
		header = 2
	}
	out := make([]byte, 0, header+len(payload))
	out = append(out, obu[0]&^0x02)
	out = append(out, obu[1:header]...)
	return append(out, payload...)
}

// follows reports whether a player that was told of one track can go on with
// another in its place: pictures bring their parameter sets, sound does not.
func follows(old, next *media.Track) bool {
	if old.Codec != next.Codec {
		return false
	}
	return old.Kind == media.Video || old.SameConfig(next)
}
