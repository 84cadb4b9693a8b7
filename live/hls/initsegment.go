package hls

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"roomcast/media"
)

// marshalInit makes the initialization segment of some tracks.
func marshalInit(tracks []*media.Track) ([]byte, error) {
	init := fmp4.Init{}
	for i, t := range tracks {
		c, err := initCodec(t)
		if err != nil {
			return nil, err
		}
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: i + 1, TimeScale: uint32(t.ClockRate), Codec: c})
	}
	var b seekablebuffer.Buffer
	if err := init.Marshal(&b); err != nil {
		return nil, fmt.Errorf("write init segment: %w", err)
	}
	return b.Bytes(), nil
}

// initCodec is what an initialization segment says of a track.
func initCodec(t *media.Track) (codecs.Codec, error) {
	switch t.Codec {
	case media.H264:
		return &codecs.H264{SPS: t.SPS, PPS: t.PPS}, nil
	case media.H265:
		return &codecs.H265{VPS: t.VPS, SPS: t.SPS, PPS: t.PPS}, nil
	case media.AV1:
		return &codecs.AV1{SequenceHeader: t.SequenceHeader}, nil
	case media.VP9:
		return &codecs.VP9{
			Width: t.VP9.Width, Height: t.VP9.Height, Profile: t.VP9.Profile, BitDepth: t.VP9.BitDepth,
			ChromaSubsampling: t.VP9.ChromaSubsampling, ColorRange: t.VP9.FullRange,
		}, nil
	case media.AAC:
		var c mpeg4audio.AudioSpecificConfig
		if err := c.Unmarshal(t.AudioConfig); err != nil {
			return nil, fmt.Errorf("read AAC configuration: %w", err)
		}
		return &codecs.MPEG4Audio{Config: c}, nil
	case media.Opus:
		return &codecs.Opus{ChannelCount: t.Channels}, nil
	}
	return nil, fmt.Errorf("codec %q cannot be packaged", t.Codec)
}
