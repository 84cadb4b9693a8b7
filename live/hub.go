package live

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"roomcast/ingest"
	"roomcast/live/dvr"
	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/transcode"
)

// Times of a broadcast's life (docs/api.md, "Broadcast").
const (
	// restTime is how long the end is shown.
	restTime = 30 * time.Second
	// silenceLimit is when a publisher that sends nothing is gone.
	silenceLimit = 10 * time.Second
	// activeWithin: only one who sent media so recently is taken over from.
	activeWithin = 2 * time.Second
	// fightWindow and fightTakeovers say when two encoders are fighting.
	fightWindow    = time.Minute
	fightTakeovers = 3
	// maxPending is how many publishers of a room may be let in without media yet.
	maxPending = 4
	// finishTimeout bounds the storing of a run's end.
	finishTimeout = 10 * time.Second
)

// Runs begins and finishes the runs of rooms; rooms.Door is the one.
type Runs interface {
	BeginRun(ctx context.Context, roomID string) error
	FinishRun(ctx context.Context, roomID, reason string) error
}

// Options are what a Hub needs.
type Options struct {
	Runs Runs
	// Viewers counts the seats taken in a room.
	Viewers func(roomID string) int
	// HLSPath is where packaged objects are served [/hls/]: objects of a room
	// are under HLSPath + room + "/o/".
	HLSPath string
	// Running tells whether a room's run is on, and its settings; nil: a restart
	// forgets the shows that are on.
	Running func(ctx context.Context, roomID string) (settings rooms.Settings, on bool, err error)
	// DataDir is where broadcasts keep files, below rooms/{room id}.
	DataDir string
	// FFmpeg transcodes; nil: what would need it is left out, and warned of.
	FFmpeg *transcode.Tool
	// Picture reads an operator's picture (offline_image) by its URL; nil: none
	// is read.
	Picture func(ctx context.Context, url string) ([]byte, error)
	// Follow are run for each show, each in a goroutine of its own, and must
	// return soon after ctx ends.
	Follow []func(ctx context.Context, s Show)
	Log    *slog.Logger
}

// Show is one show of a room, from its start to its end; interruptions are part
// of it.
type Show struct {
	RoomID    string
	Settings  rooms.Settings // as the publisher was admitted with
	StartedAt time.Time
	// Stream carries what is on air: the publishers' own codecs.
	Stream *media.Stream
	// Packager makes of it what viewers get.
	Packager *hls.Packager
}

// Hub holds the broadcasts of all rooms. It needs Run to be running.
type Hub struct {
	o Options

	mu     sync.RWMutex
	rooms  map[string]*room
	holds  map[string]time.Time // no publisher until then, by room
	closed bool
	shows  sync.WaitGroup
	// ctx ends with Run: what a broadcast has running on the side ends with it.
	ctx    context.Context //nolint:containedctx // shared by what outlives the call that began it
	cancel context.CancelFunc
	slates slates

	ledgers ledgers

	notices notices

	watchMu  sync.Mutex
	watchers []*watcher
	dirty    map[string]struct{}
	wake     chan struct{}

	leftovers []string // rewind windows of an earlier process
}

type watcher struct{ fn func(string, State) }

var _ ingest.Hub = (*Hub)(nil)

// NewHub makes a hub without broadcasts.
func NewHub(o Options) *Hub {
	if o.HLSPath == "" {
		o.HLSPath = "/hls/"
	}
	if o.Viewers == nil {
		o.Viewers = func(string) int { return 0 }
	}
	h := &Hub{
		o: o, rooms: make(map[string]*room), holds: make(map[string]time.Time),
		dirty: make(map[string]struct{}), wake: make(chan struct{}, 1),
	}
	if o.DataDir != "" {
		var err error
		if h.leftovers, err = dvr.Leftovers(o.DataDir); err != nil {
			o.Log.Error("old rewind windows stay", "error", err)
		}
	}
	h.ledgers.due, h.ledgers.done.L = make(map[string]*ledger), &h.ledgers.mu
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.slates.turn = make(chan struct{}, slatesAtOnce)
	if o.FFmpeg != nil {
		h.slates.make = func(ctx context.Context, spec transcode.SlateSpec) (*transcode.Slate, error) {
			return o.FFmpeg.MakeSlate(ctx, spec, o.Log)
		}
	}
	return h
}

// Run tells the watchers of changes until ctx ends; then it sends every
// publisher away and waits for the packagers. Runs of rooms go on: a restart
// ends none.
func (h *Hub) Run(ctx context.Context) error {
	h.shows.Go(func() { dvr.Clean(ctx, h.leftovers, h.o.Log) })
	for {
		select {
		case <-h.wake:
			h.notify()
		case <-ctx.Done():
			h.shutdown()
			return nil
		}
	}
}

