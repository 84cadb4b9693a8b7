package signaling

import (
	"context"
	"fmt"
	"time"

	"roomcast/live"
	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// enter puts a socket into its room: as a new member, or as one who was there
// and comes back. It welcomes the client.
func (s *Server) enter(ctx context.Context, g rooms.Grant, sock *socket, hello *protocol.Hello) (*room, *member, error) {
	r, err := s.pin(g.RoomID, g.RoomType)
	if err != nil {
		return nil, nil, err
	}
	defer s.unpin(r)
	if err := s.loadChat(ctx, r); err != nil {
		return nil, nil, err
	}
	// Read only now: from here on news of the room reaches it.
	view, err := s.o.Registry.Room(ctx, g.RoomID)
	if err != nil {
		return nil, nil, fmt.Errorf("read room: %w", err)
	}
	brief := s.broadcast(view.Type, g.RoomID)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.know(view)
	m := r.members[g.ParticipantID]
	resumed := false
	if m == nil {
		if m, err = newMember(r, g); err != nil {
			return nil, nil, err
		}
		r.members[m.id] = m
		r.arrived(m)
	} else {
		resumed = r.comeBack(m, hello.Resume)
	}
	m.resume = newResume()
	sock.send(r.welcome(m, hello, resumed, brief))
	m.sock.Store(sock)
	if resumed {
		m.peer.Resend()
	}
	return r, m, nil
}

// comeBack readies a member for another socket and reports whether its
// PeerConnection goes on. mu is held.
func (r *room) comeBack(m *member, resume string) (resumed bool) {
	m.stopWaiting()
	if old := m.sock.Swap(nil); old != nil {
		old.send(&protocol.Ended{Code: protocol.EndedReplaced, Detail: "the same session opened another socket"})
		old.close(protocol.CloseEnded)
	}
	if m.peer == nil {
		return false
	}
	if resume == m.resume && m.peer.Connected() {
		return true
	}
	m.peer.Disconnect()
	m.peer.View(nil)
	r.publishes(m, nil)
	return false
}

// welcome describes the room to a member. mu is held.
func (r *room) welcome(m *member, hello *protocol.Hello, resumed bool, brief *live.Brief) *protocol.Welcome {
	w := &protocol.Welcome{
		ServerHead: protocol.ServerHead{Re: hello.ID},
		You:        m.participant(), Resume: m.resume, Resumed: resumed,
		Room: r.view.Public(), Locked: r.view.Locked, Permissions: m.permissions,
		Presence: r.presence(), Participants: r.others(m), ParticipantsTotal: len(r.members),
		Chat: r.chat.history(hello.ChatAfter), ICEServers: r.server.o.ICEServers,
	}
	if brief != nil {
		state := broadcastMessage(*brief)
		w.Broadcast = &state
	}
	return w
}

// away is called when a socket has closed: unless another one took over, the
// client has 15 s to come back.
func (r *room) away(m *member, sock *socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !m.sock.CompareAndSwap(sock, nil) || r.members[m.id] != m {
		return
	}
	m.stopWaiting()
	wait := m.wait
	m.waiting = time.AfterFunc(r.server.grace, func() {
		r.remove(m, protocol.LeftGone, func() bool { return m.wait == wait })
	})
}

// remove takes a member out for good, if they are there and still holds; it
// ends the room with its last member. No lock may be held.
func (r *room) remove(m *member, reason protocol.LeftReason, still func() bool) {
	s := r.server
	s.mu.Lock()
	r.mu.Lock()
	if r.members[m.id] != m || still != nil && !still() {
		r.mu.Unlock()
		s.mu.Unlock()
		return
	}
	delete(r.members, m.id)
	m.stopWaiting()
	r.left(m, reason)
	r.mu.Unlock()
	last := s.dropIfEmpty(r)
	s.mu.Unlock()
	if m.peer != nil {
		m.peer.Close()
	}
	if last {
		r.close()
	}
}

// end tells a member that it is over and takes them out. No lock may be held.
func (r *room) end(m *member, code protocol.EndedCode, detail string) {
	if sock := m.sock.Load(); sock != nil {
		sock.send(&protocol.Ended{Code: code, Detail: detail})
		sock.close(protocol.CloseEnded)
	}
	reason := protocol.LeftGone
	if code == protocol.EndedRemoved {
		reason = protocol.LeftRemoved
	}
	r.remove(m, reason, nil)
}

// member returns who has that id, nil if nobody.
func (r *room) member(id string) *member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members[id]
}

// all returns every member.
func (r *room) all() []*member {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*member, 0, len(r.members))
	for _, m := range r.members {
		list = append(list, m)
	}
	return list
}
