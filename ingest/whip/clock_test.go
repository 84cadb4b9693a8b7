package whip

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"roomcast/ingest"
	"roomcast/media"
)

func ntpOf(at time.Duration) uint64 {
	s := at / time.Second
	return uint64(s)<<32 | uint64(float64(at%time.Second)/float64(time.Second)*math.MaxUint32)
}

func near(a, b, tolerance time.Duration) bool { return a-b < tolerance && b-a < tolerance }

func TestClockRunsOnOverTheEndOfItsNumbers(t *testing.T) {
	c := clock{rate: 90000}
	first := uint32(math.MaxUint32 - 45000)
	for n := range 100 {
		at := c.place(first+uint32(n)*3000, time.Duration(n)*time.Second/30+time.Second)
		if want := time.Second + time.Duration(n)*time.Second/30; !near(at, want, time.Microsecond) {
			t.Fatalf("frame %d is at %v, want %v", n, at, want)
		}
	}
}

func TestNetworkDelaysMoveNothing(t *testing.T) {
	c := clock{rate: 48000}
	c.place(0, 0)
	if at := c.place(48000*8, 20*time.Second); at != 8*time.Second {
		t.Errorf("what came 12 s late is at %v", at)
	}
}

func TestAClockThatLeapsIsPlacedAnew(t *testing.T) {
	for name, leap := range map[string]int64{"an hour ahead": 3600, "an hour back": -3600} {
		t.Run(name, func(t *testing.T) {
			c := clock{rate: 90000}
			c.place(1000, 0)
			if at := c.place(uint32(1000+leap*90000), 40*time.Millisecond); at != 40*time.Millisecond {
				t.Errorf("at %v", at)
			}
		})
	}
}

func TestSenderReportsPutPictureToSound(t *testing.T) {
	sound, picture := clock{rate: 48000}, clock{rate: 90000}
	// Both were captured at once; the picture took 200 ms longer to arrive.
	sound.place(5000, 100*time.Millisecond)
	picture.place(70000, 300*time.Millisecond)
	wall := 3_900_000_000 * time.Second
	sound.reported(ntpOf(wall), 5000)
	picture.reported(ntpOf(wall), 70000)
	t.Run("at once before they are on air", func(t *testing.T) {
		p := picture
		p.follow(&sound, true)
		if at := p.place(70000, 310*time.Millisecond); !near(at, 100*time.Millisecond, time.Millisecond) {
			t.Errorf("the picture is at %v, the sound at 100ms", at)
		}
	})
	t.Run("little by little after", func(t *testing.T) {
		p := picture
		p.follow(&sound, false)
		if at := p.place(70000, 310*time.Millisecond); !near(at, 300*time.Millisecond-slew, time.Millisecond) {
			t.Errorf("the picture went to %v at once", at)
		}
		for range 100 {
			p.follow(&sound, false)
		}
		if at := p.place(70000, 310*time.Millisecond); !near(at, 100*time.Millisecond, time.Millisecond) {
			t.Errorf("the picture is at %v, the sound at 100ms", at)
		}
	})
	t.Run("not by a clock that cannot be", func(t *testing.T) {
		p := picture
		p.reported(ntpOf(wall+time.Hour), 70000)
		p.follow(&sound, true)
		if at := p.place(70000, 310*time.Millisecond); at != 300*time.Millisecond {
			t.Errorf("the picture went to %v", at)
		}
	})
}

func TestABurstOfASenderThatWasHeldUpKeepsPictureAndSoundTogether(t *testing.T) {
	const held, burst = 8 * time.Second, 400 * time.Millisecond
	// What was captured before `held` arrives within `burst`, what comes after it in its time.
	arrival := func(captured time.Duration) time.Duration {
		if captured < held {
			return time.Second + captured*burst/held
		}
		return time.Second + burst + captured - held
	}
	type packet struct {
		track             *media.Track
		captured, arrived time.Duration
	}
	video, audio := &media.Track{Kind: media.Video, ClockRate: videoClockRate}, &media.Track{Kind: media.Audio, Codec: media.Opus, ClockRate: audioClockRate}
	var packets []packet
	for n := range 50 * 12 {
		captured := time.Duration(n) * 20 * time.Millisecond
		packets = append(packets, packet{audio, captured, arrival(captured)})
		if n%2 == 0 {
			packets = append(packets, packet{video, captured, arrival(captured) + 100*time.Millisecond})
		}
	}
	slices.SortStableFunc(packets, func(a, b packet) int { return cmp.Compare(a.arrived, b.arrived) })

	sound, picture := clock{rate: audioClockRate}, clock{rate: videoClockRate}
	var timeline ingest.Timeline
	var newest time.Duration
	last := map[*media.Track]time.Duration{} // what was captured when, on the timeline
	for _, p := range packets {
		c := &sound
		if p.track == video {
			c = &picture
		}
		ticks := uint32(p.captured * time.Duration(c.rate) / time.Second)
		at, _, _, ok := timeline.Place(p.track, c.place(ticks, p.arrived), 0)
		if !ok {
			t.Fatalf("%s captured at %v is dropped", p.track.Kind, p.captured)
		}
		if at-newest > 250*time.Millisecond {
			t.Fatalf("%s captured at %v goes from %v to %v", p.track.Kind, p.captured, newest, at)
		}
		newest = max(newest, at)
		last[p.track] = at - p.captured
	}
	if apart := (last[video] - last[audio]).Abs(); apart > 150*time.Millisecond || newest < 11*time.Second {
		t.Errorf("in the end they are %v apart, at %v", apart, newest)
	}
}
