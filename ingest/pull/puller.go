package pull

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"roomcast/ingest"
	"roomcast/outbound"
	"roomcast/rooms"
)

const (
	// protocol is shown in the broadcast's state.
	protocol = "pull"
	// maxConnecting is how many cameras are being connected to at once, of those
	// that a restart of the server wants all together.
	maxConnecting = 16
	// reread is when a room is looked at again that could not be read.
	reread = 5 * time.Second
)

// Registry knows the rooms; rooms.Registry is the one.
type Registry interface {
	// RoomsWithPull are the ids of the rooms that name a source.
	RoomsWithPull(ctx context.Context) ([]string, error)
	Room(ctx context.Context, id string) (rooms.View, error)
}

// Gate admits publishers; ingest.Gate is the one.
type Gate interface {
	AdmitRoom(ctx context.Context, roomID string, r ingest.Request) (ingest.Sink, error)
}

// Warnings shows what is wrong with a room's broadcast; live.Hub is the one.
type Warnings interface {
	SetWarning(roomID, code, detail string)
	ClearWarning(roomID, code string)
}

// Options are what a Puller needs.
type Options struct {
	Rooms    Registry
	Gate     Gate
	Warnings Warnings
	Dialer   *outbound.Dialer
	Log      *slog.Logger
}

// Puller fetches the cameras of all rooms. It needs Run to be running.
type Puller struct {
	o          Options
	connecting chan struct{}

	mu      sync.Mutex
	dirty   map[string]struct{} // rooms to look at
	wake    chan struct{}       // has one when there are some
	taken   map[string]struct{} // rooms where somebody else is on air
	cameras map[string]*camera  // used by Run alone, but for waking one
}

// NewPuller makes a puller that fetches nothing yet.
func NewPuller(o Options) *Puller {
	return &Puller{
		o: o, connecting: make(chan struct{}, maxConnecting),
		dirty: make(map[string]struct{}), wake: make(chan struct{}, 1),
		taken: make(map[string]struct{}), cameras: make(map[string]*camera),
	}
}

// RoomEvent takes what happens to rooms. It does not block.
func (p *Puller) RoomEvent(e rooms.Event) {
	switch e.Kind {
	case rooms.RoomUpdated, rooms.RoomDeleted, rooms.RoomSuspended, rooms.RoomResumed:
		p.look(e.RoomID)
	case rooms.RoomLocked, rooms.RoomUnlocked, rooms.RunStarted, rooms.RunEnded, rooms.SessionEnded,
		rooms.DurationWarning, rooms.SecretChanged, rooms.Admitted:
	}
}

// look has Run look at a room.
func (p *Puller) look(roomID string) {
	p.mu.Lock()
	p.dirty[roomID] = struct{}{}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// OnAir takes who is on air in a room, by the protocol they came by, "" for
// nobody. It does not block.
func (p *Puller) OnAir(roomID, by string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if by != "" && by != protocol {
		p.taken[roomID] = struct{}{}
		return
	}
	if _, was := p.taken[roomID]; !was {
		return
	}
	delete(p.taken, roomID)
	if c := p.cameras[roomID]; c != nil {
		select {
		case c.freed <- struct{}{}:
		default:
		}
	}
}

func (p *Puller) isTaken(roomID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, taken := p.taken[roomID]
	return taken
}

// Run fetches cameras until ctx ends, and then waits for their connections to end.
func (p *Puller) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ids, err := p.o.Rooms.RoomsWithPull(ctx)
	if err != nil && ctx.Err() == nil {
		return err
	}
	for _, id := range ids {
		p.look(id)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		for _, id := range p.takeDirty() {
			p.update(ctx, id, &all)
		}
	}
}

func (p *Puller) takeDirty() (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.dirty {
		ids = append(ids, id)
	}
	clear(p.dirty)
	return ids
}

// update begins, changes or ends the fetching for one room.
func (p *Puller) update(ctx context.Context, roomID string, all *sync.WaitGroup) {
	source, err := p.source(ctx, roomID)
	if err != nil {
		if ctx.Err() == nil {
			p.o.Log.Error("read the pull source of a room", "room", roomID, "error", err)
			stop := time.AfterFunc(reread, func() { p.look(roomID) })
			context.AfterFunc(ctx, func() { stop.Stop() })
		}
		return
	}
	p.mu.Lock()
	current := p.cameras[roomID]
	p.mu.Unlock()
	if current != nil {
		if source != nil && current.source.URL.Equal(source.URL.Reveal()) && current.source.Transport == source.Transport {
			return
		}
		current.cancel()
		<-current.done // one connection at a time: many cameras allow no more
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.cameras, roomID)
	if source == nil {
		return
	}
	c := &camera{
		puller: p, room: roomID, source: *source, log: p.o.Log.With("protocol", protocol, "room", roomID),
		freed: make(chan struct{}, 1), done: make(chan struct{}),
	}
	var running context.Context
	running, c.cancel = context.WithCancel(ctx)
	p.cameras[roomID] = c
	all.Go(func() {
		defer close(c.done)
		defer c.cancel()
		c.run(running)
	})
}

// source is what a room fetches; nil for nothing.
func (p *Puller) source(ctx context.Context, roomID string) (*rooms.PullSource, error) {
	view, err := p.o.Rooms.Room(ctx, roomID)
	if rooms.CodeOf(err) == rooms.CodeNotFound {
		return nil, nil //nolint:nilnil // a room that is gone fetches nothing
	}
	if err != nil {
		return nil, err
	}
	if view.Status == rooms.StatusSuspended || view.PullSource == nil {
		return nil, nil //nolint:nilnil // nor does one that is suspended, or names no source
	}
	return view.PullSource, nil
}
