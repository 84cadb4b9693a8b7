package sfu

import (
	"testing"
	"time"

	"roomcast/test/walltest"
)

func TestKeyFramesAreAskedForAsOftenAsEverWhenTheClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{0, -time.Hour, time.Hour} {
		p := newPublication(trackID{}, false)
		first := p.began.Add(keyFrameInterval / 2)
		if !p.mayAsk(first) {
			t.Fatal("the first request is held back")
		}
		if p.mayAsk(walltest.Set(t, first.Add(keyFrameInterval-1), by)) {
			t.Errorf("set by %v: asked again too early", by)
		}
		if !p.mayAsk(walltest.Set(t, first.Add(keyFrameInterval), by)) {
			t.Errorf("set by %v: not asked again", by)
		}
	}
}
