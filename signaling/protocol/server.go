package protocol

// ServerHead is what every message of the server has.
type ServerHead struct {
	// Type names the message.
	Type Kind `json:"type"`
	// Re is the id of the client's message this answers.
	Re string `json:"re,omitempty"`
}

// Welcome answers hello: who the client is, and the room as it stands.
type Welcome struct {
	ServerHead
	// You is the client itself, as the others see it.
	You Participant `json:"you"`
	// Resume, sent in a later hello, keeps this PeerConnection over a broken socket.
	Resume string `json:"resume"`
	// Resumed is whether the PeerConnection of before goes on; if not, the client makes a new one.
	Resumed bool `json:"resumed"`
	// Room is the room's public projection.
	Room Room `json:"room"`
	// Locked is whether no new participant is let in.
	Locked bool `json:"locked"`
	// Permissions are what this participant may do.
	Permissions Permissions `json:"permissions"`
	// Presence is whether participants are listed here and told of later, or only counted.
	Presence Presence `json:"presence"`
	// Participants are those in the room, this one excluded; at most 500, empty when only counted.
	Participants []Participant `json:"participants"`
	// ParticipantsTotal is how many are in the room, this one included.
	ParticipantsTotal int `json:"participants_total"`
	// Chat is the room's chat, or what of it came since the hello's chat_after.
	Chat ChatHistory `json:"chat"`
	// ICEServers are for the client's PeerConnection.
	ICEServers []ICEServer `json:"ice_servers"`
	// Broadcast is the broadcast's state in live and simulcast rooms, null elsewhere.
	Broadcast *Broadcast `json:"broadcast"`
}

// Answer answers an offer.
type Answer struct {
	ServerHead
	// SDP is the answer; all candidates of the server are in it.
	SDP string `json:"sdp"`
}

// Slots says what some receive-only sections carry from now on; the others stay as they were.
type Slots struct {
	ServerHead
	// Slots are the changed ones.
	Slots []Slot `json:"slots"`
}

// Joined tells of a new participant.
type Joined struct {
	ServerHead
	// Participant is the newcomer.
	Participant Participant `json:"participant"`
}

// Left tells of a participant who is gone.
type Left struct {
	ServerHead
	// Participant is who is gone.
	Participant string `json:"participant"`
	// Reason is why.
	Reason LeftReason `json:"reason"`
}

// Updated tells of a participant who changed, this client included; it replaces what was known.
type Updated struct {
	ServerHead
	// Participant is who changed, whole.
	Participant Participant `json:"participant"`
}

// Count tells how many are in the room, where they are only counted.
type Count struct {
	ServerHead
	// ParticipantsTotal is how many are in the room, this one included.
	ParticipantsTotal int `json:"participants_total"`
}

// Speaking says who speaks now, loudest first; empty when nobody does.
type Speaking struct {
	ServerHead
	// Speakers are at most 6.
	Speakers []Speaker `json:"speakers"`
}

// Chat brings what happened in the chat since the last one, also to those who did it.
type Chat struct {
	ServerHead
	// Events are what happened, in order; the first one's seq follows the last one known.
	Events []ChatEvent `json:"events"`
}

// Muted tells that a moderator muted own tracks; the client shows so and stops sending.
type Muted struct {
	ServerHead
	// Sources are the tracks muted.
	Sources []Source `json:"sources"`
}

// RoomUpdated tells that the room, its lock or what this participant may do changed.
type RoomUpdated struct {
	ServerHead
	// Room is the room's public projection.
	Room Room `json:"room"`
	// Locked is whether no new participant is let in.
	Locked bool `json:"locked"`
	// Permissions are what this participant may do from now on.
	Permissions Permissions `json:"permissions"`
}

// BroadcastChanged tells of a broadcast's new state.
type BroadcastChanged struct {
	ServerHead
	// Broadcast is the new state.
	Broadcast Broadcast `json:"broadcast"`
}

// Warning tells that the run is about to reach its longest duration.
type Warning struct {
	ServerHead
	// RemainingSeconds is how long the run still has.
	RemainingSeconds int `json:"remaining_seconds"`
}

// MediaLost tells that the PeerConnection is gone on the server's side: the client makes a new one.
type MediaLost struct {
	ServerHead
}

// OK answers a message that has no other answer.
type OK struct {
	ServerHead
}

// Pong answers a ping.
type Pong struct {
	ServerHead
}

// Error refuses a message, or the socket.
type Error struct {
	ServerHead
	// Code is what programs go by.
	Code string `json:"code"`
	// Detail is what people read.
	Detail string `json:"detail"`
	// RetryAfterMs is how long to wait before trying again, where waiting helps.
	RetryAfterMs int64 `json:"retry_after_ms,omitempty"`
	// Fatal is whether the socket closes now.
	Fatal bool `json:"fatal"`
}

// Ended tells that the participation is over; the socket closes with CloseEnded.
type Ended struct {
	ServerHead
	// Code is why.
	Code EndedCode `json:"code"`
	// Detail is what people read.
	Detail string `json:"detail"`
}

// Reconnect tells that the server goes down: connect again and resume.
type Reconnect struct {
	ServerHead
	// AfterMs is how long to wait first, so that not all come at once.
	AfterMs int64 `json:"after_ms"`
}
