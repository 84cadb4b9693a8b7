// Package ingest is what all the doors for broadcasters share: the words with
// which a door hands a publisher to the house ([Publication], [Sink], [Hub]),
// and the [Timeline] that turns the timestamps of any source into one that
// never goes back. The doors themselves are its subpackages (ingest/rtmp).
//
// A door asks admission first, then calls Hub.Publish, reads the publisher's
// tracks, announces them with Sink.SetTracks (from then on it is on air) and
// writes its units to the Sink until the connection ends or a write is refused.
package ingest
