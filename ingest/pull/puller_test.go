package pull

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomcast/ingest"
	"roomcast/ingest/ingesttest"
	"roomcast/outbound"
	"roomcast/rooms"
	"roomcast/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house stands for registry, gate and hub of one room.
type house struct {
	t      *testing.T
	puller *Puller
	logged bytes.Buffer

	mu       sync.Mutex
	view     rooms.View
	known    bool
	refuse   error
	admitted []ingest.Request
	sinks    []*ingesttest.Recorder
	warnings map[string]string
	warned   []string // all that ever stood
}

func newHouse(t *testing.T, change func(*outbound.Options)) *house {
	t.Helper()
	o := outbound.Options{AllowPrivate: true}
	if change != nil {
		change(&o)
	}
	h := &house{t: t, warnings: map[string]string{}, known: true}
	h.puller = NewPuller(Options{Rooms: h, Gate: h, Warnings: h, Dialer: outbound.NewDialer(o), Log: slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.puller.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, s := range h.sinks {
			if !s.Closed() {
				t.Error("a sink was left open")
			}
		}
		if len(h.warnings) != 0 {
			t.Errorf("warnings left behind: %v", h.warnings)
		}
		for _, text := range append(h.warned, h.logged.String()) {
			if strings.Contains(text, "s3cret") || strings.Contains(text, "admin") {
				t.Errorf("credentials are told: %s", text)
			}
		}
	})
	return h
}

// Write takes log lines.
func (h *house) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logged.Write(p)
}

func (h *house) RoomsWithPull(context.Context) ([]string, error) { return nil, nil }

func (h *house) Room(context.Context, string) (rooms.View, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.known {
		return rooms.View{}, &rooms.Error{Code: rooms.CodeNotFound}
	}
	return h.view, nil
}

func (h *house) AdmitRoom(_ context.Context, roomID string, r ingest.Request) (ingest.Sink, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		return nil, h.refuse
	}
	s := &ingesttest.Recorder{}
	h.admitted, h.sinks = append(h.admitted, r), append(h.sinks, s)
	if roomID != "room" || r.Protocol != "pull" || !r.Yields {
		h.t.Errorf("%s knocks as %+v", roomID, r)
	}
	return s, nil
}

func (h *house) SetWarning(_, code, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.warnings[code] = detail
	h.warned = append(h.warned, detail)
}

func (h *house) ClearWarning(_, code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.warnings, code)
}

// name gives the room a source; "" is none.
func (h *house) name(url, transport string) {
	h.mu.Lock()
	h.view.PullSource = nil
	if url != "" {
		h.view.PullSource = &rooms.PullSource{URL: secret.New(url), Transport: transport}
	}
	h.mu.Unlock()
	h.puller.RoomEvent(rooms.Event{Kind: rooms.RoomUpdated, RoomID: "room"})
}

// flows waits for media of the n-th admission.
func (h *house) flows(n int) {
	h.t.Helper()
	await(h.t, "media", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.sinks) >= n && len(h.sinks[n-1].Samples(nil)) > 20
	}, h.log)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.warnings) != 0 {
		h.t.Errorf("while media comes in: %v", h.warnings)
	}
}

// warns waits for a warning of a failed pull.
func (h *house) warns(words string) {
	h.t.Helper()
	await(h.t, words, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return strings.Contains(h.warnings["pull_failed"], words)
	}, h.log)
}

func (h *house) sink(n int) *ingesttest.Recorder {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sinks[n]
}

func (h *house) log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logged.String()
}

func await(t *testing.T, what string, holds func() bool, told func() string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s\n%s", what, told())
		}
		pause(t.Context(), 10*time.Millisecond)
	}
}

