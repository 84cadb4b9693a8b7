package harness

import (
	"testing"
	"time"
)

// pollEvery is how often conditions are looked at.
const pollEvery = 20 * time.Millisecond

// Until waits for cond to become true and reports whether it did in time.
func Until(within time.Duration, cond func() bool) bool {
	deadline := time.Now().Add(within)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if cond() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		<-tick.C
	}
}

// Eventually fails the test unless cond becomes true within the given time.
// got, if not nil, tells what there was instead.
func Eventually(t testing.TB, within time.Duration, what string, cond func() bool, got func() any) {
	t.Helper()
	if Until(within, cond) {
		return
	}
	if got == nil {
		t.Fatalf("waited %v in vain: %s", within, what)
	}
	t.Fatalf("waited %v in vain: %s; got %v", within, what, got())
}
