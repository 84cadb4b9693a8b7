package web

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"roomcast/rooms"
	"roomcast/web/problem"
	"roomcast/web/request"
)

// unmatched is the route of requests that no pattern took.
const unmatched = "unmatched"

// access is the outermost handler: it finds out who asks, gives the request its id, keeps a panic from ending the
// connection without an answer, and writes one line per request with the route that matched, never the path, the
// query or the referer, in which secrets stand.
type access struct {
	next     http.Handler
	resolver *request.Resolver
	log      *slog.Logger
	meter    *meter
}

func (a *access) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	info := a.resolver.Resolve(r)
	r = r.WithContext(request.With(r.Context(), info))
	w.Header()["X-Request-Id"] = []string{info.ID}
	answer := &response{ResponseWriter: w}
	defer a.finish(answer, r, info, began)
	a.next.ServeHTTP(answer, r)
}

// finish runs also while a panic unwinds.
func (a *access) finish(answer *response, r *http.Request, info *request.Info, began time.Time) {
	// http.ErrAbortHandler is net/http's own way to cut a connection, and stays that.
	if reason := recover(); reason != nil {
		if err, ok := reason.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(reason)
		}
		a.log.Error("a handler panicked", "request_id", info.ID, "route", routeOf(r), "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
		if answer.status == 0 {
			_ = problem.Write(answer, r, errors.New("a handler panicked")) // Logged just above.
		}
	}
	if answer.status == 0 {
		answer.status = http.StatusOK
	}
	route, took := routeOf(r), time.Since(began)
	if !answer.hijacked {
		a.meter.request(route, answer.status, took)
	}
	level := slog.LevelInfo
	if quiet(route) && answer.status < http.StatusInternalServerError {
		level = slog.LevelDebug
	}
	if !a.log.Enabled(r.Context(), level) {
		return
	}
	a.log.LogAttrs(r.Context(), level, "request",
		slog.String("method", methodOf(r)), slog.String("route", route), slog.Int("status", answer.status),
		slog.Int64("bytes", answer.bytes), slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("request_id", info.ID), slog.String("address", info.Address.String()))
}

// routeOf is the pattern that matched, without its method.
func routeOf(r *http.Request) string { return routePath(r.Pattern) }

func routePath(pattern string) string {
	_, path, found := strings.Cut(pattern, " ")
	if !found {
		path = pattern
	}
	if path == "" || path == "/" {
		return unmatched
	}
	return path
}

// methodOf bounds what a caller can write into the log and into metrics.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	default:
		return "OTHER"
	}
}

// quiet routes are asked many times a second by machines: they are logged at debug level unless they break.
func quiet(route string) bool {
	return strings.HasPrefix(route, "/hls/") || strings.HasPrefix(route, "/assets/") || route == "/healthz" || route == "/readyz"
}

// response remembers what was answered.
type response struct {
	http.ResponseWriter
	status   int
	bytes    int64
	hijacked bool
}

// Unwrap is what http.ResponseController looks for.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom lets the kernel send files, which Write alone would not.
func (w *response) ReadFrom(from io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := io.Copy(w.ResponseWriter, from)
	w.bytes += n
	return n, err
}

// Hijack gives the connection away, for the WebSocket.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.hijacked, w.status = true, http.StatusSwitchingProtocols
	}
	return c, rw, err
}

// unrouted answers what no pattern took: 405 with Allow where another method would have been taken, else 404.
func unrouted(mux *http.ServeMux, pages *pages) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if crossOriginPath(r.URL.Path) {
			allowAllOrigins(w)
		}
		if allowed := allowedMethods(mux, r); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			p := &rooms.Error{Code: problem.CodeMethodNotAllowed, Detail: "allowed here: " + strings.Join(allowed, ", ")}
			_ = problem.Write(w, r, p) // A refusal, nothing to log.
			return
		}
		if wantsPage(r) {
			pages.notFound(w, r)
			return
		}
		_ = problem.Write(w, r, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is nothing at this path"})
	}
}

// allowedMethods asks the multiplexer which methods it would take at the request's path.
func allowedMethods(mux *http.ServeMux, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if method == r.Method {
			continue
		}
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := mux.Handler(probe); pattern != "" && pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// wantsPage reports whether a browser navigated here, so that it is answered by a page and not by JSON.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	for _, prefix := range []string{"/api/", "/hls/", "/recordings/", "/assets/", "/ws", "/whip/", "/whep/"} {
		if strings.HasPrefix(r.URL.Path, prefix) {
			return false
		}
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
