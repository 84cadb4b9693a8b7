package web

import (
	"bytes"
	"net/http"

	"roomcast/live/hls"
)

// Posters gives a picture of what is on air.
type Posters interface {
	// Poster is the newest picture of a room's show; not_found when there is none.
	Poster(roomID string) (hls.Blob, error)
}

// privateMoment lets a viewer keep a poster for half the time until the next one.
var privateMoment = []string{"private, max-age=5"}

// poster answers GET /hls/{room}/{ticket}/poster.jpg; the ticket is good.
func (h *hlsRoutes) poster(w http.ResponseWriter, r *http.Request, room string) {
	if h.posters == nil {
		h.refuse(w, r, noSuchObject)
		return
	}
	blob, err := h.posters.Poster(room)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	header := w.Header()
	header["Access-Control-Allow-Origin"] = anyOrigin
	header["Content-Type"] = []string{blob.ContentType}
	header["X-Content-Type-Options"] = noSniff
	header["Cross-Origin-Resource-Policy"] = crossOrigin
	header["Cache-Control"] = privateMoment
	header["Etag"] = blob.ETag
	serveContent(w, r, bytes.NewReader(blob.Body))
}
