package whip

import (
	"math"
	"testing"
	"time"
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
