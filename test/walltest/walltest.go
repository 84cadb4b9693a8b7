// Package walltest makes the times that a process sees after somebody set the
// clock of its machine. In a bubble of testing/synctest there are none: its
// times have no monotonic reading.
package walltest

import (
	"testing"
	"time"
	"unsafe"
)

// Set returns a time of time.Now as it would have been, had the clock been set
// before it by so many whole seconds: only its date differs, not what it is
// by the monotonic clock.
func Set(t testing.TB, at time.Time, by time.Duration) time.Time {
	t.Helper()
	out := at
	// A time begins with a word of its nanoseconds (30 bits), its seconds (33) and
	// whether it has a monotonic reading. No function sets one without the other.
	word := (*uint64)(unsafe.Pointer(&out))
	*word += uint64(by/time.Second) << 30
	if out.Sub(at) != 0 || out.Round(0).Sub(at.Round(0)) != by {
		t.Fatalf("%v was to be set by %v and is %v", at, by, out)
	}
	return out
}
