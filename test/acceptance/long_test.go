//go:build long

package acceptance

import (
	"testing"
	"time"

	"roomcast/test/harness"
)

func TestARunThatNobodyComesBackToEnds(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	live := s.CreateRoom(t, "live", harness.Fields{"room_features": harness.Fields{"reconnect_window_seconds": 3}})
	publisher := s.Publish(t, live, harness.Picture{Size: "320x180"})
	awaitState(t, s, live.ID, "live", 15*time.Second)
	s.Kill()
	publisher.Kill()
	s.Restart()
	harness.Eventually(t, 90*time.Second, "the run of the broadcast ends", func() bool {
		return s.Room(t, live.ID).Status == "idle"
	}, func() any { return s.Room(t, live.ID).Status })
}
