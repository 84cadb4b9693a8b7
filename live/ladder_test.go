package live

import (
	"bytes"
	"context"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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
// after each hole, and has key frames where the source has.
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
				if u.Key && n%30 != 0 {
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

func TestASourceWithFewKeyFramesGetsNoLadder(t *testing.T) {
	s := newScaffold(t, []int{144}, func(l *ladderTimes) { l.sparse = 1500 * time.Millisecond })
	waitFor(t, 10*time.Second, "the rung flows", func() bool { return s.flows("144p") })
	s.setKeyEvery(90)
	waitFor(t, 10*time.Second, "it is taken out", func() bool { return s.rung("144p").newest() == -1 && s.warned("no_ladder") })
	s.setKeyEvery(30)
	waitFor(t, 10*time.Second, "it flows again", func() bool { return s.flows("144p") && !s.warned("no_ladder") })
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
