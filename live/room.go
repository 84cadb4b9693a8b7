package live

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"roomcast/live/dvr"
	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
)

// lead is where a room's timeline begins, so that a track may start a little
// before the first one.
const lead = time.Second

// room is the broadcast of one room. Its lock is taken after the hub's, never before.
type room struct {
	hub *Hub
	id  string
	// packager is of the current show, or the one that just ended.
	packager atomic.Pointer[hls.Packager]
	// preview is of what is sent before the show, nil unless in preview.
	preview atomic.Pointer[hls.Packager]
	// archive is its rewind window, nil without.
	archive atomic.Pointer[dvr.Archive]
	// recent is of the current show, never nil.
	recent atomic.Pointer[recent]

	// runs holds one token for who begins or finishes the run, while that is
	// stored. It is taken before every lock.
	runs chan struct{}

	mu    sync.Mutex
	phase Phase
	// slots are who is connected by the stream key and by the backup key; onAir
	// is one of them, nil only if there is none.
	slots    [2]slot
	onAir    *Session
	pending  map[*Session]struct{} // let in, no media yet
	settings rooms.Settings        // as the last publisher was admitted with
	stream   *media.Stream
	epoch    time.Time     // the wall clock at time 0 of the stream
	edge     time.Duration // newest timestamp in the stream
	end      time.Duration // where what is in the stream ends

	lastMedia time.Time // arrival of the newest unit of a publisher on air
	bridge    bridge    // what goes out while it is silent

	startedAt, interruptedAt time.Time
	bytesIn                  int64
	endShow, endPreview      func()
	resumed                  bool // the show began in an earlier process, and has no packager yet

	window *time.Timer // reconnect window; nil when not running
	ending bool        // the window has passed, and the run is being finished
	rest   *time.Timer // after an end; nil when not running
}

func newRoom(h *Hub, id string) *room {
	return &room{
		hub: h, id: id, phase: Waiting, pending: make(map[*Session]struct{}),
		runs: make(chan struct{}, 1), stream: media.NewStream(media.Limits{}), epoch: time.Now().Add(-lead),
	}
}

// idle reports whether nothing is going on.
func (r *room) idle() bool {
	return r.phase == Waiting && r.onAir == nil && len(r.pending) == 0 && r.window == nil && r.rest == nil && !r.ending
}

// beginRun begins or continues the run for a publisher that is let in.
func (r *room) beginRun(ctx context.Context) error {
	select {
	case r.runs <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.runs }()
	return r.hub.o.Runs.BeginRun(ctx, r.id)
}

// admit adds a publisher that has sent no media yet.
func (r *room) admit(s *Session) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.slot(s).refuses(); err != nil {
		return err
	}
	if len(r.pending) >= maxPending {
		return &rooms.Error{Code: rooms.CodePublisherConflict, Detail: "too many publishers of this room are connecting"}
	}
	r.pending[s] = struct{}{}
	s.room = r
	if r.onAir == nil {
		r.settings = s.publication.Room.Settings
	}
	return nil
}

// withdraw takes a publisher out; ran says that its run was begun.
func (r *room) withdraw(s *Session, ran bool) {
	r.mu.Lock()
	was := r.slot(s).session == s
	r.leave(s)
	if !was && ran && r.onAir == nil && r.window == nil {
		r.openWindow()
	}
	r.mu.Unlock()
	r.hub.forget(r)
}

// openWindow waits for the publisher to come back.
func (r *room) openWindow() {
	r.stopTimer(&r.window)
	d := time.Duration(r.settings.Features.ReconnectWindowSeconds) * time.Second
	r.window = time.AfterFunc(d, r.windowOver)
}

// windowOver ends run and show, in this order, so that who sees the end finds
// the room idle: the publisher did not come back.
func (r *room) windowOver() {
	// Who is let in from here on begins another run.
	r.runs <- struct{}{}
	defer func() { <-r.runs }()
	r.mu.Lock()
	if r.window == nil || r.onAir != nil {
		r.mu.Unlock()
		return
	}
	if len(r.pending) > 0 {
		// Somebody is at the door: see what comes of it.
		r.window = time.AfterFunc(silenceLimit, r.windowOver)
		r.mu.Unlock()
		return
	}
	r.window, r.ending = nil, true
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), finishTimeout)
	defer cancel()
	if err := r.hub.o.Runs.FinishRun(ctx, r.id, rooms.EndedEmpty); err != nil {
		r.hub.o.Log.Error("finish run", "room", r.id, "error", err)
	}
	r.mu.Lock()
	r.ending = false
	r.apply(windowPassed)
	r.mu.Unlock()
	r.hub.forget(r)
}

