package ingest

import (
	"context"
	"time"

	"roomcast/media"
	"roomcast/rooms"
)

// Publication is a broadcaster that passed the door.
type Publication struct {
	// Room is what the door answered to its stream key.
	Room rooms.Publisher
	// Protocol is shown in the broadcast's state: "rtmp", "rtmps".
	Protocol string
	// Yields says that it goes on air only while nobody else is, and gives way to
	// whoever comes: a camera that the server fetches.
	Yields bool
	// Close ends the publisher's connection, for the given reason. It must not
	// block, may be called from any goroutine and more than once.
	Close func(reason error)
}

// Hub takes publishers; live.Hub is the one.
type Hub interface {
	// Publish lets a publisher in, before any of its media is read, or refuses
	// it with a *rooms.Error: publisher_conflict, not_ready, forbidden...
	Publish(ctx context.Context, p Publication) (Sink, error)
}

// Sink takes what one publisher sends. Its methods are called by one goroutine.
type Sink interface {
	// SetTracks says what is coming. The first call puts the publisher on air,
	// taking over from another one of the room. A later call is a change of
	// tracks, and a discontinuity.
	SetTracks(tracks []*media.Track) error
	// Write passes on one unit. An error means that the publisher has to go.
	Write(s Sample) error
	// Close tells that the publisher is gone.
	Close()
}

// Sample is a unit on the publisher's own timeline (see Timeline).
type Sample struct {
	Track    *media.Track
	DTS, PTS time.Duration
	Key      bool
	// Jump says that the source's clock jumped before this sample.
	Jump bool
	// Payload as in media.Unit; the sink keeps it.
	Payload []byte
}
