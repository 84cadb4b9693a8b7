// Package protocol holds the messages of Roomcast's signaling WebSocket as Go
// types, their limits, and the strict reading and writing of them.
//
// It is what signaling (the server) and signaling/client (a Go client) share,
// and what the TypeScript types of the web client are generated from.
// signaling/PROTOCOL.md is the same in words; a test reads every example out
// of that page and checks it against these types, so the two cannot part.
//
// A frame goes through ReadClient or ReadServer and becomes one message type;
// a message goes through Encode and becomes one frame. The package holds no
// connection, no room and no state.
package protocol