// restOver goes back to waiting after an end was shown.
func (r *room) restOver() {
	r.mu.Lock()
	if r.rest == nil {
		r.mu.Unlock()
		return
	}
	r.rest = nil
	r.packager.Store(nil)
	r.swapArchive(nil)
	r.apply(rested)
	r.mu.Unlock()
	r.hub.forget(r)
}

func (r *room) stopTimer(t **time.Timer) {
	if *t != nil {
		(*t).Stop()
		*t = nil
	}
}

// apply moves to the phase that follows e, if there is one, and does what that
// entails. Held under the lock.
func (r *room) apply(e event) bool {
	to, ok := r.phase.next(e)
	if !ok {
		return false
	}
	from := r.phase
	r.phase = to
	if from.endsShow(to) {
		r.closeShow()
		r.hub.leaveLedger(r.id)
		r.resumed = false
		r.rest = time.AfterFunc(restTime, r.restOver)
	}
	if from == Preview && to != Preview {
		r.closePreview()
	}
	if from.newShow(to) || to == Live && r.resumed {
		r.openShow()
	}
	if to == Preview && from != Preview {
		r.openPreview()
	}
	if to == Waiting || to == Preview && from != Preview {
		r.startedAt, r.interruptedAt = time.Time{}, time.Time{}
	}
	if to == Preview && from != Live && from != Preview {
		r.bytesIn = 0
	}
	r.hub.changed(r.id)
	return true
}

// cut sends away the publishers that match, on air or not yet.
func (r *room) cut(reason error, match func(*Session) bool) {
	r.mu.Lock()
	out := r.sendAway(match)
	if len(out) > 0 && r.onAir == nil && r.window == nil {
		r.openWindow() // the run that one without media had begun must end too
	}
	r.mu.Unlock()
	for _, s := range out {
		s.publication.Close(reason)
	}
	r.hub.forget(r)
}

// sendAway takes publishers out; their connections are then to be closed.
func (r *room) sendAway(match func(*Session) bool) (out []*Session) {
	for s := range r.pending {
		if match(s) {
			out = append(out, s)
		}
	}
	for i := range r.slots {
		if s := r.slots[i].session; s != nil && match(s) {
			out = append(out, s)
		}
	}
	for _, s := range out {
		s.done = true // who goes too takes over from nobody
	}
	for _, s := range out {
		r.leave(s)
	}
	return out
}

// finish ends the broadcast at once: its run is over.
func (r *room) finish(reason error) {
	r.mu.Lock()
	out := r.sendAway(func(*Session) bool { return true })
	r.stopTimer(&r.window)
	r.apply(over)
	r.mu.Unlock()
	for _, s := range out {
		s.publication.Close(reason)
	}
	r.hub.forget(r)
}

// command is a start or a stop by hand.
func (r *room) command(e event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.apply(e) {
		return nil
	}
	if e == started && r.phase != Live {
		return errNoPublisher
	}
	return nil
}

// shutdown ends everything without ending the run.
func (r *room) shutdown(reason error) {
	r.mu.Lock()
	out := r.sendAway(func(*Session) bool { return true })
	r.stopTimer(&r.window)
	r.stopTimer(&r.rest)
	r.closeShow()
	r.closePreview()
	r.stream.Close()
	r.swapArchive(nil)
	r.mu.Unlock()
	for _, s := range out {
		s.publication.Close(reason)
	}
}

// describe fills in the state.
func (r *room) describe(s *State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.State = r.phase
	s.StartedAt, s.InterruptedAt = timeOrNil(r.startedAt), timeOrNil(r.interruptedAt)
	s.BytesIn = r.bytesIn
	s.BackupConnected = r.slots[backupSlot].session != nil
	if r.onAir != nil {
		r.onAir.describe(s)
	}
}
