package live

import (
	"context"
	"sync"
	"time"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/secret"
)

// mediaWait is how long a tool waits for the first key frame of a show.
const mediaWait = 5 * time.Second

// Seats gives tools a place in a room; rooms.Door is the one.
type Seats interface {
	Playback(ctx context.Context, ticket secret.Text, c rooms.Caller, end func(reason error)) (g rooms.Grant, release func(), err error)
}

// Theatre lets tools watch shows by a ticket: what is on air, never a preview.
// Its Follow is to be among the hub's followers.
type Theatre struct {
	seats Seats

	mu    sync.Mutex
	shows map[string]*running
}

// running is a show that is on.
type running struct {
	ctx    context.Context //nolint:containedctx // it ends with the show, as its readers do
	stream *media.Stream
}

var _ ingest.Theatre = (*Theatre)(nil)

// NewTheatre makes a theatre without shows.
func NewTheatre(seats Seats) *Theatre {
	return &Theatre{seats: seats, shows: make(map[string]*running)}
}

// Follow shows what is on air until ctx ends.
func (t *Theatre) Follow(ctx context.Context, s Show) {
	show := &running{ctx, s.Stream}
	t.mu.Lock()
	t.shows[s.RoomID] = show
	t.mu.Unlock()
	<-ctx.Done()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shows[s.RoomID] == show {
		delete(t.shows, s.RoomID)
	}
}

var errNotOnAir = &rooms.Error{Code: rooms.CodeNotReady, Detail: "nothing is on air", RetryAfter: 2 * time.Second}

// Play implements ingest.Theatre.
func (t *Theatre) Play(ctx context.Context, ticket secret.Text, s ingest.Spectator) (*ingest.Playback, error) {
	grant, release, err := t.seats.Playback(ctx, ticket, s.Caller, s.Close)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	show := t.shows[grant.RoomID]
	t.mu.Unlock()
	var format *media.Format
	if show != nil {
		format = show.format(ctx)
	}
	if format == nil {
		release()
		return nil, errNotOnAir
	}
	reader := show.stream.NewReader(show.ctx, media.ReaderLimits{})
	return &ingest.Playback{RoomID: grant.RoomID, Format: format, Reader: reader, Release: sync.OnceFunc(func() {
		reader.Close()
		release()
	})}, nil
}

// format is what a reader of the show begins with now; nil if nothing comes in time.
func (r *running) format(ctx context.Context) *media.Format {
	ctx, cancel := context.WithTimeout(ctx, mediaWait)
	defer cancel()
	stop := context.AfterFunc(r.ctx, cancel)
	defer stop()
	first := r.stream.NewReader(ctx, media.ReaderLimits{})
	defer first.Close()
	u, _, err := first.Read()
	if err != nil {
		return nil
	}
	return u.Format
}
