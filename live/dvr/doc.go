// Package dvr keeps the rewind window of one show on disk: every finished
// segment of every rendition for as long as the room's window is, and the
// playlists over them.
//
// Finished segments come by Archive.Add straight from the packager, which
// never waits: one goroutine writes them to files of their own, in order, out
// of a queue that is bounded in bytes. What does not fit, because the disk is
// too slow or full, is left out of the window as a gap (EXT-X-GAP) and told as
// a [Trouble]. A segment is listed once its file is whole, and its file outlives
// its place in the list by a few target durations, for players that still hold
// an older playlist.
//
// Playlists hold whole segments only and have no PLAYLIST-TYPE, as segments
// leave them. Adding a segment costs the same whatever the window: the delta
// update (EXT-X-SKIP, draft-pantos-hls-rfc8216bis section 6.2.5.1), which is
// what players reload, is rendered at once; the full playlist and its gzip form
// once per version, by whoever asks first. In memory a segment is a
// hundred bytes: its file's name is its object's.
//
// The window does not survive a restart of the server: [Clean] removes what a
// crash left behind. The package knows no HTTP, no tickets and no rooms.
package dvr
