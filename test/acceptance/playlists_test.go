package acceptance

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"roomcast/live/hls/hlstest"
	"roomcast/test/harness"
)

func TestWhatViewersAreServedKeepsTheRulesOfHLS(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", nil)
	s.Publish(t, room, harness.Picture{Size: "320x180", Rate: 25, GOP: 50})
	awaitState(t, s, room.ID, "live", 15*time.Second)
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	guest := s.Stranger()
	fetch := func(ctx context.Context, uri string) ([]byte, error) {
		answer, err := guest.Send(ctx, http.MethodGet, uri, nil)
		if err == nil && answer.Status != http.StatusOK {
			err = fmt.Errorf("%d %s", answer.Status, answer.Body)
		}
		return answer.Body, err
	}
	for _, endpoint := range []string{"hls", "dvr"} {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			uri := viewer.Endpoints[endpoint]
			harness.Eventually(t, 20*time.Second, "the playlist is there", func() bool {
				_, err := fetch(t.Context(), uri)
				return err == nil
			}, nil)
			found, err := hlstest.Follow(t.Context(), hlstest.FollowOptions{URI: uri, Fetch: fetch, For: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				t.Error(f)
			}
		})
	}
}
