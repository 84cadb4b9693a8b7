// Package record keeps broadcasts as files: recordings of whole shows, and clips
// of their last seconds.
//
// A [Library] follows every show whose room has the recording feature. It writes
// what the publisher sends, in the publisher's codecs, as fragmented MP4: each
// fragment of a second or two by one call, so that a crash costs at most the
// last one, and the file plays up to there. When a show ends the header learns
// how long it is and an index of key frames follows; Recover does the same at
// the server's start for what a crash left. What a disk or the store refuses at
// either time is tried again while the process lives, and at the next start. A slate that bridged a silent
// publisher is left out and interruptions are cut out, so that the file goes on
// where the broadcast does; other codecs or another size begin another file.
// A disk that is too slow costs pictures up to the next key frame, which are
// counted and told; a full disk or a room's storage limit ends the file, which
// is complete, and recording goes on once there is room.
//
// Clips are cut out of finished segments, at their borders, without decoding.
//
// Files lie at rooms/{room}/assets/{id}.mp4 below the data directory; what is
// known of them is kept by the Assets that a Library is given. What those do not
// know, Recover deletes: it is of deleted rooms and recordings. The package knows
// no HTTP and no SQL.
package record
