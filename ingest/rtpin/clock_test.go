package rtpin

import (
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/ntp"
	"github.com/pion/rtcp"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func senderReport(wall time.Time, ts uint32) *rtcp.SenderReport {
	return &rtcp.SenderReport{NTPTime: ntp.Encode(wall), RTPTime: ts}
}

// near allows for the rounding of timestamps.
func near(got, want time.Duration) bool {
	return got-want < time.Millisecond && want-got < time.Millisecond
}

func TestTracksAreLinedUp(t *testing.T) {
	const videoStart, audioStart = 4_294_900_000, 77 // the first wraps within a second
	tests := []struct {
		name string
		// reports before the first packets, or after the first second
		early, late bool
		// skew is what the reports say the sound is later than it came
		skew time.Duration
		want time.Duration // of the sound, at last
	}{
		{"by their arrival", false, false, 0, 0},
		{"by reports that come first", true, false, 200 * time.Millisecond, 200 * time.Millisecond},
		{"by reports that come later", false, true, -300 * time.Millisecond, -300 * time.Millisecond},
		{"not by reports that differ by a rounding", false, true, 10 * time.Millisecond, 0},
		{"not by reports that contradict each other", false, true, time.Hour, 0},
		{"nor if they do so from the start", true, false, -time.Hour, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var cs clocks
			video, audio := &clock{rate: 90000}, &clock{rate: 48000}
			wall := start.Add(24 * time.Hour)
			report := func() {
				cs.take(video, senderReport(wall, videoStart))
				cs.take(audio, senderReport(wall.Add(tt.skew), audioStart))
			}
			if tt.early {
				report()
			}
			var v, a time.Duration
			for n := range 300 { // 3 s
				now := start.Add(time.Duration(n) * 10 * time.Millisecond)
				v = cs.at(video, uint32(videoStart+n*900), now)
				a = cs.at(audio, uint32(audioStart+n*480), now)
				if n == 100 && tt.late {
					report()
				}
			}
			if want := 2990 * time.Millisecond; !near(v, want) || !near(a, want+tt.want) {
				t.Errorf("the picture is at %v, the sound at %v; want %v and %v", v, a, want, want+tt.want)
			}
		})
	}
}

func TestTimestampsGoBackAndForthWithinReordering(t *testing.T) {
	var cs clocks
	c := &clock{rate: 90000}
	for i, step := range []int{0, 4, 2, 1, 3, 8, 6, 5, 7} {
		got := cs.at(c, uint32(0xffffff00)+uint32(step*3600), start.Add(time.Duration(i)*40*time.Millisecond))
		if want := time.Duration(step) * 40 * time.Millisecond; !near(got, want) {
			t.Errorf("step %d is at %v, want %v", step, got, want)
		}
	}
}

func TestATrackThatComesLaterBeginsWhereTheOthersAre(t *testing.T) {
	var cs clocks
	video, audio := &clock{rate: 90000}, &clock{rate: 8000}
	cs.at(video, 1000, start)
	cs.at(video, 1000+90000*60, start.Add(time.Minute))
	if got := cs.at(audio, 5, start.Add(time.Minute+20*time.Millisecond)); !near(got, time.Minute+20*time.Millisecond) {
		t.Errorf("begins at %v", got)
	}
	cs.take(audio, &rtcp.SenderReport{RTPTime: 5}) // says nothing
	if audio.report.known {
		t.Error("a report without a clock is taken")
	}
}
