package rooms

import (
	"sync/atomic"
	"testing"
	"time"
)

var wallStep atomic.Int64

func init() {
	wallClock = func() time.Time { return time.Now().Add(time.Duration(wallStep.Load())) }
}

// StepWallClock sets the wall clock off by so much from now to the test's end,
// as somebody who sets the server's time does.
func StepWallClock(t testing.TB, by time.Duration) {
	wallStep.Store(int64(by))
	t.Cleanup(func() { wallStep.Store(0) })
}
