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
	// rounded to whole seconds, must not exceed it (rfc8216bis, 4.4.3.1).
	rounding = 499 * time.Millisecond
	// partGoal is about how long parts are.
	partGoal = 333 * time.Millisecond
	// maxPart is the longest part target, for frame rates that vary much.
	maxPart = time.Second
	// minOpening is how much media is listed first.
	minOpening = 1900 * time.Millisecond
	// gopMemory is how many groups of pictures are remembered.
	gopMemory = 4
)

// timing watches the source before the first playlist and decides then.
type timing struct {
	// target is TARGETDURATION and part PART-TARGET; 0 until they are fixed.
	target, part time.Duration

	gops            [gopMemory]time.Duration
	gopCount        int
	longest         time.Duration // of all groups of pictures, before target is fixed
	promised        time.Duration // longest group of pictures, by the encoder's own word
	minStep, maxOne time.Duration // shortest and longest frame
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
// or the longest allowed if none closed; a part is a whole number of frames.
func (t *timing) fix(longestSegment time.Duration, main *media.Track) {
	t.target = maxTarget
	if t.gopCount > 0 || main.Kind == media.Audio {
		seconds := math.Ceil((max(t.longest, t.promised, longestSegment) - rounding).Seconds())
		t.target = min(max(time.Duration(seconds)*time.Second, minTarget), maxTarget)
	}
	frame := t.maxOne
	if frame <= 0 {
		frame = 40 * time.Millisecond
	}
	if t.maxOne-t.minStep > 2*time.Millisecond {
		// The frame rate varies. All but a segment's last part must last 85 to
		// 100% of the target, which one frame more or less must not miss.
		t.part = min(max(time.Duration(float64(frame)/0.15), partGoal), maxPart)
		return
	}
	if rate := main.FrameRate; rate > 0 && math.Abs(frame.Seconds()*rate-1) < 0.02 {
		t.part = time.Duration(math.Round(math.Max(1, math.Round(partGoal.Seconds()*rate)) * float64(time.Second) / rate))
		return
	}
	if main.FrameSamples > 0 {
		n := math.Ceil(partGoal.Seconds() * float64(main.ClockRate) / float64(main.FrameSamples))
		t.part = time.Duration(math.Ceil(n * float64(main.FrameSamples) / float64(main.ClockRate) * float64(time.Second)))
		return
	}
	t.part = max(partGoal/frame, 1) * frame
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
	limit := maxTarget
	if t.fixed() {
		limit = t.target
	}
	return d+frame > limit+rounding
}

// partLimit is how long a part may be.
func (t *timing) partLimit() time.Duration {
	if t.part > 0 {
		return t.part + 100*time.Microsecond
	}
	return partGoal
}
