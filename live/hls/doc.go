// Package hls packages one broadcast as HTTP Live Streaming (RFC 8216 and its
// revision draft-pantos-hls-rfc8216bis): fragmented MP4, low latency if wanted.
//
// The source rendition holds the picture and the first audio track in one,
// which hls.js, Safari and Firefox all play and which costs a viewer one
// playlist. It alone decides where segments begin: at its key frames or, if it
// has few and there are rungs, in a Beat that the rungs have theirs in. The other
// renditions, every audio track by itself and the rungs that somebody else
// transcodes, are cut at the same places, each as fast as its media comes: media
// sequence numbers, discontinuities and timestamps are the same in all of them.
//
// Units go in by Packager.Write in arrival order; an interleaver puts picture and
// sound into one order, parts and segments are cut from them, and every
// change renders the media playlist anew, once for all viewers. What
// viewers fetch is immutable bytes: Playlist, Multivariant and Object are
// lookups and allocate nothing or next to it. From Write to the bytes of a part
// nothing is allocated per unit; a part costs its own bytes and its playlist's.
//
// Nothing is listed before the first group of pictures closed, or took too
// long: from it follow TARGETDURATION and PART-TARGET, which then never change.
// A publisher that falls silent and that nobody bridges is bridged by
// segments marked as gaps, a new one follows a discontinuity, the end is an ENDLIST.
//
// The package knows no HTTP, no tickets and no rooms, keeps everything in
// memory within a bound, and starts no goroutine: its owner calls Tick.
package hls
