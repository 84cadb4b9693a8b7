package rtsp

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	rightKey    = "the-right-key"
	rightTicket = "the-right-ticket"
)

// house stands for gate, hub and theatre: what is published is what is played.
type house struct {
	server *Server
	stream *media.Stream
	logged *safeBuffer

	mu       sync.Mutex
	format   *media.Format
	onAir    *sink
	sinks    []*sink
	edge     time.Duration // of the stream: the next publisher goes on there
	seats    int
	played   int
	eject    []func(error)
	warnings map[string]string
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// sink is what one publisher writes to.
type sink struct {
	house  *house
	close  func(error)
	base   time.Duration
	tracks [][]*media.Track
	units  []ingest.Sample
	closed bool
}

func newHouse(t *testing.T, change ...func(*Options)) *house {
	t.Helper()
	h := &house{stream: media.NewStream(media.Limits{}), logged: &safeBuffer{}, warnings: map[string]string{}}
	o := Options{
		Address: "127.0.0.1:0", UDPAddress: "127.0.0.1:0", Gate: h, Theatre: h, Warnings: h,
		Log: slog.New(slog.NewTextHandler(h.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&o)
	}
	h.server = NewServer(o)
	if err := h.server.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
		h.stream.Close()
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.seats != 0 {
			t.Errorf("%d seats were not given back", h.seats)
		}
		for _, s := range h.sinks {
			if !s.closed {
				t.Error("a sink was not closed")
			}
		}
		for _, secret := range []string{rightKey, rightTicket, "wrong-secret"} {
			if strings.Contains(h.logged.String(), secret) {
				t.Errorf("a secret was logged:\n%s", h.logged)
			}
		}
	})
	return h
}

func (h *house) url(path string) string {
	return "rtsp://" + h.server.Addr().String() + "/" + path
}

// Admit implements Gate.
func (h *house) Admit(_ context.Context, r ingest.Request) (ingest.Sink, string, error) {
	if !r.Key.Equal(rightKey) {
		return nil, "", &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such stream key"}
	}
	s := &sink{house: h, close: r.Close}
	h.mu.Lock()
	h.sinks = append(h.sinks, s)
	h.mu.Unlock()
	return s, "room", nil
}

// SetTracks implements ingest.Sink.
func (s *sink) SetTracks(tracks []*media.Track) error {
	h := s.house
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.tracks == nil {
		s.base = h.edge + time.Second
	}
	s.tracks = append(s.tracks, tracks)
	h.format, h.onAir = &media.Format{Tracks: tracks}, s
	return nil
}

// Write implements ingest.Sink.
func (s *sink) Write(in ingest.Sample) error {
	h := s.house
	h.mu.Lock()
	s.units = append(s.units, in)
	f := h.format
	h.edge = max(h.edge, s.base+in.DTS)
	h.mu.Unlock()
	h.stream.Write(&media.Unit{
		Format: f, Track: in.Track, DTS: s.base + in.DTS, PTS: s.base + in.PTS, NTP: time.Now(), Key: in.Key, Payload: in.Payload,
	})
	return nil
}

// Close implements ingest.Sink.
func (s *sink) Close() {
	s.house.mu.Lock()
	defer s.house.mu.Unlock()
	s.closed = true
}

// SetWarning implements Warnings.
func (h *house) SetWarning(_, code, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.warnings[code] = detail
}

// ClearWarning implements Warnings.
func (h *house) ClearWarning(_, code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.warnings, code)
}

// Play implements ingest.Theatre.
func (h *house) Play(ctx context.Context, ticket secret.Text, s ingest.Spectator) (*ingest.Playback, error) {
	if !ticket.Equal(rightTicket) {
		return nil, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such playback"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.format == nil {
		return nil, &rooms.Error{Code: rooms.CodeNotReady, Detail: "nothing is on air", RetryAfter: time.Second}
	}
	h.seats++
	h.played++
	h.eject = append(h.eject, s.Close)
	reader := h.stream.NewReader(context.WithoutCancel(ctx), media.ReaderLimits{})
	return &ingest.Playback{RoomID: "room", Format: h.format, Reader: reader, Release: sync.OnceFunc(func() {
		reader.Close()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seats--
	})}, nil
}

// look reads the house's state.
func look[T any](h *house, read func() T) T {
	h.mu.Lock()
	defer h.mu.Unlock()
	return read()
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		pause(t.Context(), 10*time.Millisecond)
	}
}

// command runs ffmpeg or ffprobe until the test ends it.
func command(t *testing.T, name string, args ...string) (stderr *safeBuffer, exited <-chan error, stop func()) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is not installed: make test installs it", name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	stderr = &safeBuffer{}
	cmd.Stderr, cmd.Stdout = stderr, stderr
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() { done <- cmd.Wait(); close(ended) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stderr, done, stop
}

// encode makes ffmpeg publish a picture and a tone.
func encode(t *testing.T, url, transport string, extra ...string) (stderr *safeBuffer, exited <-chan error, stop func()) {
	t.Helper()
	args := []string{
		"-hide_banner", "-loglevel", "warning", "-re",
		"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
	}
	if len(extra) == 0 {
		extra = []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "25", "-c:a", "aac"}
	}
	args = append(args, extra...)
	args = append(args, "-f", "rtsp", "-rtsp_transport", transport, url)
	return command(t, "ffmpeg", args...)
}

// dial opens a plain connection to the server.
func (h *house) dial(t *testing.T) net.Conn {
	t.Helper()
	nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// gone waits until the server has closed a connection.
func gone(t *testing.T, nc net.Conn, within time.Duration) {
	t.Helper()
	_ = nc.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, 4096)
	for {
		if _, err := nc.Read(buf); err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				t.Fatalf("still connected after %v", within)
			}
			return
		}
	}
}
