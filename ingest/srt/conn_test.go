package srt

import (
	"testing"
	"time"

	"roomcast/test/walltest"
)

func TestAPublisherIsIdleAfterAsLongAsEverWhenTheClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{0, -time.Hour, time.Hour} {
		began := time.Now()
		c := &conn{server: &Server{o: Options{IdleTimeout: 10 * time.Second}}, began: began}
		if c.idle(began.Add(time.Hour)) {
			t.Error("a player, who sends nothing, is idle")
		}
		heard := began.Add(5 * time.Second)
		c.heard(heard)
		if c.idle(walltest.Set(t, heard.Add(10*time.Second), by)) {
			t.Errorf("set by %v: idle too early", by)
		}
		if !c.idle(walltest.Set(t, heard.Add(10*time.Second+1), by)) {
			t.Errorf("set by %v: not idle after 10 s of silence", by)
		}
	}
}
