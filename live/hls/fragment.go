package hls

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"roomcast/media"
)

// ticks is d on a clock of rate ticks per second, rounded; d is not negative.
func ticks(d time.Duration, rate int) uint64 {
	hi, lo := bits.Mul64(uint64(max(d, 0)), uint64(rate))
	lo, carry := bits.Add64(lo, uint64(time.Second/2), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(time.Second))
	return q
}

// marshalInit makes the initialization segment of a format.
func marshalInit(f *media.Format) ([]byte, error) {
	init := fmp4.Init{}
	for i, t := range f.Tracks {
		it := &fmp4.InitTrack{ID: i + 1, TimeScale: uint32(t.ClockRate)}
		switch t.Codec {
		case media.H264:
			it.Codec = &codecs.H264{SPS: t.SPS, PPS: t.PPS}
		case media.AAC:
			var c mpeg4audio.AudioSpecificConfig
			if err := c.Unmarshal(t.AudioConfig); err != nil {
				return nil, fmt.Errorf("read AAC configuration: %w", err)
			}
			it.Codec = &codecs.MPEG4Audio{Config: c}
		default:
			return nil, fmt.Errorf("codec %q cannot be packaged", t.Codec)
		}
		init.Tracks = append(init.Tracks, it)
	}
	var b seekablebuffer.Buffer
	if err := init.Marshal(&b); err != nil {
		return nil, fmt.Errorf("write init segment: %w", err)
	}
	return b.Bytes(), nil
}

// fragment collects the samples of one part: a moof and its mdat.
type fragment struct {
	tracks []trackRun
	// duration is of the main track.
	duration time.Duration
	size     int
	// independent says that the main track's first sample is a key frame.
	independent bool
}

// trackRun is the samples of one track, each beginning where the one before ends.
type trackRun struct {
	rate    int
	base    uint64
	end     uint64 // where the next sample is due
	samples []*fmp4.Sample
}

func newFragment(f *media.Format) *fragment {
	fr := &fragment{tracks: make([]trackRun, len(f.Tracks))}
	for i, t := range f.Tracks {
		fr.tracks[i].rate = t.ClockRate
	}
	return fr
}

func (f *fragment) empty() bool {
	for i := range f.tracks {
		if len(f.tracks[i].samples) > 0 {
			return false
		}
	}
	return true
}

// add appends a unit of track i that lasts until end.
func (f *fragment) add(i int, u *media.Unit, end time.Duration) {
	r := &f.tracks[i]
	start, stop := ticks(u.DTS, r.rate), ticks(end, r.rate)
	if n := len(r.samples); n == 0 {
		r.base = start
	} else if start > r.end+2 {
		// A hole within a fragment can only be told as a longer sample before it.
		r.samples[n-1].Duration += uint32(start - r.end)
	} else {
		start = r.end
	}
	r.end = max(stop, start+1)
	r.samples = append(r.samples, &fmp4.Sample{
		Duration:        uint32(r.end - start),
		PTSOffset:       int32(ticks(u.PTS, r.rate) - ticks(u.DTS, r.rate)),
		IsNonSyncSample: !u.Key,
		Payload:         u.Payload,
	})
	f.size += len(u.Payload)
}

// marshal writes the fragment with its number.
func (f *fragment) marshal(number uint32) ([]byte, error) {
	p := fmp4.Part{SequenceNumber: number}
	for i := range f.tracks {
		if r := &f.tracks[i]; len(r.samples) > 0 {
			p.Tracks = append(p.Tracks, &fmp4.PartTrack{ID: i + 1, BaseTime: r.base, Samples: r.samples})
		}
	}
	var b seekablebuffer.Buffer
	if err := p.Marshal(&b); err != nil {
		return nil, fmt.Errorf("write fragment %d: %w", number, err)
	}
	return b.Bytes(), nil
}