func TestACameraIsFetched(t *testing.T) {
	for name, tt := range map[string]struct {
		camera    *testCamera
		transport string
		overTCP   bool // by a change
	}{
		"over TCP":                             {&testCamera{user: "admin", password: "s3cret"}, "tcp", false},
		"over UDP":                             {&testCamera{user: "admin", password: "s3cret", udp: true}, "udp", false},
		"by UDP when it can choose":            {&testCamera{udp: true}, "auto", false},
		"over TCP when UDP is not offered":     {&testCamera{user: "admin", password: "s3cret"}, "auto", true},
		"over TCP when UDP does not come here": {&testCamera{user: "admin", password: "s3cret", udp: true, deaf: true}, "auto", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			camera := tt.camera
			camera.turnOn(t, "")
			login := ""
			if camera.user != "" {
				login = "admin:s3cret@"
			}
			h.name("rtsp://"+login+camera.address+"/stream", tt.transport)
			h.flows(1)
			tracks := h.sink(0).Tracks()
			if len(tracks) != 1 || tracks[0][0].Width != 320 {
				t.Errorf("tracks %v", tracks)
			}
			for _, a := range camera.logins() {
				if !strings.HasPrefix(a, "Digest ") {
					t.Errorf("the password goes over the wire: %s", a)
				}
			}
			if got := strings.Contains(h.log(), "over TCP instead of UDP"); got != tt.overTCP {
				t.Errorf("changed to TCP: %v", got)
			}
			h.name("", "")
			await(t, "the end of the connection", func() bool {
				return camera.isAlone() && h.sink(0).Closed()
			}, h.log)
		})
	}
}

func TestWhyACameraCannotBeFetchedIsSaidPlainly(t *testing.T) {
	closed := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		return l.Addr().String()
	}()
	own := func(o *outbound.Options) {
		o.Listeners = func() []outbound.Listener {
			return []outbound.Listener{{Address: netip.MustParseAddrPort(closed), Ingest: true}}
		}
	}
	for name, tt := range map[string]struct {
		camera *testCamera
		url    string // %s is the camera's address
		change func(*outbound.Options)
		words  string
	}{
		"a wrong password":              {&testCamera{user: "admin", password: "other"}, "rtsp://admin:s3cret@%s/stream", nil, "user name or the password"},
		"no password":                   {&testCamera{user: "admin", password: "s3cret"}, "rtsp://%s/stream", nil, "user name or the password"},
		"a wrong path":                  {&testCamera{}, "rtsp://%s/other", nil, "knows no such stream"},
		"nobody there":                  {nil, "rtsp://admin:s3cret@" + closed + "/stream", nil, "Nothing answers"},
		"an unknown name":               {nil, "rtsp://admin:s3cret@camera.invalid/stream", nil, "name cannot be found"},
		"a private address":             {&testCamera{}, "rtsp://admin:s3cret@%s/stream", func(o *outbound.Options) { o.AllowPrivate = false }, "ROOMCAST_OUTBOUND_ALLOW_PRIVATE"},
		"this server itself":            {nil, "rtsp://admin:s3cret@" + closed + "/live/x", own, "this server itself"},
		"a redirect to where we mayn't": {&testCamera{redirect: "rtsp://" + closed + "/stream"}, "rtsp://admin:s3cret@%s/stream", own, "this server itself"},
		"a redirect to HTTP":            {&testCamera{redirect: "http://127.0.0.1/"}, "rtsp://%s/stream", nil, "redirects to an address"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, tt.change)
			url := tt.url
			if tt.camera != nil {
				tt.camera.turnOn(t, "")
				url = strings.ReplaceAll(url, "%s", tt.camera.address)
			}
			h.name(url, "tcp")
			h.warns(tt.words)
			h.mu.Lock()
			defer h.mu.Unlock()
			if len(h.sinks) != 0 {
				t.Error("a run was begun for it")
			}
		})
	}
}

func TestRedirectsAreFollowedWithoutTakingCredentialsElsewhere(t *testing.T) {
	h := newHouse(t, nil)
	second := &testCamera{}
	second.turnOn(t, "")
	_, port, _ := net.SplitHostPort(second.address)
	first := &testCamera{redirect: "rtsp://localhost:" + port + "/stream"}
	first.turnOn(t, "")
	h.name("rtsp://admin:s3cret@"+first.address+"/stream", "tcp")
	h.flows(1)
	if told := second.logins(); len(told) != 0 {
		t.Errorf("the other host was told %v", told)
	}
	same := &testCamera{user: "admin", password: "s3cret"}
	same.turnOn(t, "")
	first.sendTo("rtsp://" + same.address + "/stream")
	h.name("rtsp://admin:s3cret@"+first.address+"/stream", "auto")
	h.flows(2)
	circle := &testCamera{}
	circle.turnOn(t, "")
	circle.sendTo("rtsp://" + circle.address + "/stream")
	h.name("rtsp://"+circle.address+"/stream", "tcp")
	h.warns("redirects to an address")
}

