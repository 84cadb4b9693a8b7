package live

import (
	"bytes"
	"context"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/transcode"
)

// film makes pictures of 640x360, 30 a second, with a key frame each second.
func film(t *testing.T, seconds string) (track *media.Track, pictures [][]byte) {
	t.Helper()
	b, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=30", "-t", seconds,
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-x264-params", "aud=1:keyint=30:scenecut=0:threads=1",
		"-f", "h264", "pipe:1").Output()
	if err != nil {
		t.Fatal(err)
	}
	for unit := range bytes.SplitSeq(b, []byte{0, 0, 0, 1, 9}) {
		var payload, sps, pps []byte
		for nal := range bytes.SplitSeq(bytes.ReplaceAll(unit, []byte{0, 0, 0, 1}, []byte{0, 0, 1}), []byte{0, 0, 1}) {
			switch media.NALType(nal) {
			case media.NALSPS:
				sps = nal
			case media.NALPPS:
				pps = nal
			case 1, media.NALIDR:
				payload = media.AppendNAL(payload, nal)
			}
		}
		if payload == nil {
			continue
		}
		if track == nil {
			if track, err = media.NewH264(sps, pps, 30); err != nil {
				t.Fatal(err)
			}
		}
		pictures = append(pictures, payload)
	}
	return track, pictures
}

// fakeRung is where a rung goes.
type fakeRung struct {
	mu      sync.Mutex
	units   []*media.Unit
	removed bool
}

func (r *fakeRung) Write(u *media.Unit) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.units = append(r.units, u)
	return nil
}

func (r *fakeRung) Remove() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removed = true
}

func (r *fakeRung) newest() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.removed || len(r.units) == 0 {
		return -1
	}
	return r.units[len(r.units)-1].PTS
}

// scaffold is a ladder on a film that never ends.
type scaffold struct {
	t      *testing.T
	hub    *Hub
	ladder *ladder

	mu    sync.Mutex
	every int // pictures from one key frame to the next
	edge  time.Duration
	beats []hls.Beat
	rungs map[string][]*fakeRung
}

func newScaffold(t *testing.T, heights []int, change func(*ladderTimes)) *scaffold {
	t.Helper()
	tool, err := transcode.Find(t.Context(), "")
	if err != nil {
		t.Fatal("ffmpeg is needed: apt-get install ffmpeg: ", err)
	}
	track, pictures := film(t, "10")
	s := &scaffold{t: t, every: 30, rungs: make(map[string][]*fakeRung)}
	s.hub = NewHub(Options{Log: slog.New(slog.DiscardHandler), FFmpeg: tool})
	show := Show{RoomID: "room", Stream: media.NewStream(media.Limits{})}
	show.Settings.Features.Transcode = rooms.Transcode{Heights: heights}
	times := usualLadder
	if change != nil {
		change(&times)
	}
	s.ladder = &ladder{
		hub: s.hub, show: show, times: times, log: s.hub.o.Log,
		addRung: func(name string) rungWriter {
			s.mu.Lock()
			defer s.mu.Unlock()
			r := &fakeRung{}
			s.rungs[name] = append(s.rungs[name], r)
			return r
		},
		edge: func() time.Duration {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.edge
		},
		longest: func() time.Duration { return times.sparse },
		setBeat: func(b hls.Beat) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.beats = append(s.beats, b)
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		f := &media.Format{Tracks: []*media.Track{track}}
		tick := time.NewTicker(time.Second / 30)
		defer tick.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			at := time.Second + time.Duration(n)*time.Second/30
			show.Stream.Write(&media.Unit{
				Format: f, Track: track, NTP: time.Now(), DTS: at, PTS: at,
				Key: n%s.keyEvery() == 0, Payload: pictures[n%len(pictures)],
			})
			s.mu.Lock()
			s.edge = at
			s.mu.Unlock()
			<-tick.C
		}
	})
	running.Go(func() { s.ladder.climb(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		s.check()
	})
	return s
}

func (s *scaffold) keyEvery() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.every
}

