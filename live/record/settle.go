package record

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"roomcast/rooms"
)

// It is tried to settle assets after settleFirst, then after twice as long each
// time, up to settleEvery: most of what refuses is well again soon.
const (
	settleFirst = time.Second
	settleEvery = 30 * time.Second
)

// unsettled are the assets that nobody writes any more but that still stand in
// the making, because a disk or the store refused. They are tried again until
// they are settled. There are no more of them than assets in the making.
type unsettled struct {
	mu     sync.Mutex
	due    map[string]*debt // by asset id
	timer  *time.Timer      // nil when nothing is due; stays until a try is over
	wait   time.Duration    // before the next try
	closed bool
	ctx    context.Context // ends with the library
	cancel context.CancelFunc
}

// debt is what is to be done for an asset.
type debt struct {
	asset  rooms.Asset
	settle func(context.Context, rooms.Asset) error
	told   bool // its first failure is enough
}

// owe settles an asset after a while.
func (l *Library) owe(a rooms.Asset, settle func(context.Context, rooms.Asset) error) {
	u := &l.unsettled
	u.mu.Lock()
	defer u.mu.Unlock()
	u.due[a.ID] = &debt{asset: a, settle: settle, told: true} // by who was refused
	l.settleSoon()
}

// settleSoon lets what is due be tried after a while; u.mu is held.
func (l *Library) settleSoon() {
	u := &l.unsettled
	if len(u.due) == 0 {
		u.wait = 0 // who comes next is tried soon
	}
	if len(u.due) == 0 || u.timer != nil || u.closed {
		return
	}
	u.wait = min(max(2*u.wait, l.retry), settleEvery)
	u.timer = time.AfterFunc(u.wait, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.closed {
			return
		}
		l.work.Go(func() {
			l.settleDue(u.ctx)
			u.mu.Lock()
			defer u.mu.Unlock()
			u.timer = nil
			l.settleSoon()
		})
	})
}

// settleDue tries all that is due.
func (l *Library) settleDue(ctx context.Context) {
	u := &l.unsettled
	u.mu.Lock()
	due := slices.Collect(maps.Values(u.due))
	u.mu.Unlock()
	for _, d := range due {
		if ctx.Err() != nil {
			return // the next start goes on
		}
		err := d.settle(ctx, d.asset)
		if err == nil {
			l.settled(d.asset.ID)
		} else if !d.told && ctx.Err() == nil {
			d.told = true
			l.o.Log.Error("complete a recording: it is tried again", "room", d.asset.RoomID, "asset", d.asset.ID, "error", err)
		}
	}
}

func (l *Library) settled(id string) {
	l.unsettled.mu.Lock()
	defer l.unsettled.mu.Unlock()
	delete(l.unsettled.due, id)
}

// isUnsettled reports whether an asset is in the making with nobody who writes it.
func (l *Library) isUnsettled(id string) bool {
	l.unsettled.mu.Lock()
	defer l.unsettled.mu.Unlock()
	return l.unsettled.due[id] != nil
}

// complete completes the file of an asset whose writer did not. An error may
// pass: the file is as good as it was.
func (l *Library) complete(ctx context.Context, a rooms.Asset) error {
	a.State = rooms.AssetReady
	r, err := repair(l.path(a))
	switch {
	case err == nil:
		a.Size, a.Duration = r.size, r.duration
		l.o.Log.Info("recording completed after a restart", "room", a.RoomID, "asset", a.ID, "duration", a.Duration)
	case errors.Is(err, errNothing) || errors.Is(err, fs.ErrNotExist):
		a.State, a.Size, a.Duration, a.Fault = rooms.AssetFailed, 0, 0, "the server stopped before anything was recorded"
		l.remove(a)
	case errors.Is(err, errUnreadable):
		a.State, a.Fault = rooms.AssetFailed, "the file cannot be read any more"
		l.o.Log.Error("complete a recording after a restart", "room", a.RoomID, "asset", a.ID, "error", err)
	default:
		return err
	}
	return l.keep(ctx, a)
}

// keep stores what has become of an asset. If that was deleted meanwhile, alone
// or with its room, the file goes, too.
func (l *Library) keep(ctx context.Context, a rooms.Asset) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := l.o.Assets.SetAsset(ctx, a)
	if rooms.CodeOf(err) == rooms.CodeNotFound {
		l.remove(a)
		return nil
	}
	return err
}

// forget takes an asset back whose file is gone.
func (l *Library) forget(ctx context.Context, a rooms.Asset) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := l.o.Assets.DeleteAsset(ctx, a.RoomID, a.ID); err != nil && rooms.CodeOf(err) != rooms.CodeNotFound {
		return err
	}
	return nil
}

// discard throws an asset in the making away.
func (l *Library) discard(a rooms.Asset) {
	l.remove(a)
	if err := l.forget(context.Background(), a); err != nil {
		l.o.Log.Error("forget a recording: it is tried again", "room", a.RoomID, "asset", a.ID, "error", err)
		l.owe(a, l.forget)
	}
}
