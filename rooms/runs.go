package rooms

import (
	"context"
	"errors"
	"slices"
	"time"

	"roomcast/secret"
)

const (
	// emptyGrace is how long a meet or video room's run goes on without anybody.
	emptyGrace = 60 * time.Second
	// endHold is how long arrivals are refused after a run was ended.
	endHold = 30 * time.Second
	// minLone is how long, at least, a broadcast's run waits for its publisher
	// after a restart.
	minLone = 60 * time.Second
)

// durationWarnings are told when that much of a run is left.
var durationWarnings = []time.Duration{time.Minute, 5 * time.Minute} // the shortest first

// setRun stores a run and remembers it; op is held. more, unless nil, is stored
// by the same commit.
func (d *Door) setRun(ctx context.Context, h *hall, run Run, more func(tx Writer) error) error {
	err := d.store.Update(ctx, func(tx Writer) error {
		if more != nil {
			if err := more(tx); err != nil {
				return err
			}
		}
		return tx.SetRun(ctx, h.id, run)
	})
	if err != nil {
		if errors.Is(err, ErrNotStored) { // deleted since it was read
			return errNoRoom
		}
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.facts.record.Run
	h.facts.record.Run = run
	if old.ID == run.ID {
		return nil
	}
	h.warned = 0
	if old.On() {
		h.facts.bans = slices.DeleteFunc(h.facts.bans, func(b Ban) bool { return b.RunID == old.ID })
	}
	for i := range h.facts.bans {
		if h.facts.bans[i].RunID == "" {
			h.facts.bans[i].RunID = run.ID
		}
	}
	return nil
}

// beginRun begins a run; op is held and none is on.
func (d *Door) beginRun(ctx context.Context, h *hall, more func(tx Writer) error) error {
	run := Run{ID: d.ids.next(), BeganAt: now(), Locked: h.facts.record.Run.Locked}
	if err := d.setRun(ctx, h, run, more); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tell(Event{Kind: RunStarted})
	return nil
}

// endRun ends the run that is on; for hold, arrivals are refused. op is held.
func (d *Door) endRun(ctx context.Context, h *hall, reason string, hold time.Duration) error {
	t, ended := now(), h.facts.record.Run.ID
	var run Run
	if hold > 0 {
		until := t.Add(hold)
		run.RefuseUntil = &until
	}
	if err := d.setRun(ctx, h, run, nil); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.published = false
	h.tell(Event{Kind: RunEnded, Detail: reason, RunID: ended})
	for _, p := range h.seats.byParticipant {
		switch h.facts.record.Type {
		case Meet:
			d.endSeat(h, p, refuse(CodeSessionInvalid, "the meeting has ended"))
		case Video:
			d.freeSeat(h, p, steady())
		case Live, Simulcast: // viewers wait for the next broadcast
		}
	}
	return nil
}

// EndRun ends the run; arrivals are refused for 30 s. Without a run it does nothing.
func (d *Door) EndRun(ctx context.Context, roomID string) (View, error) {
	return d.change(ctx, roomID, func(h *hall) error {
		if !h.facts.record.Run.On() {
			return nil
		}
		return d.endRun(ctx, h, EndedByCall, endHold)
	})
}

// change runs fn with op held and returns the room as it is then.
func (d *Door) change(ctx context.Context, roomID string, fn func(h *hall) error) (View, error) {
	var v View
	err := d.enter(ctx, roomID, func(h *hall) error {
		if err := fn(h); err != nil {
			return err
		}
		v = d.registry.view(h.facts.record)
		return nil
	})
	return v, err
}

// Lock keeps new participants out for the run, or the next when none is on.
func (d *Door) Lock(ctx context.Context, roomID string) (View, error) {
	return d.setLocked(ctx, roomID, true, RoomLocked)
}

// Unlock undoes Lock.
func (d *Door) Unlock(ctx context.Context, roomID string) (View, error) {
	return d.setLocked(ctx, roomID, false, RoomUnlocked)
}

func (d *Door) setLocked(ctx context.Context, roomID string, locked bool, kind EventKind) (View, error) {
	return d.change(ctx, roomID, func(h *hall) error {
		run := h.facts.record.Run
		if run.Locked == locked {
			return nil
		}
		run.Locked = locked
		if err := d.setRun(ctx, h, run, nil); err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.tell(Event{Kind: kind})
		return nil
	})
}

// BeginRun is the arrival of a publisher. It continues a run that is on, and
// is refused (not_ready) within 30 s of an end.
func (d *Door) BeginRun(ctx context.Context, roomID string) error {
	return d.enter(ctx, roomID, func(h *hall) error {
		run := h.facts.record.Run
		switch {
		case h.facts.suspended(now()):
			return errSuspended
		case !run.On():
			if err := refused(run, now()); err != nil {
				return err
			}
			if err := d.beginRun(ctx, h, nil); err != nil {
				return err
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.published = true
		return nil
	})
}

// FinishRun ends a broadcast room's run because its publisher did not return;
// reason is one of the Ended constants. Without a run it does nothing.
func (d *Door) FinishRun(ctx context.Context, roomID, reason string) error {
	err := d.enter(ctx, roomID, func(h *hall) error {
		if !h.facts.record.Run.On() {
			return nil
		}
		return d.endRun(ctx, h, reason, 0)
	})
	if errors.Is(err, errNoRoom) { // its run ended with it
		return nil
	}
	return err
}

// Running tells whether a room's run is on, and its settings. A room that is gone
// has none.
func (d *Door) Running(ctx context.Context, roomID string) (settings Settings, on bool, err error) {
	err = d.glance(ctx, roomID, func(h *hall) error {
		settings, on = h.facts.settings, h.facts.record.Run.On()
		return nil
	})
	if errors.Is(err, errNoRoom) {
		return Settings{}, false, nil
	}
	return settings, on, err
}

// Publisher admits a publisher by stream key or backup stream key.
//
// Wrong keys are not counted here, so a right one always passes: a key has 192
// bits, and an encoder that was left with an old one must not keep its
// neighbours behind one address off the air. The caller may slow who guesses.
func (d *Door) Publisher(ctx context.Context, key secret.Text, _ Caller) (Publisher, error) {
	t := now()
	id, kind, err := d.store.RoomByCredential(ctx, SumOf(key))
	if errors.Is(err, ErrNotStored) || err == nil && kind != KindStreamKey && kind != KindBackupStreamKey {
		return Publisher{}, errNoKey
	}
	if err != nil {
		return Publisher{}, err
	}
	p, err := d.publisher(ctx, id, t)
	if errors.Is(err, errNoRoom) {
		err = errNoKey
	}
	p.Backup = kind == KindBackupStreamKey
	return p, err
}

// PublisherOf admits a publisher whose right to publish to the room was proved
// otherwise: a moderator's session, a source that the room names.
func (d *Door) PublisherOf(ctx context.Context, roomID string) (Publisher, error) {
	p, err := d.publisher(ctx, roomID, now())
	if errors.Is(err, errNoRoom) {
		err = refuse(CodeNotFound, "there is no such room")
	}
	return p, err
}

// publisher is what a room lets its publishers do, unless it takes none now.
func (d *Door) publisher(ctx context.Context, id string, t time.Time) (p Publisher, err error) {
	err = d.glance(ctx, id, func(h *hall) error {
		rec := &h.facts.record
		if h.facts.suspended(t) {
			return errSuspended
		}
		if err := refused(rec.Run, t); err != nil {
			return err
		}
		p = Publisher{RoomID: id, RoomType: rec.Type, Settings: h.facts.settings, SRTPassphrase: rec.SRTPassphrase}
		return nil
	})
	return p, err
}

var errNoKey = refuse(CodeNotFound, "there is no such stream key")

// tick keeps the time of one room; a room that is busy storing is left for the
// next tick.
func (d *Door) tick(ctx context.Context, h *hall) error {
	if !h.op.TryLock() {
		return nil
	}
	err := d.tickHall(ctx, h)
	events := h.takeEvents()
	h.op.Unlock()
	d.registry.events.emit(events...)
	return err
}

func (d *Door) tickHall(ctx context.Context, h *hall) error {
	h.mu.Lock()
	dropped, stale := h.dropped, !d.fresh(h)
	h.mu.Unlock()
	if dropped {
		return nil
	}
	if stale {
		if err := d.load(ctx, h); err != nil {
			return err
		}
	}
	t, at := now(), steady()
	h.mu.Lock()
	d.sweep(h, at)
	if h.facts.gone || h.idle(at) {
		d.forget(h)
		h.mu.Unlock()
		return nil
	}
	reason, hold := h.due(t, at)
	if d.reconcile(h, t) {
		reason, hold = EndedGone, 0
	}
	h.mu.Unlock()
	if reason == "" {
		return nil
	}
	return d.endRun(ctx, h, reason, hold)
}

// idle reports that nothing of the room must be remembered; mu is held.
func (h *hall) idle(at time.Time) bool {
	return !h.facts.record.Run.On() && h.seats.count() == 0 && at.Sub(h.usedAt) >= hallIdle
}

// due says why the run must end now, "" when it must not, and tells the
// warnings before its duration is over; t is now, at is steady, mu is held.
func (h *hall) due(t, at time.Time) (reason string, hold time.Duration) {
	rec := &h.facts.record
	if !rec.Run.On() {
		return "", 0
	}
	if limit := h.facts.settings.Limits.MaxDurationSeconds; limit != nil {
		total := seconds(*limit)
		left := rec.Run.BeganAt.Add(total).Sub(t)
		if left <= 0 {
			return EndedDuration, endHold
		}
		h.warn(total, left)
	}
	if rec.Type.Broadcasts() {
		wait := max(minLone, time.Duration(h.facts.settings.Features.ReconnectWindowSeconds)*time.Second)
		if !h.published && at.Sub(h.loneSince) >= wait {
			return EndedEmpty, 0
		}
		return "", 0
	}
	if h.seats.count() == 0 && at.Sub(later(h.seats.lastFreed, h.loneSince)) >= emptyGrace {
		return EndedEmpty, 0
	}
	return "", 0
}

// warn tells the shortest warning that is due and was not told.
func (h *hall) warn(total, left time.Duration) {
	for _, w := range durationWarnings {
		if left > w || w >= total {
			continue
		}
		if h.warned == 0 || w < h.warned {
			h.warned = w
			h.tell(Event{Kind: DurationWarning, Remaining: left.Round(time.Second)})
		}
		return
	}
}

// seconds is a duration that does not overflow.
func seconds(n int64) time.Duration {
	return time.Duration(min(n, int64(time.Duration(1<<62)/time.Second))) * time.Second
}