// setKeyEvery changes how far apart key frames are, in whole seconds of pictures.
func (s *scaffold) setKeyEvery(pictures int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.every = pictures
}

// rung is the last one of a name, or nil.
func (s *scaffold) rung(name string) *fakeRung {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.rungs[name]; len(l) > 0 {
		return l[len(l)-1]
	}
	return nil
}

// flows reports whether a rung is right behind the source.
func (s *scaffold) flows(name string) bool {
	r := s.rung(name)
	return r != nil && s.ladder.edge()-r.newest() < 500*time.Millisecond
}

func (s *scaffold) pid() int {
	s.ladder.mu.Lock()
	defer s.ladder.mu.Unlock()
	if s.ladder.watched == nil {
		return 0
	}
	return s.ladder.watched.process.PID()
}

func (s *scaffold) warned(code string) bool {
	for _, w := range s.hub.State("room").Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

// check sees that every rung has the source's times, begins with a key frame
// after each hole, and has key frames where the source has, or in a beat.
func (s *scaffold) check() {
	s.t.Helper()
	for name, list := range s.rungs {
		for _, r := range list {
			last := time.Duration(-1)
			for _, u := range r.units {
				n := (u.PTS - time.Second + time.Millisecond) * 30 / time.Second
				if want := time.Second + n*time.Second/30; u.PTS != want {
					s.t.Fatalf("%s: a picture at %v, of the source at %v", name, u.PTS, want)
				}
				if u.Key && n%30 != 0 && !slices.ContainsFunc(s.beats, func(b hls.Beat) bool { return b.Falls(u.PTS-time.Second/30, u.PTS) }) {
					s.t.Fatalf("%s: picture %d, key %v", name, n, u.Key)
				}
				if step := u.PTS - last; step > 34*time.Millisecond && !u.Key || step <= 0 {
					s.t.Fatalf("%s: %v follows %v, key %v", name, u.PTS, last, u.Key)
				}
				last = u.PTS
			}
		}
	}
}

// lastBeat is the one that the source is cut by.
func (s *scaffold) lastBeat() hls.Beat {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.beats) == 0 {
		return hls.Beat{}
	}
	return s.beats[len(s.beats)-1]
}

// holes counts the pictures that do not follow the one before.
func (r *fakeRung) holes() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.units[1:] {
		if r.units[i+1].PTS-r.units[i].PTS > 34*time.Millisecond {
			n++
		}
	}
	return n
}

