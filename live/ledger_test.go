package live

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
)

// restart ends the stage's hub and begins another over the same folder.
func (s *stage) restart(dir string, running func(context.Context, string) (rooms.Settings, bool, error)) {
	s.t.Helper()
	s.stop()
	o := s.hub.o
	o.DataDir, o.Running = dir, running
	s.hub = NewHub(o)
	s.hub.Resume(s.t.Context())
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.hub.Run(ctx) }()
	s.stop = func() { cancel(); <-ended }
	synctest.Wait()
}

func TestARestartEndsNoShow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data [1] *") // as an operator may call it
	onStage(t, func(s *stage) {
		var settings rooms.Settings
		settings.Features.ReconnectWindowSeconds = 300
		on := true
		running := func(context.Context, string) (rooms.Settings, bool, error) { return settings, on, nil }
		window := func(p *rooms.Publisher) { p.Settings = settings }
		s.restart(dir, running)
		e := s.publish(window)
		began := *s.hub.State("room").StartedAt
		e.send(20)
		s.restart(dir, running)
		st := s.hub.State("room")
		if st.State != Interrupted || st.InterruptedAt == nil || !st.StartedAt.Equal(began) {
			t.Fatalf("state %+v", st)
		}
		if _, err := s.hub.Multivariant(s.t.Context(), "room", "p"); rooms.CodeOf(err) != rooms.CodeNotReady {
			t.Errorf("error %v", err)
		}
		// Longer than the minute that is usual, within its own window.
		time.Sleep(200 * time.Second)
		s.is(Interrupted)
		again := s.publish(window)
		again.send(30)
		s.is(Live)
		if st := s.hub.State("room"); !st.StartedAt.Equal(began) {
			t.Errorf("the show began at %v, was %v", st.StartedAt, began)
		}
		if _, err := s.hub.Multivariant(s.t.Context(), "room", "p"); err != nil {
			t.Error(err)
		}
		// The second restart, and nobody comes back.
		s.restart(dir, running)
		time.Sleep(301 * time.Second)
		s.is(Ended)
		if len(s.finished) != 1 {
			t.Errorf("finished %v", s.finished)
		}
		s.restart(dir, running)
		s.is(Waiting)
		// A show whose run is over is not taken up.
		s.publish(window).send(5)
		on = false
		s.restart(dir, running)
		s.is(Waiting)
		s.stop()
		if _, err := os.Stat(filepath.Join(dir, "rooms", "room", ledgerName)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is still noted: %v", err)
		}
	})
}

func TestARestartEndsNoShowWhoseStartIsAheadOfTheClock(t *testing.T) {
	dir := t.TempDir()
	onStage(t, func(s *stage) {
		var settings rooms.Settings
		settings.Features.ReconnectWindowSeconds = 60
		running := func(context.Context, string) (rooms.Settings, bool, error) { return settings, true, nil }
		s.restart(dir, running)
		window := func(p *rooms.Publisher) { p.Settings = settings }
		s.publish(window).send(20)
		s.stop()
		// The clock was set back an hour before the server came up again.
		l := ledger{StartedAt: time.Now().Add(time.Hour)}
		if err := writeLedger(filepath.Join(dir, "rooms", "room", ledgerName), l); err != nil {
			t.Fatal(err)
		}
		s.restart(dir, running)
		now := time.Now()
		if st := s.hub.State("room"); st.State != Interrupted || !st.StartedAt.Equal(now) {
			t.Fatalf("state %+v, want one that began at %v", st, now)
		}
		time.Sleep(10 * time.Second)
		s.publish(window).send(30)
		s.is(Live)
		if st := s.hub.State("room"); !st.StartedAt.Equal(now) {
			t.Errorf("the show began at %v, was %v", st.StartedAt, now)
		}
		s.stop()
		if l, err := readLedger(filepath.Join(dir, "rooms", "room", ledgerName)); err != nil || !l.StartedAt.Equal(now) {
			t.Errorf("noted %+v, %v", l, err)
		}
	})
}

func TestDamagedNotesOfShowsAreForgotten(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "no JSON": "{", "no time": "{}",
	} {
		path := filepath.Join(t.TempDir(), ledgerName)
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := readLedger(path); err == nil {
			t.Errorf("%s: %+v", name, l)
		}
	}
}