func TestACameraThatComesBackIsFetchedAgain(t *testing.T) {
	h := newHouse(t, nil)
	camera := &testCamera{}
	off := camera.turnOn(t, "")
	h.name("rtsp://"+camera.address+"/stream", "tcp")
	h.flows(1)
	off()
	h.warns("")
	await(t, "the warning", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.warnings["pull_failed"] != "" && h.sinks[0].Closed()
	}, h.log)
	again := &testCamera{}
	again.turnOn(t, camera.address)
	h.flows(2)
}

func TestAnEncoderGoesBeforeTheCamera(t *testing.T) {
	h := newHouse(t, nil)
	camera := &testCamera{}
	camera.turnOn(t, "")
	h.name("rtsp://"+camera.address+"/stream", "tcp")
	h.flows(1)
	h.puller.OnAir("room", "pull") // its own news
	h.mu.Lock()
	h.refuse = &rooms.Error{Code: rooms.CodePublisherConflict}
	h.mu.Unlock()
	h.puller.OnAir("room", "rtmp")
	h.mu.Lock()
	closeIt := h.admitted[0].Close
	h.mu.Unlock()
	closeIt(&rooms.Error{Code: rooms.CodePublisherConflict, Detail: "another encoder took over"})
	await(t, "the camera to be left alone", func() bool {
		return camera.isAlone() && h.sink(0).Closed()
	}, h.log)
	h.mu.Lock()
	h.refuse = nil
	h.mu.Unlock()
	gone := time.Now()
	h.puller.OnAir("room", "")
	h.flows(2)
	if d := time.Since(gone); d < comeBack {
		t.Errorf("back after %v", d)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.warned {
		t.Errorf("warned of %s", w)
	}
}

func TestACameraStopsWithItsRoom(t *testing.T) {
	for name, end := range map[string]func(*house){
		"suspended": func(h *house) { h.view.Status = rooms.StatusSuspended },
		"deleted":   func(h *house) { h.known = false },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			camera := &testCamera{}
			camera.turnOn(t, "")
			h.name("rtsp://"+camera.address+"/stream", "tcp")
			h.flows(1)
			h.mu.Lock()
			end(h)
			h.mu.Unlock()
			h.puller.RoomEvent(rooms.Event{Kind: rooms.RoomSuspended, RoomID: "room"})
			await(t, "the end of the connection", func() bool {
				return camera.isAlone() && h.sink(0).Closed()
			}, h.log)
		})
	}
}

func TestABroadcastThatWasEndedIsNotBegunAgainAtOnce(t *testing.T) {
	h := newHouse(t, nil)
	h.mu.Lock()
	h.refuse = &rooms.Error{Code: rooms.CodeNotReady, Detail: "the room has just been ended", RetryAfter: 2 * time.Second}
	h.mu.Unlock()
	camera := &testCamera{}
	camera.turnOn(t, "")
	h.name("rtsp://"+camera.address+"/stream", "tcp")
	await(t, "the refusal", func() bool { return strings.Contains(h.log(), "may not publish now") }, h.log)
	h.mu.Lock()
	h.refuse = nil
	refused := time.Now()
	h.mu.Unlock()
	h.flows(1)
	if d := time.Since(refused); d < 1900*time.Millisecond {
		t.Errorf("came again after %v", d)
	}
}

func TestDelaysAreSpread(t *testing.T) {
	low, high := time.Hour, time.Duration(0)
	for range 1000 {
		d := jitter(10 * time.Second)
		low, high = min(low, d), max(high, d)
	}
	if low < 8*time.Second || high > 12*time.Second || high-low < 3*time.Second {
		t.Errorf("from %v to %v", low, high)
	}
}
