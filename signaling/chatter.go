package signaling

import (
	"time"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// maxUntoldBytes of events are told at once, however little time has passed.
const maxUntoldBytes = 64 << 10

// chatOf returns what is in memory of a room's chat, begun if need be. The
// server's mutex is held.
func (s *Server) chatOf(roomID string) *chat {
	c := s.chats[roomID]
	if c != nil {
		return c
	}
	if len(s.chats) >= maxChats {
		s.dropOldestChat()
	}
	c = newChat(s.number, time.Now())
	s.chats[roomID] = c
	return c
}

// dropOldestChat gives up the chat that nobody used for the longest time, of a
// room that is not in motion; one that is not stored yet only if all are.
func (s *Server) dropOldestChat() {
	oldest := ""
	for id, c := range s.chats {
		if s.rooms[id] != nil {
			continue
		}
		o := s.chats[oldest]
		if o == nil || c.idle() != o.idle() && c.idle() || c.idle() == o.idle() && c.used.Before(o.used) {
			oldest = id
		}
	}
	if oldest != "" {
		s.giveUpChat(oldest)
	}
}

// giveUpChat takes a chat out of memory. Numbers given to chats that begin later,
// this one read anew among them, are above its own.
func (s *Server) giveUpChat(roomID string) {
	s.number = max(s.number, s.chats[roomID].seq)
	delete(s.chats, roomID)
}

// forgetChat gives a chat up that holds nothing, of a room that is not in motion.
// The server's mutex is held.
func (s *Server) forgetChat(roomID string) {
	c := s.chats[roomID]
	if c != nil && s.rooms[roomID] == nil && c.empty() && (s.keeper == nil || c.idle()) {
		s.giveUpChat(roomID)
	}
}

// dropChat ends the chat of a room that is not in motion; in one that is, it is
// cleared in its turn. One that is not in memory has ended in the store with
// its run.
func (s *Server) dropChat(roomID, ended string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[roomID]
	if c == nil || s.rooms[roomID] != nil {
		return
	}
	c.clear(ended, time.Now())
	c.told = c.seq // there is nobody to be told
	s.keeper.note(roomID)
	s.forgetChat(roomID)
}

// know takes what the registry says of a room for the first time. mu is held,
// as for all that follow.
func (r *room) know(view rooms.View) {
	if r.known {
		return
	}
	r.view, r.known = view, true
	now := time.Now()
	if view.Status != rooms.StatusActive && now.Sub(r.chat.used) > staleChat {
		r.chat.clear(r.chat.ended, now) // what was said before a run that never came
		r.server.keeper.note(r.id)
	}
}

// say adds a message and has it told.
func (r *room) say(m protocol.ChatMessage) protocol.ChatMessage {
	m = r.chat.say(m, time.Now())
	r.tellChat()
	return m
}

// speak adds a participant's message, if they may write now.
func (r *room) speak(m *member, text string) error {
	now := time.Now()
	moderator := m.permissions.Moderate
	switch {
	case m.permissions.ChatMuted:
		return refuse(protocol.CodeForbidden, "a moderator muted you in this chat")
	case !m.permissions.Chat:
		return refuse(protocol.CodeForbidden, "you may not write in this room's chat")
	}
	slow := time.Duration(r.view.Settings.Features.SlowModeSeconds) * time.Second
	if wait := r.chat.wait(m.id, slow, now); wait > 0 && !moderator {
		return tooSoon(wait, "slow mode: one message every %d seconds", int(slow.Seconds()))
	}
	if reservation := m.chatRate.ReserveN(now, 1); reservation.DelayFrom(now) > 0 {
		wait := reservation.DelayFrom(now)
		reservation.CancelAt(now)
		return tooSoon(wait, "at most %d chat messages in 10 seconds", protocol.ChatsPerTenSeconds)
	}
	if slow > 0 && !moderator {
		r.chat.spoke(m.id, now)
	}
	r.say(protocol.ChatMessage{Participant: m.id, Name: m.grant.Name, Role: protocol.Role(m.grant.Role), Text: text})
	return nil
}

func (r *room) deleteMessage(id string) error {
	if !r.chat.forget(id, time.Now()) {
		return errNoMessage
	}
	r.tellChat()
	return nil
}

func (r *room) pinMessage(id string) (protocol.ChatMessage, error) {
	pinned, ok := r.chat.pin(id, time.Now())
	if !ok {
		return pinned, errNoMessage
	}
	r.tellChat()
	return pinned, nil
}

func (r *room) unpinMessage() {
	r.chat.unpin(time.Now())
	r.tellChat()
}

// errNoMessage is a message that is not kept (any more).
var errNoMessage = &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such chat message"}

// muteChat keeps a member from writing, or lets them again, and tells them.
func (r *room) muteChat(m *member, muted bool) {
	if r.chat.muted(m.id) == muted {
		return
	}
	r.chat.mute(m.id, muted, time.Now())
	r.server.keeper.note(r.id)
	m.permissions = r.permissions(m.id, m.grant.Role)
	if sock := m.sock.Load(); sock != nil {
		sock.send(&protocol.RoomUpdated{Room: r.view.Public(), Locked: r.view.Locked, Permissions: m.permissions})
	}
}

// unmuteOther lets a member write again; false if they are not there. mu must not be held.
func (r *room) unmuteOther(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[id]
	if m == nil {
		return false
	}
	r.muteChat(m, false)
	return true
}

// tellChat has everybody told what is new in the chat: at once where nothing
// was told for a while, else soon, with all that comes until then. It is stored
// behind that.
func (r *room) tellChat() {
	r.server.keeper.note(r.id)
	wait := time.Until(r.spoken.Add(protocol.ChatInterval))
	if wait <= 0 || r.chat.pressing() {
		r.tellChatNow()
		return
	}
	if r.telling != nil {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.telling == timer {
			r.tellChatNow()
		}
	})
	r.telling = timer
}

func (r *room) tellChatNow() {
	if r.telling != nil {
		r.telling.Stop()
		r.telling = nil
	}
	events := r.chat.untold()
	r.chat.told = r.chat.seq
	if len(events) == 0 {
		return
	}
	r.spoken = time.Now()
	r.tell(&protocol.Chat{Events: events})
}
