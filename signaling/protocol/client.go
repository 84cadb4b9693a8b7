package protocol

import "roomcast/secret"

// Kind is the type of a message, as it stands in its "type" field.
type Kind string

// ClientHead is what every message of a client has.
type ClientHead struct {
	// Type names the message.
	Type Kind `json:"type"`
	// ID, if given, is answered: by the answer the message has, else by ok or error with it as re.
	ID string `json:"id,omitempty"`
}

// Hello is the first message: it opens the session.
type Hello struct {
	ClientHead
	// Session is the session of the join answer.
	Session secret.Text `json:"session"`
	// Resume is the resume of an earlier welcome, to keep that socket's PeerConnection.
	Resume string `json:"resume,omitempty"`
	// ChatAfter is the seq of the last chat event the client has, so that the welcome continues from there; 0 or absent: it has none.
	ChatAfter int64 `json:"chat_after,omitempty"`
}

// Offer carries the client's SDP offer and says what it publishes in it.
type Offer struct {
	ClientHead
	// SDP is the offer as the browser made it.
	SDP string `json:"sdp"`
	// Tracks names the sections that carry the client's own media; a source appears once.
	Tracks []OfferedTrack `json:"tracks"`
}

// OfferedTrack says what the client sends in one media section.
type OfferedTrack struct {
	// Mid is the section's a=mid.
	Mid string `json:"mid"`
	// Source is what it shows or lets hear.
	Source Source `json:"source"`
}

// Candidate is one ICE candidate of the client.
type Candidate struct {
	ClientHead
	// Candidate is the candidate line, "" for the end of candidates.
	Candidate string `json:"candidate"`
	// Mid is the section it belongs to.
	Mid *string `json:"mid,omitempty"`
	// MLineIndex is that section's position, from 0.
	MLineIndex *uint16 `json:"mline_index,omitempty"`
}

// Mute mutes or unmutes own tracks.
type Mute struct {
	ClientHead
	// Sources are the tracks meant, published or not yet.
	Sources []Source `json:"sources"`
	// Muted is the state they shall have.
	Muted bool `json:"muted"`
}

// View says which videos the client shows, the most wanted first. It replaces the earlier view.
type View struct {
	ClientHead
	// Tiles are the videos shown.
	Tiles []Tile `json:"tiles"`
}

// Tile is one video shown.
type Tile struct {
	// Participant is whose video it is.
	Participant string `json:"participant"`
	// Source is camera or screen.
	Source Source `json:"source"`
	// Width is the tile's width in device pixels.
	Width int `json:"width"`
	// Height is the tile's height in device pixels.
	Height int `json:"height"`
}

// ChatSend sends a chat message to everybody in the room.
type ChatSend struct {
	ClientHead
	// Text is plain text, 1 to 2000 characters.
	Text string `json:"text"`
}

// ChatDelete takes a chat message out of everybody's history (moderators only).
type ChatDelete struct {
	ClientHead
	// Message is the message's id.
	Message string `json:"message"`
}

// ChatPin pins a chat message for everybody, in place of the one pinned before (moderators only).
type ChatPin struct {
	ClientHead
	// Message is the message's id.
	Message string `json:"message"`
}

// ChatUnpin takes the pinned message down; it stays in the history (moderators only).
type ChatUnpin struct {
	ClientHead
}

// Hand raises or lowers a hand.
type Hand struct {
	ClientHead
	// Raised is the state it shall have.
	Raised bool `json:"raised"`
	// Participant is whose hand a moderator lowers; absent: one's own.
	Participant string `json:"participant,omitempty"`
}

// ModeratorMute mutes another participant's tracks, or keeps them from the chat (moderators only).
type ModeratorMute struct {
	ClientHead
	// Participant is who is muted.
	Participant string `json:"participant"`
	// Kinds are what is muted.
	Kinds []MuteKind `json:"kinds"`
}

// ModeratorUnmute lets a participant write in the chat again (moderators only).
type ModeratorUnmute struct {
	ClientHead
	// Participant is who may write again.
	Participant string `json:"participant"`
	// Kinds are what is given back: chat. What a participant sends only they themselves unmute.
	Kinds []MuteKind `json:"kinds"`
}

// Remove removes a participant and bans its session and device for this run (moderators only).
type Remove struct {
	ClientHead
	// Participant is who is removed.
	Participant string `json:"participant"`
	// BanAddress bans the participant's address too.
	BanAddress bool `json:"ban_address,omitempty"`
}

// Lock lets no new participant in for the rest of the run (moderators only).
type Lock struct {
	ClientHead
}

// Unlock lifts a lock (moderators only).
type Unlock struct {
	ClientHead
}

// End ends the run for everybody (moderators only).
type End struct {
	ClientHead
}

// Leave gives up the seat and ends the session.
type Leave struct {
	ClientHead
}

// Ping asks for a pong.
type Ping struct {
	ClientHead
}
