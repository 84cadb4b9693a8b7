package ingest

import (
	"math"
	"testing"
	"time"

	"roomcast/media"
)

var (
	video30 = &media.Track{Kind: media.Video, ClockRate: 90000, FrameRate: 30}
	ntsc    = &media.Track{Kind: media.Video, ClockRate: 90000, FrameRate: 30000.0 / 1001}
	unknown = &media.Track{Kind: media.Video, ClockRate: 90000}
	aac     = &media.Track{Kind: media.Audio, ClockRate: 44100, FrameSamples: 1024}
)

// ms is a source's clock of whole milliseconds: frame n at a rate.
func ms(n int, rate float64) time.Duration {
	return time.Duration(math.Round(float64(n)*1000/rate)) * time.Millisecond
}

func TestMillisecondClocksAreMadeExact(t *testing.T) {
	for name, tt := range map[string]struct {
		track *media.Track
		rate  float64
	}{
		"30 fps":       {video30, 30},
		"29.97 fps":    {ntsc, 30000.0 / 1001},
		"AAC at 44100": {aac, 44100.0 / 1024},
	} {
		t.Run(name, func(t *testing.T) {
			var tl Timeline
			for n := range 20000 {
				dts, _, jump, ok := tl.Place(tt.track, 7*time.Second+ms(n, tt.rate), 0)
				want := float64(n) / tt.rate
				if jump || !ok || math.Abs(dts.Seconds()-want) > 0.0002 {
					t.Fatalf("sample %d at %v, want %f s (jump %v)", n, dts, want, jump)
				}
			}
		})
	}
}

func TestDaysOfSoundDoNotOverflow(t *testing.T) {
	var tl Timeline
	for n := range 1000 {
		tl.Place(aac, ms(n, 44100.0/1024), 0)
	}
	if n := tl.tracks[aac].samples; n >= int64(aac.ClockRate) {
		t.Errorf("%d samples are counted in one: after some days their nanoseconds overflow", n)
	}
}

func TestDelaysAreMadeExact(t *testing.T) {
	var tl Timeline
	if _, pts, _, _ := tl.Place(video30, 0, 67*time.Millisecond); math.Abs(pts.Seconds()-2.0/30) > 1e-6 {
		t.Errorf("two frames of delay become %v", pts)
	}
	if dts, pts, _, _ := tl.Place(video30, 33*time.Millisecond, -50*time.Millisecond); pts != dts {
		t.Errorf("a picture before its decoding: %v, %v", pts, dts)
	}
}

func TestVaryingFrameRatesKeepTheirTimes(t *testing.T) {
	var tl Timeline
	for _, at := range []time.Duration{0, 40, 41, 95, 300, 1500} {
		dts, _, jump, _ := tl.Place(unknown, at*time.Millisecond, 0)
		if dts != at*time.Millisecond || jump {
			t.Errorf("%d ms becomes %v", at, dts)
		}
	}
}

func TestClockNeverGoesBack(t *testing.T) {
	var tl Timeline
	last := time.Duration(-1)
	for i, at := range []time.Duration{0, 33, 33, 20, 66, 60, 100, 0, 133} {
		dts, _, jump, ok := tl.Place(video30, at*time.Millisecond, 0)
		if dts <= last || jump || !ok {
			t.Errorf("sample %d: %v after %v (jump %v)", i, dts, last, jump)
		}
		last = dts
	}
}

func TestJumpsBecomeDiscontinuities(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"an hour forward": time.Hour,
		"an hour back":    -time.Hour,
		"back to zero":    -10 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			var tl Timeline
			origin := 2 * time.Hour
			if name == "back to zero" {
				origin = 0
			}
			var last [2]time.Duration
			jumps, dropped := 0, 0
			put := func(k int, tr *media.Track, at time.Duration) {
				dts, _, j, ok := tl.Place(tr, at, 0)
				if !ok {
					dropped++
					return
				}
				if j {
					jumps++
				}
				if step := dts - last[k]; step <= 0 && at != origin || step > 300*time.Millisecond {
					t.Errorf("track %d steps by %v", k, step)
				}
				last[k] = dts
			}
			for n := range 300 {
				put(0, video30, origin+ms(n, 30))
				put(1, aac, origin+ms(n, 30))
			}
			// The picture jumps first; some sound is still on the old clock.
			for n := range 300 {
				put(0, video30, origin+10*time.Second+jump+ms(n, 30))
				if n < 5 {
					put(1, aac, origin+10*time.Second+ms(n, 30))
				} else {
					put(1, aac, origin+10*time.Second+jump+ms(n, 30))
				}
			}
			if jumps != 1 || dropped != 5 {
				t.Errorf("%d jumps, %d dropped; want 1 and 5", jumps, dropped)
			}
		})
	}
}

func TestTracksMayBeginOneAfterTheOther(t *testing.T) {
	var tl Timeline
	tl.Place(video30, time.Second, 0)
	dts, _, jump, ok := tl.Place(aac, 950*time.Millisecond, 0)
	if dts != -50*time.Millisecond || jump || !ok {
		t.Errorf("sound 50 ms before the picture is at %v", dts)
	}
}

func TestATrackThatComesInsteadOfAnotherGoesOnAfterIt(t *testing.T) {
	var tl Timeline
	tl.Place(video30, 0, 0)
	last, _, _, _ := tl.Place(video30, time.Second, 0)
	tl.Retain([]*media.Track{ntsc})
	for n, source := range []time.Duration{700 * time.Millisecond, 733 * time.Millisecond, 1100 * time.Millisecond} {
		dts, _, jump, ok := tl.Place(ntsc, source, 0)
		if dts <= last || jump || !ok {
			t.Fatalf("sample %d is at %v after %v (jump %v)", n, dts, last, jump)
		}
		last = dts
	}
	if last != 1100*time.Millisecond {
		t.Errorf("the source's clock is not taken up again: %v", last)
	}
}

func FuzzTimeline(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 200, 255, 0, 7})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var tl Timeline
		var source time.Duration
		last := map[*media.Track]time.Duration{}
		for i, s := range steps {
			tr := []*media.Track{video30, aac, unknown}[i%3]
			source += time.Duration(int(s)-100) * time.Duration(int(s)+1) * time.Millisecond
			dts, pts, _, ok := tl.Place(tr, source, time.Duration(s)*time.Millisecond)
			if !ok {
				continue
			}
			if before, seen := last[tr]; seen && dts <= before || pts < dts {
				t.Fatalf("step %d: %v after %v, shown at %v", i, dts, before, pts)
			}
			last[tr] = dts
		}
	})
}
