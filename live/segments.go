package live

import (
	"fmt"
	"io"
	"sync"
	"time"

	"roomcast/live/dvr"
	"roomcast/live/hls"
)

// maxRecent is how many finished segments of a show without a rewind window are
// remembered; the packager forgets them sooner.
const maxRecent = 64

// recent remembers the newest finished segments of the source.
type recent struct {
	mu   sync.Mutex
	list []dvr.Segment
}

func (r *recent) add(c hls.Completed) {
	if c.Rendition != hls.Name || c.Gap {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == maxRecent {
		r.list = r.list[:copy(r.list, r.list[1:])]
	}
	r.list = append(r.list, dvr.Segment{Name: c.Name, Init: c.Init, Start: c.DateTime, Duration: c.Duration, Independent: c.Independent})
}

// last is the newest segments that together last d, from a key frame on, as far as p
// still has them.
func (r *recent) last(p *hls.Packager, d time.Duration) []dvr.Segment {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := len(r.list)
	for lost > 0 {
		if _, err := p.Object(r.list[lost-1].Name); err != nil {
			break
		}
		lost--
	}
	there := r.list[lost:]
	i := dvr.Begin(len(there), d, func(i int) (time.Duration, bool) { return there[i].Duration, there[i].Independent })
	return append([]dvr.Segment(nil), there[i:]...)
}

// Last lists the newest finished segments of a room's source, oldest first,
// without gaps, that together are at least as long as d and begin with a key frame,
// or as many as there are: out of the rewind window or, without one, what live viewers may fetch.
// not_ready before there is media.
func (h *Hub) Last(roomID string, d time.Duration) ([]dvr.Segment, error) {
	r := h.find(roomID)
	if r == nil {
		return nil, errNoMedia
	}
	var list []dvr.Segment
	if a := r.archive.Load(); a != nil {
		list = a.Last(hls.Name, d)
	} else if p := r.packager.Load(); p != nil {
		list = r.recent.Load().last(p, d)
	}
	if len(list) == 0 {
		return nil, errNoMedia
	}
	return list, nil
}

// Bytes are those of a finished segment or init segment, out of memory or off
// the disk; not_found when it is not there any more.
func (h *Hub) Bytes(roomID, name string) ([]byte, error) {
	if b, err := h.Object(roomID, name); err == nil {
		return b.Body, nil
	}
	f, err := h.File(roomID, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read a segment: %w", err)
	}
	return b, nil
}
