package request

import (
	"context"
	"net/netip"
	"net/url"
	"strings"
)

// Info is what is known about one request. It is made once, at the door, and shared by pointer.
type Info struct {
	// ID names the request in logs and answers: the caller's X-Request-Id if it is fit, else one of ours.
	ID string
	// Address is the client's, behind trusted proxies the right-most hop that is not one of them.
	Address netip.Addr
	// Scheme is "http" or "https", as the client sees it.
	Scheme string
	// Host is the host (and port) the client asked for.
	Host string
}

type contextKey struct{}

// With returns a context that carries info.
func With(ctx context.Context, info *Info) context.Context {
	return context.WithValue(ctx, contextKey{}, info)
}

// From returns the context's Info, or an empty one when there is none; it is never nil.
func From(ctx context.Context) *Info {
	if info, ok := ctx.Value(contextKey{}).(*Info); ok {
		return info
	}
	return &Info{Scheme: "http"}
}

// Origin is the scheme and host the client asked for, as a URL without path.
func (i *Info) Origin() *url.URL { return &url.URL{Scheme: i.Scheme, Host: i.Host} }

// Secure reports whether the client came by HTTPS.
func (i *Info) Secure() bool { return i.Scheme == "https" }

// fitHost reports whether a forwarded host can stand in a URL: no path, user, space or control character.
func fitHost(host string) bool {
	if host == "" || len(host) > 261 || strings.ContainsAny(host, "/@?#\\ \t\r\n\"'<>%`,;") {
		return false
	}
	u, err := url.Parse("http://" + host)
	return err == nil && u.Host == host && u.Hostname() != ""
}
