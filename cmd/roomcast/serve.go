package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"roomcast/configs"
	"roomcast/ingest"
	"roomcast/live"
	"roomcast/live/record"
	"roomcast/rooms"
	"roomcast/rooms/sqlstore"
	"roomcast/signaling"
	"roomcast/transcode"
	"roomcast/web"
	"roomcast/web/api"
	"roomcast/web/app"
	"roomcast/web/tlscert"
)

// socketGrace bounds how long sockets may take to close.
const socketGrace = 5 * time.Second

// serveCommand is "roomcast serve".
type serveCommand struct {
	settings
	Demo bool `help:"Make one room of each type, unless they are there, and print how to use them."`
}

// Run implements the command.
func (c *serveCommand) Run(p *process) error {
	config, err := c.load(p)
	if err != nil {
		return err
	}
	return serve(p.ctx, config, c.Demo, newLogger(p, config.Log), p.stdout)
}

// serve wires the house by hand and runs it until ctx ends. Everything that
// listens is bound before the HTTP door opens, so that an answer from it means
// that all are up. On the way down the doors close first, then what is behind
// them, the store last.
func serve(ctx context.Context, config configs.Config, demo bool, log *slog.Logger, out io.Writer) (failure error) {
	store, err := sqlstore.Open(ctx, config.DataDir, log)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, store.Close()) }()
	keys, err := rooms.LoadKeys(ctx, store)
	if err != nil {
		return err
	}
	var listeners api.Listeners
	dialer := newDialer(config, &listeners)
	registry := rooms.NewRegistry(rooms.RegistryOptions{
		Store: store, ServerLimits: rooms.Limits(config.Limits), Keys: keys, Outgoing: dialer.CheckURL, Log: log,
	})
	door := rooms.NewDoor(rooms.DoorOptions{Registry: registry, Store: store, Keys: keys, Log: log})
	apiKeys := rooms.NewAPIKeys(store)
	if !config.AdminKey.IsZero() {
		if len(config.AdminKey.Reveal()) < configs.StrongAdminKey {
			log.Warn("the configured admin key is short: whoever guesses it owns every room", "better_characters", configs.StrongAdminKey)
		}
		if _, _, err := apiKeys.EnsureAdminKey(ctx, config.AdminKey); err != nil {
			return err
		}
	}
	theatre := live.NewTheatre(door)
	ffmpeg := findFFmpeg(ctx, config.FFmpeg, log)
	posters := record.NewPosters(ffmpeg, log)
	var library *record.Library // of the shows on the hub, which it follows
	hub := live.NewHub(live.Options{
		Runs: door, Running: door.Running, Viewers: door.Viewers, DataDir: config.DataDir, FFmpeg: ffmpeg, Picture: pictureFetcher(dialer),
		Follow: []func(context.Context, live.Show){
			theatre.Follow, posters.Follow,
			func(ctx context.Context, show live.Show) { library.Follow(ctx, show) },
		},
		Log: log,
	})
	library = record.New(record.Options{Assets: registry, Broadcasts: hub, DataDir: config.DataDir, Log: log})
	defer library.Close()
	defer registry.Watch(hub.RoomEvent)()
	hub.Resume(ctx)
	defer registry.Watch(library.RoomEvent)()
	if err := library.Recover(ctx); err != nil {
		return err
	}

	certificates, err := certificateSource(config, log)
	if err != nil {
		return err
	}
	inside := newParts(context.WithoutCancel(ctx)) // ends after the HTTP door has closed
	defer func() { failure = errors.Join(failure, inside.end()) }()
	gate := ingest.NewGate(ingest.GateOptions{Door: door, Hub: hub, Log: log})
	listeners, err = publishers(ctx, config, certificates, inside, entrance{gate, theatre, hub}, log)
	if err != nil {
		return err
	}
	rtc, err := openWebRTC(config, gate, log)
	if err != nil {
		return err
	}
	if rtc != nil {
		defer func() { failure = errors.Join(failure, rtc.close()) }()
		defer registry.Watch(rtc.publishers.RoomEvent)()
		listeners.WHIP = true
	}
	if certificates != nil {
		if err := challenges(ctx, config, certificates, inside, log); err != nil {
			return err
		}
	}
	inside.start("keep the time of the rooms", door.Run)
	inside.start("run the broadcasts", hub.Run)
	defer fetchCameras(registry, gate, hub, dialer, inside, log)()

	chats, err := rooms.OpenChats(ctx, store)
	if err != nil {
		return err
	}
	stage := signaling.NewServer(signaling.Options{Door: door, Registry: registry, Chats: chats, SFU: rtc.sfu(), Broadcasts: hub, Log: log})
	defer func() { failure = errors.Join(failure, closeSockets(stage)) }()
	admin := newDemoKeys(apiKeys)
	var greeted atomic.Bool // until then the server is not ready: who waits for it finds the key printed
	server, handler, err := httpDoor(ctx, config, certificates, doorParts{
		store: store, registry: registry, door: door, keys: admin, hub: hub, rtc: rtc, stage: stage, library: library, posters: posters, listeners: listeners, greeted: &greeted, log: log,
	})
	if err != nil {
		return err
	}
	outside := newParts(ctx)
	defer context.AfterFunc(inside.ctx, outside.cancel)()
	outside.start("serve HTTP", server.Run)
	select {
	case <-server.Ready():
		base := baseURL(config, server.Addr())
		err := greet(ctx, config, apiKeys, base, out)
		greeted.Store(err == nil)
		if err == nil && demo {
			err = admin.demo(ctx, handler, base, out)
		}
		if err != nil {
			return errors.Join(err, outside.end())
		}
		<-outside.ctx.Done()
	case <-outside.ctx.Done():
	}
	return outside.end()
}

