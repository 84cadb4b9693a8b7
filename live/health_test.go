package live

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"roomcast/ingest"
	"roomcast/media"
)

// feed is what an encoder sends in each tenth of a second.
type feed struct {
	every   int  // key frames, in pictures; 0: never again
	bytes   int  // of a picture
	skip    bool // no picture
	delay   time.Duration
	noSound bool
	soundAt time.Duration // the sound's clock runs that far ahead
}

func TestWarningsSayWhatIsWrongWithABroadcast(t *testing.T) {
	steady := feed{every: 20, bytes: 50_000}
	tests := []struct {
		name    string
		codec   media.Codec
		phases  []feed
		seconds []int
		want    string // codes
		words   string // in one of the texts
	}{
		{"nothing", media.H264, []feed{steady}, []int{40}, "", ""},
		{"no key frame for 9 s", media.H264, []feed{steady, {bytes: 50_000}}, []int{10, 9}, "no_key_frame", "interval to 2 s"},
		{"key frames 6 s apart", media.H264, []feed{{every: 60, bytes: 50_000}}, []int{20}, "long_gop", "6 s apart"},
		{"key frames 8.3 s apart", media.H264, []feed{{every: 83, bytes: 50_000}}, []int{25}, "long_gop", "8 s apart"},
		{"B-frames", media.H264, []feed{{every: 20, bytes: 50_000, delay: 200 * time.Millisecond}}, []int{5}, "b_frames", ""},
		{"a third of the bitrate", media.H264, []feed{steady, {every: 20, bytes: 15_000}}, []int{30, 9}, "bitrate_falling", "Mb/s to 1.2 Mb/s"},
		{"a third of the bitrate for good", media.H264, []feed{steady, {every: 20, bytes: 15_000}}, []int{30, 90}, "", ""},
		{"a bit less of the bitrate", media.H264, []feed{steady, {every: 20, bytes: 35_000}}, []int{30, 9}, "", ""},
		{"half of the pictures", media.H264, []feed{steady, {every: 20, bytes: 100_000, skip: true}}, []int{10, 9}, "frame_rate_unsteady", "5 of 10 pictures"},
		{"the sound stops", media.H264, []feed{steady, {every: 20, bytes: 50_000, noSound: true}}, []int{10, 4}, "audio_gap", "No sound for 4 s"},
		{"no sound from the beginning", media.H264, []feed{{every: 20, bytes: 50_000, noSound: true}}, []int{4}, "audio_gap", "announced"},
		{"a hole in the sound", media.H264, []feed{steady, {every: 20, bytes: 50_000, soundAt: 300 * time.Millisecond}}, []int{10, 4}, "audio_gap", "holes"},
		{"a hole in the sound, a while ago", media.H264, []feed{steady, {every: 20, bytes: 50_000, soundAt: 300 * time.Millisecond}}, []int{10, 25}, "", ""},
		{"H.265", media.H265, []feed{steady}, []int{5}, "codec_not_everywhere", "Firefox"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				e, err := s.admit(nil)
				if err != nil {
					t.Fatal(err)
				}
				video := *testTracks[0]
				video.Codec = tt.codec
				aac, err := media.NewAAC([]byte{0x11, 0x90})
				if err != nil {
					t.Fatal(err)
				}
				if err := e.sink.SetTracks([]*media.Track{&video, aac}); err != nil {
					t.Fatal(err)
				}
				for i, f := range tt.phases {
					e.play(f, &video, aac, tt.seconds[i]*10)
				}
				var texts []string
				for _, w := range s.hub.State("room").Warnings {
					texts = append(texts, w.Detail)
				}
				if got := s.warnings("room"); got != tt.want || !strings.Contains(strings.Join(texts, " "), tt.words) {
					t.Errorf("warnings %q: %q, want %q: %q", got, texts, tt.want, tt.words)
				}
			})
		})
	}
}

// play sends for n tenths of a second.
func (e *encoder) play(f feed, video, audio *media.Track, n int) {
	e.stage.t.Helper()
	write := func(in ingest.Sample) {
		if err := e.sink.Write(in); err != nil {
			e.stage.t.Fatal(err)
		}
	}
	for range n {
		at := time.Duration(e.n) * 100 * time.Millisecond
		if !f.skip || e.n%2 == 0 {
			write(ingest.Sample{
				Track: video, DTS: at, PTS: at + f.delay, Payload: make([]byte, f.bytes),
				Key: e.n == 0 || f.every > 0 && e.n%f.every == 0,
			})
		}
		if !f.noSound {
			// Five frames a tenth of a second, near enough.
			for k := range time.Duration(5) {
				at := at + k*20*time.Millisecond + f.soundAt
				write(ingest.Sample{Track: audio, DTS: at, PTS: at, Key: true, Payload: make([]byte, 100)})
			}
		}
		e.n++
		time.Sleep(100 * time.Millisecond)
	}
}

func TestNewWarningsAreToldAtOnce(t *testing.T) {
	onStage(t, func(s *stage) {
		var told atomic.Int64
		defer s.hub.Watch(func(_ string, st State) {
			for _, w := range st.Warnings {
				if w.Code == "no_key_frame" {
					told.Add(1)
				}
			}
		})()
		e := s.publish(nil)
		for range 100 {
			e.n = 1 + e.n/10*10
			e.send(1)
		}
		if told.Load() == 0 {
			t.Error("the watchers were not told")
		}
	})
}
