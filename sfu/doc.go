// Package sfu moves the media of meetings: it takes each participant's tracks
// and sends every participant the few it sees and hears.
//
// An SFU shares the server's WebRTC port (package rtcport). A Room is a
// meeting on it, a Peer a participant with one PeerConnection, in which the
// client always offers and the server always answers. What a client sends
// becomes a publication; each of its receive-only sections is a slot, and the
// room switches publications into slots: into audio slots the loudest
// speakers, into video slots what the client said it shows.
//
// A packet is read and parsed once by the publication's goroutine, which hands
// it to each slot that shows it; the slot moves its numbers onto its own
// timeline (package rewrite), and sends it. Nothing of ours is allocated on
// that path.
//
// The package knows no roles, names or messages: who may publish what, and who
// is told what, is for package signaling to say. A Source is a label to it.
package sfu
