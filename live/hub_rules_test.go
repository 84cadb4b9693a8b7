package live

import (
	"errors"
	"strings"
	"testing"
	"time"

	"roomcast/ingest"
	"roomcast/rooms"
)

func TestCutHoldsForATime(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(nil)
		if err := s.hub.Cut(t.Context(), "room", 30*time.Second); err != nil {
			t.Fatal(err)
		}
		s.is(Interrupted)
		if rooms.CodeOf(e.reason()) != rooms.CodeNotReady {
			t.Errorf("sent away for %v", e.reason())
		}
		_, err := s.admit(nil)
		var refusal *rooms.Error
		if !errors.As(err, &refusal) || refusal.Code != rooms.CodeNotReady || refusal.RetryAfter != 30*time.Second {
			t.Errorf("held: %v", err)
		}
		time.Sleep(30 * time.Second)
		s.publish(nil).send(1)
		s.is(Live)
	})
}

func TestRoomEventsSendThePublisherAway(t *testing.T) {
	tests := []struct {
		name  string
		event rooms.Event
		code  string // the reason; "" stays on air
		after Phase
	}{
		{"the run was ended", rooms.Event{Kind: rooms.RunEnded, Detail: rooms.EndedByCall}, rooms.CodeNotReady, Ended},
		{"the run was too long", rooms.Event{Kind: rooms.RunEnded, Detail: rooms.EndedDuration}, rooms.CodeNotReady, Ended},
		{"the run of before has ended", rooms.Event{Kind: rooms.RunEnded, Detail: rooms.EndedEmpty}, "", Live},
		{"deleted", rooms.Event{Kind: rooms.RoomDeleted}, rooms.CodeNotFound, Ended},
		{"suspended", rooms.Event{Kind: rooms.RoomSuspended}, rooms.CodeRoomSuspended, Ended},
		{"new key, old one cut", rooms.Event{Kind: rooms.SecretChanged, Field: "stream_key", Disconnect: true}, rooms.CodeNotFound, Interrupted},
		{"new key, old one stays", rooms.Event{Kind: rooms.SecretChanged, Field: "stream_key"}, "", Live},
		{"new backup key", rooms.Event{Kind: rooms.SecretChanged, Field: "backup_stream_key", Disconnect: true}, "", Live},
		{"new SRT passphrase, for an RTMP publisher", rooms.Event{Kind: rooms.SecretChanged, Field: "srt_passphrase", Disconnect: true}, "", Live},
		{"new participant token", rooms.Event{Kind: rooms.SecretChanged, Field: "participant_token", Disconnect: true}, "", Live},
		{"another room", rooms.Event{Kind: rooms.RoomDeleted, RoomID: "other"}, "", Live},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				e := s.publish(nil)
				if tt.event.RoomID == "" {
					tt.event.RoomID = "room"
				}
				s.hub.RoomEvent(tt.event)
				s.is(tt.after)
				if rooms.CodeOf(e.reason()) != tt.code {
					t.Errorf("sent away for %v", e.reason())
				}
				if tt.after == Ended && len(s.finished) != 0 {
					t.Error("a run that was ended is finished again")
				}
			})
		})
	}
}

func TestLimitsOfTheRoomHold(t *testing.T) {
	limit := func(name string, set func(*rooms.Limits, *int64), v int64) func(*rooms.Publisher) {
		return func(p *rooms.Publisher) {
			set(&p.Settings.Limits, &v)
			p.Settings.LimitSources = map[string]string{name: rooms.SourceSubscription}
		}
	}
	onStage(t, func(s *stage) {
		e, err := s.admit(limit("max_height", func(l *rooms.Limits, v *int64) { l.MaxHeight = v }, 719))
		if err != nil {
			t.Fatal(err)
		}
		err = e.sink.SetTracks(testTracks)
		var refusal *rooms.Error
		if !errors.As(err, &refusal) || refusal.Code != rooms.CodeLimitExceeded || *refusal.Limit != (rooms.LimitHit{Limit: "max_height", Value: 719, Source: rooms.SourceSubscription}) {
			t.Errorf("error %v", err)
		}
		e.sink.Close()
		s.is(Waiting)
	})
	onStage(t, func(s *stage) {
		e := s.publish(limit("max_bitrate_bps", func(l *rooms.Limits, v *int64) { l.MaxBitrateBps = v }, 9000))
		e.send(40)
		var err error
		for n := 0; n < 100 && err == nil; n++ {
			err = e.sink.Write(ingest.Sample{Track: e.tracks[0], DTS: time.Duration(e.n) * 100 * time.Millisecond, Payload: make([]byte, 125)})
			e.n++
			time.Sleep(100 * time.Millisecond)
		}
		if rooms.CodeOf(err) != rooms.CodeLimitExceeded {
			t.Errorf("10 kbit/s against 9: %v", err)
		}
	})
}

