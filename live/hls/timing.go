package hls

import (
	"math"
	"time"

	"roomcast/media"
)

// Bounds of what is fixed before the first playlist.
const (
	minTarget = 2 * time.Second
	maxTarget = 10 * time.Second
	// rounding is how much longer than the target a segment may be: EXTINF,
	// rounded to whole seconds, must not exceed it (rfc8216bis, 4.4.3.1). What is
	// left of half a second is for renditions whose frames end elsewhere.
	rounding = 450 * time.Millisecond
	// partGoal is about how long parts are.
	partGoal = 200 * time.Millisecond
	// maxPart is the longest part target, for frame rates that vary much.
	maxPart = time.Second
	// jitter is how much the durations of frames of one rate may differ: RTMP
	// counts milliseconds.
	jitter = 2100 * time.Microsecond
	// partUnit is what PART-TARGET is rounded up to, as it is written.
	partUnit = 10 * time.Microsecond
	// partSlack is how much longer a part may be and still be written the same.
	partSlack = 4 * time.Microsecond
	// minOpening is how much media is listed first.
	minOpening = 1900 * time.Millisecond
	// gopMemory is how many groups of pictures are remembered.
	gopMemory = 4
)

// timing watches the source before the first playlist and decides then.
type timing struct {
	// target is TARGETDURATION; 0 until it is fixed.
	target time.Duration

	gops            [gopMemory]time.Duration
	gopCount        int
	longest         time.Duration // of all groups of pictures, before target is fixed
	promised        time.Duration // longest group of pictures, by the encoder's own word
	minStep, maxOne time.Duration // shortest and longest frame
	frames          int           // and how many there were
	total           time.Duration // and how long
}

func (t *timing) fixed() bool { return t.target > 0 }

// group notes a closed group of pictures.
func (t *timing) group(d time.Duration) {
	t.gops[t.gopCount%gopMemory] = d
	t.gopCount++
	t.longest = max(t.longest, d)
}

// frame notes the duration of one frame of the main track.
func (t *timing) frame(d time.Duration) {
	if t.fixed() {
		return
	}
	if t.minStep == 0 || d < t.minStep {
		t.minStep = d
	}
	t.maxOne = max(t.maxOne, d)
	t.frames++
	t.total += d
}

// promise notes how many pictures apart the encoder says key frames may be.
func (t *timing) promise(pictures int, rate float64) {
	if pictures > 0 && rate > 0 {
		t.promised = time.Duration(min(float64(pictures)/rate, maxTarget.Seconds()) * float64(time.Second))
	}
}

// expected is how long the next group of pictures may be.
func (t *timing) expected() time.Duration {
	m := t.promised
	for _, g := range t.gops {
		m = max(m, g)
	}
	return m
}

// fix decides: the target is the longest group of pictures, seen or promised,
// or the longest allowed if there was neither. Segments that are cut by a beat, 0 for
// none, last that long.
func (t *timing) fix(longestSegment, beat time.Duration, main *media.Track) {
	t.target = maxTarget
	if beat > 0 {
		seconds := math.Ceil((max(beat, longestSegment) - rounding).Seconds())
		t.target = min(max(time.Duration(seconds)*time.Second, minTarget), maxTarget)
		return
	}
	if t.gopCount > 0 || t.promised > 0 || main.Kind == media.Audio {
		seconds := math.Ceil((max(t.longest, t.promised, longestSegment) - rounding).Seconds())
		t.target = min(max(time.Duration(seconds)*time.Second, minTarget), maxTarget)
	}
}

// partFor is the part target of a rendition with a main track: a whole number
// of its frames, so that every part but a segment's last is 85 to 100% of it
// (rfc8216bis, 4.4.4.9).
func (t *timing) partFor(main *media.Track) time.Duration {
	if main.Kind == media.Audio {
		frame := span(main.FrameSamples, main.ClockRate)
		return roundPart(wholeFrames(frame))
	}
	if t.maxOne-t.minStep > jitter {
		// The frame rate varies: one frame more or less must not miss the 85%.
		return roundPart(min(max(partGoal, time.Duration(float64(t.maxOne)/0.15))+jitter, maxPart))
	}
	frame := t.frame1(main)
	slack := min(t.maxOne-t.minStep, jitter/2)
	return roundPart(wholeFrames(frame) + slack)
}

// frame1 is how long one picture is: by the rate the stream declares, if that is so.
func (t *timing) frame1(main *media.Track) time.Duration {
	declared := time.Duration(0)
	if main.FrameRate > 0 {
		declared = time.Duration(float64(time.Second) / main.FrameRate)
	}
	if t.frames == 0 {
		if declared > 0 {
			return declared
		}
		return 40 * time.Millisecond
	}
	mean := t.total / time.Duration(t.frames)
	if (declared - mean).Abs() < mean/50 {
		return declared
	}
	return mean
}

// wholeFrames is about partGoal.
func wholeFrames(frame time.Duration) time.Duration {
	n := max((partGoal+frame/2)/frame, 1)
	return n * frame
}

// roundPart rounds up, so that no part is longer than what is written.
func roundPart(d time.Duration) time.Duration {
	return (d + partUnit - 1) / partUnit * partUnit
}

// patience is how long the first group of pictures is waited for before the
// target is fixed without: not at all if the encoder says that it will be long.
func (t *timing) patience() time.Duration {
	const usual = 4 * time.Second
	if t.promised > usual {
		return 2400 * time.Millisecond
	}
	return usual + 400*time.Millisecond
}

// cutAtKey reports whether a segment of duration d ends at this key frame:
// unless another group of pictures still fits.
func (t *timing) cutAtKey(d time.Duration) bool {
	if !t.fixed() {
		return d >= 900*time.Millisecond
	}
	return d+t.expected() > t.target+rounding
}

// mustCut reports whether a segment of duration d cannot take another frame.
func (t *timing) mustCut(d, frame time.Duration) bool {
	if !t.fixed() {
		return d+frame > t.patience()
	}
	return d+frame > t.longestSegment()
}

// longestSegment is how long a segment may be.
func (t *timing) longestSegment() time.Duration {
	if !t.fixed() {
		return maxTarget + rounding
	}
	return t.target + rounding
}
