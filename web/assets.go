package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"roomcast/rooms"
	"roomcast/web/problem"
)

// assets serves the front end's files from memory: each is read and compressed once, when it is first asked for.
// Files under assets/ carry a hash of their content in their names and are immutable.
type assets struct {
	files fs.FS
	mu    sync.Mutex
	known map[string]*asset
}

// asset is one file, ready to be written.
type asset struct {
	once        sync.Once
	err         error
	plain, gzip []byte
	contentType string
	etag        string
}

func newAssets(files fs.FS) *assets {
	return &assets{files: files, known: map[string]*asset{}}
}

// get reads a file by its slash-separated name.
func (a *assets) get(name string) (*asset, error) {
	if a.files == nil || !fs.ValidPath(name) {
		return nil, fs.ErrNotExist
	}
	a.mu.Lock()
	file, ok := a.known[name]
	a.mu.Unlock()
	if !ok {
		// Only names that exist are remembered, so that callers cannot fill the map.
		info, err := fs.Stat(a.files, name)
		if err != nil || info.IsDir() {
			return nil, fs.ErrNotExist
		}
		a.mu.Lock()
		if file, ok = a.known[name]; !ok {
			file = &asset{}
			a.known[name] = file
		}
		a.mu.Unlock()
	}
	file.once.Do(func() { file.load(a.files, name) })
	return file, file.err
}

func (f *asset) load(files fs.FS, name string) {
	plain, err := fs.ReadFile(files, name)
	if err != nil {
		f.err = fmt.Errorf("read asset %s: %w", name, err)
		return
	}
	f.plain = plain
	f.contentType = contentTypeOf(name)
	sum := sha256.Sum256(plain)
	f.etag = `"` + hex.EncodeToString(sum[:12]) + `"`
	if !compressible(f.contentType) {
		return
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // The level is valid.
	_, _ = z.Write(plain)                                 // A bytes.Buffer takes everything.
	_ = z.Close()
	if b.Len() < len(plain) {
		f.gzip = b.Bytes()
	}
}

// contentTypeOf does not ask the machine's MIME tables for what we ship.
func contentTypeOf(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".map":
		return "application/json"
	case ".woff2":
		return "font/woff2"
	case ".wasm":
		return "application/wasm"
	case ".webmanifest":
		return "application/manifest+json"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func compressible(contentType string) bool {
	for _, prefix := range []string{"text/", "application/json", "application/manifest", "application/wasm", "image/svg"} {
		if strings.HasPrefix(contentType, prefix) {
			return true
		}
	}
	return false
}

// serve answers GET /assets/...
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	file, err := a.get("assets/" + r.PathValue("name"))
	if err != nil {
		_ = problem.Write(w, r, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such file"})
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("ETag", file.etag)
	// Our own SVG never needs scripts; a page of its own it must not become.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	if matchesETag(r.Header.Get("If-None-Match"), file.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	file.write(w, r, http.StatusOK)
}

// write sends the bytes, compressed if the caller reads that.
func (f *asset) write(w http.ResponseWriter, r *http.Request, status int) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	body := f.plain
	if f.gzip != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = f.gzip
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // The caller may have gone; nothing is left to do.
	}
}

// acceptsGzip reads Accept-Encoding as far as it matters: gzip named and not refused by q=0.
func acceptsGzip(r *http.Request) bool {
	accept := r.Header.Get("Accept-Encoding")
	for accept != "" {
		var one string
		one, accept, _ = strings.Cut(accept, ",")
		name, weight, _ := strings.Cut(one, ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		q, found := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		return !found || strings.Trim(q, "0.") != ""
	}
	return false
}

// matchesETag reads If-None-Match: weak comparison, as RFC 9110 section 13.1.2 asks.
func matchesETag(header, etag string) bool {
	for header != "" {
		var one string
		one, header, _ = strings.Cut(header, ",")
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || one == etag {
			return true
		}
	}
	return false
}
