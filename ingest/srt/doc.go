// Package srt is the door for SRT: encoders publish MPEG transport streams with
// the streamid publish:{stream_key} (or #!::r={stream_key},m=publish), tools
// watch with play:{ticket}.
//
// A connection goes through these steps, each bounded: the handshake, checked
// before the library makes anything of it; the streamid; for publishers the key
// at the ingest.Gate and the room's passphrase, with which the stream must be
// encrypted if there is one; then media. Refusals are told in the handshake, as
// SRT's rejection codes, so that nothing of the media is read before.
//
// The protocol is gosrt's. It has no deadlines and no bounds of its own, so
// each connection has a watch that ends it when it is silent or hoards memory.
// Streamids hold secrets: they are in no log line and no error.
package srt
