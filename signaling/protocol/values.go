package protocol

import "time"

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
)

// MuteKinds are all kinds.
func MuteKinds() []MuteKind { return []MuteKind{MuteAudio, MuteVideo, MuteScreen} }

// Sources returns the sources a kind covers, none for an unknown kind.
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
	// ID sorts by time and is unique in the room.
	ID string `json:"id"`
	// Participant is who sent it; they may have left since.
	Participant string    `json:"participant"`
	Name        string    `json:"name"`
	Role        Role      `json:"role"`
	Text        string    `json:"text"`
	At          time.Time `json:"at"`
}

// Permissions are what this participant may do; the server refuses the rest.
type Permissions struct {
	Audio bool `json:"audio"`
	Video bool `json:"video"`
	// Screen covers screen and screen_audio.
	Screen bool `json:"screen"`
	Chat   bool `json:"chat"`
	// Moderate covers moderator_mute, remove, lock, unlock, end and lowering others' hands.
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
