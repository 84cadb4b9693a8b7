package live

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"roomcast/live/dvr"
	"roomcast/live/hls"
)

// rewindPrefix stands before a rendition's name in the name of its rewind playlist.
const rewindPrefix = "dvr-"

// openArchive begins the rewind window of a show, if its room has one, and lets
// go of the one before. Held under the lock.
func (r *room) openArchive(began time.Time) *dvr.Archive {
	var a *dvr.Archive
	window := time.Duration(r.settings.Features.DVRWindowSeconds) * time.Second
	if window > 0 && r.hub.o.DataDir != "" {
		a = dvr.New(dvr.Options{
			Dir:    dvr.Dir(r.hub.o.DataDir, r.id, strconv.FormatInt(began.UnixNano(), 36)),
			Window: window, Trouble: r.archiveTrouble, Log: r.hub.o.Log.With("room", r.id),
		})
	}
	r.swapArchive(a)
	return a
}

// swapArchive puts another archive, or none, in the place of the one that is there.
func (r *room) swapArchive(a *dvr.Archive) {
	old := r.archive.Swap(a)
	if old == nil {
		return
	}
	r.hub.shows.Go(func() {
		if err := old.Close(); err != nil {
			r.hub.o.Log.Error("close the rewind window", "room", r.id, "error", err)
		}
		r.archiveTrouble(dvr.Trouble{})
	})
}

// archiveTrouble shows what keeps segments out of the window.
func (r *room) archiveTrouble(t dvr.Trouble) {
	for _, code := range dvr.Codes {
		if code != t.Code {
			r.hub.ClearWarning(r.id, code)
		}
	}
	if t.Code != "" {
		r.hub.SetWarning(r.id, t.Code, t.Detail)
	}
}

// rewind is the archive of a room that has one, or not_ready.
func (h *Hub) rewind(roomID string) (*dvr.Archive, error) {
	if r := h.find(roomID); r != nil {
		if a := r.archive.Load(); a != nil {
			return a, nil
		}
	}
	return nil, errNoMedia
}

// Rewind is the multivariant playlist of the rewind window for one player. It
// offers what Multivariant offers, as far as that is on disk yet; the media
// playlists are Playlist's.
func (h *Hub) Rewind(ctx context.Context, roomID, player string) (hls.Blob, error) {
	a, err := h.rewind(roomID)
	if err != nil {
		return hls.Blob{}, err
	}
	if _, err := a.Playlist(hls.Name, true); err != nil {
		return hls.Blob{}, err
	}
	b, err := h.Multivariant(ctx, roomID, player)
	if err != nil {
		return hls.Blob{}, err
	}
	b.Body, b.Gzip = rewindLines(b.Body, player+"/", func(name string) bool {
		_, err := a.Playlist(name, true)
		return err == nil
	}), nil
	return b, nil
}

// rewindLines renames the media playlists of a multivariant playlist, which
// stand under element, and leaves out those that are not there.
func rewindLines(list []byte, element string, there func(name string) bool) []byte {
	out := make([]byte, 0, len(list)+len(list)/4)
	var info []byte // the line before a variant's URI
	for line := range bytes.Lines(list) {
		if bytes.HasPrefix(line, []byte("#EXT-X-STREAM-INF:")) {
			info = line
			continue
		}
		before, after, named := bytes.Cut(line, []byte(element))
		name, _, _ := bytes.Cut(after, []byte(".m3u8"))
		if !named || there(string(name)) {
			out = append(append(out, info...), before...)
			if named {
				out = append(append(append(out, element...), rewindPrefix...), after...)
			}
		}
		info = nil
	}
	return out
}

// rewound is the rewind playlist of a name, if it is one of those.
func (h *Hub) rewound(roomID, name string, q hls.Query) (b hls.Blob, is bool, err error) {
	name, is = strings.CutPrefix(name, rewindPrefix)
	if !is {
		return hls.Blob{}, false, nil
	}
	a, err := h.rewind(roomID)
	if err != nil {
		return hls.Blob{}, true, err
	}
	b, err = a.Playlist(name, q.Skip)
	return b, true, err
}

// File opens a segment or init segment of a room's rewind window; not_found if
// it is not, or not any more, on disk.
func (h *Hub) File(roomID, name string) (*os.File, error) {
	r := h.find(roomID)
	if r == nil {
		return nil, errNoObject
	}
	a := r.archive.Load()
	if a == nil {
		return nil, errNoObject
	}
	if p := r.packager.Load(); p != nil && p.Announced(name) {
		return nil, errNoObject // a part to come: many ask for it, none finds it here
	}
	return a.File(name)
}
