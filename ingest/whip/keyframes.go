package whip

import "time"

const (
	// keyFrameEvery is how far apart key frames shall be: a segment's length.
	keyFrameEvery = 2 * time.Second
	// keyFrameAgain is when a request that nothing came of is repeated, and the
	// least time between two requests: a key frame is some hundred milliseconds
	// of the bitrate.
	keyFrameAgain = 500 * time.Millisecond
	// stillAfter is how long no picture may come before one is asked for: what
	// shares a still screen sends one a second or fewer, and each shows that the
	// broadcast goes on.
	stillAfter = 600 * time.Millisecond
)

// keyFrames decides when to ask for a key frame: at the start, when pictures
// were damaged, once a segment, and when a still picture falls silent. Requests
// close together are one. The zero value is ready.
type keyFrames struct {
	wanted    bool      // nothing can be shown without one
	asked     time.Time // last
	came      time.Time // last key frame
	lastFrame time.Time // last picture of any kind
}

// need says that nothing can be shown until the next key frame.
func (k *keyFrames) need() { k.wanted = true }

// frame notes a picture that came in whole.
func (k *keyFrames) frame(key bool, now time.Time) {
	k.lastFrame = now
	if key {
		k.wanted, k.came = false, now
	}
}

// due reports whether to ask now; the caller then does.
func (k *keyFrames) due(now time.Time) bool {
	if now.Sub(k.asked) < keyFrameAgain {
		return false
	}
	still := !k.lastFrame.IsZero() && now.Sub(k.lastFrame) >= stillAfter
	if !k.wanted && !still && now.Sub(k.came) < keyFrameEvery {
		return false
	}
	k.asked = now
	return true
}
