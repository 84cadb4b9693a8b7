package live

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/ingest"
	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
)

// stage is a hub with fake runs, inside a synctest bubble.
type stage struct {
	t        *testing.T
	hub      *Hub
	mu       sync.Mutex
	begun    int
	finished []string
	refuse   error
	slow     chan struct{} // FinishRun waits for its end, unless nil
	states   []Phase
	stop     func()
}

func (s *stage) BeginRun(context.Context, string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse == nil {
		s.begun++
	}
	return s.refuse
}

// count is how many runs were begun or continued.
func (s *stage) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

func (s *stage) FinishRun(_ context.Context, room, reason string) error {
	if s.slow != nil {
		<-s.slow
	}
	s.mu.Lock()
	s.finished = append(s.finished, reason)
	s.mu.Unlock()
	s.hub.RoomEvent(rooms.Event{Kind: rooms.RunEnded, RoomID: room, Detail: reason})
	return nil
}

// onStage runs a test in a bubble with its own clock.
func onStage(t *testing.T, f func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t}
		s.hub = NewHub(Options{Runs: s, Log: slog.New(slog.DiscardHandler), Viewers: func(string) int { return 7 }})
		s.hub.Watch(func(_ string, st State) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.states = append(s.states, st.State)
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = s.hub.Run(ctx) })
		s.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
		defer s.stop()
		f(s)
	})
}

// encoder is one publisher.
type encoder struct {
	stage  *stage
	sink   ingest.Sink
	tracks []*media.Track
	mu     sync.Mutex
	closed error
	n      int
}

var testTracks = []*media.Track{
	{
		Kind: media.Video, Codec: media.H264, ClockRate: 90000, FrameRate: 10, Width: 1280, Height: 720,
		SPS: []byte{0x67, 0x64, 0, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x5a, 0x80, 0x80, 0x80, 0xa0, 0, 0, 3, 0, 0x20, 0, 0, 6, 0x51, 0xe3, 6, 0x32, 0xc0}, PPS: []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0},
	},
}

// admit lets an encoder in, without media.
func (s *stage) admit(change func(*rooms.Publisher)) (*encoder, error) {
	e := &encoder{stage: s, tracks: testTracks}
	p := rooms.Publisher{RoomID: "room", RoomType: rooms.Live}
	p.Settings.Features.ReconnectWindowSeconds = 60
	if change != nil {
		change(&p)
	}
	sink, err := s.hub.Publish(s.t.Context(), ingest.Publication{Room: p, Protocol: "rtmp", Close: func(reason error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.closed == nil {
			e.closed = reason
		}
	}})
	e.sink = sink
	return e, err
}

// publish puts an encoder on air with a first picture.
func (s *stage) publish(change func(*rooms.Publisher)) *encoder {
	s.t.Helper()
	e, err := s.admit(change)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := e.sink.SetTracks(e.tracks); err != nil {
		s.t.Fatal(err)
	}
	e.send(1)
	return e
}

// send sends pictures, ten a second, a key frame each second.
func (e *encoder) send(frames int) {
	e.stage.t.Helper()
	for range frames {
		at := time.Duration(e.n) * 100 * time.Millisecond
		err := e.sink.Write(ingest.Sample{Track: e.tracks[0], DTS: at, PTS: at, Key: e.n%10 == 0, Payload: make([]byte, 125)})
		if err != nil {
			e.stage.t.Fatalf("write: %v", err)
		}
		e.n++
		time.Sleep(100 * time.Millisecond)
	}
}

func (e *encoder) reason() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

func (s *stage) is(want Phase) {
	s.t.Helper()
	synctest.Wait()
	if got := s.hub.State("room").State; got != want {
		s.t.Fatalf("the broadcast is %s, want %s", got, want)
	}
}

func (s *stage) seen() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for i, p := range s.states {
		if i == 0 || s.states[i-1] != p {
			out = append(out, string(p))
		}
	}
	return strings.Join(out, " ")
}

