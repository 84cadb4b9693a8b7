package main

import (
	"testing"
	"time"
)

func TestTimesOfABenchAreSecondsOrGoNotation(t *testing.T) {
	for text, want := range map[string]time.Duration{"20": 20 * time.Second, "0": 0, "0.5": 500 * time.Millisecond, "1m30s": 90 * time.Second, "2h": 2 * time.Hour} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(s), err)
		}
	}
	for _, text := range []string{"", "x", "20 s", "1e999"} {
		var s span
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken, as %v", text, time.Duration(s))
		}
	}
}
