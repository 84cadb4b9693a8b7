package dvr

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"roomcast/live/hls"
)

const (
	// maxQueuedBytes of media wait for the disk at most, maxQueued segments.
	maxQueuedBytes = 64 << 20
	maxQueued      = 4096
	// defaultMinFree is what the window leaves free of a disk.
	defaultMinFree = 512 << 20
	// minTargets is the shortest window in target durations; players begin three
	// from the end.
	minTargets = 4
	// lingerTargets is how long a file stays after it left the playlist, in
	// target durations.
	lingerTargets = 3
	// maxRenditions bounds what an archive takes in.
	maxRenditions = 32
)

// Options are what an Archive needs.
type Options struct {
	// Dir is the show's own directory: made when there is something to keep, removed by
	// Close.
	Dir string
	// BasePath stands before the names of objects in playlists [../../o/].
	BasePath string
	// Window is how far back one can go; at least four target durations are kept.
	Window time.Duration
	// MinFree bytes of the disk are left to others [512 MiB].
	MinFree int64
	// Trouble is told when the window begins to have holes, and with the zero
	// Trouble when it has none any more; nil is nobody. It must not block.
	Trouble func(Trouble)
	Log     *slog.Logger
}

// Archive is the rewind window of one show. Add is for the packager; the
// lookups are safe for concurrent use and wait for no disk but to open a file.
type Archive struct {
	o Options

	queueMu sync.Mutex
	queue   []item
	queued  int // bytes
	writing bool
	ended   bool
	closed  bool
	wake    chan struct{}
	done    chan struct{}

	mu         sync.RWMutex
	renditions map[string]*rendition

	// What follows belongs to the writer.
	newest     int64 // where the newest segment ends, as Unix time in ms
	breaks     []int // media sequence numbers that follow a discontinuity
	breaksGone int   // how many there were before breaks[0]
	trouble    Trouble
	well       int // segments written since the last trouble
	inits      map[string]int
	write      func(path string, body []byte) error
	free       func(dir string) (int64, error)
}

// item is a segment on its way to the disk; without a body it is a gap.
type item struct {
	c    hls.Completed
	late bool // there was no room for its body
}

// New begins an archive and its writer, which ends by Close.
func New(o Options) *Archive {
	if o.BasePath == "" {
		o.BasePath = "../../o/"
	}
	if o.MinFree <= 0 {
		o.MinFree = defaultMinFree
	}
	if o.Trouble == nil {
		o.Trouble = func(Trouble) {}
	}
	a := newArchive(o)
	go a.run()
	return a
}

func newArchive(o Options) *Archive {
	return &Archive{
		o: o, wake: make(chan struct{}, 1), done: make(chan struct{}),
		renditions: make(map[string]*rendition), inits: make(map[string]int),
		write: writeFile, free: freeBytes,
	}
}

// Add takes a finished segment. It never blocks.
func (a *Archive) Add(c hls.Completed) {
	a.queueMu.Lock()
	defer a.queueMu.Unlock()
	if a.closed || a.ended || len(a.queue) >= maxQueued {
		// A disk that has been stuck for thousands of segments: what is listed
		// stays, the rest of the show is not in it.
		return
	}
	it := item{c: c}
	if !c.Gap && a.queued+len(c.Body) > maxQueuedBytes {
		it.c.Body, it.c.Gap, it.late = nil, true, true
	}
	a.queued += len(it.c.Body)
	a.queue = append(a.queue, it)
	a.poke()
}

// Waiting is how many segments are not on disk yet.
func (a *Archive) Waiting() int {
	a.queueMu.Lock()
	defer a.queueMu.Unlock()
	n := len(a.queue)
	if a.writing {
		n++
	}
	return n
}

// End completes the playlists: nothing follows what was added so far.
func (a *Archive) End() {
	a.queueMu.Lock()
	a.ended = true
	a.queueMu.Unlock()
	a.poke()
}

// Close ends the writer and deletes the window. It waits for a write that is
// under way.
func (a *Archive) Close() error {
	a.queueMu.Lock()
	a.closed = true
	a.queueMu.Unlock()
	a.poke()
	<-a.done
	if err := os.RemoveAll(a.o.Dir); err != nil {
		return fmt.Errorf("delete a rewind window: %w", err)
	}
	_ = os.Remove(filepath.Dir(a.o.Dir)) // unless another show's window is in it
	return nil
}

func (a *Archive) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run writes what is queued until the archive is closed.
func (a *Archive) run() {
	defer close(a.done)
	if err := os.MkdirAll(a.o.Dir, 0o700); err != nil {
		a.tell(diskFailed, fmt.Errorf("make the directory of a rewind window: %w", err))
	}
	for range a.wake {
		for {
			it, ok, over, closed := a.next()
			if closed {
				return
			}
			if ok {
				a.store(it)
				continue
			}
			if over {
				a.finish()
			}
			break
		}
	}
}

