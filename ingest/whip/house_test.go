package whip

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/rtcport"
	"roomcast/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const testPatience = 20 * time.Second

// house is a server with its gate; what is published can be looked at.
type house struct {
	identifying chan struct{} // if there is one, keys are looked up slowly
	t           *testing.T
	server      *Server

	mu        sync.Mutex
	sinks     []*sink
	refuse    error // answered by Enter
	refuseAll error // answered by every sink's SetTracks
}

// sink keeps what it is given.
type sink struct {
	house   *house
	room    string
	request ingest.Request

	mu      sync.Mutex
	tracks  [][]*media.Track
	samples []ingest.Sample
	at      []time.Time
	closed  bool
}

func newHouse(t *testing.T, o Options) *house {
	t.Helper()
	port, err := rtcport.Open(rtcport.Options{UDPAddress: "127.0.0.1:0", TCPAddress: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t}
	o.Port, o.Gate, o.Log = port, h, slog.New(slog.DiscardHandler)
	h.server = NewServer(o)
	t.Cleanup(func() {
		h.server.Close()
		for _, s := range h.all() {
			if !s.isClosed() {
				t.Error("a sink was left open")
			}
		}
		if err := port.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// Identify implements Gate: the key names the room.
func (h *house) Identify(_ context.Context, r ingest.Request) (rooms.Publisher, error) {
	if h.identifying != nil {
		h.identifying <- struct{}{} // twice: when it begins, and to go on
		h.identifying <- struct{}{}
	}
	if r.Key.Reveal() == "wrong" {
		return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such stream key"}
	}
	return rooms.Publisher{RoomID: r.Key.Reveal(), RoomType: rooms.Live}, nil
}

// Enter implements Gate.
func (h *house) Enter(_ context.Context, who rooms.Publisher, r ingest.Request) (ingest.Sink, string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		return nil, "", h.refuse
	}
	s := &sink{house: h, room: who.RoomID, request: r}
	h.sinks = append(h.sinks, s)
	return s, who.RoomID, nil
}

// AdmitModerator implements Gate.
func (h *house) AdmitModerator(ctx context.Context, g rooms.Grant, r ingest.Request) (ingest.Sink, error) {
	s, _, err := h.Enter(ctx, rooms.Publisher{RoomID: g.RoomID}, r)
	return s, err
}

func (h *house) all() []*sink {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sinks)
}

func (s *sink) SetTracks(tracks []*media.Track) error {
	s.house.mu.Lock()
	err := s.house.refuseAll
	s.house.mu.Unlock()
	if err != nil {
		return err
	}
	if err := media.CheckTracks(tracks); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracks = append(s.tracks, slices.Clone(tracks))
	return nil
}

func (s *sink) Write(in ingest.Sample) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("write after close")
	}
	if len(s.tracks) == 0 || !slices.Contains(s.tracks[len(s.tracks)-1], in.Track) {
		return errors.New("a sample of a track that was not announced")
	}
	s.samples = append(s.samples, in)
	s.at = append(s.at, time.Now())
	return nil
}

func (s *sink) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *sink) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// of gives what came of a kind.
func (s *sink) of(kind media.Kind) (list []ingest.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.samples {
		if in.Track.Kind == kind {
			list = append(list, in)
		}
	}
	return list
}

func (s *sink) announced() [][]*media.Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tracks)
}

// sink waits for the n-th publication and gives its sink.
func (h *house) sink(n int) *sink {
	h.t.Helper()
	until(h.t, "a publisher is admitted", func() bool { return len(h.all()) > n })
	return h.all()[n]
}

func (h *house) count() int {
	h.server.mu.Lock()
	defer h.server.mu.Unlock()
	return len(h.server.resources)
}

func caller() rooms.Caller { return rooms.Caller{Address: netip.MustParseAddr("192.0.2.1")} }

func key(s string) Credential { return Credential{Key: secret.New(s)} }

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(testPatience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
