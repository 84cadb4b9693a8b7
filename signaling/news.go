package signaling

import (
	"slices"
	"sync"
	"time"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// broadcastChanged is an event of our own beside the registry's: a broadcast
// has another state.
const broadcastChanged rooms.EventKind = "broadcast_changed"

// news is what happened to rooms in motion and is not told yet. Those who
// report it must not be kept waiting, and some of it needs the registry to be
// asked, so one goroutine works it off in order.
type news struct {
	wake chan struct{} // capacity 1

	mu    sync.Mutex
	queue []rooms.Event
}

// repeats reports whether an event says no more than one that waits already:
// both only have the room looked at anew. That bounds the queue by the rooms
// and participants there are.
func repeats(waiting, ev rooms.Event) bool {
	if waiting.RoomID != ev.RoomID || waiting.ParticipantID != ev.ParticipantID {
		return false
	}
	return waiting.Kind == ev.Kind || changesRoom(waiting.Kind) && changesRoom(ev.Kind)
}

// changesRoom reports whether all that matters of an event is the room as it is now.
func changesRoom(k rooms.EventKind) bool {
	switch k {
	case rooms.RoomUpdated, rooms.RoomLocked, rooms.RoomUnlocked, rooms.RoomResumed, rooms.RunStarted:
		return true
	}
	return false
}

// onEvent notes an event; it does not block.
func (s *Server) onEvent(ev rooms.Event) {
	if s.room(ev.RoomID) == nil {
		if endsChat(ev.Kind) {
			s.dropChat(ev.RoomID, ev.RunID)
		}
		return
	}
	s.news.mu.Lock()
	defer s.news.mu.Unlock()
	if i := slices.IndexFunc(s.news.queue, func(waiting rooms.Event) bool { return repeats(waiting, ev) }); i >= 0 {
		s.news.queue[i].RunID = ev.RunID // of several that ended, the last
		return
	}
	s.news.queue = append(s.news.queue, ev)
	select {
	case s.news.wake <- struct{}{}:
	default:
	}
}

// spread tells the rooms their news until the server shuts down.
func (s *Server) spread() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.news.wake:
		}
		s.news.mu.Lock()
		queue := s.news.queue
		s.news.queue = nil
		s.news.mu.Unlock()
		for _, ev := range queue {
			if r := s.room(ev.RoomID); r != nil {
				s.tell(r, ev)
			} else if endsChat(ev.Kind) {
				s.dropChat(ev.RoomID, ev.RunID)
			}
		}
	}
}

// endsChat reports whether what was said is over with an event.
func endsChat(k rooms.EventKind) bool { return k == rooms.RunEnded || k == rooms.RoomDeleted }

// tell carries one event into a room.
func (s *Server) tell(r *room, ev rooms.Event) {
	if endsChat(ev.Kind) {
		r.mu.Lock()
		r.chat.clear(ev.RunID, time.Now())
		r.tellChat()
		r.mu.Unlock()
	}
	switch ev.Kind {
	case rooms.SessionEnded:
		if m := r.member(ev.ParticipantID); m != nil {
			code := endedCode(ev.Code)
			r.end(m, code, endedDetail[code])
		}
	case rooms.RoomDeleted:
		r.endAll(protocol.EndedRoomDeleted)
	case rooms.RoomSuspended:
		r.endAll(protocol.EndedRoomSuspended)
	case rooms.RunEnded:
		s.runEnded(r, ev.Detail)
	case rooms.DurationWarning:
		r.mu.Lock()
		r.tell(&protocol.Warning{RemainingSeconds: int(ev.Remaining.Seconds())})
		r.mu.Unlock()
	case broadcastChanged:
		s.broadcastNews(r)
	default:
		if changesRoom(ev.Kind) {
			s.refresh(r)
		}
	}
}

// runEnded ends a meeting; those in other rooms stay and wait for the next run.
func (s *Server) runEnded(r *room, why string) {
	r.mu.Lock()
	meet := r.isMeet()
	r.mu.Unlock()
	switch {
	case meet && why == rooms.EndedByCall:
		r.endAll(protocol.EndedByModerator)
	case meet && why == rooms.EndedDuration:
		r.endAll(protocol.EndedMaxDuration)
	default:
		s.refresh(r)
	}
}

// refresh reads the room anew and tells it.
func (s *Server) refresh(r *room) {
	view, err := s.o.Registry.Room(s.ctx, r.id)
	if err != nil {
		if rooms.CodeOf(err) == "" && s.ctx.Err() == nil {
			s.log.Error("room not read", "room", r.id, "error", err)
		}
		return
	}
	r.update(view)
}

func (s *Server) broadcastNews(r *room) {
	r.mu.Lock()
	kind := r.view.Type
	r.mu.Unlock()
	brief := s.broadcast(kind, r.id)
	if brief == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	same := r.told.State == brief.State && r.told.Viewers == brief.Viewers &&
		(r.told.StartedAt == nil) == (brief.StartedAt == nil) &&
		(brief.StartedAt == nil || r.told.StartedAt.Equal(*brief.StartedAt))
	if same {
		return
	}
	r.told = *brief
	r.tell(&protocol.BroadcastChanged{Broadcast: broadcastMessage(*brief)})
}

// endAll ends the participation of everybody in the room.
func (r *room) endAll(code protocol.EndedCode) {
	for _, m := range r.all() {
		r.end(m, code, endedDetail[code])
	}
}

// endedCode says why a participation is over, by the door's code for its session.
func endedCode(code string) protocol.EndedCode {
	switch code {
	case rooms.CodeBanned:
		return protocol.EndedRemoved
	case rooms.CodeNotFound:
		return protocol.EndedRoomDeleted
	case rooms.CodeRoomSuspended:
		return protocol.EndedRoomSuspended
	}
	return protocol.EndedSession
}

var endedDetail = map[protocol.EndedCode]string{
	protocol.EndedByModerator:   "the meeting was ended",
	protocol.EndedRemoved:       "a moderator removed you",
	protocol.EndedMaxDuration:   "the meeting reached its longest duration",
	protocol.EndedRoomDeleted:   "the room was deleted",
	protocol.EndedRoomSuspended: "the room was suspended",
	protocol.EndedSession:       "the session has ended",
	protocol.EndedReplaced:      "the same session opened another socket",
}
