package acceptance

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"roomcast/bench"
	"roomcast/test/harness"
)

var clips struct {
	once         sync.Once
	small, large *bench.Clip
	err          error
}

// encoded are two clips of different sizes, made once.
func encoded(t *testing.T) (small, large *bench.Clip) {
	t.Helper()
	clips.once.Do(func() {
		var second error
		clips.small, clips.err = bench.Encode(context.Background(), "ffmpeg", "320x180", 300_000)
		clips.large, second = bench.Encode(context.Background(), "ffmpeg", "640x360", 500_000)
		clips.err = errors.Join(clips.err, second)
	})
	if clips.err != nil {
		t.Fatal(clips.err)
	}
	return clips.small, clips.large
}

// broadcast publishes until the test ends; over gives the error it ended with earlier.
func broadcast(t *testing.T, room harness.Room, p bench.Publication) (over <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var group sync.WaitGroup
	group.Go(func() { done <- p.Run(ctx, room.IngestURLs["rtmp"].URL+"#"+*room.StreamKey) })
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
	return done
}

// hour jumps the clock by an hour, 4 s after the beginning.
func hour(sign time.Duration) func(time.Duration) time.Duration {
	const base = 2 * time.Hour
	return func(at time.Duration) time.Duration {
		if at >= 4*time.Second {
			at += sign * time.Hour
		}
		return base + at
	}
}

// The table of docs/live.md, the rows that are about what a broadcaster sends:
// whatever it is, the broadcast goes on for those who watch.
func TestTroublesomeBroadcastsGoOn(t *testing.T) {
	t.Parallel()
	small, large := encoded(t)
	tests := []struct {
		name     string
		send     bench.Publication
		watch    time.Duration
		pictures int     // at least, in that time
		volume   float64 // at least, in dB
		warning  string
	}{
		{"timestamps jump an hour forward", bench.Publication{Clip: small, Clock: hour(1)}, 9 * time.Second, 220, -40, ""},
		{"timestamps jump an hour back", bench.Publication{Clip: small, Clock: hour(-1)}, 9 * time.Second, 220, -40, ""},
		{"sound alone", bench.Publication{Clip: small, NoPicture: true}, 3 * time.Second, 0, -40, "no_video"},
		{"a picture alone", bench.Publication{Clip: small, NoSound: true}, 3 * time.Second, 80, -300, "no_audio"},
		{"new parameter sets in the middle", bench.Publication{Clip: small, Then: large, After: time.Second}, 14 * time.Second, 360, -40, ""},
	}
	s := harness.Start(t, harness.Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			room := s.CreateRoom(t, "live", harness.Fields{})
			over := broadcast(t, room, tt.send)
			began := awaitState(t, s, room.ID, "live", 20*time.Second)
			viewer := s.Enter(t, room.ParticipantToken, "Vi")
			got := s.Watch(t, viewer, tt.watch, !tt.send.NoPicture, !tt.send.NoSound)
			if got.Frames < tt.pictures || got.Volume < tt.volume {
				t.Errorf("%d frames, %.1f dB\n%s", got.Frames, got.Volume, got.Log)
			}
			now := s.Stream(t, room.ID)
			if now.State != "live" || now.StartedAt == nil || !now.StartedAt.Equal(*began.StartedAt) {
				t.Errorf("not the same show: %+v", now)
			}
			if tt.warning != "" && !now.Warns(tt.warning) {
				t.Errorf("warnings %+v", now.Warnings)
			}
			select {
			case err := <-over:
				t.Errorf("the publisher was sent away: %v", err)
			default:
			}
		})
	}
}

// Without a key frame nothing can be decoded: the broadcaster is told, viewers
// are told to wait, and nothing grows.
func TestABroadcastWithoutAKeyFrameShowsNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	small, _ := encoded(t)
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{})
	broadcast(t, room, bench.Publication{Clip: small, NoKeyFrames: true})
	harness.Eventually(t, 30*time.Second, "the broadcaster is warned", func() bool { return s.Stream(t, room.ID).Warns("no_key_frame") },
		func() any { return s.Stream(t, room.ID) })
	viewer := s.Enter(t, room.ParticipantToken, "Vi")
	s.Stranger().Refused(t, http.MethodGet, viewer.Endpoints["hls"], nil, http.StatusServiceUnavailable, "not_ready")
}

// 100 Mb/s is more than any viewer wants, and more than memory holds for long:
// it is packaged, within the bounds that the configuration gives.
func TestAHundredMegabitsForTenSecondsAreBounded(t *testing.T) {
	t.Parallel()
	small, _ := encoded(t)
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{"room_features": harness.Fields{"dvr_window_seconds": 0}})
	const perPicture = 100_000_000 / 8 / 30
	over := broadcast(t, room, bench.Publication{Clip: small, Padding: perPicture})
	awaitState(t, s, room.ID, "live", 20*time.Second)
	harness.Eventually(t, 30*time.Second, "10 s of it have come in", func() bool { return s.Stream(t, room.ID).BytesIn > 120_000_000 },
		func() any { return s.Stream(t, room.ID) })
	select {
	case err := <-over:
		t.Errorf("the publisher was sent away: %v", err)
	default:
	}
	// The race detector makes a process some five times as large.
	if rss := s.RSS(); rss > 3<<30 {
		t.Errorf("the server has %d MiB in memory", rss>>20)
	}
	if now := s.Stream(t, room.ID); now.State != "live" {
		t.Errorf("%+v", now)
	}
}

// A ticket is good for its own room, and no longer than its viewer may stay.
func TestTicketsOfOthersAndOfTheRemoved(t *testing.T) {
	t.Parallel()
	small, _ := encoded(t)
	s := harness.Start(t, harness.Options{})
	room, other := s.CreateRoom(t, "live", harness.Fields{}), s.CreateRoom(t, "live", harness.Fields{})
	broadcast(t, room, bench.Publication{Clip: small})
	awaitState(t, s, room.ID, "live", 20*time.Second)
	mine, theirs := s.Enter(t, room.ParticipantToken, "Vi"), s.Enter(t, other.ParticipantToken, "Wanda")
	s.Pull(t, mine, time.Second)

	stolen := strings.Replace(theirs.Endpoints["hls"], "/hls/"+other.ID+"/", "/hls/"+room.ID+"/", 1)
	s.Stranger().Refused(t, http.MethodGet, stolen, nil, http.StatusNotFound, "not_found")

	s.API().Want(t, http.MethodDelete, "/api/v1/rooms/"+room.ID+"/participants/"+mine.ParticipantID, nil, http.StatusNoContent, nil)
	s.Stranger().Refused(t, http.MethodGet, mine.Endpoints["hls"], nil, http.StatusForbidden, "banned")
}
