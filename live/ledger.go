package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"roomcast/rooms"
)

// ledgerName is the file that tells, below a room's folder, that a show is on:
// a restart of the server ends none.
const ledgerName = "show.json"

// maxLedger bounds that file, in bytes.
const maxLedger = 4 << 10

// ledger is what is known of a show beyond the process.
type ledger struct {
	StartedAt time.Time `json:"started_at"`
}

func (h *Hub) ledgerPath(roomID string) string {
	return filepath.Join(h.o.DataDir, "rooms", roomID, ledgerName)
}

// ledgers are what is to be noted, by one goroutine: a slow disk holds up no
// broadcast. Of a room only the newest counts, so that there are never more of
// them than rooms.
type ledgers struct {
	mu      sync.Mutex
	due     map[string]*ledger // nil: the show is over
	writing bool
	done    sync.Cond // nothing is due and nothing is being written
}

// enterLedger notes, soon, that a show began.
func (h *Hub) enterLedger(roomID string, l ledger) { h.note(roomID, &l) }

// leaveLedger notes, soon, that a show is over.
func (h *Hub) leaveLedger(roomID string) { h.note(roomID, nil) }

func (h *Hub) note(roomID string, l *ledger) {
	if h.o.DataDir == "" {
		return
	}
	q := &h.ledgers
	q.mu.Lock()
	defer q.mu.Unlock()
	q.due[roomID] = l
	if !q.writing {
		q.writing = true
		go h.writeLedgers()
	}
}

// writeLedgers writes until nothing is due.
func (h *Hub) writeLedgers() {
	q := &h.ledgers
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.due) > 0 {
		due := q.due
		q.due = make(map[string]*ledger)
		q.mu.Unlock()
		for id, l := range due {
			if l == nil {
				h.forgetShow(id)
			} else if err := writeLedger(h.ledgerPath(id), *l); err != nil {
				h.o.Log.Error("a restart will forget when this show began", "room", id, "error", err)
			}
		}
		q.mu.Lock()
	}
	q.writing = false
	q.done.Broadcast()
}

// wait returns when all is written.
func (q *ledgers) wait() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.writing {
		q.done.Wait()
	}
}

// writeLedger replaces the file whole, also when the power fails.
func writeLedger(path string, l ledger) (err error) {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}

func (h *Hub) forgetShow(roomID string) {
	if err := os.Remove(h.ledgerPath(roomID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.o.Log.Error("forget a show that is over", "room", roomID, "error", err)
	}
}

// readLedger reads what an earlier process noted. A show that began after now began
// by a clock that was ahead: it counts as begun now, and goes on.
func readLedger(path string) (l ledger, err error) {
	f, err := os.Open(path)
	if err != nil {
		return ledger{}, err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, maxLedger)
	n, err := f.Read(b)
	if err == nil {
		err = json.Unmarshal(b[:n], &l)
	}
	if err == nil && l.StartedAt.IsZero() {
		err = errors.New("it does not say when the show began")
	}
	if err != nil {
		return ledger{}, fmt.Errorf("read %s: %w", path, err)
	}
	if now := time.Now(); l.StartedAt.After(now) {
		l.StartedAt = now
	}
	return l, nil
}

// Resume waits for the publishers of the shows that were on when the last process
// ended, as if they had been interrupted now. Call it before publishers come.
func (h *Hub) Resume(ctx context.Context) {
	if h.o.DataDir == "" || h.o.Running == nil {
		return
	}
	// A pattern below the data directory: its own path may hold brackets.
	files, err := fs.Glob(os.DirFS(h.o.DataDir), "rooms/*/"+ledgerName)
	if err != nil {
		h.o.Log.Error("find the shows that were on", "error", err)
		return
	}
	for _, file := range files {
		id := filepath.Base(filepath.Dir(file))
		settings, on, err := h.o.Running(ctx, id)
		if err != nil {
			h.o.Log.Error("ask for the run of a show that was on", "room", id, "error", err)
			continue
		}
		l, err := readLedger(h.ledgerPath(id))
		if err != nil {
			h.o.Log.Error("take up a show that was on", "room", id, "error", err)
		}
		if err != nil || !on {
			h.forgetShow(id)
			continue
		}
		h.takeUp(id, l, settings)
	}
}

// takeUp makes an interrupted broadcast of a show that was on.
func (h *Hub) takeUp(id string, l ledger, settings rooms.Settings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.rooms[id] != nil {
		return
	}
	r := newRoom(h, id)
	h.rooms[id] = r
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.settings, r.resumed = Interrupted, settings, true
	r.startedAt, r.interruptedAt = l.StartedAt, time.Now()
	r.openWindow()
	h.changed(id)
}
