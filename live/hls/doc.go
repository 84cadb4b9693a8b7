// Package hls packages one broadcast as HTTP Live Streaming (RFC 8216 and its
// revision draft-pantos-hls-rfc8216bis): fragmented MP4 with audio and video in
// one rendition, which hls.js, Safari and Firefox all play and which costs a
// viewer one playlist.
//
// Units go in by Packager.Write in arrival order; an interleaver puts the
// tracks into one order, fragments (parts) and segments are cut from them, and
// every change renders the media playlist anew, once for all viewers. What
// viewers fetch is immutable bytes: Playlist, Multivariant and Object are
// lookups and allocate nothing or next to it.
//
// Nothing is listed before the first group of pictures closed: from it follow
// TARGETDURATION and PART-TARGET, which then never change. A publisher that
// falls silent is bridged by segments marked as gaps, a new one follows a
// discontinuity, the end is an ENDLIST.
//
// The package knows no HTTP, no tickets and no rooms, keeps everything in
// memory within a bound, and starts no goroutine: its owner calls Tick.
package hls
