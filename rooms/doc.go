// Package rooms is the registry of rooms and the door to them: what a room is,
// who may enter, who sits in it, and when its run begins and ends.
//
// It knows no media and no HTTP. The API, the signaling server and the ingest
// and playback servers ask it, and watch it for what they must act on; it calls
// none of them.
//
// Data flows like this. A body comes to the Registry as raw JSON, is validated
// field by field (body.go, faults.go), becomes a Room, Customer, Subscription
// or JoinToken, and is stored in one transaction of the Store. What was stored
// is told to watchers as an Event. A visitor comes to the Door with a token, a
// room id, a session, a ticket or a stream key; pure rules (rules.go,
// claims.go, seats.go, attempts.go) decide on facts that the Door keeps for
// every room in motion (hall.go) and loads again whenever the Registry has
// changed that room. Seats live in memory; runs, locks, bans and ended sessions
// are stored, so a restart ends nothing. What is stored has dates (now); what
// lives in memory is timed by a clock that nobody sets (steady).
package rooms
