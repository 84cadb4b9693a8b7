package media

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Kind is what a track is for a viewer.
type Kind string

// The kinds of track.
const (
	Video Kind = "video"
	Audio Kind = "audio"
)

// Codec names how a track is encoded.
type Codec string

// The codecs a broadcast may have.
const (
	H264 Codec = "h264"
	AAC  Codec = "aac"
)

// maxParameterSets bounds the parameter sets of a track together, in bytes:
// some are sent again before every key frame. Real ones have some 50 bytes.
const maxParameterSets = 8 << 10

// aacFrameSamples is the number of samples in one AAC access unit (ISO 14496-3);
// the 960-sample variant is refused.
const aacFrameSamples = 1024

// Track describes one elementary stream. It is immutable once made.
type Track struct {
	Kind  Kind
	Codec Codec
	// ClockRate is the number of ticks per second of the track's own clock: the
	// sample rate of audio, 90000 for video.
	ClockRate int

	// SPS and PPS are the parameter sets of H.264, as NAL units without a start
	// code. ExtraPPS are further picture parameter sets, sent before key frames.
	SPS, PPS []byte
	ExtraPPS [][]byte
	// Width and Height are in pixels, after cropping.
	Width, Height int
	// FrameRate is what the stream declares, in frames per second; 0 if it says nothing.
	FrameRate float64

	// AudioConfig is the MPEG-4 AudioSpecificConfig (ISO 14496-3, 1.6.2.1).
	AudioConfig []byte
	// SampleRate is in Hz as heard (with spectral band replication: doubled).
	SampleRate int
	Channels   int
	// FrameSamples is the number of ClockRate ticks in one audio unit.
	FrameSamples int

	codecString string
}

// NewH264 makes a video track from its parameter sets. frameRate, in frames
// per second, is used when the sequence parameter set declares none.
func NewH264(sps, pps []byte, frameRate float64, extraPPS ...[]byte) (*Track, error) {
	if len(sps) < 4 || len(pps) == 0 {
		return nil, errors.New("read H.264 parameter sets: too short")
	}
	size := len(sps) + len(pps)
	for _, p := range extraPPS {
		size += len(p)
	}
	if size > maxParameterSets {
		return nil, fmt.Errorf("read H.264 parameter sets: %d bytes are too many", size)
	}
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return nil, fmt.Errorf("read H.264 sequence parameter set: %w", err)
	}
	t := &Track{
		Kind: Video, Codec: H264, ClockRate: 90000,
		SPS: bytes.Clone(sps), PPS: bytes.Clone(pps),
		Width: s.Width(), Height: s.Height(),
		FrameRate:   usableRate(s.FPS()),
		codecString: fmt.Sprintf("avc1.%02x%02x%02x", sps[1], sps[2], sps[3]),
	}
	if t.Width <= 0 || t.Height <= 0 || t.Width > 16384 || t.Height > 16384 {
		return nil, fmt.Errorf("read H.264 sequence parameter set: impossible size %dx%d", t.Width, t.Height)
	}
	if t.FrameRate == 0 {
		t.FrameRate = usableRate(frameRate)
	}
	for _, p := range extraPPS {
		t.ExtraPPS = append(t.ExtraPPS, bytes.Clone(p))
	}
	return t, nil
}

// usableRate is r, made exact when it is a rounded NTSC rate, or 0 when it cannot be a frame rate.
func usableRate(r float64) float64 {
	if math.IsNaN(r) || r < 1 || r > 300 {
		return 0
	}
	for _, n := range []float64{24, 30, 48, 60, 120} {
		if ntsc := n * 1000 / 1001; math.Abs(r-ntsc) < 0.006 {
			return ntsc
		}
	}
	return r
}

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

// CodecString is the track's name in a CODECS attribute (RFC 6381).
func (t *Track) CodecString() string { return t.codecString }

// SameConfig reports whether a decoder set up for t decodes o as well.
func (t *Track) SameConfig(o *Track) bool {
	if t.Codec != o.Codec || !bytes.Equal(t.SPS, o.SPS) || !bytes.Equal(t.PPS, o.PPS) ||
		!bytes.Equal(t.AudioConfig, o.AudioConfig) || len(t.ExtraPPS) != len(o.ExtraPPS) {
		return false
	}
	for i := range t.ExtraPPS {
		if !bytes.Equal(t.ExtraPPS[i], o.ExtraPPS[i]) {
			return false
		}
	}
	return true
}

// Format is the set of tracks that units belong to. Its identity is continuity:
// a unit with another Format than the one before it is the start of something
// new (a new publisher, other tracks, a jump in time), and decoders start afresh.
type Format struct {
	// Tracks are in the order video, audio. Immutable.
	Tracks []*Track
}

// HasVideo reports whether one of the tracks is video.
func (f *Format) HasVideo() bool { return f.Find(Video) != nil }

// Find returns the first track of a kind, or nil.
func (f *Format) Find(k Kind) *Track {
	for _, t := range f.Tracks {
		if t.Kind == k {
			return t
		}
	}
	return nil
}
