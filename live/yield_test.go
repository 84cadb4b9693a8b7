package live

import (
	"testing"
	"testing/synctest"
	"time"

	"roomcast/ingest"
	"roomcast/rooms"
)

func TestACameraGivesWayToEncodersAndTakesNobodysPlace(t *testing.T) {
	onStage(t, func(s *stage) {
		fetch := func() (*encoder, error) {
			e := &encoder{stage: s, tracks: testTracks}
			p := rooms.Publisher{RoomID: "room", RoomType: rooms.Live}
			p.Settings.Features.ReconnectWindowSeconds = 60
			sink, err := s.hub.Publish(s.t.Context(), ingest.Publication{Room: p, Protocol: "pull", Yields: true, Close: func(reason error) {
				e.mu.Lock()
				defer e.mu.Unlock()
				e.closed = reason
			}})
			if err != nil {
				return nil, err
			}
			e.sink = sink
			if err := sink.SetTracks(e.tracks); err != nil {
				sink.Close()
				return nil, err
			}
			e.send(1)
			return e, nil
		}
		// However often an encoder takes over, that is no fight.
		for range 2 * fightTakeovers {
			camera, err := fetch()
			if err != nil {
				t.Fatal(err)
			}
			camera.send(2)
			push := s.publish(nil)
			camera.mu.Lock()
			if rooms.CodeOf(camera.closed) != rooms.CodePublisherConflict {
				t.Errorf("the camera was told %v", camera.closed)
			}
			camera.mu.Unlock()
			camera.sink.Close()
			if _, err := fetch(); rooms.CodeOf(err) != rooms.CodePublisherConflict {
				t.Errorf("the camera beside an encoder: %v", err)
			}
			push.send(2)
			push.sink.Close()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if st := s.hub.State("room"); st.State != Interrupted {
			t.Errorf("state %s", st.State)
		}
	})
}
