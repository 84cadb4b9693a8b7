// Package ingest is what all the doors for broadcasters share: the [Gate],
// which is the one way in; the words with which it hands a publisher to the
// house ([Publication], [Sink], [Hub]); [Pictures], which brings the access
// units of any codec into one form; and the [Timeline] that turns the
// timestamps of any source into one that never goes back. The doors themselves
// are its subpackages (ingest/rtmp, ingest/srt...). [Theatre] is for tools that
// watch through the same doors.
//
// A door asks the gate, reads the publisher's tracks, announces them with
// Sink.SetTracks (from then on it is on air) and writes its units to the Sink
// until the connection ends or a write is refused.
package ingest
