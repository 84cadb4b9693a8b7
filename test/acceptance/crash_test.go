package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"roomcast/test/harness"
)

func TestEveryAcknowledgedRoomSurvivesAKill(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	const (
		creators = 8
		rounds   = 3
	)
	type created struct {
		key  string
		body []byte
	}
	var (
		mu           sync.Mutex
		acknowledged []created
	)
	for round := range rounds {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		before := len(acknowledged)
		for creator := range creators {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					key := fmt.Sprintf("round-%d-creator-%d-room-%d", round, creator, i)
					answer, err := s.API().With("Idempotency-Key", key).Send(ctx, http.MethodPost, "/api/v1/rooms", roomFor(key))
					if err != nil || answer.Status != http.StatusCreated {
						return
					}
					mu.Lock()
					acknowledged = append(acknowledged, created{key, answer.Body})
					mu.Unlock()
				}
			})
		}
		harness.Eventually(t, 30*time.Second, "rooms are being created", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(acknowledged) > before+40
		}, nil)
		s.Kill()
		cancel()
		wg.Wait()
		s.Restart()
	}
	if len(acknowledged) < rounds*40 {
		t.Fatalf("only %d rooms were acknowledged", len(acknowledged))
	}
	for _, one := range acknowledged {
		var room harness.Room
		if err := json.Unmarshal(one.body, &room); err != nil {
			t.Fatal(err)
		}
		now := s.Room(t, room.ID)
		if now.Name != one.key || now.ModeratorToken != room.ModeratorToken {
			t.Fatalf("room %s is %+v after the restart", room.ID, now)
		}
		again := s.API().With("Idempotency-Key", one.key).Want(t, http.MethodPost, "/api/v1/rooms", roomFor(one.key), http.StatusCreated, nil)
		if !bytes.Equal(again.Body, one.body) {
			t.Fatalf("the idempotency key answers\n%s\nand answered\n%s", again.Body, one.body)
		}
	}
	t.Logf("%d rooms acknowledged over %d kills, all there", len(acknowledged), rounds)
}

func roomFor(key string) harness.Fields {
	return harness.Fields{"room_name": key, "room_type": "live", "room_access_code": "4711"}
}

func TestASecondProcessOnTheSameDirectoryIsToldSo(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	second := s.Command("serve")
	second.Env = append(second.Env, "ROOMCAST_HTTP_ADDRESS=127.0.0.1:0", "ROOMCAST_RTMP_ADDRESS=off", "ROOMCAST_WEBRTC_ADDRESS=off", "ROOMCAST_METRICS_ADDRESS=off")
	began := time.Now()
	out, err := second.CombinedOutput()
	if ended := new(exec.ExitError); !errors.As(err, &ended) {
		t.Fatalf("the second process ended with %v\n%s", err, out)
	}
	if !strings.Contains(string(out), s.Dir) || !strings.Contains(strings.ToLower(string(out)), "another") {
		t.Errorf("it says, after %v:\n%s", time.Since(began), out)
	}
	if !s.Ready() {
		t.Error("the first one is not ready any more")
	}
}

func TestARestartEndsNoRunAndNoSession(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	meet := s.CreateRoom(t, "meet", nil)
	live := s.CreateRoom(t, "live", harness.Fields{"room_features": harness.Fields{"reconnect_window_seconds": 120}})
	ada := s.Enter(t, meet.ParticipantToken, "Ada")
	viewer := s.Enter(t, live.ParticipantToken, "Vi")
	s.API().Want(t, http.MethodPost, "/api/v1/rooms/"+meet.ID+"/lock", nil, 200, nil)
	publisher := s.Publish(t, live, harness.Picture{Size: "320x180"})
	began := awaitState(t, s, live.ID, "live", 15*time.Second).StartedAt
	for _, how := range []string{"stop", "kill"} {
		t.Run(how, func(t *testing.T) {
			if how == "stop" {
				s.Stop()
			} else {
				s.Kill()
			}
			s.Restart()
			now := s.Room(t, meet.ID)
			if now.Status != "active" || !now.Locked {
				t.Errorf("the meeting is %s, locked %v after the restart; want active and locked", now.Status, now.Locked)
			}
			if now := s.Room(t, live.ID); now.Status != "active" {
				t.Errorf("the live room is %q after the restart, want active", now.Status)
			}
			s.Stranger().Bearer(ada.Session).Want(t, http.MethodGet, "/api/v1/session", nil, 200, nil)
			s.Stranger().Bearer(ada.Session).Want(t, http.MethodPost, "/api/v1/session/refresh", nil, 200, nil)
			publisher.Kill()
			publisher = s.Publish(t, live, harness.Picture{Size: "320x180"})
			back := awaitState(t, s, live.ID, "live", 15*time.Second)
			if back.StartedAt == nil || !back.StartedAt.Equal(*began) {
				t.Errorf("the show began at %v, was %v", back.StartedAt, began)
			}
			harness.Eventually(t, 15*time.Second, "the old ticket plays", func() bool {
				return s.Stranger().Do(t, http.MethodGet, viewer.Endpoints["hls"], nil).Status == 200
			}, nil)
		})
	}
}

func TestAShutdownFinishesWhatIsInFlight(t *testing.T) {
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "meet", nil)
	socket, _ := s.Hello(t, s.Enter(t, room.ParticipantToken, "Ada").Session)
	upload := s.SlowPost(t, "/api/v1/rooms", `{"room_name": "slow", "room_type": "meet"}`)
	type stop struct {
		took time.Duration
		err  error
	}
	stopped := make(chan stop, 1)
	go func() {
		took, err := s.Terminate()
		stopped <- stop{took, err}
	}()
	if m := socket.Await("reconnect"); m["after_ms"] == nil {
		t.Errorf("reconnect says %v", m)
	}
	if code, _ := socket.Ended(5 * time.Second); code != 1012 {
		t.Errorf("the socket closed with %d, want 1012", code)
	}
	if got := upload.Finish(); got != http.StatusCreated {
		t.Errorf("the request in flight was answered %d, want 201", got)
	}
	if end := <-stopped; end.err != nil || end.took > 15*time.Second {
		t.Errorf("stopping took %v: %v", end.took, end.err)
	}
	s.Restart()
	var page harness.Page[harness.Room]
	s.API().Want(t, http.MethodGet, "/api/v1/rooms?q=slow", nil, 200, &page)
	if len(page.Items) != 1 {
		t.Errorf("the room of the request in flight is not there: %+v", page)
	}
}

func TestTheAdminKeyIsPrintedOnceAndOnlyItsHashIsKept(t *testing.T) {
	s := harness.Start(t, harness.Options{Env: []string{"ROOMCAST_ADMIN_KEY="}})
	var key string
	// It is written before the server is ready; what was written takes a moment to come through the pipe.
	if !harness.Until(5*time.Second, func() bool { key = printedKey(s.Out.String()); return key != "" }) {
		t.Fatalf("no key is printed:\n%s", s.Out)
	}
	s.Stranger().Bearer(key).Want(t, http.MethodGet, "/api/v1/rooms", nil, 200, nil)
	mark := s.Out.Len()
	s.Stop()
	s.Restart()
	if strings.Contains(s.Out.Since(mark), key) {
		t.Error("the key is printed again")
	}
	s.Stranger().Bearer(key).Want(t, http.MethodGet, "/api/v1/rooms", nil, 200, nil)
	for name, content := range files(t, s.Dir) {
		if bytes.Contains(content, []byte(key)) {
			t.Errorf("%s holds the key itself", name)
		}
	}
}
