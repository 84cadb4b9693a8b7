package rooms

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// hallIdle is how long the door remembers a room that nobody uses.
const hallIdle = 2 * time.Minute

// hall is one room in motion: its facts and its seats.
//
// op puts changes in order and may be held over storage; mu guards the memory,
// is held for moments only, and is taken after op. Reading a session or ticket
// takes mu alone, so a slow disk never holds up playback.
type hall struct {
	id string
	op sync.Mutex

	changes atomic.Uint64 // of this room since the hall was made

	mu         sync.Mutex
	dropped    bool // forgotten by the door: find the room's hall again
	loaded     bool
	loadedAt   [2]uint64 // changes of this room and of all rooms, as loaded
	facts      facts
	seats      seats
	countedFor string        // the subscription whose participants the seats count as
	suspended  bool          // as last told
	published  bool          // a publisher holds the run, or did when it was last heard of
	loneSince  time.Time     // since when a broadcast's run has no publisher
	warned     time.Duration // the last duration warning of this run; 0 for none
	usedAt     time.Time
	events     []Event // to be emitted once no lock is held
}

func newHall(id string, now time.Time) *hall {
	return &hall{id: id, seats: newSeats(), usedAt: now, loneSince: now}
}

// tell queues an event; mu is held.
func (h *hall) tell(ev Event) {
	ev.RoomID = h.id
	h.events = append(h.events, ev)
}

// fresh reports whether the facts are what is stored; mu is held.
func (d *Door) fresh(h *hall) bool {
	return h.loaded && h.loadedAt == [2]uint64{h.changes.Load(), d.changes.Load()}
}

// hall returns the hall of a room, which need not exist.
func (d *Door) hall(id string) *hall {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.halls[id]
	if h == nil {
		h = newHall(id, steady())
		d.halls[id] = h
	}
	return h
}

func (d *Door) knownHall(id string) *hall {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.halls[id]
}

// forget drops a hall; op and mu are held.
func (d *Door) forget(h *hall) {
	h.dropped = true
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halls[h.id] == h {
		delete(d.halls, h.id)
	}
}

// enter runs fn with op held on fresh facts; fn may store things and takes mu
// itself. Events of the hall are emitted afterwards, when no lock is held.
func (d *Door) enter(ctx context.Context, roomID string, fn func(h *hall) error) error {
	if !ValidID(roomID) {
		return errNoRoom
	}
	for {
		again, events, err := d.enterHall(ctx, d.hall(roomID), fn)
		d.registry.events.emit(events...)
		if !again {
			return err
		}
	}
}

// enterHall is enter for one hall; again says that it was forgotten meanwhile.
func (d *Door) enterHall(ctx context.Context, h *hall, fn func(h *hall) error) (again bool, events []Event, err error) {
	h.op.Lock()
	defer h.op.Unlock()
	if h.isDropped() {
		return true, nil, nil
	}
	if err = d.refresh(ctx, h); err == nil {
		err = fn(h)
	}
	return false, h.takeEvents(), err
}

// glance runs fn with mu held on fresh facts, loading them only if need be.
func (d *Door) glance(ctx context.Context, roomID string, fn func(h *hall) error) error {
	if h := d.knownHall(roomID); h != nil {
		h.mu.Lock()
		if !h.dropped && d.fresh(h) {
			defer h.mu.Unlock()
			return fn(h)
		}
		h.mu.Unlock()
	}
	return d.enter(ctx, roomID, func(h *hall) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		return fn(h)
	})
}

func (h *hall) isDropped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dropped
}

func (h *hall) takeEvents() []Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	events := h.events
	h.events = nil
	return events
}

var errNoRoom = refuse(CodeNotFound, "there is no such room")

// update stores a change of what belongs to a room that is still there; op is held.
func (d *Door) update(ctx context.Context, h *hall, fn func(tx Writer) error) error {
	return d.store.Update(ctx, func(tx Writer) error {
		if _, err := tx.Room(ctx, h.id); errors.Is(err, ErrNotStored) {
			return errNoRoom
		} else if err != nil {
			return err
		}
		return fn(tx)
	})
}

// refresh loads the facts when they are stale; op is held. A room that is not
// there is errNoRoom, and its hall is dropped.
func (d *Door) refresh(ctx context.Context, h *hall) error {
	h.mu.Lock()
	stale := !d.fresh(h)
	h.usedAt = steady()
	h.mu.Unlock()
	if stale {
		if err := d.load(ctx, h); err != nil {
			return err
		}
	}
	h.mu.Lock()
	gone := h.facts.gone
	if gone {
		d.forget(h)
	}
	h.mu.Unlock()
	if gone {
		return errNoRoom
	}
	return nil
}

