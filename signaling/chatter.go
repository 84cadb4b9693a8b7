package signaling

import (
	"time"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// maxUntoldBytes of events are told at once, however little time has passed.
const maxUntoldBytes = 64 << 10

// chatOf returns what is kept of a room's chat, begun if need be. The server's
// mutex is held.
func (s *Server) chatOf(roomID string) *chat {
	c := s.chats[roomID]
	if c != nil {
		return c
	}
	if len(s.chats) >= maxChats {
		s.dropOldestChat()
	}
	c = newChat(time.Now())
	s.chats[roomID] = c
	return c
}

// dropOldestChat gives up the chat that nobody used for the longest time, of a
// room that is not in motion.
func (s *Server) dropOldestChat() {
	oldest := ""
	for id, c := range s.chats {
		if s.rooms[id] == nil && (oldest == "" || c.used.Before(s.chats[oldest].used)) {
			oldest = id
		}
	}
	delete(s.chats, oldest)
}

// dropChat ends the chat of a room that is not in motion; in one that is, it is
// cleared in its turn.
func (s *Server) dropChat(roomID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[roomID] == nil {
		delete(s.chats, roomID)
	}
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
		r.chat.clear(now) // what was said before a run that never came
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
// was told for a while, else soon, with all that comes until then.
func (r *room) tellChat() {
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
