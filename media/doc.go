// Package media is the ground floor of all media: what a broadcast is made of
// ([Track], [Format], [Unit]) and the hub it passes through ([Stream], [Reader]).
//
// A unit is decoded from its protocol once, at the ingest door, and is
// immutable from then on: everybody downstream shares the same bytes. A Stream
// is one log of units, bounded in bytes and in time, that one writer appends to
// and any number of readers follow, each at its own pace. The writer never
// waits: a reader that falls behind its bounds is moved forward to a key frame
// and told how many units it lost. The log is at the same time the cache of
// the current group of pictures from which new readers start.
//
// Data flows one way: ingest door -> Stream.Write -> Reader.Read -> packager,
// WHEP, relay, recorder.
//
// The package opens no socket, knows no protocol and starts no goroutine. It
// transcodes nothing.
package media
