package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"roomcast/rooms"
	"roomcast/signaling"
)

// Participant is who holds a seat in a room.
type Participant struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Role       rooms.Role `json:"role" enum:"moderator,participant"`
	ExternalID *string    `json:"external_id" doc:"Of the join token they came by"`
	JoinedAt   time.Time  `json:"joined_at"`
	Admission  string     `json:"admission" enum:"admitted,waiting"`
	Publishing Publishing `json:"publishing"`
	ChatMuted  bool       `json:"chat_muted" doc:"Whether a moderator keeps them from writing in the chat"`
}

// Publishing says what a participant of a meeting sends.
type Publishing = signaling.Publishing

// Mute is the body of a muting.
type Mute struct {
	Kinds []string `json:"kinds,omitempty" nullable:"false" enum:"audio,video,screen,chat" doc:"What is muted; audio when left out. In rooms other than meetings only chat"`
}

// Unmute is the body of an unmuting.
type Unmute struct {
	Kinds []string `json:"kinds" nullable:"false" enum:"chat" doc:"What is given back: what somebody sends only they themselves unmute"`
}

// Muted answers a muting: what the participant still sends, and whether they are kept from writing.
type Muted struct {
	ID         string     `json:"id"`
	Publishing Publishing `json:"publishing"`
	ChatMuted  bool       `json:"chat_muted"`
}

// Ban keeps somebody out for a run.
type Ban struct {
	ID            string     `json:"id"`
	ParticipantID string     `json:"participant_id"`
	Name          string     `json:"name" doc:"As they were called when they were removed"`
	Role          rooms.Role `json:"role" enum:"moderator,participant"`
	ExternalID    *string    `json:"external_id"`
	Device        bool       `json:"device" doc:"Whether their browser is recognised"`
	Address       *string    `json:"address" doc:"The banned address range; null unless it was asked for"`
	CreatedAt     time.Time  `json:"created_at"`
}

func (s *Service) participantCalls() []*call {
	path := "/api/v1/rooms/{id}/participants"
	return []*call{
		{
			id: "list-participants", method: http.MethodGet, path: path, tag: tagPeople, summary: "List who is in a room",
			access: byModerator, query: paging, status: http.StatusOK, answer: List[Participant]{}, handle: listParticipants,
		},
		{
			id: "remove-participant", method: http.MethodDelete, path: path + "/{pid}", tag: tagPeople, summary: "Remove a participant",
			description: "Ends their session and bans them for this run (the next, if none is on): the session, the external_id of their join token, and their browser. " +
				"A stranger with a fresh browser and the participant URL comes back unless the room is locked or the token regenerated.",
			access: byModerator, query: []parameter{{"ban_address", "Also ban their address (IPv6: the /64)", huma.Schema{Type: "boolean", Default: false}}},
			status: http.StatusNoContent, handle: func(v *visit) (reply, error) {
				address, err := v.flag("ban_address")
				if err != nil {
					return reply{}, err
				}
				return reply{}, v.api.options.Door.Remove(v.context(), v.path("id"), v.path("pid"), address)
			},
		},
		{
			id: "mute-participant", method: http.MethodPost, path: path + "/{pid}/mute", tag: tagPeople, summary: "Mute a participant, or keep them from the chat",
			description: "What they send they may unmute themselves; the chat is theirs again after an unmute, or in the next run.",
			access:      byModerator, body: Mute{}, bodyOptional: true, status: http.StatusOK, answer: Muted{},
			codes: []string{rooms.CodeWrongRoomType}, handle: muteParticipant,
		},
		{
			id: "unmute-participant", method: http.MethodPost, path: path + "/{pid}/unmute", tag: tagPeople, summary: "Let a participant write in the chat again",
			access: byModerator, body: Unmute{}, status: http.StatusOK, answer: Muted{}, handle: unmuteParticipant,
		},
		{
			id: "list-bans", method: http.MethodGet, path: "/api/v1/rooms/{id}/bans", tag: tagPeople, summary: "List who is banned for this run",
			access: byModerator, query: paging, status: http.StatusOK, answer: List[Ban]{}, handle: listBans,
		},
		{
			id: "delete-ban", method: http.MethodDelete, path: "/api/v1/rooms/{id}/bans/{bid}", tag: tagPeople, summary: "Lift a ban",
			access: byModerator, status: http.StatusNoContent, handle: func(v *visit) (reply, error) {
				return reply{}, v.api.options.Door.DeleteBan(v.context(), v.path("id"), v.path("bid"))
			},
		},
	}
}

