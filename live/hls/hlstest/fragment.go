package hlstest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

// Track is one track of an initialization segment.
type Track struct {
	ID        int
	TimeScale int64
	Video     bool
	// Codec is how CODECS names it: whole for H.264, AAC and Opus, else its beginning.
	Codec         string
	Width, Height int
}

// Init is an initialization segment.
type Init struct{ Tracks []Track }

// ReadInit reads an initialization segment.
func ReadInit(b []byte) (*Init, error) {
	var decoded fmp4.Init
	if err := decoded.Unmarshal(bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("read initialization segment: %w", err)
	}
	if len(decoded.Tracks) == 0 {
		return nil, errors.New("the initialization segment has no track")
	}
	in := &Init{}
	for _, t := range decoded.Tracks {
		if t.TimeScale == 0 {
			return nil, fmt.Errorf("track %d has no time scale", t.ID)
		}
		track := Track{ID: t.ID, TimeScale: int64(t.TimeScale)}
		if err := track.describe(t.Codec, b); err != nil {
			return nil, fmt.Errorf("track %d: %w", t.ID, err)
		}
		in.Tracks = append(in.Tracks, track)
	}
	return in, nil
}

func (t *Track) describe(codec codecs.Codec, b []byte) error {
	switch c := codec.(type) {
	case *codecs.H264:
		var sps h264.SPS
		if err := sps.Unmarshal(c.SPS); err != nil {
			return fmt.Errorf("read parameter set: %w", err)
		}
		t.Video, t.Codec = true, fmt.Sprintf("avc1.%02x%02x%02x", c.SPS[1], c.SPS[2], c.SPS[3])
		t.Width, t.Height = sps.Width(), sps.Height()
	case *codecs.H265:
		var sps h265.SPS
		if err := sps.Unmarshal(c.SPS); err != nil {
			return fmt.Errorf("read parameter set: %w", err)
		}
		t.Video, t.Codec, t.Width, t.Height = true, "hvc1.", sps.Width(), sps.Height()
		if !bytes.Contains(b, []byte("hvc1")) {
			t.Codec = "hev1."
		}
	case *codecs.AV1:
		t.Video, t.Codec = true, "av01."
	case *codecs.VP9:
		t.Video, t.Codec, t.Width, t.Height = true, "vp09.", c.Width, c.Height
	case *codecs.MPEG4Audio:
		t.Codec = "mp4a.40." + strconv.Itoa(int(c.Config.Type))
	case *codecs.Opus:
		t.Codec = "opus"
	default:
		return fmt.Errorf("nothing we write is a %T", codec)
	}
	return nil
}

// main is the track that a segment's duration is measured by.
func (in *Init) main() *Track {
	for i := range in.Tracks {
		if in.Tracks[i].Video {
			return &in.Tracks[i]
		}
	}
	return &in.Tracks[0]
}

// Fragment is what a segment or part holds of the main track, and how much of all.
type Fragment struct {
	// Start is the decode time of the first sample, End that after the last.
	Start, End time.Duration
	// Key is whether the first sample is a sync sample.
	Key bool
	// Samples and Bytes count those of the main track, Others the samples of other tracks.
	Samples, Bytes, Others int
	// Shortest and Longest are the durations of its samples.
	Shortest, Longest time.Duration
}

// ReadFragment reads a media segment or part that an initialization segment begins.
func ReadFragment(in *Init, b []byte) (*Fragment, error) {
	var parts fmp4.Parts
	if err := parts.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("read fragment: %w", err)
	}
	main, f, begun := in.main(), &Fragment{}, false
	for _, p := range parts {
		for _, t := range p.Tracks {
			if t.ID != main.ID {
				f.Others += len(t.Samples)
				continue
			}
			start := scale(int64(t.BaseTime), main.TimeScale)
			if begun && (start-f.End).Abs() > time.Millisecond {
				return nil, fmt.Errorf("a fragment begins at %v after %v", start, f.End)
			}
			if !begun && len(t.Samples) > 0 {
				f.Start, f.Key, begun = start, !t.Samples[0].IsNonSyncSample, true
			}
			ticks := int64(t.BaseTime)
			for _, s := range t.Samples {
				f.add(scale(int64(s.Duration), main.TimeScale), len(s.Payload))
				ticks += int64(s.Duration)
			}
			f.End = scale(ticks, main.TimeScale)
		}
	}
	if f.Samples == 0 && f.Others == 0 {
		return nil, errors.New("the fragment is empty")
	}
	return f, nil
}

func (f *Fragment) add(d time.Duration, size int) {
	if f.Samples == 0 || d < f.Shortest {
		f.Shortest = d
	}
	f.Longest = max(f.Longest, d)
	f.Samples++
	f.Bytes += size
}

// scale turns ticks into time without overflow.
func scale(ticks, perSecond int64) time.Duration {
	return time.Duration(ticks/perSecond)*time.Second + time.Duration(ticks%perSecond)*time.Second/time.Duration(perSecond)
}