func TestRefusedRunLeavesNothing(t *testing.T) {
	onStage(t, func(s *stage) {
		s.refuse = &rooms.Error{Code: rooms.CodeNotReady, Detail: "ended a moment ago"}
		if _, err := s.admit(nil); rooms.CodeOf(err) != rooms.CodeNotReady {
			t.Errorf("error %v", err)
		}
		if len(s.hub.rooms) != 0 {
			t.Error("a room is left behind")
		}
	})
}

func TestPublisherThatNeverSendsEndsTheRunItBegan(t *testing.T) {
	onStage(t, func(s *stage) {
		e, err := s.admit(nil)
		if err != nil {
			t.Fatal(err)
		}
		e.sink.Close()
		time.Sleep(61 * time.Second)
		s.is(Waiting)
		if len(s.finished) != 1 || len(s.hub.rooms) != 0 {
			t.Errorf("finished %v, rooms %d", s.finished, len(s.hub.rooms))
		}
	})
}

func TestPublisherCutBeforeItsFirstMediaEndsTheRunItBegan(t *testing.T) {
	onStage(t, func(s *stage) {
		e, err := s.admit(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.hub.Cut(t.Context(), "room", 0); err != nil {
			t.Fatal(err)
		}
		e.sink.Close()
		time.Sleep(61 * time.Second)
		s.is(Waiting)
		if len(s.finished) != 1 || len(s.hub.rooms) != 0 {
			t.Errorf("finished %v, rooms %d", s.finished, len(s.hub.rooms))
		}
	})
}

func TestWhoComesWhileTheRunIsBeingFinishedBeginsAnother(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(nil)
		s.slow = make(chan struct{})
		e.sink.Close()
		time.Sleep(61 * time.Second) // the window is over, and storing that takes a while
		admitted := make(chan error, 1)
		go func() { _, err := s.admit(nil); admitted <- err }()
		time.Sleep(time.Second)
		if s.count() != 1 {
			t.Error("a run was continued that is being finished")
		}
		close(s.slow)
		if err := <-admitted; err != nil || s.count() != 2 {
			t.Errorf("%d runs begun: %v", s.count(), err)
		}
	})
}

func TestOtherRoomTypesTakeNoBroadcast(t *testing.T) {
	onStage(t, func(s *stage) {
		if _, err := s.admit(func(p *rooms.Publisher) { p.RoomType = rooms.Meet }); rooms.CodeOf(err) != rooms.CodeWrongRoomType {
			t.Errorf("error %v", err)
		}
	})
}

func TestWarningsTellWhatToMend(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(nil)
		for range 120 {
			e.n = 1 + e.n/10*10 // never a key frame again
			at := time.Duration(e.n) * 100 * time.Millisecond
			if err := e.sink.Write(ingest.Sample{Track: e.tracks[0], DTS: at, PTS: at + time.Second, Payload: []byte{1}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		var codes []string
		for _, w := range s.hub.State("room").Warnings {
			codes = append(codes, w.Code)
		}
		if got := strings.Join(codes, " "); got != "no_audio no_key_frame b_frames" {
			t.Errorf("warnings %q", got)
		}
	})
}

func TestShutdownSendsEverybodyAway(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(nil)
		e.send(30)
		s.stop()
		if rooms.CodeOf(e.reason()) != rooms.CodeShuttingDown {
			t.Errorf("sent away for %v", e.reason())
		}
		if _, err := s.admit(nil); rooms.CodeOf(err) != rooms.CodeShuttingDown {
			t.Errorf("a late publisher gets %v", err)
		}
		if len(s.finished) != 0 {
			t.Error("the restart ended a run")
		}
		time.Sleep(10 * time.Minute)
	})
}