func listParticipants(v *visit) (reply, error) {
	limit, cursor, err := v.page()
	if err != nil {
		return reply{}, err
	}
	room := v.path("id")
	page, err := v.api.options.Door.Participants(v.context(), room, limit, cursor)
	if err != nil {
		return reply{}, err
	}
	return reply{body: newList(page, func(o rooms.Occupant) Participant {
		return Participant{
			ID: o.ID, Name: o.Name, Role: o.Role, ExternalID: orNull(o.ExternalID), JoinedAt: o.JoinedAt, Admission: o.Admission,
			Publishing: v.api.options.Stage.Publishing(room, o.ID), ChatMuted: v.api.options.Stage.ChatMuted(room, o.ID),
		}
	})}, nil
}

func muteParticipant(v *visit) (reply, error) {
	f := readFields(v.body)
	kinds := f.choices("kinds", "audio", "video", "screen", "chat")
	if err := f.done(); err != nil {
		return reply{}, err
	}
	if len(kinds) == 0 {
		kinds = []string{"audio"}
	}
	room, participant := v.path("id"), v.path("pid")
	if !slices.Equal(kinds, []string{"chat"}) {
		if err := v.roomOfType("only participants of a meeting publish; elsewhere chat alone is muted", rooms.Meet); err != nil {
			return reply{}, err
		}
	}
	if err := v.api.options.Stage.Mute(v.context(), room, participant, kinds); err != nil {
		return reply{}, err
	}
	return v.muted(room, participant), nil
}

func unmuteParticipant(v *visit) (reply, error) {
	f := readFields(v.body)
	if kinds := f.choices("kinds", "chat"); len(kinds) == 0 && len(f.faults) == 0 {
		f.fault("/kinds", "must name chat")
	}
	if err := f.done(); err != nil {
		return reply{}, err
	}
	room, participant := v.path("id"), v.path("pid")
	if err := v.api.options.Stage.UnmuteChat(v.context(), room, participant); err != nil {
		return reply{}, err
	}
	return v.muted(room, participant), nil
}

func (v *visit) muted(room, participant string) reply {
	stage := v.api.options.Stage
	return reply{body: Muted{ID: participant, Publishing: stage.Publishing(room, participant), ChatMuted: stage.ChatMuted(room, participant)}}
}

func listBans(v *visit) (reply, error) {
	limit, cursor, err := v.page()
	if err != nil {
		return reply{}, err
	}
	page, err := v.api.options.Door.Bans(v.context(), v.path("id"), limit, cursor)
	if err != nil {
		return reply{}, err
	}
	return reply{body: newList(page, func(b rooms.Ban) Ban {
		return Ban{
			ID: b.ID, ParticipantID: b.ParticipantID, Name: b.Name, Role: b.Role, ExternalID: orNull(b.ExternalID),
			Device: b.Device != "", Address: orNull(b.Address), CreatedAt: b.CreatedAt,
		}
	})}, nil
}

// roomOfType refuses when the room in the path is of none of the types.
func (v *visit) roomOfType(detail string, types ...rooms.Type) error {
	view, err := v.api.options.Registry.Room(v.context(), v.path("id"))
	if err != nil {
		return err
	}
	for _, t := range types {
		if view.Type == t {
			return nil
		}
	}
	return &rooms.Error{Code: rooms.CodeWrongRoomType, Detail: detail}
}