// load reads the facts and applies them; op is held.
func (d *Door) load(ctx context.Context, h *hall) error {
	at := [2]uint64{h.changes.Load(), d.changes.Load()}
	var f facts
	var err error
	f.record, err = d.store.Room(ctx, h.id)
	switch {
	case errors.Is(err, ErrNotStored):
		f.gone = true
		f.record.ID = h.id
	case err != nil:
		return err
	default:
		if f.bans, err = d.store.Bans(ctx, h.id); err != nil {
			return err
		}
		ended, err := d.store.EndedSessions(ctx, h.id, now())
		if err != nil {
			return err
		}
		f.ended = make(map[string]struct{}, len(ended))
		for _, id := range ended {
			f.ended[id] = struct{}{}
		}
		f.settings = d.registry.view(f.record).Settings
	}
	h.mu.Lock()
	t := now()
	before, known := h.facts, h.loaded
	// A change of the room itself was told by who made it.
	others := known && at[1] != h.loadedAt[1] && at[0] == h.loadedAt[0]
	h.facts, h.loaded, h.loadedAt = f, true, at
	if !known {
		h.suspended = f.suspended(t)
	}
	if others && !reflect.DeepEqual(before.settings, f.settings) {
		h.tell(Event{Kind: RoomUpdated})
	}
	d.countFor(h, f.record.Plan.SubscriptionID)
	if f.gone && before.record.Run.On() {
		h.tell(Event{Kind: RunEnded, Detail: EndedGone, RunID: before.record.Run.ID})
	}
	end := d.reconcile(h, t)
	h.mu.Unlock()
	if end {
		return d.endRun(ctx, h, EndedGone, 0)
	}
	return nil
}

// countFor moves the seats' count to the subscription; mu is held.
func (d *Door) countFor(h *hall, subscriptionID string) {
	if h.countedFor == subscriptionID {
		return
	}
	n := int64(h.seats.count())
	d.plans.add(h.countedFor, -n)
	d.plans.add(subscriptionID, n)
	h.countedFor = subscriptionID
}

// reconcile ends what the facts no longer allow; mu is held. It reports whether
// the run must end, since nobody may be in it.
func (d *Door) reconcile(h *hall, t time.Time) (endRun bool) {
	for _, p := range h.seats.byParticipant {
		if why := h.facts.verdict(&p.claims, t); why != nil {
			d.endSeat(h, p, why)
		}
	}
	if h.facts.gone {
		return false
	}
	if s := h.facts.suspended(t); s != h.suspended {
		h.suspended = s
		kind := RoomResumed
		if s {
			kind = RoomSuspended
		}
		h.tell(Event{Kind: kind, Code: map[bool]string{true: CodeRoomSuspended}[s]})
	}
	return h.suspended && h.facts.record.Run.On()
}

// endSeat frees a seat whose session has ended and tells it; mu is held.
func (d *Door) endSeat(h *hall, p *seat, why *Error) {
	code := why.Code
	if h.facts.gone {
		code = CodeNotFound
	}
	p.dismiss(why)
	d.freeSeat(h, p, steady())
	h.tell(Event{Kind: SessionEnded, ParticipantID: p.claims.Participant, Code: code, Detail: why.Detail})
}

// freeSeat gives a seat back that became free at a moment; mu is held.
func (d *Door) freeSeat(h *hall, p *seat, at time.Time) {
	h.seats.free(p, at)
	p.dismiss(errSessionOver)
	d.plans.add(h.countedFor, -1)
}

// sweep frees the seats that nobody holds any more; mu is held.
func (d *Door) sweep(h *hall, t time.Time) {
	d.plans.add(h.countedFor, -int64(h.seats.sweep(t)))
}

// takeSeat gives claims a seat, the one they hold if they do; mu is held.
// limit_exceeded may be about seats of other rooms that
// nobody holds any more.
func (d *Door) takeSeat(h *hall, c claims, address netip.Addr, t time.Time) (*seat, *Error) {
	if p := h.seats.find(c.Participant, t); p != nil {
		return p, nil
	}
	if p := h.seats.byParticipant[c.Participant]; p != nil {
		d.freeSeat(h, p, p.until)
	}
	limits := &h.facts.settings.Limits
	if limit := limits.MaxParticipants; limit != nil && c.Role != Moderator && int64(h.seats.count()) >= *limit {
		if d.sweep(h, t); int64(h.seats.count()) >= *limit {
			source := h.facts.settings.LimitSources["max_participants"]
			return nil, &Error{
				Code: CodeRoomFull, Detail: "every seat of the room is taken",
				Limit: &LimitHit{"max_participants", *limit, source},
			}
		}
	}
	limit := h.facts.record.Plan.Limits.MaxConcurrentParticipants
	if !d.plans.take(h.countedFor, limit) {
		return nil, limitExceeded(LimitHit{"max_concurrent_participants", *limit, SourceSubscription})
	}
	p := &seat{claims: c, since: c.JoinedAt, address: address, until: t.Add(seatGrace)}
	h.seats.add(p)
	return p, nil
}
