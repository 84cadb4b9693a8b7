package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

// MP4 is what an MP4 file or an initialization segment says of the track
// (ISO 14496-12, 8.5.2). An error means that MP4 has no place for the codec.
func (t *Track) MP4() (codecs.Codec, error) {
	switch t.Codec {
	case H264:
		return &codecs.H264{SPS: t.SPS, PPS: t.PPS}, nil
	case H265:
		return &codecs.H265{VPS: t.VPS, SPS: t.SPS, PPS: t.PPS}, nil
	case AV1:
		return &codecs.AV1{SequenceHeader: t.SequenceHeader}, nil
	case VP9:
		return &codecs.VP9{
			Width: t.VP9.Width, Height: t.VP9.Height, Profile: t.VP9.Profile, BitDepth: t.VP9.BitDepth,
			ChromaSubsampling: t.VP9.ChromaSubsampling, ColorRange: t.VP9.FullRange,
		}, nil
	case AAC:
		var c mpeg4audio.AudioSpecificConfig
		if err := c.Unmarshal(t.AudioConfig); err != nil {
			return nil, fmt.Errorf("read AAC configuration: %w", err)
		}
		return &codecs.MPEG4Audio{Config: c}, nil
	case Opus:
		return &codecs.Opus{ChannelCount: t.Channels}, nil
	}
	return nil, fmt.Errorf("codec %q has no place in MP4", t.Codec)
}
