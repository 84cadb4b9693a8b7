package record

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomcast/live"
	"roomcast/live/dvr"
	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/rooms/sqlstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// studio is a library over a real registry, with a show that tests feed.
type studio struct {
	t        *testing.T
	registry *rooms.Registry
	library  *Library
	room     string
	dir      string

	mu       sync.Mutex
	warnings map[string]string

	segments []dvr.Segment
	objects  map[string][]byte

	stream *media.Stream
	end    func()
}

func (s *studio) SetWarning(_, code, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings[code] = detail
}

func (s *studio) ClearWarning(_, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.warnings, code)
}

func (s *studio) warning(code string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warnings[code]
}

func (s *studio) Last(_ string, d time.Duration) ([]dvr.Segment, error) {
	if len(s.segments) == 0 {
		return nil, &rooms.Error{Code: rooms.CodeNotReady, Detail: "no media yet"}
	}
	i := len(s.segments)
	for ; i > 0 && d > 0; i-- {
		d -= s.segments[i-1].Duration
	}
	return s.segments[i:], nil
}

func (s *studio) Bytes(_, name string) ([]byte, error) {
	if b, ok := s.objects[name]; ok {
		return b, nil
	}
	return nil, &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such object"}
}

func newStudio(t *testing.T, room string) *studio {
	t.Helper()
	s := &studio{t: t, dir: t.TempDir(), warnings: map[string]string{}, objects: map[string][]byte{}}
	log := slog.New(slog.DiscardHandler)
	store, err := sqlstore.Open(t.Context(), s.dir, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	keys, err := rooms.LoadKeys(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	s.registry = rooms.NewRegistry(rooms.RegistryOptions{Store: store, Keys: keys, Log: log})
	v, _, err := s.registry.CreateRoom(t.Context(), json.RawMessage(`{"room_name":"x","room_type":"live"`+room+`}`), rooms.WriteOptions{Secrets: true})
	if err != nil {
		t.Fatal(err)
	}
	s.room = v.ID
	s.library = New(Options{Assets: s.registry, Broadcasts: s, DataDir: s.dir, Log: log})
	t.Cleanup(s.library.Close)
	return s
}

// begin starts a show.
func (s *studio) begin() {
	s.stream = media.NewStream(media.Limits{Bytes: 256 << 20, Age: time.Hour})
	settings := rooms.Settings{}
	settings.Features.Recording = true
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		s.library.Follow(ctx, live.Show{RoomID: s.room, Settings: settings, StartedAt: time.Now(), Stream: s.stream})
	})
	s.end = sync.OnceFunc(func() { cancel(); done.Wait(); s.stream.Close() })
	s.t.Cleanup(s.end)
}

// start begins a show and sends units once all of them will be recorded.
func (s *studio) start(units []*media.Unit) {
	s.t.Helper()
	s.begin()
	s.send(units[:1]) // whoever comes later begins with it, too
	s.eventually("it is being recorded", func() bool { l := s.assets(); return len(l) == 1 && l[0].State == rooms.AssetInMaking })
	s.send(units[1:])
}

// send writes units into the show, as if they came in now.
func (s *studio) send(units []*media.Unit) {
	for _, u := range units {
		u.NTP = time.Now()
		s.stream.Write(u)
	}
}

