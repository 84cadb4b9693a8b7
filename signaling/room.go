package signaling

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"roomcast/live"
	"roomcast/rooms"
	"roomcast/sfu"
	"roomcast/signaling/protocol"
)

// countInterval is the shortest time between two count messages of a room.
const countInterval = time.Second

// room is a room in motion: who is there, what was said, and in meet rooms the
// media. It begins with the first socket and ends when nobody is left, 15 s
// after the last socket closed. Everything below mu is guarded by it.
type room struct {
	server  *Server
	id      string
	meeting *sfu.Room // nil but in meet rooms

	pins int // sockets on their way in; guarded by the server's mutex

	mu      sync.Mutex
	known   bool // view has been read
	view    rooms.View
	members map[string]*member
	sockets []*socket   // for tell: used again
	chat    *chat       // the server's, while the room is in motion
	telling *time.Timer // until what was said is told; nil when nothing waits
	spoken  time.Time   // when chat was told last
	counter *time.Timer
	told    live.Brief // the last broadcast message
}

// pin returns the room in motion, made if need be, and keeps it until unpin.
func (s *Server) pin(id string, t rooms.Type) (*room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, refuse(protocol.CodeShuttingDown, "the server is going down")
	}
	r := s.rooms[id]
	if r == nil {
		r = &room{server: s, id: id, members: map[string]*member{}, chat: s.chatOf(id)}
		if t == rooms.Meet && s.o.SFU != nil {
			meeting, err := s.o.SFU.NewRoom(sfu.RoomEvents{Speaking: r.speaking})
			if err != nil {
				return nil, err
			}
			r.meeting = meeting
		}
		s.rooms[id] = r
	}
	r.pins++
	return r, nil
}

// unpin undoes pin, and ends the room if it is empty.
func (s *Server) unpin(r *room) {
	s.mu.Lock()
	r.pins--
	last := s.dropIfEmpty(r)
	s.mu.Unlock()
	if last {
		r.close()
	}
}

// dropIfEmpty takes an empty room out; the caller closes it after the server's
// mutex, which is held here, is free again.
func (s *Server) dropIfEmpty(r *room) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pins > 0 || len(r.members) > 0 || s.rooms[r.id] != r {
		return false
	}
	delete(s.rooms, r.id)
	r.chat.told = r.chat.seq // there is nobody left to be told
	s.forgetChat(r.id)
	return true
}

// close ends the room. No lock may be held: the meeting's goroutine is waited for.
func (r *room) close() {
	r.mu.Lock()
	for _, m := range r.members {
		m.stopWaiting()
	}
	if r.counter != nil {
		r.counter.Stop()
	}
	if r.telling != nil {
		r.telling.Stop()
	}
	r.mu.Unlock()
	if r.meeting != nil {
		r.meeting.Close()
	}
}

func (r *room) isMeet() bool { return r.view.Type == rooms.Meet }

func (r *room) presence() protocol.Presence {
	if r.isMeet() {
		return protocol.PresenceList
	}
	return protocol.PresenceCount
}

// tell sends a message to everybody. mu is held, as for all that follow.
func (r *room) tell(m protocol.ServerMessage) { r.tellBut(nil, m) }

// tellBut sends a message to everybody but one. It is rendered once.
func (r *room) tellBut(but *member, m protocol.ServerMessage) {
	f, err := sharedFrame(m)
	if err != nil {
		r.server.log.Error("message not sent", "error", err)
		return
	}
	sockets := r.sockets[:0]
	for _, other := range r.members {
		if sock := other.sock.Load(); sock != nil && other != but {
			sock.out.put(f)
			sockets = append(sockets, sock)
		}
	}
	if len(sockets) > wakeAtOnce {
		r.server.waker.add(sockets)
	} else {
		for _, sock := range sockets {
			sock.out.signal()
		}
	}
	clear(sockets)
	r.sockets = sockets[:0]
}

// arrived, left and changed tell of a member, as the room's presence has it.
func (r *room) arrived(m *member) {
	if r.isMeet() {
		r.tellBut(m, &protocol.Joined{Participant: m.participant()})
		return
	}
	r.count()
}

func (r *room) left(m *member, reason protocol.LeftReason) {
	if r.isMeet() {
		r.tell(&protocol.Left{Participant: m.id, Reason: reason})
		return
	}
	r.count()
}

