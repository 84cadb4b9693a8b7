package media

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
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
	H265 Codec = "h265"
	AV1  Codec = "av1"
	VP9  Codec = "vp9"
	AAC  Codec = "aac"
	Opus Codec = "opus"
)

// MaxAudioTracks is how many audio tracks a broadcast may have.
const MaxAudioTracks = 4

// Track describes one elementary stream. It is immutable once made.
type Track struct {
	Kind  Kind
	Codec Codec
	// ClockRate is the number of ticks per second of the track's own clock: the
	// sample rate of audio, 90000 for video.
	ClockRate int

	// SPS and PPS are the parameter sets of H.264 and H.265, as NAL units without
	// a start code; VPS is that of H.265. ExtraPPS are further picture parameter
	// sets, sent before key frames.
	VPS, SPS, PPS []byte
	ExtraPPS      [][]byte
	// SequenceHeader is AV1's sequence header OBU, with its size field.
	SequenceHeader []byte
	// VP9 is what a VP9 stream says of itself.
	VP9 VP9Config
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
	// For Opus it is what is usual; see OpusDuration.
	FrameSamples int
	// Label and Language (BCP 47) tell audio tracks apart for people; "" if the
	// source says nothing.
	Label, Language string

	codecString string
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

// CodecString is the track's name in a CODECS attribute (RFC 6381).
func (t *Track) CodecString() string { return t.codecString }

// SameConfig reports whether a decoder set up for t decodes o as well.
func (t *Track) SameConfig(o *Track) bool {
	return t.Codec == o.Codec && t.ClockRate == o.ClockRate && t.Channels == o.Channels && t.VP9 == o.VP9 &&
		bytes.Equal(t.VPS, o.VPS) && bytes.Equal(t.SPS, o.SPS) && bytes.Equal(t.PPS, o.PPS) &&
		bytes.Equal(t.SequenceHeader, o.SequenceHeader) && bytes.Equal(t.AudioConfig, o.AudioConfig) &&
		slices.EqualFunc(t.ExtraPPS, o.ExtraPPS, bytes.Equal)
}

// checkSize refuses pictures that nobody can mean.
func (t *Track) checkSize() error {
	if t.Width <= 0 || t.Height <= 0 || t.Width > 16384 || t.Height > 16384 {
		return fmt.Errorf("impossible size %dx%d", t.Width, t.Height)
	}
	return nil
}

// Format is the set of tracks that units belong to. Its identity is continuity:
// a unit with another Format than the one before it is the start of something
// new (a new publisher, other tracks, a jump in time), and decoders start afresh.
type Format struct {
	// Tracks are first the video, at most one, and then the audio, at most
	// MaxAudioTracks; the first audio track is the one to hear by default. Immutable.
	Tracks []*Track
	// Slate says that this is nothing a publisher sent, but what bridges its
	// silence.
	Slate bool
}

// Audio are the audio tracks.
func (f *Format) Audio() []*Track {
	if f.HasVideo() {
		return f.Tracks[1:]
	}
	return f.Tracks
}

// CheckTracks reports whether tracks may make a Format.
func CheckTracks(tracks []*Track) error {
	audio := 0
	for i, t := range tracks {
		switch {
		case t.Kind == Audio:
			audio++
		case i > 0:
			return errors.New("the picture is one, and the first of the tracks")
		}
	}
	if audio > MaxAudioTracks {
		return fmt.Errorf("%d audio tracks are more than %d", audio, MaxAudioTracks)
	}
	if len(tracks) == 0 {
		return errors.New("no tracks")
	}
	return nil
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
