package walltest

import (
	"testing"
	"time"
)

func TestASetClockChangesTheDateAlone(t *testing.T) {
	at := time.Now()
	for _, by := range []time.Duration{0, -time.Second, time.Second, -time.Hour, 24 * time.Hour} {
		set := Set(t, at, by)
		if got := set.UnixNano() - at.UnixNano(); got != int64(by) {
			t.Errorf("set by %v, the date moved by %v", by, time.Duration(got))
		}
		if later := set.Add(time.Minute).Sub(at); later != time.Minute {
			t.Errorf("set by %v, a minute took %v", by, later)
		}
	}
}