func (r *room) changed(m *member) {
	if r.isMeet() {
		r.tell(&protocol.Updated{Participant: m.participant()})
	}
}

// count has the number of members told soon, once for all changes until then.
func (r *room) count() {
	if r.counter != nil {
		return
	}
	r.counter = time.AfterFunc(countInterval, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.counter = nil
		r.tell(&protocol.Count{ParticipantsTotal: len(r.members)})
	})
}

// others lists the members but one, the longest here first, as far as the protocol allows.
func (r *room) others(but *member) []protocol.Participant {
	list := []protocol.Participant{}
	if !r.isMeet() {
		return list
	}
	members := make([]*member, 0, len(r.members))
	for _, m := range r.members {
		if m != but {
			members = append(members, m)
		}
	}
	slices.SortFunc(members, func(a, b *member) int {
		return cmp.Or(a.grant.JoinedAt.Compare(b.grant.JoinedAt), cmp.Compare(a.id, b.id))
	})
	for _, m := range members[:min(len(members), protocol.MaxPresence)] {
		list = append(list, m.participant())
	}
	return list
}

// speaking is called by the meeting.
func (r *room) speaking(speakers []sfu.Speaker) {
	message := protocol.Speaking{Speakers: make([]protocol.Speaker, len(speakers))}
	for i, s := range speakers {
		message.Speakers[i] = protocol.Speaker{Participant: s.Peer, Level: s.Level}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(&message)
}

// update takes a changed room: permissions may have changed with it.
func (r *room) update(view rooms.View) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view, r.known = view, true
	public := view.Public()
	shared := map[protocol.Permissions]frame{} // few differ
	for _, m := range r.members {
		before := m.tracks()
		m.permissions = r.permissions(m.id, m.grant.Role)
		m.enforce()
		if sock := m.sock.Load(); sock != nil {
			f, ok := shared[m.permissions]
			if !ok {
				var err error
				if f, err = sharedFrame(&protocol.RoomUpdated{Room: public, Locked: view.Locked, Permissions: m.permissions}); err != nil {
					r.server.log.Error("message not sent", "error", err)
					return
				}
				shared[m.permissions] = f
			}
			sock.sendFrame(f)
		}
		if !slices.Equal(before, m.tracks()) {
			r.changed(m)
		}
	}
}

// permissions are what a participant may do in the room.
func (r *room) permissions(id string, role rooms.Role) protocol.Permissions {
	f := r.view.Settings.Features
	moderator := role == rooms.Moderator
	media := r.isMeet() && r.meeting != nil
	muted := r.chat.muted(id)
	return protocol.Permissions{
		Audio:  media && (moderator || f.ParticipantsAudio),
		Video:  media && (moderator || f.ParticipantsVideo),
		Screen: media && (moderator || f.ParticipantsScreen),
		// Only meet rooms can keep participants from a chat that there is.
		Chat:      f.Chat && !muted && (moderator || !r.isMeet() || f.ParticipantsChat),
		ChatMuted: muted,
		Moderate:  moderator,
	}
}

// broadcast returns the state of the room's broadcast, nil where there is none.
func (s *Server) broadcast(t rooms.Type, roomID string) *live.Brief {
	if s.o.Broadcasts == nil || !t.Broadcasts() {
		return nil
	}
	brief := s.o.Broadcasts.Brief(roomID)
	return &brief
}

func broadcastMessage(b live.Brief) protocol.Broadcast {
	return protocol.Broadcast{State: string(b.State), StartedAt: b.StartedAt, Viewers: b.Viewers}
}

// muteOther mutes a member as a moderator does; false if they are not there.
func (r *room) muteOther(id string, kinds []protocol.MuteKind) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[id]
	if m == nil {
		return false
	}
	if slices.Contains(kinds, protocol.MuteChat) {
		r.muteChat(m, true)
	}
	var sources []protocol.Source
	for _, k := range kinds {
		for _, source := range k.Sources() {
			if !m.muted[source] {
				m.muted[source] = true
				sources = append(sources, source)
			}
		}
	}
	if len(sources) == 0 {
		return true
	}
	m.enforce()
	if sock := m.sock.Load(); sock != nil {
		sock.send(&protocol.Muted{Sources: sources})
	}
	r.changed(m)
	return true
}
