package record

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"roomcast/rooms"
)

// slowReading are broadcasts whose segments come from a slow disk.
type slowReading struct {
	Broadcasts
	entered chan string   // rooms, as their first object is asked for
	release chan struct{} // nothing comes before it is closed
}

func (s slowReading) Bytes(roomID, name string) ([]byte, error) {
	select {
	case s.entered <- roomID:
	default:
	}
	<-s.release
	return s.Broadcasts.Bytes(roomID, name)
}

func TestClipsAtOnceDoNotPassTheStorageOfTheirRoom(t *testing.T) {
	c := encode(t, "160x90", "10")
	first := newStudio(t, "")
	first.pack(time.Now(), c.units)
	one, err := first.library.Clip(t.Context(), first.room, 5*time.Second, "")
	if err != nil {
		t.Fatal(err)
	}
	limit := one.Size * 5 / 2
	s := newStudio(t, fmt.Sprintf(`,"limits":{"max_storage_bytes":%d}`, limit))
	s.segments, s.objects = first.segments, first.objects
	slow := slowReading{s, make(chan string, 8), make(chan struct{})}
	s.library.o.Broadcasts = slow
	var made, refused atomic.Int32
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			switch _, err := s.library.Clip(t.Context(), s.room, 5*time.Second, ""); {
			case err == nil:
				made.Add(1)
			case rooms.CodeOf(err) == rooms.CodeLimitExceeded:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	<-slow.entered
	time.Sleep(20 * time.Millisecond) // others would come as far
	close(slow.release)
	all.Wait()
	used, _, err := s.registry.Storage(t.Context(), s.room)
	if err != nil || used > limit || made.Load() != 2 || refused.Load() != 4 || len(s.files()) != 2 {
		t.Errorf("%d made, %d refused: %d bytes of %d, %v", made.Load(), refused.Load(), used, limit, err)
	}
	if n := len(s.library.clips.rooms) + len(s.library.clips.turns); n != 0 {
		t.Errorf("%d turns are not over", n)
	}
}

func TestAClipWaitsForItsRoomButKeepsNoOtherWaiting(t *testing.T) {
	c := &cutting{turns: make(chan struct{}, clipsAtOnce), rooms: make(map[string]chan struct{})}
	done, err := c.begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() { _, err := c.begin(gone, "a"); waiting <- err }()
	other, err := c.begin(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	// All turns are taken: a third room waits, and can leave.
	third := make(chan error)
	go func() { _, err := c.begin(gone, "c"); third <- err }()
	cancel()
	if err := errors.Join(<-waiting, <-third); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	next := make(chan func())
	go func() { leave, _ := c.begin(t.Context(), "a"); next <- leave }()
	done()
	(<-next)()
	other()
	if len(c.rooms) != 0 || len(c.turns) != 0 {
		t.Errorf("left: %v, %d", c.rooms, len(c.turns))
	}
}