// findFFmpeg says once what is missing, and lets the server start without it.
func findFFmpeg(ctx context.Context, path string, log *slog.Logger) *transcode.Tool {
	tool, err := transcode.Find(ctx, path)
	if err != nil {
		log.Warn("no usable ffmpeg: broadcasts get no lower renditions, no slate, no poster, and no AAC from Opus", "error", err)
		return nil
	}
	return tool
}

// closeSockets ends what is left of the sockets; the HTTP door has told them to
// come back, unless it never opened.
func closeSockets(stage *signaling.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), socketGrace)
	defer cancel()
	if err := stage.Shutdown(ctx); err != nil {
		return fmt.Errorf("close sockets: %w", err)
	}
	return nil
}

// greet tells the operator where to go on, and the key that this start made.
// It is made only now, when nothing can keep it from being shown any more.
func greet(ctx context.Context, config configs.Config, keys *rooms.APIKeys, base string, out io.Writer) error {
	generated, _, err := keys.EnsureAdminKey(ctx, config.AdminKey)
	if err != nil {
		return err
	}
	return welcome(out, base, generated)
}

// doorParts are what the HTTP door opens on.
type doorParts struct {
	store     *sqlstore.Store
	registry  *rooms.Registry
	door      *rooms.Door
	keys      api.Keys
	hub       *live.Hub
	rtc       *webRTC // nil when it is off
	stage     *signaling.Server
	library   *record.Library
	posters   *record.Posters
	listeners api.Listeners
	greeted   *atomic.Bool
	log       *slog.Logger
}

// missing names what the server still waits for before it is ready.
func (p doorParts) missing() []string {
	if p.greeted.Load() {
		return nil
	}
	return []string{"the admin key"}
}

// httpDoor composes API, pages, playlists and sockets.
func httpDoor(ctx context.Context, config configs.Config, source *tlscert.Source, p doorParts) (*web.Server, http.Handler, error) {
	var public *url.URL
	if config.PublicURL != "" {
		var err error
		if public, err = url.Parse(config.PublicURL); err != nil {
			return nil, nil, fmt.Errorf("read public_url: %w", err)
		}
	}
	options := web.Options{
		API: api.Options{
			Registry: p.registry, Door: p.door, Keys: p.keys, Vault: p.store, Broadcasts: p.hub, Recordings: p.library, Stage: p.stage,
			Listeners: func() api.Listeners { return p.listeners },
			Missing:   p.missing,
		},
		App: app.FS(), HLS: p.hub, Tickets: p.door, Posters: p.posters, Library: p.library, Files: p.door, Sockets: p.stage,
		PublicURL: public, TrustedProxies: config.TrustedProxies,
		Census: web.NewCensus(web.Counted{Rooms: p.registry, Seats: p.door, Media: p.hub}),
		Log:    p.log,
	}
	if p.rtc != nil {
		options.WHIP = p.rtc.publishers
	}
	handler, err := web.New(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	listen := web.ServerOptions{
		HTTPAddress: config.HTTP.Address.String(), MetricsAddress: config.Metrics.Address.String(), Handler: handler, Log: p.log,
	}
	if source != nil {
		listen.TLS = source.Config("h2", "http/1.1")
	}
	return web.NewServer(listen), handler, nil
}
