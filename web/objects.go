package web

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"time"

	"roomcast/live/hls"
)

// serveObject answers GET /hls/{room}/o/{name}, out of memory or else out of the rewind window, and reports whether it
// did. What is not found, or is no plain object request, is left to the multiplexer.
func (h *hlsRoutes) serveObject(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	room, name, ok := objectOf(r.URL.Path)
	if !ok {
		return false
	}
	blob, err := h.media.Object(room, name)
	if err == nil {
		h.writeObject(w, r, blob)
		return true
	}
	place, ok := h.files.enterFor(r)
	if !ok {
		h.refuse(w, r, errFiles)
		return true
	}
	defer h.files.leave(place)
	file, err := h.media.File(room, name)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	h.writeFile(w, r, name, file)
	return true
}

// announced answers for an object that serveObject did not find: it may be the part that the playlist announced as the
// next (rfc8216bis section 6.2.6).
func (h *hlsRoutes) announced(w http.ResponseWriter, r *http.Request) {
	place, ok := h.waiting.enterFor(r)
	if !ok {
		h.refuse(w, r, errWaiting)
		return
	}
	defer h.waiting.leave(place)
	blob, err := h.media.AwaitObject(r.Context(), r.PathValue("room"), r.PathValue("name"))
	if err != nil {
		h.refuse(w, r, noSuchObject)
		return
	}
	h.writeObject(w, r, blob)
}

// writeObject sends a segment, part or init segment.
func (h *hlsRoutes) writeObject(w http.ResponseWriter, r *http.Request, blob hls.Blob) {
	objectHeader(w.Header(), blob)
	h.meter.objects.Inc()
	if conditional(r) {
		sent := &countedReader{ReadSeeker: bytes.NewReader(blob.Body)}
		serveContent(w, r, sent)
		h.meter.sent.Add(float64(sent.n))
		return
	}
	w.Header()["Content-Length"] = h.lengths.of(len(blob.Body))
	if r.Method == http.MethodHead {
		return
	}
	n, _ := w.Write(blob.Body) // The player may have gone; nothing is left to do.
	h.meter.sent.Add(float64(n))
}

// writeFile sends a segment or init segment out of the rewind window. The kernel copies it.
func (h *hlsRoutes) writeFile(w http.ResponseWriter, r *http.Request, name string, file *os.File) {
	objectHeader(w.Header(), hls.Blob{ContentType: typeVideo[0], MaxAge: objectMaxAge, ETag: []string{`"` + name + `"`}})
	h.meter.objects.Inc()
	serveContent(w, r, file)
	if n, err := file.Seek(0, io.SeekCurrent); err == nil && r.Method != http.MethodHead {
		h.meter.sent.Add(float64(n)) // With a range that does not begin at the beginning, a little too much.
	}
}

// objectMaxAge is how long caches may keep what the rewind window holds.
const objectMaxAge = time.Hour

// objectHeader says what all objects have in common.
func objectHeader(h http.Header, blob hls.Blob) {
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Content-Type"] = mediaType(blob.ContentType)
	h["Cache-Control"] = cacheControl(blob.MaxAge)
	h["X-Content-Type-Options"] = noSniff
	h["Cross-Origin-Resource-Policy"] = crossOrigin
	h["Accept-Ranges"] = acceptRanges
	if blob.ETag != nil {
		h["Etag"] = blob.ETag
	}
}

// conditional reports whether a request asks for less than the whole object.
func conditional(r *http.Request) bool {
	return r.Header["Range"] != nil || r.Header["If-None-Match"] != nil || r.Header["If-Match"] != nil
}

// countedReader counts what is read.
type countedReader struct {
	io.ReadSeeker
	n int64
}

func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.ReadSeeker.Read(b)
	c.n += int64(n)
	return n, err
}
