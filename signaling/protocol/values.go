package protocol

import (
	"slices"
	"time"
)

// Source is what a track shows or lets hear.
type Source string

// The sources.
const (
	Microphone  Source = "microphone"
	Camera      Source = "camera"
	Screen      Source = "screen"
	ScreenAudio Source = "screen_audio"
)

// Sources are all sources.
func Sources() []Source { return []Source{Microphone, Camera, Screen, ScreenAudio} }

// Valid reports whether s is one of Sources.
func (s Source) Valid() bool {
	return s == Microphone || s == Camera || s == Screen || s == ScreenAudio
}

// Audio reports whether s is heard rather than seen.
func (s Source) Audio() bool { return s == Microphone || s == ScreenAudio }

// MuteKind is what a moderator mutes; the REST API's mute call has the same words.
type MuteKind string

// The kinds.
const (
	MuteAudio  MuteKind = "audio"
	MuteVideo  MuteKind = "video"
	MuteScreen MuteKind = "screen"
	// MuteChat keeps a participant from writing; it is lifted by a moderator only.
	MuteChat MuteKind = "chat"
)

// MuteKinds are all kinds.
func MuteKinds() []MuteKind { return []MuteKind{MuteAudio, MuteVideo, MuteScreen, MuteChat} }

// Valid reports whether k is one of MuteKinds.
func (k MuteKind) Valid() bool { return slices.Contains(MuteKinds(), k) }

// Sources returns the sources a kind covers, none for chat and unknown kinds.
func (k MuteKind) Sources() []Source {
	switch k {
	case MuteAudio:
		return []Source{Microphone}
	case MuteVideo:
		return []Source{Camera}
	case MuteScreen:
		return []Source{Screen, ScreenAudio}
	}
	return nil
}

// Role is what a participant may do.
type Role string

// The roles.
const (
	RoleModerator   Role = "moderator"
	RoleParticipant Role = "participant"
)

// Presence says what a socket is told of the others.
type Presence string

// The presences.
const (
	// PresenceList tells of each participant: meet rooms.
	PresenceList Presence = "list"
	// PresenceCount tells only how many there are: all other rooms.
	PresenceCount Presence = "count"
)

// LeftReason says why a participant is gone.
type LeftReason string

// The reasons.
const (
	LeftByChoice LeftReason = "left"
	LeftGone     LeftReason = "gone"
	LeftRemoved  LeftReason = "removed"
)

// EndedCode says why the server ended the participation.
type EndedCode string

// The codes.
const (
	EndedByModerator   EndedCode = "ended"
	EndedRemoved       EndedCode = "banned"
	EndedMaxDuration   EndedCode = "max_duration"
	EndedRoomDeleted   EndedCode = "room_deleted"
	EndedRoomSuspended EndedCode = "room_suspended"
	EndedSession       EndedCode = "session_invalid"
	EndedReplaced      EndedCode = "replaced"
)

// EndedCodes are all codes.
func EndedCodes() []EndedCode {
	return []EndedCode{
		EndedByModerator, EndedRemoved, EndedMaxDuration, EndedRoomDeleted, EndedRoomSuspended, EndedSession, EndedReplaced,
	}
}

// Participant is somebody in the room, as the others see them.
type Participant struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Role     Role      `json:"role"`
	JoinedAt time.Time `json:"joined_at"`
	// Hand is whether the hand is raised.
	Hand bool `json:"hand"`
	// Tracks are what the participant publishes, muted ones included.
	Tracks []Track `json:"tracks"`
}

// Track is one published track.
type Track struct {
	Source Source `json:"source"`
	// Muted is whether it is forwarded to nobody, whoever muted it.
	Muted bool `json:"muted"`
}

// ChatMessage is one message of the room's chat.
type ChatMessage struct {
	// ID is unique in the room: the seq it was said with, in decimal.
	ID string `json:"id"`
	// Participant is who sent it; they may have left since. Empty for one that came by the REST API.
	Participant string `json:"participant"`
	Name        string `json:"name"`
	Role        Role   `json:"role"`
	// Text is plain text: markup in it means nothing, and links are for the client to find.
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// ChatEventKind is what happened in a chat.
type ChatEventKind string

// The kinds.
const (
	ChatSaid     ChatEventKind = "said"
	ChatDeleted  ChatEventKind = "deleted"
	ChatPinned   ChatEventKind = "pinned"
	ChatUnpinned ChatEventKind = "unpinned"
)

// ChatEventKinds are all kinds.
func ChatEventKinds() []ChatEventKind {
	return []ChatEventKind{ChatSaid, ChatDeleted, ChatPinned, ChatUnpinned}
}

// ChatEvent is one thing that happened in a room's chat.
type ChatEvent struct {
	// Seq counts the room's chat events, one by one; it does not begin at 1.
	Seq int64 `json:"seq"`
	// Kind is what happened.
	Kind ChatEventKind `json:"kind"`
	// Message is what was said or pinned; null otherwise.
	Message *ChatMessage `json:"message"`
	// Deleted is the id of the message that was deleted; also stands in the place of one that was said and deleted since.
	Deleted string `json:"deleted,omitempty"`
}

// ChatHistory is what a welcome says of the chat.
type ChatHistory struct {
	// Seq is the last event that is in here; the next one to come has seq + 1.
	Seq int64 `json:"seq"`
	// Resumed is whether events are all that came after the hello's chat_after; if not, they replace what the client has.
	Resumed bool `json:"resumed"`
	// Events, oldest first: all that were missed, or, not resumed, the last 100 messages at most.
	Events []ChatEvent `json:"events"`
	// Pinned is the pinned message, null if there is none.
	Pinned *ChatMessage `json:"pinned"`
}

// Permissions are what this participant may do; the server refuses the rest.
type Permissions struct {
	Audio bool `json:"audio"`
	Video bool `json:"video"`
	// Screen covers screen and screen_audio.
	Screen bool `json:"screen"`
	Chat   bool `json:"chat"`
	// ChatMuted is whether chat is false because a moderator muted this participant there.
	ChatMuted bool `json:"chat_muted"`
	// Moderate covers the moderator's messages and lowering others' hands.
	Moderate bool `json:"moderate"`
}

// ICEServer is an RTCIceServer for the client's PeerConnection.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Broadcast is the state of a live or simulcast room's broadcast.
type Broadcast struct {
	// State is waiting, preview, live, interrupted or ended.
	State string `json:"state"`
	// StartedAt is when it went live; null before.
	StartedAt *time.Time `json:"started_at"`
	// Viewers is how many seats of the room are taken.
	Viewers int `json:"viewers"`
}

// Slot says what one receive-only section of the client carries from now on.
type Slot struct {
	// Mid is the section's a=mid in the client's offer.
	Mid string `json:"mid"`
	// Participant is whose media it is; null: nothing.
	Participant *string `json:"participant"`
	// Source is which of their tracks; null: nothing.
	Source *Source `json:"source"`
}

// Speaker is somebody who speaks.
type Speaker struct {
	Participant string `json:"participant"`
	// Level is the loudness, 1 to 100.
	Level int `json:"level"`
}