func (h *Hub) shutdown() {
	h.cancel()
	h.mu.Lock()
	h.closed = true
	all := make([]*room, 0, len(h.rooms))
	for _, r := range h.rooms {
		all = append(all, r)
	}
	h.mu.Unlock()
	for _, r := range all {
		r.shutdown(&rooms.Error{Code: rooms.CodeShuttingDown, Detail: "the server is shutting down"})
	}
	h.shows.Wait()
	h.ledgers.wait()
}

// changed has the watchers told of a room, soon.
func (h *Hub) changed(roomID string) {
	h.watchMu.Lock()
	h.dirty[roomID] = struct{}{}
	h.watchMu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *Hub) notify() {
	h.watchMu.Lock()
	ids := h.dirty
	h.dirty = make(map[string]struct{})
	ws := slices.Clone(h.watchers)
	h.watchMu.Unlock()
	for id := range ids {
		s := h.State(id)
		for _, w := range ws {
			w.fn(id, s)
		}
	}
}

// Watch calls fn after changes of a broadcast's state, with the state then;
// changes close together come as one. fn must not block. Bitrates and viewers
// alone cause no call.
func (h *Hub) Watch(fn func(roomID string, s State)) (cancel func()) {
	w := &watcher{fn}
	h.watchMu.Lock()
	h.watchers = append(h.watchers, w)
	h.watchMu.Unlock()
	return func() {
		h.watchMu.Lock()
		defer h.watchMu.Unlock()
		h.watchers = slices.DeleteFunc(h.watchers, func(o *watcher) bool { return o == w })
	}
}

// find returns the room with a broadcast, or nil.
func (h *Hub) find(roomID string) *room {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.rooms[roomID]
}

// State is a room's broadcast as it is now; a room without one is waiting.
func (h *Hub) State(roomID string) State {
	s := State{State: Waiting, Tracks: []TrackState{}, Warnings: []Warning{}}
	if r := h.find(roomID); r != nil {
		r.describe(&s)
	}
	s.Warnings = h.notices.appendTo(s.Warnings, roomID)
	s.Viewers = h.o.Viewers(roomID)
	return s
}

// Brief is the short form of State.
func (h *Hub) Brief(roomID string) Brief {
	b := Brief{State: Waiting, Viewers: h.o.Viewers(roomID)}
	if r := h.find(roomID); r != nil {
		r.mu.Lock()
		b.State, b.StartedAt = r.phase, timeOrNil(r.startedAt)
		r.mu.Unlock()
	}
	return b
}

// Publish implements ingest.Hub: it lets a publisher in whose media is to come.
func (h *Hub) Publish(ctx context.Context, p ingest.Publication) (ingest.Sink, error) {
	id := p.Room.RoomID
	if t := p.Room.RoomType; t != rooms.Live && t != rooms.Simulcast {
		return nil, &rooms.Error{Code: rooms.CodeWrongRoomType, Detail: "this type of room takes no broadcast"}
	}
	now := time.Now()
	s := &Session{publication: p, since: now, opened: now}
	r, err := h.admit(id, s)
	if err != nil {
		return nil, err
	}
	if err := r.beginRun(ctx); err != nil {
		r.withdraw(s, false)
		return nil, err
	}
	return s, nil
}

// admit adds a publisher to its room, if there is nothing against it.
func (h *Hub) admit(id string, s *Session) (*room, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, &rooms.Error{Code: rooms.CodeShuttingDown, Detail: "the server is shutting down"}
	}
	if until, ok := h.holds[id]; ok {
		if left := time.Until(until); left > 0 {
			return nil, &rooms.Error{Code: rooms.CodeNotReady, Detail: "the broadcast was cut off; try again later", RetryAfter: left}
		}
		delete(h.holds, id)
	}
	r := h.rooms[id]
	if r == nil {
		r = newRoom(h, id)
	}
	if err := r.admit(s); err != nil {
		return nil, err
	}
	h.rooms[id] = r
	return r, nil
}

// forget removes a room that has nothing going on. It is called without r.mu.
func (h *Hub) forget(r *room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.rooms[r.id] == r && r.idle() {
		delete(h.rooms, r.id)
		r.stream.Close()
	}
}

// Cut sends a room's publisher away and refuses another one for a time.
func (h *Hub) Cut(_ context.Context, roomID string, hold time.Duration) error {
	h.mu.Lock()
	for id, until := range h.holds {
		if time.Until(until) <= 0 {
			delete(h.holds, id)
		}
	}
	if hold > 0 {
		h.holds[roomID] = time.Now().Add(hold)
	}
	h.mu.Unlock()
	if r := h.find(roomID); r != nil {
		r.cut(&rooms.Error{Code: rooms.CodeNotReady, Detail: "the broadcast was cut off", RetryAfter: hold}, func(*Session) bool { return true })
	}
	return nil
}

