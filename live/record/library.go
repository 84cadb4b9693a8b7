package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"roomcast/live/dvr"
	"roomcast/rooms"
)

// Assets keeps what is known of the files; rooms.Registry is the one.
type Assets interface {
	NewAsset(ctx context.Context, a rooms.Asset) (rooms.Asset, error)
	SetAsset(ctx context.Context, a rooms.Asset) error
	Asset(ctx context.Context, roomID, id string) (rooms.Asset, error)
	DeleteAsset(ctx context.Context, roomID, id string) error
	AssetsInMaking(ctx context.Context) ([]rooms.Asset, error)
	RoomExists(ctx context.Context, id string) (bool, error)
	Storage(ctx context.Context, roomID string) (used int64, limit *rooms.LimitHit, err error)
}

// Broadcasts are the shows that are on; live.Hub is the one.
type Broadcasts interface {
	SetWarning(roomID, code, detail string)
	ClearWarning(roomID, code string)
	// Last lists finished segments of the source, the newest last, that together
	// are at least as long as d, if there are so many.
	Last(roomID string, d time.Duration) ([]dvr.Segment, error)
	// Bytes are those of a segment or init segment.
	Bytes(roomID, name string) ([]byte, error)
}

const (
	// storeTimeout bounds what is asked of Assets.
	storeTimeout = 10 * time.Second
	// defaultMinFree is what recordings leave free of a disk.
	defaultMinFree = 512 << 20
	// clipsAtOnce are made at the same time.
	clipsAtOnce = 2
	fileSuffix  = ".mp4"
)

// Options are what a Library needs.
type Options struct {
	Assets     Assets
	Broadcasts Broadcasts
	DataDir    string
	// MinFree bytes of the disk are left to others [512 MiB].
	MinFree int64
	Log     *slog.Logger
}

// Library holds the recordings and clips of all rooms.
type Library struct {
	o         Options
	clips     cutting
	work      sync.WaitGroup
	unsettled unsettled
	free      func(dir string) (int64, error)
	retry     time.Duration // settleFirst
}

// New makes a library. Recover comes first.
func New(o Options) *Library {
	if o.MinFree <= 0 {
		o.MinFree = defaultMinFree
	}
	l := &Library{o: o, free: freeBytes, retry: settleFirst}
	l.clips.turns, l.clips.rooms = make(chan struct{}, clipsAtOnce), make(map[string]chan struct{})
	l.unsettled.due = make(map[string]*debt)
	l.unsettled.ctx, l.unsettled.cancel = context.WithCancel(context.Background())
	return l
}

func (l *Library) roomsDir() string { return filepath.Join(l.o.DataDir, "rooms") }

func (l *Library) dir(roomID string) string { return filepath.Join(l.roomsDir(), roomID, "assets") }

func (l *Library) path(a rooms.Asset) string { return filepath.Join(l.dir(a.RoomID), a.ID+fileSuffix) }

// Recover completes the files that the last process was writing when it ended,
// and removes those of what was deleted. What a disk or the store refuses now is
// tried again until Close. Call it before the first show.
func (l *Library) Recover(ctx context.Context) error {
	list, err := l.o.Assets.AssetsInMaking(ctx)
	if err != nil {
		return fmt.Errorf("find unfinished recordings: %w", err)
	}
	u := &l.unsettled
	u.mu.Lock()
	for _, a := range list {
		u.due[a.ID] = &debt{asset: a, settle: l.complete}
	}
	u.mu.Unlock()
	// First, for what completes files needs space, too.
	if err := l.sweep(ctx); err != nil {
		l.o.Log.Error("delete the files of deleted recordings: the next start tries again", "error", err)
	}
	l.settleDue(ctx)
	u.mu.Lock()
	defer u.mu.Unlock()
	l.settleSoon()
	return nil
}

// Open opens the file of an asset that is ready; not_ready while it is made,
// not_found when there is none.
func (l *Library) Open(ctx context.Context, roomID, id string) (*os.File, rooms.Asset, error) {
	a, err := l.o.Assets.Asset(ctx, roomID, id)
	if err != nil {
		return nil, rooms.Asset{}, err
	}
	switch a.State {
	case rooms.AssetReady:
	case rooms.AssetInMaking:
		return nil, a, &rooms.Error{Code: rooms.CodeNotReady, Detail: "it is still being recorded", RetryAfter: time.Second}
	default:
		return nil, a, errNoFile
	}
	f, err := os.Open(l.path(a))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, a, errNoFile
	case err != nil:
		return nil, a, fmt.Errorf("open a recording: %w", err)
	}
	return f, a, nil
}

var errNoFile = &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no file of it"}

// Delete deletes an asset and its file; in_use while it is made.
func (l *Library) Delete(ctx context.Context, roomID, id string) error {
	abandoned := l.isUnsettled(id) // asked first: it may be settled meanwhile
	a, err := l.o.Assets.Asset(ctx, roomID, id)
	if err != nil {
		return err
	}
	if a.State == rooms.AssetInMaking && !abandoned {
		return &rooms.Error{Code: rooms.CodeInUse, Detail: "it is still being recorded: end the show first"}
	}
	if err := l.o.Assets.DeleteAsset(ctx, roomID, id); err != nil {
		return err
	}
	l.settled(id)
	l.remove(a)
	return nil
}

func (l *Library) remove(a rooms.Asset) {
	if err := os.Remove(l.path(a)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.o.Log.Error("delete a recording's file", "room", a.RoomID, "asset", a.ID, "error", err)
	}
}

func (l *Library) removeRoom(id string) {
	if err := os.RemoveAll(filepath.Join(l.roomsDir(), id)); err != nil {
		l.o.Log.Error("delete the files of a room", "room", id, "error", err)
	}
}

// RoomEvent deletes the files of a room that was deleted. It does not block.
func (l *Library) RoomEvent(e rooms.Event) {
	if e.Kind != rooms.RoomDeleted || e.RoomID == "" || strings.ContainsAny(e.RoomID, `/\.`) {
		return
	}
	l.work.Go(func() { l.removeRoom(e.RoomID) })
}

// Close waits until what was deleted is gone. What is not settled by then is left
// to the next start.
func (l *Library) Close() {
	u := &l.unsettled
	u.mu.Lock()
	u.closed = true
	if u.timer != nil {
		u.timer.Stop()
	}
	u.mu.Unlock()
	u.cancel()
	l.work.Wait()
}

// space says how many bytes may be written for a room; why tells what allows no
// more.
func (l *Library) space(ctx context.Context, roomID string) (n int64, why *rooms.Error, err error) {
	free, err := l.free(l.o.DataDir)
	if err != nil {
		return 0, nil, err
	}
	n, why = max(free-l.o.MinFree, 0), errDiskFull
	used, limit, err := l.o.Assets.Storage(ctx, roomID)
	if err != nil {
		return 0, nil, err
	}
	if limit != nil && limit.Value-used < n {
		n = max(limit.Value-used, 0)
		why = &rooms.Error{Code: rooms.CodeLimitExceeded, Limit: limit, Detail: "the room's storage is full"}
	}
	return n, why, nil
}

var errDiskFull = &rooms.Error{Code: rooms.CodeOverloaded, Detail: "the disk is full"}

// freeBytes is how much of a disk may still be written.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask how full the disk is: %w", err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}
