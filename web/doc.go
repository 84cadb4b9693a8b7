// Package web is the HTTP door: it composes the REST API (web/api), the pages of the front end (web/app), the
// WebSocket of package signaling and the HLS media of package live behind one set of rules, and owns the listeners.
//
// The rules are the same for every route: a request id in and out, the client's address with trusted proxies taken
// into account, one access log line with the route and never the path, security headers, coded refusals instead of
// net/http's text, CORS where other origins may call, and deadlines. Who may do what is decided below: by the API's
// credentials and by package rooms.
//
// A request flows: Server (listener) -> Handler -> access (id, address, log, panics) -> draining -> security headers
// -> CORS preflight -> multiplexer -> api, pages, sockets or playlists. HLS objects, which are public, immutable and
// asked for most often, leave at Handler, before all of that.
package web
