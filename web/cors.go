package web

import (
	"net/http"
	"strings"
)

// preflight answers CORS preflights of the doors that other origins may use: the API with Bearer credentials, and
// HLS, WHIP. The admin cookie never works from another origin, so nothing here allows credentials.
func preflight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions || !crossOriginPath(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Range, X-Request-Id")
		h.Set("Access-Control-Max-Age", "86400")
		if strings.HasPrefix(r.URL.Path, whipPrefix) {
			h.Set("Accept-Post", typeSDP) // RFC 9725, section 4.2
		}
		r.Pattern = "OPTIONS (preflight)"
		w.WriteHeader(http.StatusNoContent)
	})
}

// crossOriginPath reports whether pages of other origins may call the path at all.
func crossOriginPath(path string) bool {
	if strings.HasPrefix(path, "/api/v1/admin/") {
		return false
	}
	return strings.HasPrefix(path, "/api/v1/") || strings.HasPrefix(path, "/hls/") || strings.HasPrefix(path, "/recordings/") || strings.HasPrefix(path, whipPrefix)
}
