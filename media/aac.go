package media

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// aacFrameSamples is the number of samples in one AAC access unit (ISO 14496-3);
// the 960-sample variant is refused.
const aacFrameSamples = 1024

// NewAAC makes an audio track from its AudioSpecificConfig.
func NewAAC(config []byte) (*Track, error) {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(config); err != nil {
		return nil, fmt.Errorf("read AAC configuration: %w", err)
	}
	if c.FrameLengthFlag {
		return nil, errors.New("read AAC configuration: frames of 960 samples are not supported")
	}
	if c.SampleRate <= 0 {
		return nil, errors.New("read AAC configuration: no sample rate")
	}
	t := &Track{
		Kind: Audio, Codec: AAC, ClockRate: c.SampleRate,
		AudioConfig: bytes.Clone(config),
		SampleRate:  c.SampleRate, Channels: channels(c.ChannelConfig),
		FrameSamples: aacFrameSamples,
		codecString:  "mp4a.40.2",
	}
	if t.Channels == 0 {
		return nil, errors.New("read AAC configuration: no channel layout")
	}
	switch c.ExtensionType {
	case mpeg4audio.ObjectTypeSBR:
		t.codecString = "mp4a.40.5"
	case mpeg4audio.ObjectTypePS:
		t.codecString, t.Channels = "mp4a.40.29", 2
	}
	if c.ExtensionSampleRate > 0 {
		t.SampleRate = c.ExtensionSampleRate
	}
	return t, nil
}

// channels is the number of speakers of an MPEG-4 channel configuration, 0 if
// it says nothing by itself.
func channels(config uint8) int {
	switch {
	case config >= 1 && config <= 6:
		return int(config)
	case config == 7:
		return 8
	}
	return 0
}