func (s *studio) assets() []rooms.Asset {
	s.t.Helper()
	page, err := s.registry.Assets(s.t.Context(), s.room, 0, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return page.Items
}

func (s *studio) eventually(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func (s *studio) files() []string {
	s.t.Helper()
	list, err := filepath.Glob(filepath.Join(s.library.dir(s.room), "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func later(units []*media.Unit, by time.Duration, f *media.Format) []*media.Unit {
	out := make([]*media.Unit, len(units))
	for i, u := range units {
		moved := *u
		moved.DTS += by
		moved.PTS += by
		if f != nil {
			moved.Format = f
			moved.Track = f.Tracks[slices.Index(u.Format.Tracks, u.Track)]
		}
		out[i] = &moved
	}
	return out
}

func TestAShowIsRecordedWithoutItsInterruptions(t *testing.T) {
	s := newStudio(t, "")
	c, other := encode(t, "160x90", "4"), encode(t, "320x180", "3")
	s.start(c.units)
	if _, _, err := s.library.Open(t.Context(), s.room, s.assets()[0].ID); rooms.CodeOf(err) != rooms.CodeNotReady {
		t.Errorf("opened while it grows: %v", err)
	}
	if err := s.library.Delete(t.Context(), s.room, s.assets()[0].ID); rooms.CodeOf(err) != rooms.CodeInUse {
		t.Errorf("deleted while it grows: %v", err)
	}
	s.send(later(c.units, 4*time.Second, &media.Format{Tracks: c.format.Tracks, Slate: true}))
	s.send(later(c.units, 8*time.Second, &media.Format{Tracks: c.format.Tracks}))
	s.send(later(other.units, 12*time.Second, nil))
	s.end()
	list := s.assets()
	if len(list) != 2 {
		t.Fatalf("assets %+v", list)
	}
	for i, want := range []int{75, 200} { // newest first
		a := list[i]
		f, got, err := s.library.Open(t.Context(), s.room, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil || got.State != rooms.AssetReady || got.Size != info.Size() || got.Kind != rooms.AssetRecording || got.Title == "" || got.Fault != "" {
			t.Errorf("asset %+v, %v", got, err)
		}
		_ = f.Close()
		p := watch(t, s.library.path(a))
		if len(p.video) != want || got.Duration < time.Duration(want)*40*time.Millisecond || got.Duration > time.Duration(want+5)*40*time.Millisecond {
			t.Errorf("%d pictures of %d in %v", len(p.video), want, got.Duration)
		}
	}
	if err := s.library.Delete(t.Context(), s.room, list[0].ID); err != nil {
		t.Fatal(err)
	}
	if len(s.files()) != 1 || len(s.assets()) != 1 {
		t.Errorf("left: %v", s.files())
	}
	s.library.RoomEvent(rooms.Event{Kind: rooms.RoomUpdated, RoomID: s.room})
	s.library.RoomEvent(rooms.Event{Kind: rooms.RoomDeleted, RoomID: s.room})
	s.library.Close()
	if len(s.files()) != 0 {
		t.Errorf("after the room: %v", s.files())
	}
}

func TestARoomWithoutTheFeatureIsNotRecorded(t *testing.T) {
	s := newStudio(t, "")
	s.library.Follow(t.Context(), live.Show{RoomID: s.room})
	if len(s.assets()) != 0 {
		t.Errorf("assets %v", s.assets())
	}
}

func TestFullStorageEndsAFileThatPlays(t *testing.T) {
	s := newStudio(t, `,"limits":{"max_storage_bytes":200000}`)
	c := encode(t, "320x180", "12")
	s.start(c.units)
	s.eventually("it is told", func() bool { return strings.Contains(s.warning(warnStopped), "storage is full") })
	s.end()
	list := s.assets()
	if len(list) != 1 || list[0].State != rooms.AssetReady || !strings.Contains(list[0].Fault, "storage is full") || list[0].Size < 100_000 || list[0].Size > 500_000 {
		t.Fatalf("assets %+v", list)
	}
	if p := watch(t, s.library.path(list[0])); len(p.video) < 25 {
		t.Errorf("%d pictures", len(p.video))
	}
	// Nothing begins while it is full, nor is a clip made.
	s.segments = []dvr.Segment{{Name: "a", Init: "b", Start: time.Now(), Duration: time.Second}}
	_, err := s.library.Clip(t.Context(), s.room, time.Minute, "")
	if rooms.CodeOf(err) == "" || len(s.assets()) != 1 {
		t.Errorf("a clip: %v", err)
	}
	s.begin()
	s.send(c.units)
	s.eventually("it is told again", func() bool { return s.warning(warnStopped) != "" })
	s.end()
	if len(s.assets()) != 1 || s.warning(warnStopped) != "" {
		t.Errorf("assets %v, warning %q", s.assets(), s.warning(warnStopped))
	}
}

func TestAFullDiskIsTold(t *testing.T) {
	s := newStudio(t, "")
	s.library.free = func(string) (int64, error) { return s.library.o.MinFree - 1, nil }
	s.begin()
	s.send(encode(t, "160x90", "2").units)
	s.eventually("it is told", func() bool { return strings.Contains(s.warning(warnStopped), "disk is full") })
	s.end()
	if len(s.assets()) != 0 || len(s.files()) != 0 {
		t.Errorf("assets %v, files %v", s.assets(), s.files())
	}
}

func TestARoomDeletedMeanwhileLeavesNothing(t *testing.T) {
	s := newStudio(t, "")
	s.begin()
	s.send(encode(t, "160x90", "3").units)
	s.eventually("it is being recorded", func() bool { return len(s.assets()) == 1 })
	if err := s.registry.DeleteRoom(t.Context(), s.room, rooms.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.end()
	if len(s.files()) != 0 {
		t.Errorf("files %v", s.files())
	}
}

func TestWhatACrashLeftIsCompleted(t *testing.T) {
	s := newStudio(t, "")
	ctx := t.Context()
	c := encode(t, "160x90", "4")
	left := func(write func(path string)) rooms.Asset {
		a, err := s.registry.NewAsset(ctx, rooms.Asset{RoomID: s.room, Kind: rooms.AssetRecording, State: rooms.AssetInMaking, Title: "x", StartedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(s.library.dir(s.room), 0o700); err != nil {
			t.Fatal(err)
		}
		write(s.library.path(a))
		return a
	}
	cut := left(func(path string) {
		whole, m := record(t, c.units)
		_ = m.file.Close()
		b, err := os.ReadFile(whole)
		if err == nil {
			err = os.WriteFile(path, b[:len(b)-100], 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	none := left(func(string) {})
	empty := left(func(path string) {
		if err := os.WriteFile(path, []byte("ftyp"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if err := s.library.Recover(ctx); err != nil {
		t.Fatal(err)
	}
	for _, a := range []rooms.Asset{none, empty} {
		got, err := s.registry.Asset(ctx, s.room, a.ID)
		if err != nil || got.State != rooms.AssetFailed || got.Fault == "" {
			t.Errorf("%+v %v", got, err)
		}
		if _, _, err := s.library.Open(ctx, s.room, a.ID); rooms.CodeOf(err) != rooms.CodeNotFound {
			t.Errorf("opened: %v", err)
		}
	}
	f, got, err := s.library.Open(ctx, s.room, cut.ID)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	_ = f.Close()
	if err != nil || got.State != rooms.AssetReady || got.Size != info.Size() || got.Duration < 2*time.Second {
		t.Errorf("%+v, %v", got, err)
	}
	if p := watch(t, s.library.path(got)); len(p.video) < 50 {
		t.Errorf("%d pictures", len(p.video))
	}
	if len(s.files()) != 1 {
		t.Errorf("files %v", s.files())
	}
}

// package feeds units to a packager and keeps what it finishes.
func (s *studio) pack(epoch time.Time, shows ...[]*media.Unit) {
	s.t.Helper()
	keep := func(c hls.Completed) {
		if c.Rendition != hls.Name {
			return
		}
		s.objects[c.Init], s.objects[c.Name] = c.InitBody, c.Body
		s.segments = append(s.segments, dvr.Segment{Name: c.Name, Init: c.Init, Start: c.DateTime, Duration: c.Duration})
	}
	p := hls.New(hls.Options{BasePath: "/", Epoch: epoch, Archive: keep})
	for _, units := range shows {
		for _, u := range units {
			if err := p.Write(u); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	p.End()
}

func TestClipsAreCutFromSegments(t *testing.T) {
	s := newStudio(t, "")
	if _, err := s.library.Clip(t.Context(), s.room, 30*time.Second, ""); rooms.CodeOf(err) != rooms.CodeNotReady {
		t.Errorf("without a show: %v", err)
	}
	c, other := encode(t, "160x90", "20"), encode(t, "320x180", "2")
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	gone := later(c.units, time.Minute, &media.Format{Tracks: c.format.Tracks})
	s.pack(epoch, other.units, later(c.units, 10*time.Second, nil), gone)
	a, err := s.library.Clip(t.Context(), s.room, 9*time.Second, "Goal!")
	if err != nil {
		t.Fatal(err)
	}
	p := watch(t, s.library.path(a))
	if a.State != rooms.AssetReady || a.Kind != rooms.AssetClip || a.Title != "Goal!" || a.Duration < 9*time.Second || a.Duration > 11*time.Second || len(p.video) < 225 || p.at[0] > 0.1 {
		t.Errorf("%+v, %d pictures from %f", a, len(p.video), p.at[0])
	}
	if got := a.StartedAt.Sub(epoch); got < 60*time.Second || got > 72*time.Second {
		t.Errorf("started at %v", a.StartedAt)
	}
	// A longer one reaches over the interruption, without it, and no further
	// than the codecs are the same.
	a, err = s.library.Clip(t.Context(), s.room, 5*time.Minute, "")
	if err != nil {
		t.Fatal(err)
	}
	p = watch(t, s.library.path(a))
	if a.Duration < 39*time.Second || a.Duration > 41*time.Second || len(p.video) != 1000 || a.Title == "" {
		t.Errorf("%+v, %d pictures", a, len(p.video))
	}
	for n := 1; n < len(p.at); n++ {
		if step := p.at[n] - p.at[n-1]; step < 0.01 || step > 0.2 {
			t.Errorf("picture %d comes after %f s", n, step)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.library.Clip(ctx, s.room, time.Minute, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has gone: %v", err)
	}
	delete(s.objects, s.segments[len(s.segments)-1].Name)
	if _, err := s.library.Clip(t.Context(), s.room, 9*time.Second, ""); err == nil {
		t.Error("a clip without its end")
	}
	if len(s.assets()) != 2 || len(s.files()) != 2 {
		t.Errorf("assets %v, files %v", s.assets(), s.files())
	}
}