// Start begins the show of a room whose publisher is in preview.
func (h *Hub) Start(_ context.Context, roomID string) error {
	if r := h.find(roomID); r != nil {
		return r.command(started)
	}
	return errNoPublisher
}

// Stop ends the show; the publisher, if there is one, stays in preview.
func (h *Hub) Stop(_ context.Context, roomID string) error {
	if r := h.find(roomID); r != nil {
		return r.command(stopped)
	}
	return nil
}

var errNoPublisher = &rooms.Error{Code: rooms.CodeNotReady, Detail: "no publisher is connected", RetryAfter: time.Second}

// RoomEvent takes what happens to rooms: an end, a deletion, a suspension and
// a changed key may send the publisher away. It does not block.
func (h *Hub) RoomEvent(e rooms.Event) {
	if e.Kind == rooms.RoomDeleted {
		h.notices.forget(e.RoomID)
	}
	r := h.find(e.RoomID)
	if r == nil {
		return
	}
	switch e.Kind {
	case rooms.RunEnded:
		// Our own FinishRun is not news, and a new publisher may be there already.
		if e.Detail != rooms.EndedEmpty {
			r.finish(&rooms.Error{Code: rooms.CodeNotReady, Detail: "the broadcast was ended"})
		}
	case rooms.RoomDeleted:
		r.finish(&rooms.Error{Code: rooms.CodeNotFound, Detail: "the room was deleted"})
	case rooms.RoomSuspended:
		r.finish(&rooms.Error{Code: rooms.CodeRoomSuspended, Detail: "the room is suspended"})
	case rooms.SecretChanged:
		backup := e.Field == "backup_stream_key"
		if e.Disconnect && (backup || e.Field == "stream_key") {
			r.cut(&rooms.Error{Code: rooms.CodeNotFound, Detail: "the stream key was changed"},
				func(s *Session) bool { return s.publication.Room.Backup == backup })
		}
		if e.Disconnect && e.Field == "srt_passphrase" {
			r.cut(&rooms.Error{Code: rooms.CodeForbidden, Detail: "the SRT passphrase was changed"},
				func(s *Session) bool { return s.publication.Protocol == "srt" })
		}
	}
}

// show is the packager of a room that has or had media, or not_ready.
func (h *Hub) show(roomID string) (*hls.Packager, error) {
	if r := h.find(roomID); r != nil {
		if p := r.packager.Load(); p != nil {
			return p, nil
		}
	}
	return nil, errNoMedia
}

var (
	errNoMedia   = &rooms.Error{Code: rooms.CodeNotReady, Detail: "no media yet", RetryAfter: time.Second}
	errNoPreview = &rooms.Error{Code: rooms.CodeNotReady, Detail: "there is no preview now", RetryAfter: time.Second}
	errNoObject  = &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such object"}
)

// Multivariant is the multivariant playlist for one player: a path element
// that tells the players on one ticket apart.
func (h *Hub) Multivariant(_ context.Context, roomID, player string) (hls.Blob, error) {
	p, err := h.show(roomID)
	if err != nil {
		return hls.Blob{}, err
	}
	return p.Multivariant(player)
}

// Playlist is a media playlist; it may wait for what q asks for. Those of the
// rewind window, which Rewind names, never wait.
func (h *Hub) Playlist(ctx context.Context, roomID, name string, q hls.Query) (hls.Blob, error) {
	if b, is, err := h.rewound(roomID, name, q); is {
		return b, err
	}
	p, err := h.show(roomID)
	if err != nil {
		return hls.Blob{}, err
	}
	return p.Playlist(ctx, name, q)
}

// Object is a segment, part or init segment. not_found if there is none.
func (h *Hub) Object(roomID, name string) (hls.Blob, error) {
	r := h.find(roomID)
	if r == nil {
		return hls.Blob{}, errNoObject
	}
	b, err := object(&r.packager, name)
	if err != nil {
		b, err = object(&r.preview, name)
	}
	return b, err
}

func object(of *atomic.Pointer[hls.Packager], name string) (hls.Blob, error) {
	p := of.Load()
	if p == nil {
		return hls.Blob{}, errNoObject
	}
	return p.Object(name)
}

// AwaitObject is Object, but waits for a part that a playlist announced.
func (h *Hub) AwaitObject(ctx context.Context, roomID, name string) (hls.Blob, error) {
	if b, err := h.Object(roomID, name); err == nil {
		return b, nil
	}
	if p, err := h.previewed(roomID); err == nil && p.Announced(name) {
		return p.Await(ctx, name)
	}
	p, err := h.show(roomID)
	if err != nil {
		return hls.Blob{}, errNoObject
	}
	return p.Await(ctx, name)
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
