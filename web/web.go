package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"roomcast/rooms"
	"roomcast/web/api"
	"roomcast/web/problem"
	"roomcast/web/request"
)

// Options are the parts that the HTTP door is made of.
type Options struct {
	// API are the REST API's parts. Its PublicURL and Log are taken from here.
	API api.Options
	// App holds the built front end; without it the pages say how to build it.
	App fs.FS
	// HLS gives the media of live rooms, and Tickets admits to them; nil leaves /hls/ out.
	HLS     HLS
	Tickets Tickets
	// Posters are the pictures of what is on air; nil leaves them out.
	Posters Posters
	// Library gives the files of recordings, and Files admits to them; nil leaves /recordings/ out.
	Library Library
	Files   FileTickets
	// WHIP takes publishers by WebRTC; nil leaves /whip/ out.
	WHIP WHIP
	// Sockets is the signaling server at /ws; nil leaves it out.
	Sockets Sockets
	// PublicURL is what the URLs in answers begin with; nil takes each request's own scheme and host.
	PublicURL *url.URL
	// TrustedProxies are believed when they send X-Forwarded-*.
	TrustedProxies []netip.Prefix
	// Metrics is where the figures go; nil makes a registry.
	Metrics *prometheus.Registry
	// Census counts active rooms, participants and broadcasts for the metrics (see NewCensus); nil leaves them out.
	Census func(context.Context) Census
	Log    *slog.Logger
}

// Handler is the HTTP door: API, pages, sockets and HLS behind one set of rules.
type Handler struct {
	chain    http.Handler
	objects  *hlsRoutes // nil without HLS.
	metrics  *prometheus.Registry
	sockets  Sockets
	unshared func(netip.Addr) bool // Addresses that may bring many callers.
	draining atomic.Bool
}

// New composes the door.
func New(ctx context.Context, o Options) (*Handler, error) {
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	o.API.PublicURL, o.API.Log = o.PublicURL, o.Log
	service, err := api.New(ctx, o.API)
	if err != nil {
		return nil, err
	}
	h := &Handler{metrics: o.Metrics, sockets: o.Sockets}
	resolver := request.NewResolver(o.TrustedProxies, o.Log)
	h.unshared = func(a netip.Addr) bool { return a.IsLoopback() || resolver.Trusts(a) }
	files := newShares(maxFiles, maxFilesEach, h.unshared)
	meter := newMeter(o.Metrics, o.Census)
	mux := http.NewServeMux()
	if err := service.Register(mux); err != nil {
		return nil, err
	}
	p := &pages{assets: newAssets(o.App), policy: newPolicy(o.PublicURL), frames: embedFrames{o.API.Registry}}
	p.routes(mux)
	if o.HLS != nil {
		h.objects = &hlsRoutes{
			media: o.HLS, posters: o.Posters, tickets: o.Tickets, meter: meter, log: o.Log,
			waiting: newShares(maxWaiting, maxWaitingEach, h.unshared), files: files,
		}
		h.objects.routes(mux)
	}
	if o.WHIP != nil {
		(&whipRoutes{server: o.WHIP, sessions: o.API.Door, public: o.PublicURL, iceLinks: iceLinks(o.API.ICEServers), log: o.Log}).routes(mux)
	}
	if o.Library != nil {
		(&downloads{library: o.Library, tickets: o.Files, files: files, log: o.Log}).routes(mux)
	}
	if o.Sockets != nil {
		mux.Handle("GET /ws", o.Sockets)
	}
	mux.HandleFunc("/", unrouted(mux, p))
	if !p.assets.built() {
		o.Log.Warn("the front end is not built into this binary; pages will say how to build it")
	}
	kept := func(next http.Handler) http.Handler {
		return &access{next: secured(next), resolver: resolver, log: o.Log, meter: meter}
	}
	h.chain = kept(h.drained(preflight(mux)))
	if h.objects != nil {
		h.objects.ordinary = kept
	}
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		boundBody(w)
	}
	// Media objects and media playlists are asked for far more often than anything else: they go a way of their own, past
	// the per-request bookkeeping.
	if h.objects != nil && !h.draining.Load() && (h.objects.serveObject(w, r) || h.objects.servePlaylist(w, r)) {
		return
	}
	h.chain.ServeHTTP(w, r)
}

// drained refuses new requests on connections that outlive the beginning of a shutdown.
func (h *Handler) drained(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.draining.Load() {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close")
		_ = problem.Write(w, r, &rooms.Error{Code: rooms.CodeShuttingDown, Detail: "come back in a moment"}) // A refusal.
	})
}

func (h *Handler) metricsHandler() http.Handler { return newMetricsHandler(h.metrics) }

// embedFrames reads a room's embed_origins from the registry.
type embedFrames struct{ registry api.Registry }

// EmbedOrigins implements Frames.
func (f embedFrames) EmbedOrigins(ctx context.Context, roomID string) ([]string, error) {
	if f.registry == nil {
		return nil, nil
	}
	view, err := f.registry.Room(ctx, roomID)
	if err != nil {
		return nil, err
	}
	return view.Settings.Features.EmbedOrigins, nil
}