// next takes the oldest item; over says that none will follow.
func (a *Archive) next() (it item, ok, over, closed bool) {
	a.queueMu.Lock()
	defer a.queueMu.Unlock()
	if a.closed {
		return item{}, false, false, true
	}
	a.writing = false
	if len(a.queue) == 0 {
		a.queue = nil
		return item{}, false, a.ended, false
	}
	it = a.queue[0]
	a.queue[0] = item{}
	a.queue = a.queue[1:]
	a.queued -= len(it.c.Body)
	a.writing = true
	return it, true, false, false
}

// store writes a segment, lists it, and lets go what has left the window.
func (a *Archive) store(it item) {
	c := it.c
	r := a.rendition(c.Rendition)
	if r == nil {
		return
	}
	rec, err := r.record(c)
	if err != nil {
		a.o.Log.Error("keep a segment for rewinding", "error", err)
		return
	}
	switch {
	case it.late:
		a.tell(diskSlow, nil)
	case !c.Gap:
		if err := a.keep(c); err != nil {
			rec.flags |= flagGap
			a.tell(troubleOf(err), err)
		} else {
			a.tell(Trouble{}, nil)
		}
	}
	if c.Discontinuity && (len(a.breaks) == 0 || a.breaks[len(a.breaks)-1] < c.MSN) {
		a.breaks = append(a.breaks, c.MSN)
	}
	r.add(rec, c)
	a.newest = max(a.newest, rec.end())
	window := max(a.o.Window, minTargets*r.target)
	a.turn(r, a.newest-window.Milliseconds(), lingerTargets*r.target)
}

// turn lets go what is before the beginning of the window, publishes the
// rendition that has a new segment, and deletes files that nobody needs. A
// rendition that gets no segments any more goes with the window, too.
func (a *Archive) turn(changed *rendition, begin int64, linger time.Duration) {
	oldest := changed.first
	for name, r := range a.renditions {
		r.trim(begin)
		if r.listed() > 0 {
			oldest = min(oldest, r.first)
		}
		switch {
		case r.listed() == 0:
			r.view.Store(nil)
		case r == changed:
			r.publish(a.o.BasePath, a.breaksBefore(r), false)
		}
		a.expire(r, begin-linger.Milliseconds())
		if len(r.records) == 0 {
			a.mu.Lock()
			delete(a.renditions, name)
			a.mu.Unlock()
		}
	}
	for len(a.breaks) > 0 && a.breaks[0] < oldest {
		a.breaks = a.breaks[1:]
		a.breaksGone++
	}
}

// rendition finds or begins one; nil when there are too many.
func (a *Archive) rendition(name string) *rendition {
	r := a.renditions[name] // only this goroutine writes the map
	if r == nil && len(a.renditions) < maxRenditions {
		r = &rendition{}
		a.mu.Lock()
		a.renditions[name] = r
		a.mu.Unlock()
	}
	return r
}

// keep writes a segment, and its init segment if that is new.
func (a *Archive) keep(c hls.Completed) error {
	if free, err := a.free(a.o.Dir); err == nil && free < a.o.MinFree {
		return errReserve
	}
	if a.inits[c.Init] == 0 {
		if err := a.write(filepath.Join(a.o.Dir, c.Init), c.InitBody); err != nil {
			return err
		}
	}
	a.inits[c.Init]++
	err := a.write(filepath.Join(a.o.Dir, c.Name), c.Body)
	if err != nil {
		a.dropInit(c.Init)
	}
	return err
}

// dropInit forgets one segment's use of an init segment.
func (a *Archive) dropInit(name string) {
	if a.inits[name]--; a.inits[name] <= 0 {
		delete(a.inits, name)
		a.remove(name)
	}
}

func (a *Archive) remove(name string) {
	if err := os.Remove(filepath.Join(a.o.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.o.Log.Error("delete an old segment", "error", err)
	}
}

// breaksBefore counts the discontinuities before the first listed segment of a
// rendition; one that this segment itself shows is not among them.
func (a *Archive) breaksBefore(r *rendition) int {
	n := a.breaksGone
	for _, msn := range a.breaks {
		if msn < r.first || msn == r.first && r.records[r.head].flags&flagDiscontinuity == 0 {
			n++
		}
	}
	return n
}

// expire deletes the files of what ended before a time and is not listed.
func (a *Archive) expire(r *rendition, before int64) {
	for {
		name, init, gap, ok := r.expired(before)
		if !ok {
			return
		}
		if gap {
			continue
		}
		a.remove(name)
		a.dropInit(init)
	}
}

// finish marks the playlists as complete.
func (a *Archive) finish() {
	for _, r := range a.renditions {
		if r.listed() > 0 {
			r.publish(a.o.BasePath, a.breaksBefore(r), true)
		}
	}
}

// writeFile makes a file, or leaves nothing.
func writeFile(path string, body []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("make a segment's file: %w", err)
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write a segment's file: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// freeBytes is how much of a disk may still be written.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask how full the disk is: %w", err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}
