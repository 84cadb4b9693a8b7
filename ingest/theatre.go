package ingest

import (
	"context"

	"roomcast/media"
	"roomcast/rooms"
	"roomcast/secret"
)

// Theatre lets tools watch a broadcast over the protocols it also comes in by;
// live.Theatre is the one.
type Theatre interface {
	// Play opens a broadcast by a viewer's ticket. It waits up to a few seconds
	// for media of a room that is on air; not_ready if there is none. Refusals are
	// *rooms.Error. A playback that was opened must be released.
	Play(ctx context.Context, ticket secret.Text, s Spectator) (*Playback, error)
}

// Spectator is somebody who watches with a tool.
type Spectator struct {
	// Protocol is shown where players are: "rtsp", "rtmp", "srt".
	Protocol string
	Caller   rooms.Caller
	// Close ends the spectator's connection, for the given reason: a removal, the
	// end of the room, an expired ticket. It must not block, may be called from
	// any goroutine and more than once.
	Close func(reason error)
}

// Playback is a broadcast being watched.
type Playback struct {
	RoomID string
	// Format is what the reader begins with.
	Format *media.Format
	// Reader starts from the cached group of pictures. A unit with another Format
	// is a discontinuity, and its tracks may be others.
	Reader *media.Reader
	// Release gives the seat back and ends the reader.
	Release func()
}