func TestBroadcastLivesAndEnds(t *testing.T) {
	onStage(t, func(s *stage) {
		s.is(Waiting)
		e := s.publish(nil)
		s.is(Live)
		e.send(50)
		st := s.hub.State("room")
		if st.StartedAt == nil || st.Publisher == nil || st.Viewers != 7 || st.BytesIn != 51*125 ||
			len(st.Tracks) != 1 || *st.Tracks[0].Height != 720 || st.Tracks[0].BitrateBps != 10000 {
			t.Errorf("state %+v", st)
		}
		e.sink.Close()
		s.is(Interrupted)
		if s.hub.State("room").InterruptedAt == nil {
			t.Error("no time of interruption")
		}
		time.Sleep(59 * time.Second)
		s.is(Interrupted)
		time.Sleep(2 * time.Second)
		s.is(Ended)
		time.Sleep(restTime)
		s.is(Waiting)
		if len(s.finished) != 1 || s.finished[0] != rooms.EndedEmpty || s.begun != 1 {
			t.Errorf("runs: begun %d, finished %v", s.begun, s.finished)
		}
		if len(s.hub.rooms) != 0 {
			t.Error("the room is not forgotten")
		}
		if got := s.seen(); got != "live interrupted ended waiting" {
			t.Errorf("watchers saw %q", got)
		}
	})
}

func TestReturnWithinTheWindowGoesOnWithTheSameShow(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(nil)
		e.send(30)
		begun := s.hub.State("room").StartedAt
		e.sink.Close()
		time.Sleep(50 * time.Second)
		again := s.publish(nil)
		again.send(30)
		s.is(Live)
		st := s.hub.State("room")
		if !st.StartedAt.Equal(*begun) || st.InterruptedAt != nil {
			t.Errorf("state %+v", st)
		}
		time.Sleep(5 * time.Second)
		again.send(1)
		s.is(Live)
		list, err := s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil || !strings.Contains(string(list.Body), "#EXT-X-DISCONTINUITY\n") {
			t.Errorf("playlist %s, %v", list.Body, err)
		}
	})
}

func TestNoWindowEndsAtOnce(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(func(p *rooms.Publisher) { p.Settings.Features.ReconnectWindowSeconds = 0 })
		e.sink.Close()
		s.is(Ended)
	})
}

func TestPreviewWaitsForTheStart(t *testing.T) {
	onStage(t, func(s *stage) {
		preview := func(p *rooms.Publisher) { p.Settings.Features.PreviewBeforeLive = true }
		if err := s.hub.Start(t.Context(), "room"); rooms.CodeOf(err) != rooms.CodeNotReady {
			t.Errorf("start without a publisher: %v", err)
		}
		e := s.publish(preview)
		e.send(40)
		s.is(Preview)
		if _, err := s.hub.Multivariant(t.Context(), "room", "p"); rooms.CodeOf(err) != rooms.CodeNotReady {
			t.Errorf("the preview can be watched: %v", err)
		}
		if err := s.hub.Start(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		s.is(Live)
		e.send(40)
		if _, err := s.hub.Multivariant(t.Context(), "room", "p"); err != nil {
			t.Error(err)
		}
		if err := s.hub.Stop(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		s.is(Preview)
		list, err := s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil || !strings.Contains(string(list.Body), "#EXT-X-ENDLIST") {
			t.Errorf("the show did not end: %s %v", list.Body, err)
		}
		e.send(10)
		if err := s.hub.Start(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		e.send(30)
		s.is(Live)
		e.sink.Close()
		s.is(Interrupted)
		if err := s.hub.Stop(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		s.is(Ended)
	})
}

func TestTakeoverLeavesTheBroadcastLive(t *testing.T) {
	onStage(t, func(s *stage) {
		first := s.publish(nil)
		first.send(20)
		second := s.publish(nil)
		if rooms.CodeOf(first.reason()) != rooms.CodePublisherConflict {
			t.Errorf("the first was sent away for %v", first.reason())
		}
		if err := first.sink.Write(ingest.Sample{Track: testTracks[0]}); rooms.CodeOf(err) != rooms.CodePublisherConflict {
			t.Errorf("the first still writes: %v", err)
		}
		first.sink.Close()
		second.send(20)
		s.is(Live)
		if got := s.seen(); got != "live" {
			t.Errorf("watchers saw %q", got)
		}
	})
}

func TestAPublisherWithoutMediaReplacesNobody(t *testing.T) {
	onStage(t, func(s *stage) {
		first := s.publish(nil)
		second, err := s.admit(nil)
		if err != nil {
			t.Fatal(err)
		}
		first.send(5)
		second.sink.Close()
		first.send(5)
		s.is(Live)
		for range maxPending {
			if _, err := s.admit(nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.admit(nil); rooms.CodeOf(err) != rooms.CodePublisherConflict {
			t.Errorf("a crowd at the door: %v", err)
		}
	})
}

func TestThreeTakeoversInAMinuteAreAFight(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(nil)
		for range fightTakeovers {
			e.send(20)
			next := s.publish(nil)
			e.sink.Close()
			e = next
		}
		e.send(10)
		if _, err := s.admit(nil); rooms.CodeOf(err) != rooms.CodePublisherConflict {
			t.Fatalf("a newcomer gets %v", err)
		}
		// It holds for as long as the one on air stays.
		e.send(1200)
		if _, err := s.admit(nil); rooms.CodeOf(err) != rooms.CodePublisherConflict {
			t.Fatalf("two minutes later a newcomer gets %v", err)
		}
		e.sink.Close()
		s.publish(nil).send(10)
		s.is(Live)
	})
}

func TestSlowOrSilentReplacementsAreNoFight(t *testing.T) {
	for name, between := range map[string]func(e *encoder){
		"31 s apart":                     func(e *encoder) { e.send(310) },
		"of one that was silent for 3 s": func(*encoder) { time.Sleep(3 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				e := s.publish(nil)
				for range 10 {
					between(e)
					e = s.publish(nil)
				}
				s.is(Live)
			})
		})
	}
}

func TestSilentPublisherIsGoneAfter10s(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(nil)
		e.send(25)
		time.Sleep(9800 * time.Millisecond)
		s.is(Live)
		time.Sleep(200 * time.Millisecond)
		s.is(Interrupted)
		if !errors.Is(e.reason(), errSilent) {
			t.Errorf("sent away for %v", e.reason())
		}
		if err := e.sink.Write(ingest.Sample{Track: testTracks[0]}); err == nil {
			t.Error("it still writes")
		}
	})
}

