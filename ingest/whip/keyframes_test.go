package whip

import (
	"testing"
	"time"
)

// asks runs 10 s of pictures, 30 a second unless still says that none is sent
// at that time, and counts the requests. answer says whether a request is met.
func asks(k *keyFrames, answer bool, still func(ms int) bool) (n int) {
	start := time.Unix(1000, 0)
	meet := false
	for ms := 0; ms < 10_000; ms += 33 {
		now := start.Add(time.Duration(ms) * time.Millisecond)
		if meet || still == nil || !still(ms) {
			k.frame(meet, now)
			meet = false
		}
		if k.due(now) {
			n++
			meet = answer
		}
	}
	return n
}

func TestKeyFramesAreAskedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		needed     bool
		answer     bool
		still      func(int) bool
		least, max int
	}{
		"once a segment": {false, true, nil, 5, 6},
		"again and again from one who does not hear":               {true, false, nil, 18, 20},
		"when a still screen falls silent":                         {false, true, func(ms int) bool { return ms > 1000 }, 13, 17},
		"no more often where a picture a second is sent by itself": {false, true, func(ms int) bool { return ms%990 != 0 }, 9, 17},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keyFrames{}
			if tt.needed {
				k.need()
			}
			if n := asks(k, tt.answer, tt.still); n < tt.least || n > tt.max {
				t.Errorf("%d requests in 10 s, want %d to %d", n, tt.least, tt.max)
			}
		})
	}
}

func TestDamageIsAskedToBeMendedAtOnce(t *testing.T) {
	var k keyFrames
	now := time.Unix(1000, 0)
	k.due(now)
	k.frame(true, now)
	now = now.Add(keyFrameAgain)
	k.frame(false, now)
	if k.due(now) {
		t.Fatal("asked without need")
	}
	k.need()
	if !k.due(now) {
		t.Error("not asked when needed")
	}
	k.need()
	if k.due(now.Add(keyFrameAgain - 1)) {
		t.Error("asked twice for one")
	}
}