// keepsBeat asserts that a rung has a key frame at every point of a beat, from its first
// picture on.
func (s *scaffold) keepsBeat(name string, b hls.Beat) {
	s.t.Helper()
	r := s.rung(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	points := 0
	for i, u := range r.units[1:] {
		if b.Falls(r.units[i].PTS, u.PTS) {
			if points++; !u.Key {
				s.t.Errorf("%s has no key frame at %v", name, u.PTS)
			}
		}
	}
	if points < 2 {
		s.t.Errorf("%s has %d points of the beat", name, points)
	}
}

func TestASourceWithFewKeyFramesIsMadeAnewAsTopRung(t *testing.T) {
	s := newScaffold(t, []int{144}, func(l *ladderTimes) { l.sparse, l.steady = 1500*time.Millisecond, 4*time.Second })
	waitFor(t, 10*time.Second, "the rung flows", func() bool { return s.flows("144p") })
	if s.rung("360p") != nil || len(s.beats) != 0 {
		t.Errorf("a source with enough key frames is made anew")
	}
	s.setKeyEvery(1 << 30)
	both := func() bool { return s.flows("360p") && s.flows("144p") }
	waitFor(t, 10*time.Second, "the source's size is made too", func() bool { return both() && s.warned("source_transcoded") })
	b := s.lastBeat()
	waitFor(t, 10*time.Second, "the beat goes on", func() bool { return s.rung("360p").newest() > b.From+5*time.Second })
	s.keepsBeat("360p", b)
	s.keepsBeat("144p", b)
	s.setKeyEvery(30)
	waitFor(t, 15*time.Second, "it is taken out", func() bool { return s.rung("360p").newest() == -1 && !s.warned("source_transcoded") })
	if b := s.lastBeat(); b.Until <= b.From || b.Until > b.From+30*time.Second {
		t.Errorf("the beat does not end: %+v", b)
	}
	waitFor(t, 10*time.Second, "the other one goes on", func() bool { return s.rung("144p").newest() > s.lastBeat().Until+time.Second })
	if n := s.rung("144p").holes(); n != 0 || len(s.rungs["144p"]) != 1 {
		t.Errorf("%d holes in the small rung, added %d times", n, len(s.rungs["144p"]))
	}
}

func TestTheTopRungOfASparseSourceIsShedFirstAndTakenBackWithoutItsKeyFrames(t *testing.T) {
	s := newScaffold(t, []int{144}, func(l *ladderTimes) {
		l.sparse, l.behind, l.patience, l.firstReturn = 1500*time.Millisecond, time.Second, time.Second, 2*time.Second
	})
	s.setKeyEvery(1 << 30)
	both := func() bool { return s.flows("360p") && s.flows("144p") }
	waitFor(t, 10*time.Second, "both flow", both)
	_ = syscall.Kill(s.pid(), syscall.SIGSTOP)
	waitFor(t, 10*time.Second, "the top is left out", func() bool { return s.rung("360p").newest() == -1 && s.warned("rung_shed") })
	waitFor(t, 10*time.Second, "the other one flows", func() bool { return s.flows("144p") })
	waitFor(t, 15*time.Second, "both flow again", func() bool { return both() && !s.warned("rung_shed") })
	s.keepsBeat("144p", s.lastBeat())
}

func TestRungsComeBackAfterFFmpegWasKilled(t *testing.T) {
	s := newScaffold(t, []int{240, 144}, nil)
	both := func() bool { return s.flows("240p") && s.flows("144p") }
	waitFor(t, 10*time.Second, "both rungs flow", both)
	_ = syscall.Kill(s.pid(), syscall.SIGKILL)
	waitFor(t, 5*time.Second, "that is told", func() bool { return s.warned("transcode_failed") })
	waitFor(t, 10*time.Second, "both rungs flow again", func() bool { return both() && !s.warned("transcode_failed") })
	if len(s.rungs["240p"]) != 1 {
		t.Errorf("the rung was taken out of the playlist")
	}
}

func TestALadderThatLagsShedsItsLargestRungAndTakesItBack(t *testing.T) {
	s := newScaffold(t, []int{240, 144}, func(l *ladderTimes) {
		l.behind, l.patience, l.firstReturn = time.Second, time.Second, 2*time.Second
	})
	both := func() bool { return s.flows("240p") && s.flows("144p") }
	waitFor(t, 10*time.Second, "both rungs flow", both)
	// The machine gives ffmpeg no time.
	_ = syscall.Kill(s.pid(), syscall.SIGSTOP)
	waitFor(t, 10*time.Second, "the largest is left out", func() bool {
		r := s.rung("240p")
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.removed
	})
	waitFor(t, 10*time.Second, "that is told", func() bool { return s.warned("rung_shed") })
	waitFor(t, 5*time.Second, "the other one flows", func() bool { return s.flows("144p") })
	for _, w := range s.hub.State("room").Warnings {
		if w.Code == "rung_shed" && !strings.Contains(w.Detail, "240p") {
			t.Errorf("warning %+v", w)
		}
	}
	waitFor(t, 10*time.Second, "both flow again", func() bool { return both() && !s.warned("rung_shed") })
	if n := len(s.rungs["240p"]); n != 2 {
		t.Errorf("the rung was added %d times", n)
	}
	// Taking it back left no hole in the one that stayed.
	small := s.rung("144p")
	small.mu.Lock()
	defer small.mu.Unlock()
	holes := 0
	for i := range small.units[1:] {
		if small.units[i+1].PTS-small.units[i].PTS > 34*time.Millisecond {
			holes++
		}
	}
	if holes != 1 {
		t.Errorf("%d holes in the small rung", holes)
	}
}
