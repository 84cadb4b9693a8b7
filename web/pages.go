package web

import (
	"context"
	_ "embed"
	"io/fs"
	"net/http"
	"time"
)

// Frames tells which origins may frame a room's embed page.
type Frames interface {
	// EmbedOrigins gives the room's embed_origins; an unknown room has none.
	EmbedOrigins(ctx context.Context, roomID string) ([]string, error)
}

//go:embed static/unbuilt.html
var unbuiltPage []byte

//go:embed static/missing.html
var missingPage []byte

//go:embed static/plain.css
var plainStyle []byte

// pages serves the page shells. The same shell answers every address of its kind, whether a token or a room exists
// or not: what there is to see, the page asks the API for.
type pages struct {
	assets *assets
	policy policy
	frames Frames
}

// routes mounts the pages.
func (p *pages) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/admin", http.StatusFound)
	})
	mux.HandleFunc("GET /admin", p.shell("admin.html"))
	mux.HandleFunc("GET /admin/{rest...}", p.shell("admin.html"))
	mux.HandleFunc("GET /join/{token}", p.shell("join.html"))
	mux.HandleFunc("GET /rooms/{id}", p.shell("join.html"))
	mux.HandleFunc("GET /embed/{id}", p.embed)
	mux.HandleFunc("GET /assets/{name...}", p.assets.serve)
	mux.HandleFunc("GET /plain.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		file := &asset{plain: plainStyle, contentType: "text/css; charset=utf-8"}
		file.write(w, r, http.StatusOK)
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /robots.txt", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n")) // The caller may have gone.
	})
}

// shell serves one HTML entry that nobody may frame.
func (p *pages) shell(entry string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { p.write(w, r, entry, nil) }
}

// embed serves the embed page, which the room's own list of origins may frame.
func (p *pages) embed(w http.ResponseWriter, r *http.Request) {
	var ancestors []string
	if p.frames != nil {
		// When the room cannot be read the page is still served, only not to frames; it will say what is wrong.
		ancestors, _ = p.frames.EmbedOrigins(r.Context(), r.PathValue("id"))
	}
	p.write(w, r, "embed.html", ancestors)
}

func (p *pages) write(w http.ResponseWriter, r *http.Request, entry string, ancestors []string) {
	p.policy.pageHeaders(w.Header(), ancestors)
	file, err := p.assets.get(entry)
	if err != nil {
		file = &asset{plain: unbuiltPage, contentType: "text/html; charset=utf-8"}
		file.write(w, r, http.StatusServiceUnavailable)
		return
	}
	file.write(w, r, http.StatusOK)
}

// notFound answers a browser that asked for an address that is none of ours.
func (p *pages) notFound(w http.ResponseWriter, r *http.Request) {
	p.policy.pageHeaders(w.Header(), nil)
	file := &asset{plain: missingPage, contentType: "text/html; charset=utf-8"}
	file.write(w, r, http.StatusNotFound)
}

// built reports whether the front end is inside.
func (a *assets) built() bool {
	if a.files == nil {
		return false
	}
	_, err := fs.Stat(a.files, "join.html")
	return err == nil
}

// bodyDeadline bounds how long a body may take to come in, unless its route says otherwise.
const bodyDeadline = 30 * time.Second

// boundBody bounds the reading of this request's body. Also where no route reads it: net/http itself reads what is
// left before it answers, for as long as the caller takes.
func boundBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyDeadline)) // As for deadline.
}

// deadline bounds the writing of this answer otherwise than the server does.
func deadline(w http.ResponseWriter, d time.Duration) {
	// Not every writer has deadlines (tests' recorders have none), and none is needed then.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}
