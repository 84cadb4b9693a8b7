package signaling

import (
	"context"
	"sync"
	"time"
)

const (
	// wakeAtOnce is how many writers are woken at one time.
	wakeAtOnce = 64
	// wakeEvery is the pause until the next ones are.
	wakeEvery = time.Millisecond
	// wakeTimes bounds how often that is for all who wait, however many they are.
	wakeTimes = 50
)

// waker wakes the writers of large rooms a few at a time. Thousands that become
// runnable at once would make everything else in the process, playlists above
// all, wait until they have written.
type waker struct {
	wake chan struct{} // capacity 1

	mu      sync.Mutex
	waiting []*socket // in the order they are woken
}

func newWaker() *waker { return &waker{wake: make(chan struct{}, 1)} }

// add has the writers of sockets woken in their turn.
func (w *waker) add(sockets []*socket) {
	if len(sockets) == 0 {
		return
	}
	w.mu.Lock()
	w.waiting = append(w.waiting, sockets...)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns all who wait. The list it returned before is used again.
func (w *waker) take(done []*socket) []*socket {
	clear(done) // sockets that are gone are not to be held
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.waiting
	w.waiting = done[:0]
	return taken
}

// run wakes until ctx ends.
func (w *waker) run(ctx context.Context) {
	pause := time.NewTimer(wakeEvery)
	defer pause.Stop()
	var todo []*socket
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for todo = w.take(todo); len(todo) > 0; todo = w.take(todo) {
			if !wakeAll(ctx, todo, pause) {
				return
			}
		}
	}
}

// wakeAll wakes all of a list, a few at a time; false when ctx ended.
func wakeAll(ctx context.Context, list []*socket, pause *time.Timer) bool {
	size := max(wakeAtOnce, len(list)/wakeTimes)
	for len(list) > 0 {
		n := min(size, len(list))
		for _, s := range list[:n] {
			s.out.signal()
		}
		list = list[n:]
		pause.Reset(wakeEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
