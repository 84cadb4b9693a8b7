package dvr

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"roomcast/live/hls"
	"roomcast/rooms"
)

var (
	errNotReady = &rooms.Error{Code: rooms.CodeNotReady, Detail: "nothing to rewind to yet", RetryAfter: time.Second}
	errNoObject = &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such object"}
)

// Playlist is the media playlist of a rendition; skip asks for a delta update,
// which is given when there is something to skip. not_ready before there is media.
func (a *Archive) Playlist(name string, skip bool) (hls.Blob, error) {
	a.mu.RLock()
	r := a.renditions[name]
	a.mu.RUnlock()
	var v *view
	if r != nil {
		v = r.view.Load()
	}
	if v == nil {
		return hls.Blob{}, errNotReady
	}
	if skip && v.delta.Body != nil {
		return v.delta, nil
	}
	return v.full(), nil
}

// Segment is one that a rendition lists.
type Segment struct {
	// Name and Init are for File.
	Name, Init string
	Start      time.Time
	Duration   time.Duration
	// Independent says that it begins with a key frame.
	Independent bool
}

// maxBack is how much further back a key frame is looked for than was asked for.
const maxBack = 30 * time.Second

// Begin is the first of the newest segments, of n, that together are at least as long
// as d: one that begins with a key frame, if there is one not much further back.
func Begin(n int, d time.Duration, segment func(i int) (length time.Duration, independent bool)) int {
	i := n
	for i > 0 && d > 0 {
		i--
		length, _ := segment(i)
		d -= length
	}
	for k, far := i, maxBack; k >= 0 && k < n; k-- {
		length, independent := segment(k)
		if independent {
			return k
		}
		if far -= length; far < 0 {
			break
		}
	}
	return i
}

// Last lists the newest segments of a rendition that together are at least as
// long as d, oldest first, without those that are missing. They begin with a key
// frame, if there is one not much further back.
func (a *Archive) Last(rendition string, d time.Duration) []Segment {
	a.mu.RLock()
	r := a.renditions[rendition]
	a.mu.RUnlock()
	if r == nil {
		return nil
	}
	v := r.view.Load()
	if v == nil {
		return nil
	}
	return v.last(d)
}

// File opens a segment or init segment; not_found if there is none.
func (a *Archive) File(name string) (*os.File, error) {
	if !isName(name) {
		return nil, errNoObject
	}
	f, err := os.Open(filepath.Join(a.o.Dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errNoObject
	case err != nil:
		return nil, fmt.Errorf("open a segment: %w", err)
	}
	return f, nil
}
