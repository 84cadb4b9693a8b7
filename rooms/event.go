package rooms

import (
	"slices"
	"sync"
	"time"
)

// EventKind names what happened to a room.
type EventKind string

// The events of a room.
const (
	RoomUpdated     EventKind = "room_updated"     // what is stored or resolved of it changed
	RoomDeleted     EventKind = "room_deleted"     // it is gone
	RoomSuspended   EventKind = "room_suspended"   // by itself, its subscription or its customer
	RoomResumed     EventKind = "room_resumed"     // it may run again
	RoomLocked      EventKind = "room_locked"      // no new participants
	RoomUnlocked    EventKind = "room_unlocked"    // new participants again
	RunStarted      EventKind = "run_started"      // first participant or publisher
	RunEnded        EventKind = "run_ended"        // Detail says why
	SessionEnded    EventKind = "session_ended"    // of ParticipantID; Code says why
	DurationWarning EventKind = "duration_warning" // Remaining until the run ends
	SecretChanged   EventKind = "secret_changed"   // Field was regenerated or cleared
	Admitted        EventKind = "admitted"         // ParticipantID may leave the waiting room
)

// Why a run ended: the Detail of RunEnded.
const (
	EndedEmpty    = "empty"        // nobody was there for a minute, or the publisher did not come back
	EndedByCall   = "ended"        // POST .../end or a moderator
	EndedDuration = "max_duration" // max_duration_seconds
	EndedGone     = "gone"         // the room was deleted or suspended
)

// Event is something that happened, after it was stored.
type Event struct {
	Kind          EventKind
	RoomID        string
	ParticipantID string
	Code          string        // why, one of the Code constants, or ""
	Detail        string        // for people; of RunEnded one of the Ended constants
	Field         string        // of SecretChanged: moderator_token, ..., srt_passphrase
	Disconnect    bool          // of SecretChanged: those who came by the old one must go
	At            time.Time     // UTC
	Remaining     time.Duration // of DurationWarning
	RunID         string        // of RunEnded
}

// events delivers to watchers in one order for all. Emitting from within a
// watcher is allowed: the event comes after the one being delivered.
type events struct {
	mu         sync.Mutex
	watchers   []*watcher
	queue      []Event
	delivering bool
}

type watcher struct{ fn func(Event) }

func (e *events) watch(fn func(Event)) (cancel func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := &watcher{fn}
	e.watchers = append(e.watchers, w)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.watchers = slices.DeleteFunc(e.watchers, func(other *watcher) bool { return other == w })
	}
}

// emit delivers the events, or leaves them to the goroutine that is delivering.
func (e *events) emit(list ...Event) {
	if len(list) == 0 {
		return
	}
	if !e.push(list) {
		return
	}
	done := false
	defer func() {
		if !done { // a watcher panicked: the next emit goes on
			e.mu.Lock()
			defer e.mu.Unlock()
			e.delivering = false
		}
	}()
	for {
		ev, watchers, more := e.pop()
		if !more {
			done = true
			return
		}
		for _, w := range watchers {
			w.fn(ev)
		}
	}
}

// push queues events; mine is false when another goroutine is delivering.
func (e *events) push(list []Event) (mine bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now().UTC()
	for _, ev := range list {
		if ev.At.IsZero() {
			ev.At = now
		}
		e.queue = append(e.queue, ev)
	}
	mine = !e.delivering
	e.delivering = true
	return mine
}

// pop takes the next event, or ends the delivery.
func (e *events) pop() (ev Event, watchers []*watcher, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 {
		e.queue, e.delivering = nil, false
		return Event{}, nil, false
	}
	ev, e.queue = e.queue[0], e.queue[1:]
	return ev, slices.Clone(e.watchers), true
}
