package hls

import (
	"math/bits"
	"time"

	"roomcast/media"
)

// ticks is d on a clock of rate ticks per second, rounded; d is not negative.
func ticks(d time.Duration, rate int) uint64 {
	hi, lo := bits.Mul64(uint64(max(d, 0)), uint64(rate))
	lo, carry := bits.Add64(lo, uint64(time.Second/2), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(time.Second))
	return q
}

// span is n ticks of a clock of rate ticks per second as a duration.
func span(n, rate int) time.Duration {
	return time.Duration(int64(n) * int64(time.Second) / int64(rate))
}

// fragment collects the samples of one part. It is used again for the next:
// its slices grow to what a part needs and stay.
type fragment struct {
	tracks []trackRun
	// duration is of the main track, and of what the part before left of it.
	duration time.Duration
	size     int
	samples  int
	// independent says that the main track's first sample is a key frame.
	independent, begun bool
}

// trackRun is the samples of one track, each beginning where the one before ends.
type trackRun struct {
	track   *media.Track
	base    uint64
	next    uint64 // where the next sample is due
	going   bool   // next is known
	samples []sample
	size    int
}

// reset prepares for the samples of some tracks, none of which has begun.
func (f *fragment) reset(tracks []*media.Track) {
	f.clear()
	if cap(f.tracks) < len(tracks) {
		f.tracks = make([]trackRun, len(tracks))
	}
	f.tracks = f.tracks[:len(tracks)]
	for i, t := range tracks {
		f.tracks[i] = trackRun{track: t, samples: f.tracks[i].samples}
	}
}

// clear forgets the samples; the tracks go on where they are.
func (f *fragment) clear() {
	for i := range f.tracks {
		r := &f.tracks[i]
		clear(r.samples)
		r.samples, r.size = r.samples[:0], 0
	}
	f.duration, f.size, f.samples, f.independent, f.begun = 0, 0, 0, false, false
}

// frameDuration is how long an audio unit lasts by its own word, 0 for video.
func frameDuration(u *media.Unit) time.Duration {
	switch {
	case u.Track.Kind != media.Audio:
		return 0
	case u.Track.Codec == media.Opus:
		if d := media.OpusDuration(u.Payload); d > 0 {
			return d
		}
	}
	return span(u.Track.FrameSamples, u.Track.ClockRate)
}

// audioTicks is the same on the track's clock.
func audioTicks(u *media.Unit) uint64 {
	if u.Track.Codec == media.Opus {
		return ticks(frameDuration(u), u.Track.ClockRate)
	}
	return uint64(u.Track.FrameSamples)
}

// addAudio appends a frame of audio to track i. Frames follow each other
// without the jitter of their timestamps; what is off by more than half a frame
// is a hole, or a frame too many, which is left out.
func (f *fragment) addAudio(i int, u *media.Unit) {
	r := &f.tracks[i]
	start, n := ticks(u.DTS, r.track.ClockRate), audioTicks(u)
	if r.going {
		switch {
		case start > r.next+n/2:
		case start+n < r.next:
			return
		default:
			start = r.next
		}
	}
	f.put(r, u, start, n)
}

// addVideo appends a picture that lasts for d to track i.
func (f *fragment) addVideo(i int, u *media.Unit, d time.Duration) {
	r := &f.tracks[i]
	start, end := ticks(u.DTS, r.track.ClockRate), ticks(u.DTS+d, r.track.ClockRate)
	if r.going && start < r.next+2 {
		start = r.next
	}
	f.put(r, u, start, max(end, start+1)-start)
}

// stretch lets the last sample of the main track last for d longer. The next
// one is decoded that much later, and shown when it would have been.
func (f *fragment) stretch(d time.Duration) {
	r := &f.tracks[0]
	if n := len(r.samples); n > 0 {
		more := ticks(d, r.track.ClockRate)
		r.samples[n-1].duration += uint32(more)
		r.next += more
	}
}

// trim forgets the samples of a track from a time on.
func (f *fragment) trim(i int, from time.Duration) {
	r := &f.tracks[i]
	limit := ticks(from, r.track.ClockRate)
	for n := len(r.samples); n > 0 && r.next-uint64(r.samples[n-1].duration) >= limit; n-- {
		s := r.samples[n-1]
		r.next -= uint64(s.duration)
		r.size -= len(s.payload)
		f.size -= len(s.payload)
		f.samples--
		r.samples[n-1] = sample{}
		r.samples = r.samples[:n-1]
	}
}

func (f *fragment) put(r *trackRun, u *media.Unit, start, n uint64) {
	if k := len(r.samples); k == 0 {
		r.base = start
	} else if start > r.next {
		// A hole within a fragment can only be told as a longer sample before it.
		r.samples[k-1].duration += uint32(start - r.next)
	}
	r.next, r.going = start+n, true
	decode := ticks(u.DTS, r.track.ClockRate)
	if late := start - decode; r.track.Kind == media.Video && late < 1<<31 && late > 2 {
		decode = start
	}
	r.samples = append(r.samples, sample{
		payload: u.Payload, duration: uint32(n), nonSync: !u.Key,
		offset: int32(int64(ticks(u.PTS, r.track.ClockRate)) - int64(decode)),
	})
	r.size += len(u.Payload)
	f.size += len(u.Payload)
	f.samples++
}

// marshal is the fragment with its number: one allocation, which viewers share.
func (f *fragment) marshal(number uint32) []byte {
	return appendFragment(nil, number, f.tracks)
}
