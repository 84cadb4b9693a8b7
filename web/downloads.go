package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"roomcast/rooms"
	"roomcast/web/problem"
	"roomcast/web/request"
)

// Library gives the files of recordings.
type Library interface {
	// Open opens the file of a recording that is ready.
	Open(ctx context.Context, roomID, id string) (*os.File, rooms.Asset, error)
}

// FileTickets is what downloads need of rooms.Door.
type FileTickets interface {
	// OpenFile gives the id of what a ticket fetches.
	OpenFile(ctx context.Context, roomID, ticket string) (id string, err error)
}

const (
	// downloadChunk must get through within downloadPatience: who is slower than that is gone.
	downloadChunk    = 1 << 20
	downloadPatience = time.Minute
)

// downloads serves recordings to who holds a ticket for one.
type downloads struct {
	library Library
	tickets FileTickets
	files   *shares
	log     *slog.Logger
}

func (d *downloads) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /recordings/{room}/{ticket}/{name}", d.serve)
}

func (d *downloads) serve(w http.ResponseWriter, r *http.Request) {
	room := r.PathValue("room")
	id, err := d.tickets.OpenFile(r.Context(), room, r.PathValue("ticket"))
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	place, ok := d.files.enterFor(r)
	if !ok {
		d.refuse(w, r, errFiles)
		return
	}
	defer d.files.leave(place)
	file, asset, err := d.library.Open(r.Context(), room, id)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	defer func() { _ = file.Close() }()
	h := w.Header()
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Content-Type"] = typeVideo
	h["X-Content-Type-Options"] = noSniff
	h["Cross-Origin-Resource-Policy"] = crossOrigin
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Disposition", `attachment; filename="`+fileName(asset)+`"`)
	h.Set("Etag", asset.ETag())
	serveContent(patient{w}, r, file)
}

// fileName says what a file is, in characters that every system takes.
func fileName(a rooms.Asset) string {
	return string(a.Kind) + "-" + a.StartedAt.UTC().Format("2006-01-02-150405") + ".mp4"
}

func (d *downloads) refuse(w http.ResponseWriter, r *http.Request, err error) {
	allowAllOrigins(w)
	if ours := problem.Write(w, r, err); ours != nil {
		d.log.Error("a download failed", "request_id", request.From(r.Context()).ID, "error", ours.Error())
	}
}

// patient gives every piece of an answer time of its own, so that a large file may take long, but not forever.
type patient struct{ http.ResponseWriter }

// ReadFrom sends piece by piece; the kernel copies each.
func (p patient) ReadFrom(from io.Reader) (sent int64, err error) {
	whole, ok := from.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: from, N: 1<<63 - 1}
	}
	for whole.N > 0 {
		deadline(p.ResponseWriter, downloadPatience)
		want := min(whole.N, downloadChunk)
		n, err := io.CopyN(p.ResponseWriter, whole.R, want)
		sent += n
		whole.N -= n
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil // as ReaderFrom has it
			}
			return sent, err
		}
	}
	return sent, nil
}
