package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// maxChatSeq is the largest number that JavaScript holds exactly.
const maxChatSeq = 1<<53 - 1

// ChatMessage is one message of a room's chat.
type ChatMessage struct {
	ID            string     `json:"id"`
	ParticipantID *string    `json:"participant_id" doc:"Null when it came by the API"`
	Name          string     `json:"name"`
	Role          rooms.Role `json:"role" enum:"moderator,participant"`
	Text          string     `json:"text" doc:"Plain text"`
	At            time.Time  `json:"at"`
}

// ChatPage is a piece of a room's chat.
type ChatPage struct {
	Items  []ChatMessage `json:"items" nullable:"false" doc:"Oldest first; deleted ones are left out"`
	Seq    int64         `json:"seq" doc:"What ?after= takes for the messages that follow"`
	Pinned *ChatMessage  `json:"pinned" doc:"The pinned message"`
}

// NewChatMessage is the body of a message by the API.
type NewChatMessage struct {
	Text string `json:"text" minLength:"1" maxLength:"2000" doc:"Plain text; no control characters but newline and tab"`
	Name string `json:"name,omitempty" nullable:"true" minLength:"1" maxLength:"64" doc:"Whose message it is, for an API key; the room's name when left out. A moderator has their own."`
}

// PinnedChatMessage is the body of a pinning.
type PinnedChatMessage struct {
	MessageID string `json:"message_id" minLength:"1" maxLength:"20"`
}

func chatMessage(m protocol.ChatMessage) ChatMessage {
	return ChatMessage{ID: m.ID, ParticipantID: orNull(m.Participant), Name: m.Name, Role: rooms.Role(m.Role), Text: m.Text, At: m.At}
}

func (s *Service) chatCalls() []*call {
	path := "/api/v1/rooms/{id}/chat"
	return []*call{
		{
			id: "list-chat", method: http.MethodGet, path: path, tag: tagChat, summary: "Read a room's chat",
			description: "The last messages of the run, or those that came after one.",
			access:      byModerator, query: []parameter{
				paging[0],
				{"after", "seq of an earlier answer: only messages that came since", huma.Schema{Type: "integer", Minimum: bounds(0), Maximum: bounds(maxChatSeq)}},
			},
			status: http.StatusOK, answer: ChatPage{}, handle: listChat,
		},
		{
			id: "send-chat", method: http.MethodPost, path: path, tag: tagChat, summary: "Write in a room's chat",
			description: "Also while nobody is in the room: who comes in during the run reads it.",
			access:      byModerator, body: NewChatMessage{}, status: http.StatusCreated, answer: ChatMessage{}, handle: sendChat,
		},
		{
			id: "delete-chat", method: http.MethodDelete, path: path + "/{message_id}", tag: tagChat, summary: "Take a message out of everybody's history",
			access: byModerator, status: http.StatusNoContent, handle: func(v *visit) (reply, error) {
				return reply{}, v.api.options.Stage.DeleteMessage(v.context(), v.path("id"), v.path("message_id"))
			},
		},
		{
			id: "pin-chat", method: http.MethodPut, path: path + "/pinned", tag: tagChat, summary: "Pin a message for everybody",
			description: "In place of the one pinned before.",
			access:      byModerator, body: PinnedChatMessage{}, status: http.StatusOK, answer: ChatMessage{}, handle: pinChat,
		},
		{
			id: "unpin-chat", method: http.MethodDelete, path: path + "/pinned", tag: tagChat, summary: "Take the pinned message down",
			access: byModerator, status: http.StatusNoContent, handle: func(v *visit) (reply, error) {
				return reply{}, v.api.options.Stage.Unpin(v.context(), v.path("id"))
			},
		},
	}
}

func listChat(v *visit) (reply, error) {
	limit, err := v.number("limit", defaultPage, 1, maxPage)
	if err != nil {
		return reply{}, err
	}
	after, err := v.number("after", 0, 0, maxChatSeq)
	if err != nil {
		return reply{}, err
	}
	page, err := v.api.options.Stage.Chat(v.context(), v.path("id"), int64(after), limit)
	if err != nil {
		return reply{}, err
	}
	answer := ChatPage{Items: make([]ChatMessage, len(page.Messages)), Seq: page.Seq}
	for i, m := range page.Messages {
		answer.Items[i] = chatMessage(m)
	}
	if page.Pinned != nil {
		pinned := chatMessage(*page.Pinned)
		answer.Pinned = &pinned
	}
	return reply{body: answer}, nil
}

func sendChat(v *visit) (reply, error) {
	f := readFields(v.body)
	text, _ := f.text("text", 4*protocol.MaxChatChars)
	if fault := protocol.ChatFault(text); fault != "" && len(f.faults) == 0 {
		f.fault("/text", fault)
	}
	name, named := f.text("name", 1024)
	if named {
		var err error
		if name, err = rooms.DisplayName(name); err != nil {
			f.fault("/name", err.Error())
		}
	}
	if err := f.done(); err != nil {
		return reply{}, err
	}
	who := v.caller.grant
	switch {
	case who.ParticipantID != "":
		if named {
			return reply{}, invalid(rooms.Fault{Pointer: "/name", Code: rooms.CodeReadOnly, Detail: "a moderator writes under their own name"})
		}
		name = who.Name
	case !named:
		view, err := v.api.options.Registry.Room(v.context(), v.path("id"))
		if err != nil {
			return reply{}, err
		}
		name = view.Name
	}
	said, err := v.api.options.Stage.Say(v.context(), v.path("id"), who.ParticipantID, name, text)
	if err != nil {
		return reply{}, err
	}
	return reply{body: chatMessage(said), location: fmt.Sprintf("/api/v1/rooms/%s/chat/%s", v.path("id"), said.ID)}, nil
}

func pinChat(v *visit) (reply, error) {
	f := readFields(v.body)
	id, present := f.text("message_id", 20)
	if !present && len(f.faults) == 0 {
		f.fault("/message_id", "is missing")
	}
	if err := f.done(); err != nil {
		return reply{}, err
	}
	pinned, err := v.api.options.Stage.Pin(v.context(), v.path("id"), id)
	if err != nil {
		return reply{}, err
	}
	return reply{body: chatMessage(pinned)}, nil
}
