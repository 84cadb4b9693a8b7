package signaling

import (
	"context"
	"errors"
	"fmt"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// What the REST API asks of a room in motion.

// Publishing is what a participant sends to the others now.
type Publishing struct {
	Audio  bool `json:"audio"`
	Video  bool `json:"video"`
	Screen bool `json:"screen"`
}

// Publishing says what a participant sends; nothing for one who is not there.
func (s *Server) Publishing(roomID, participantID string) Publishing {
	r := s.room(roomID)
	if r == nil {
		return Publishing{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[participantID]
	if m == nil {
		return Publishing{}
	}
	return Publishing{
		Audio: m.sends(protocol.Microphone), Video: m.sends(protocol.Camera), Screen: m.sends(protocol.Screen),
	}
}

// Mute mutes what a participant publishes, or keeps them from the chat, as a
// moderator in the room would. kinds are audio, video, screen and chat. The error is a *rooms.Error for a
// participant who is not there, or a kind that there is not.
func (s *Server) Mute(ctx context.Context, roomID, participantID string, kinds []string) error {
	muteKinds := make([]protocol.MuteKind, len(kinds))
	for i, k := range kinds {
		muteKinds[i] = protocol.MuteKind(k)
		if !muteKinds[i].Valid() {
			return &rooms.Error{
				Code: rooms.CodeValidationFailed, Detail: "kinds are audio, video, screen and chat",
				Faults: []rooms.Fault{{Pointer: fmt.Sprintf("/kinds/%d", i), Code: rooms.CodeValidationFailed, Detail: "must be audio, video, screen or chat"}},
			}
		}
	}
	r := s.room(roomID)
	if r == nil || !r.muteOther(participantID, muteKinds) {
		return &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such participant in the room"}
	}
	return s.saveNow(ctx, roomID)
}

// ChatPage is a piece of a room's chat.
type ChatPage struct {
	// Messages are those that were not deleted, oldest first.
	Messages []protocol.ChatMessage
	// Seq is what to ask after for those that follow.
	Seq int64
	// Pinned is the pinned message, nil if there is none.
	Pinned *protocol.ChatMessage
}

// Chat returns at most limit messages of the room's chat after seq, or the last
// ones if seq is 0.
func (s *Server) Chat(ctx context.Context, roomID string, seq int64, limit int) (page ChatPage, err error) {
	err = s.inChat(ctx, roomID, func(r *room) error {
		page.Messages, page.Seq = r.chat.since(seq, limit)
		page.Pinned = r.chat.pinned
		return nil
	})
	return page, err
}

// Say adds a moderator's message to the room's chat. participantID is empty
// for one who is not in the room. The error is a *rooms.Error for a room
// without chat.
func (s *Server) Say(ctx context.Context, roomID, participantID, name, text string) (said protocol.ChatMessage, err error) {
	err = s.inChat(ctx, roomID, func(r *room) error {
		if !r.view.Settings.Features.Chat {
			return &rooms.Error{Code: rooms.CodeForbidden, Detail: "the room has no chat"}
		}
		said = r.say(protocol.ChatMessage{Participant: participantID, Name: name, Role: protocol.RoleModerator, Text: text})
		return nil
	})
	return said, err
}

// DeleteMessage takes a message out of everybody's history. The error is a
// *rooms.Error for one that is not kept.
func (s *Server) DeleteMessage(ctx context.Context, roomID, messageID string) error {
	return s.moderateChat(ctx, roomID, func(r *room) error { return r.deleteMessage(messageID) })
}

// Pin pins a message for everybody in the room. The error is a *rooms.Error
// for one that is not kept.
func (s *Server) Pin(ctx context.Context, roomID, messageID string) (pinned protocol.ChatMessage, err error) {
	err = s.moderateChat(ctx, roomID, func(r *room) error {
		pinned, err = r.pinMessage(messageID)
		return err
	})
	return pinned, err
}

// Unpin takes the pinned message down, if there is one.
func (s *Server) Unpin(ctx context.Context, roomID string) error {
	return s.moderateChat(ctx, roomID, func(r *room) error {
		r.unpinMessage()
		return nil
	})
}

// UnmuteChat lets a participant write again. The error is a *rooms.Error for
// one who is not there.
func (s *Server) UnmuteChat(ctx context.Context, roomID, participantID string) error {
	r := s.room(roomID)
	if r == nil || !r.unmuteOther(participantID) {
		return &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such participant in the room"}
	}
	return s.saveNow(ctx, roomID)
}

// ChatMuted reports whether a moderator keeps a participant from writing.
func (s *Server) ChatMuted(roomID, participantID string) bool {
	r := s.room(roomID)
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.chat.muted(participantID)
}

// moderateChat calls fn as inChat does, and stores what it did.
func (s *Server) moderateChat(ctx context.Context, roomID string, fn func(*room) error) error {
	if err := s.inChat(ctx, roomID, fn); err != nil {
		return err
	}
	return s.saveNow(ctx, roomID)
}

// inChat calls fn with the room, its mutex held, also when nobody is there.
func (s *Server) inChat(ctx context.Context, roomID string, fn func(*room) error) error {
	view, err := s.o.Registry.Room(ctx, roomID)
	if err != nil {
		return err
	}
	r, err := s.pin(roomID, view.Type)
	if err != nil {
		var refused *refusal
		if errors.As(err, &refused) {
			return &rooms.Error{Code: refused.code, Detail: refused.detail}
		}
		return err
	}
	defer s.unpin(r)
	if err := s.loadChat(ctx, r); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.know(view)
	return fn(r)
}
