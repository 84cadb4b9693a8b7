// Package signaling is the WebSocket side of a room: who is there, what they
// say, what moderators do, and the negotiation of a meeting's media.
//
// A socket proves its session with its first message, is put into the room in
// motion of that session's room, and from then on hears what happens there.
// PROTOCOL.md in this folder describes every message; package protocol has
// their types, package client a Go client.
//
// Admission is not decided here: the door (rooms) is asked who a session is,
// and told who leaves. Media is not touched here: the sfu is asked to answer
// offers, and tells who sits in which slot.
//
// What is said is told first and stored behind that, through Chats; what
// moderators do is stored before they are answered: keeper.go.
package signaling

//go:generate go run ./internal/tsgen protocol ../web/app/src/lib/signaling/protocol.gen.ts
