package rooms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// DoorOptions are what a Door needs.
type DoorOptions struct {
	Registry *Registry
	Store    Store // the registry's
	Keys     Keys
	Log      *slog.Logger
}

// Door decides who gets in: by token, room URL, session, ticket or stream key.
// It holds the seats and keeps the time of the runs.
type Door struct {
	registry *Registry
	store    Store
	log      *slog.Logger
	sessions *sessions
	tickets  *tickets
	attempts *attempts
	ids      *ids
	plans    plans

	changes atomic.Uint64 // that may concern all rooms
	kick    chan struct{} // one is waiting for Run when changes rose

	mu    sync.RWMutex // taken after every other lock
	halls map[string]*hall
}

// NewDoor returns a door over a registry; Run keeps its time. A registry has
// one door.
func NewDoor(o DoorOptions) *Door {
	d := &Door{
		registry: o.Registry, store: o.Store, log: o.Log,
		sessions: newSessions(o.Keys.Session), tickets: newTickets(o.Keys.Ticket),
		attempts: newAttempts(), ids: &ids{}, plans: plans{count: map[string]int64{}},
		kick: make(chan struct{}, 1), halls: map[string]*hall{},
	}
	o.Registry.changed = d.changed
	return d
}

// changed makes facts stale after a commit, before its caller is answered. Of
// one room, those inside who must go are ended now; of many, by Run at once.
func (d *Door) changed(ctx context.Context, roomID string) {
	if roomID == "" {
		d.changes.Add(1)
		select {
		case d.kick <- struct{}{}:
		default: // Run knows already
		}
		return
	}
	h := d.knownHall(roomID)
	if h == nil {
		return
	}
	h.changes.Add(1)
	err := d.enter(ctx, roomID, func(*hall) error { return nil })
	if err != nil && !errors.Is(err, errNoRoom) {
		d.log.Error("room changed, but could not be read: trying again", "room", roomID, "error", err)
	}
}

const (
	tickEvery  = time.Second
	pruneEvery = 10 * time.Minute
)

// Run keeps time until ctx ends: seats, empty runs, durations, plans. Runs that
// were on when the last process ended go on.
func (d *Door) Run(ctx context.Context) error {
	ids, err := d.store.RoomsWithRun(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("find the runs that are on: %w", err)
	}
	for _, id := range ids {
		d.hall(id)
	}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.kick:
			d.tickAll(ctx)
		case <-tick.C:
			d.tickAll(ctx)
		case <-prune.C:
			d.attempts.prune(steady())
			if err := d.store.Update(ctx, func(tx Writer) error { return tx.Prune(ctx, now()) }); err != nil {
				d.log.Error("prune the store", "error", err)
			}
		}
	}
}

func (d *Door) tickAll(ctx context.Context) {
	d.mu.RLock()
	halls := make([]*hall, 0, len(d.halls))
	for _, h := range d.halls {
		halls = append(halls, h)
	}
	d.mu.RUnlock()
	for _, h := range halls {
		if ctx.Err() != nil {
			return
		}
		if err := d.tick(ctx, h); err != nil && !errors.Is(err, errNoRoom) && ctx.Err() == nil {
			d.log.Error("keep the time of a room", "room", h.id, "error", err)
		}
	}
}

// sweepAll frees seats in all rooms that nobody holds any more. No lock of a
// hall's mu is held.
func (d *Door) sweepAll(t time.Time) {
	d.mu.RLock()
	halls := make([]*hall, 0, len(d.halls))
	for _, h := range d.halls {
		halls = append(halls, h)
	}
	d.mu.RUnlock()
	for _, h := range halls {
		h.mu.Lock()
		d.sweep(h, t)
		h.mu.Unlock()
	}
}
