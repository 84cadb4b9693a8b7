package transcode

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"roomcast/media"
)

// film makes the units of a source: an encoder's output, read back.
func film(t testing.TB, size, rate string, seconds int, args ...string) (units []*media.Unit) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "film.ts")
	all := append([]string{
		"-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=" + size + ":r=" + rate,
		"-t", strconv.Itoa(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-sc_threshold", "0",
	}, args...)
	if out, err := exec.Command("ffmpeg", append(all, "-muxdelay", "0", "-muxpreload", "0", file)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := exec.Command("cat", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var f *media.Format
	err = readTS(bytes.NewReader(b), func(p picture) error {
		if f == nil {
			track, err := media.NewH264(p.sets.sps, p.sets.pps, 0)
			if err != nil {
				return err
			}
			f = &media.Format{Tracks: []*media.Track{track}}
		}
		// Off the grid of the clock, as a broadcast's timeline is.
		at := func(ticks int64) time.Duration {
			return 3333*time.Millisecond + 777*time.Nanosecond + time.Duration(ticks)*time.Second/pictureClock
		}
		units = append(units, &media.Unit{Format: f, Track: f.Tracks[0], PTS: at(p.pts), DTS: at(p.dts), Key: p.key, Payload: p.payload})
		return nil
	})
	if err != nil || len(units) == 0 {
		t.Fatalf("%d units: %v", len(units), err)
	}
	return units
}

// shelf collects what a ladder makes.
type shelf struct {
	mu     sync.Mutex
	units  [][]RungUnit
	tracks [][]*media.Track
}

func (s *shelf) emit(i int, track *media.Track, u RungUnit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.units) <= i {
		s.units, s.tracks = append(s.units, nil), append(s.tracks, nil)
	}
	s.units[i] = append(s.units[i], u)
	if n := len(s.tracks[i]); n == 0 || s.tracks[i][n-1] != track {
		s.tracks[i] = append(s.tracks[i], track)
	}
}

func (s *shelf) count(i int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i >= len(s.units) {
		return 0
	}
	return len(s.units[i])
}

func TestRungsHaveTheirSourcesTimesAndKeyFrames(t *testing.T) {
	tool := ffmpeg(t)
	for _, tt := range []struct {
		name, size, rate string
		args             []string
	}{
		{"30 fps", "1280x720", "30", []string{"-g", "60", "-bf", "0"}},
		{"29.97 fps with B-frames", "640x480", "30000/1001", []string{"-g", "48", "-bf", "2", "-preset", "veryfast"}},
		{"upright, 24 fps, many key frames", "360x640", "24", []string{"-g", "7", "-bf", "0"}},
		{"a varying rate", "640x480", "30", []string{"-vf", "select='not(eq(mod(n\\,7)\\,3)+eq(mod(n\\,11)\\,5))'", "-fps_mode", "vfr", "-g", "40", "-bf", "0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			units := film(t, tt.size, tt.rate, 4, tt.args...)
			rungs := Rungs(units[0].Track, []int{240, 144})
			var s shelf
			l, err := tool.StartLadder(t.Context(), LadderOptions{Source: units[0].Track, Rungs: rungs, From: units[0].PTS, Emit: s.emit, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range units {
				if err := l.Write(u, u.Key); err != nil {
					t.Fatalf("%v: %s", err, l.process.Said())
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			l.Finish(ctx)
			want := slices.SortedFunc(slices.Values(units), func(a, b *media.Unit) int { return int(a.PTS - b.PTS) })
			for i, r := range rungs {
				if len(s.units[i]) != len(want) {
					t.Fatalf("%s: %d pictures of %d: %s", r.Name, len(s.units[i]), len(want), l.process.Said())
				}
				for k, u := range s.units[i] {
					if u.PTS != want[k].PTS || u.Key != want[k].Key {
						t.Fatalf("%s: picture %d at %v, key %v; its source at %v, key %v", r.Name, k, u.PTS, u.Key, want[k].PTS, want[k].Key)
					}
				}
				if track := s.tracks[i][0]; len(s.tracks[i]) != 1 || track.Width != r.Width || track.Height != r.Height {
					t.Errorf("%s: %d tracks, %dx%d", r.Name, len(s.tracks[i]), track.Width, track.Height)
				}
			}
		})
	}
}

func TestRungsBeginInTheMiddleAndHaveKeyFramesWhereTheyAreWanted(t *testing.T) {
	for name, b := range map[string]string{"in order": "0", "with B-frames": "2"} {
		t.Run(name, func(t *testing.T) {
			units := film(t, "640x360", "30", 6, "-g", "9999", "-bf", b, "-preset", "veryfast")
			top := Top(units[0].Track, 0)
			// The first picture that is shown after all before it, a second and a half in.
			from := 45
			for slices.ContainsFunc(units[:from], func(u *media.Unit) bool { return u.PTS > units[from].PTS }) {
				from++
			}
			first := units[from].PTS
			var s shelf
			l, err := ffmpeg(t).StartLadder(t.Context(), LadderOptions{
				Source: units[0].Track, Rungs: []Rung{top}, From: first, Emit: s.emit, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			var keys, want []time.Duration
			for n, u := range units {
				key := u.Key || n >= from && (n-from)%40 == 0
				if key && u.PTS >= first {
					want = append(want, u.PTS)
				}
				if err := l.Write(u, key); err != nil {
					t.Fatalf("%v: %s", err, l.process.Said())
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			l.Finish(ctx)
			pictures := 0
			for _, u := range units {
				if u.PTS >= first {
					pictures++
				}
			}
			for _, u := range s.units[0] {
				if u.Key {
					keys = append(keys, u.PTS)
				}
			}
			if len(s.units[0]) != pictures || !slices.Equal(keys, want) || len(want) < 3 {
				t.Errorf("%d pictures of %d, key frames at %v, wanted at %v: %s", len(s.units[0]), pictures, keys, want, l.process.Said())
			}
			if track := s.tracks[0][0]; track.Width != 640 || track.Height != 360 || top.Name != "360p" {
				t.Errorf("%+v, %s", track, top.Name)
			}
		})
	}
}

func TestTheDelayOfRungsIsShort(t *testing.T) {
	units := film(t, "1280x720", "30", 4, "-g", "60", "-bf", "0", "-tune", "zerolatency")
	l, err := ffmpeg(t).StartLadder(t.Context(), LadderOptions{
		Source: units[0].Track, Rungs: Rungs(units[0].Track, []int{480, 360}), From: units[0].PTS, Log: slog.New(slog.DiscardHandler),
		Emit: func(int, *media.Track, RungUnit) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Stop()
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	var lags []time.Duration
	for i, u := range units {
		if err := l.Write(u, u.Key); err != nil {
			t.Fatal(err)
		}
		<-tick.C
		if i > len(units)/2 {
			lags = append(lags, l.Lag())
		}
	}
	slices.Sort(lags)
	t.Logf("rungs lag by %v, at worst %v", lags[len(lags)/2], lags[len(lags)-1])
	if m := lags[len(lags)/2]; m > 500*time.Millisecond {
		t.Errorf("the median is %v", m)
	}
}

func TestAKilledLadderIsNoticed(t *testing.T) {
	units := film(t, "320x180", "30", 2, "-g", "30", "-bf", "0")
	var s shelf
	l, err := ffmpeg(t).StartLadder(t.Context(), LadderOptions{
		Source: units[0].Track, Rungs: Rungs(units[0].Track, []int{144}), From: units[0].PTS, Emit: s.emit, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		if err := l.Write(u, u.Key); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 10*time.Second, "pictures come", func() bool { return s.count(0) > 10 })
	_ = syscall.Kill(l.PID(), syscall.SIGKILL)
	<-l.Done()
	if err := l.Stop(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("error %v", err)
	}
	if err := l.Write(units[0], true); err == nil {
		t.Error("it still takes pictures")
	}
}

func TestLaddersNeverUpscale(t *testing.T) {
	for _, tt := range []struct {
		width, height int
		heights       []int
		want          string
	}{
		{1920, 1080, nil, "[{720p 1280 720 2500000} {480p 854 480 1200000}]"},
		{1280, 720, nil, "[{480p 854 480 1200000} {360p 640 360 700000}]"},
		{640, 360, nil, "[]"},
		{720, 1280, []int{360, 480}, "[{480p 480 854 1200000} {360p 360 640 700000}]"},
		{1280, 720, []int{720, 1080, 480, 480, 301}, "[{480p 854 480 1200000} {300p 534 300 507500}]"},
		{3840, 2160, []int{1440}, "[{1440p 2560 1440 8000000}]"},
	} {
		if got := fmt.Sprint(Rungs(&media.Track{Width: tt.width, Height: tt.height}, tt.heights)); got != tt.want {
			t.Errorf("%dx%d %v: %s, want %s", tt.width, tt.height, tt.heights, got, tt.want)
		}
	}
}

func TestTheClockOfALadderWraps(t *testing.T) {
	l := &Ladder{base: time.Second}
	last := int64(0)
	for at := time.Duration(0); at < 60*time.Hour; at += 25 * time.Minute {
		tick := l.tick(at + time.Second)
		pts, whole := l.time(tick&(1<<33-1), last)
		if d := pts - at - time.Second; whole != tick || d > 12*time.Microsecond || d < -12*time.Microsecond {
			t.Fatalf("%v becomes %v", at, pts)
		}
		last = whole
	}
}
