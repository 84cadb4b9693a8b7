package web

import (
	"io"
	"net/http"
	"time"
)

// serveContent is http.ServeContent without its texts in plain English: where no range can be sent (416, with
// Content-Range for its length) the status says all, and there is no body.
func serveContent(w http.ResponseWriter, r *http.Request, content io.ReadSeeker) {
	http.ServeContent(&wordless{ResponseWriter: w}, r, "", time.Time{}, content)
}

// wordless sends errors without a body.
type wordless struct {
	http.ResponseWriter
	refused bool
}

func (w *wordless) WriteHeader(status int) {
	if status >= 400 {
		w.refused = true
		h := w.Header()
		h.Del("Content-Type")
		h.Set("Content-Length", "0")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *wordless) Write(b []byte) (int, error) {
	if w.refused {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// ReadFrom leaves the copying to the writer below, which has the kernel do it.
func (w *wordless) ReadFrom(from io.Reader) (int64, error) {
	return io.Copy(w.ResponseWriter, from)
}
