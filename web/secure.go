package web

import (
	"net/http"
	"net/url"
	"strings"
)

// policy makes the Content-Security-Policy of our pages: scripts, styles, fonts and pictures are our own files,
// nothing runs inline, and only the named ancestors may frame the page.
//
// style-src-attr allows style attributes (set by components on elements of their own); it allows no style element
// and no script. Blob workers and media are what a player needs for Media Source Extensions.
type policy struct {
	before string
}

// newPolicy makes the policy. The public URL's host is named besides 'self' because a page may be opened under
// another host than the one the API's endpoints name.
func newPolicy(publicURL *url.URL) policy {
	self := "'self'"
	connect := self
	if publicURL != nil {
		origin := publicURL.Scheme + "://" + publicURL.Host
		self += " " + origin
		connect += " " + origin + " " + strings.Replace(origin, "http", "ws", 1)
	}
	return policy{
		before: "default-src 'none'; base-uri 'none'; form-action 'none'; object-src 'none'; " +
			"script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; font-src 'self'; manifest-src 'self'; " +
			"worker-src 'self' blob:; connect-src " + connect + "; img-src " + self + " data: blob:; media-src " + self + " blob:; " +
			"frame-ancestors ",
	}
}

// header is the policy with its frame ancestors; none means nobody may frame the page.
func (p policy) header(ancestors []string) string {
	if len(ancestors) == 0 {
		return p.before + "'none'"
	}
	return p.before + strings.Join(ancestors, " ")
}

const permissions = "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), autoplay=(self), " +
	"picture-in-picture=(self), screen-wake-lock=(self), clipboard-write=(self), geolocation=(), payment=(), usb=(), serial=()"

var noReferrer = []string{"no-referrer"}

// secured sets what every answer carries, pages and data alike.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = noSniff // shared, as playlists are asked for many times a second
		h["Referrer-Policy"] = noReferrer
		next.ServeHTTP(w, r)
	})
}

// pageHeaders sets what an HTML page carries besides.
func (p policy) pageHeaders(h http.Header, ancestors []string) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.header(ancestors))
	h.Set("Permissions-Policy", permissions)
	h.Set("Cache-Control", "no-store")
	if len(ancestors) == 0 {
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
}
