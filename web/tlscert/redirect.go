package tlscert

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// redirector sends requests to the same place over HTTPS, on a domain of ours.
type redirector struct {
	domains []string
	port    int
}

// ServeHTTP implements http.Handler.
func (rd redirector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	if !slices.Contains(rd.domains, host) {
		// An address, or a name that somebody made up: never redirect to that.
		host = rd.domains[0]
	}
	if rd.port != 443 && rd.port != 0 {
		host = net.JoinHostPort(host, strconv.Itoa(rd.port))
	}
	place := r.URL.RequestURI()
	if !strings.HasPrefix(place, "/") {
		place = "/" // "*", or an opaque address, which would become a part of the host
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // a path may be a door
	h.Set("Connection", "close")
	http.Redirect(w, r, "https://"+host+place, http.StatusPermanentRedirect) //nolint:gosec // the host is one of ours
}
