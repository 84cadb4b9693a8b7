package rtpin

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpfragmented"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"roomcast/media"
)

// depacketizer takes the packets of one track apart.
type depacketizer interface {
	// decode takes the next packet and gives the parts of an access unit that is
	// whole with it (audio: the access units), or none.
	decode(pkt *rtp.Packet) ([][]byte, error)
}

// decoder makes a depacketizer of a decode function.
type decoder func(pkt *rtp.Packet) ([][]byte, error)

func (d decoder) decode(pkt *rtp.Packet) ([][]byte, error) { return d(pkt) }

// single makes a depacketizer of the decoders that give one part.
func single(decode func(pkt *rtp.Packet) ([]byte, error)) depacketizer {
	return decoder(func(pkt *rtp.Packet) ([][]byte, error) {
		b, err := decode(pkt)
		if err != nil {
			return nil, err
		}
		return [][]byte{b}, nil
	})
}

// newAudio makes the track of an audio format; nil for a codec that is not taken.
func newAudio(f format.Format) (*track, error) {
	switch f := f.(type) {
	case *format.MPEG4Audio:
		return newAAC(f, f.Config, func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return aacPackets{d}, err
		})
	case *format.MPEG4AudioLATM:
		if f.StreamMuxConfig == nil {
			return nil, errors.New("AAC in LATM whose configuration is not in the session description")
		}
		return newAAC(f, f.StreamMuxConfig.Programs[0].Layers[0].AudioSpecificConfig, func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return latmPackets{d, f.StreamMuxConfig}, err
		})
	case *format.Opus:
		t, err := media.NewOpus(f.ChannelCount)
		if err != nil {
			return nil, err
		}
		return newTrack(f, t, func() (depacketizer, error) {
			d, err := f.CreateDecoder()
			return single(d.Decode), err
		})
	}
	return nil, nil //nolint:nilnil // a codec that is not taken is no error yet
}

func newAAC(f format.Format, config *mpeg4audio.AudioSpecificConfig, open func() (depacketizer, error)) (*track, error) {
	b, err := config.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write AAC configuration: %w", err)
	}
	t, err := media.NewAAC(b)
	if err != nil {
		return nil, err
	}
	return newTrack(f, t, open)
}

type aacPackets struct{ d *rtpmpeg4audio.Decoder }

func (p aacPackets) decode(pkt *rtp.Packet) ([][]byte, error) { return p.d.Decode(pkt) }

// latmPackets takes AudioMuxElements apart (ISO 14496-3, table 1.41), whose
// configuration is in the session description (RFC 6416, section 6.3).
type latmPackets struct {
	d      *rtpfragmented.Decoder
	config *mpeg4audio.StreamMuxConfig
}

func (p latmPackets) decode(pkt *rtp.Packet) ([][]byte, error) {
	b, err := p.d.Decode(pkt)
	if err != nil {
		return nil, err
	}
	element := mpeg4audio.AudioMuxElement{StreamMuxConfig: p.config}
	if err := element.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("read AAC in LATM: %w", err)
	}
	var units [][]byte
	for _, frame := range element.Payloads {
		if len(frame) > 0 && len(frame[0]) > 0 {
			units = append(units, frame[0][0])
		}
	}
	return units, nil
}

// unitLength is how long an audio unit lasts.
func unitLength(t *media.Track, unit []byte) time.Duration {
	if t.Codec == media.Opus {
		return media.OpusDuration(unit)
	}
	return time.Duration(t.FrameSamples) * time.Second / time.Duration(t.ClockRate)
}