func TestSilenceIsBridgedAndTheClockGoesOn(t *testing.T) {
	onStage(t, func(s *stage) {
		e := s.publish(nil)
		e.send(50)
		time.Sleep(4 * time.Second)
		list, err := s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil || strings.Count(string(list.Body), "#EXT-X-GAP") < 3 {
			t.Fatalf("playlist %s %v", list.Body, err)
		}
		// The source goes on where it was; its viewers' clock does not go back.
		e.n = (e.n/10 + 1) * 10
		e.send(40)
		list, err = s.hub.Playlist(t.Context(), "room", "live", hls.Query{})
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for line := range strings.Lines(string(list.Body)) {
			if at, ok := strings.CutPrefix(line, "#EXT-X-PROGRAM-DATE-TIME:"); ok {
				if at <= last {
					t.Errorf("%s after %s", at, last)
				}
				last = at
			}
		}
		if n := strings.Count(string(list.Body), "#EXT-X-DISCONTINUITY\n"); n != 2 {
			t.Errorf("%d discontinuities\n%s", n, list.Body)
		}
	})
}

func BenchmarkLookups(b *testing.B) {
	h := NewHub(Options{Runs: nil})
	r := newRoom(h, "room")
	h.rooms["room"] = r
	p := hls.New(hls.Options{BasePath: "/hls/room/o/", Epoch: time.Now()})
	r.packager.Store(p)
	f := &media.Format{Tracks: testTracks}
	for n := range 100 {
		at := time.Duration(n) * 100 * time.Millisecond
		u := &media.Unit{Format: f, Track: testTracks[0], DTS: at, PTS: at, NTP: time.Now(), Key: n%10 == 0, Payload: []byte{1}}
		if err := p.Write(u); err != nil {
			b.Fatal(err)
		}
	}
	list, err := h.Playlist(b.Context(), "room", "live.m3u8", hls.Query{})
	if err != nil {
		b.Fatal(err)
	}
	_, name, _ := strings.Cut(string(list.Body), "/o/")
	name, _, _ = strings.Cut(name, `"`)
	b.Run("playlist", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.Playlist(b.Context(), "room", "live.m3u8", hls.Query{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("object", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.Object("room", name); err != nil {
				b.Fatal(err)
			}
		}
	})
}
