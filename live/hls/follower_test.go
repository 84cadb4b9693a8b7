package hls

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"roomcast/media"
)

func TestAudioByItselfHasPartsOfNineFrames(t *testing.T) {
	t.Parallel()
	f := newFeeder(t, Options{LowLatency: true}, picture, sound)
	w := newWalker(t, f.p)
	for range 100 {
		f.run(200 * time.Millisecond)
		w.look()
	}
	for n, s := range w.known[AudioName] {
		for k, p := range s.Parts {
			if k < len(s.Parts)-1 && p.Duration != 192*time.Millisecond {
				t.Errorf("part %d of segment %d lasts %v", k, n, p.Duration)
			}
		}
	}
	// No frame is lost or doubled at the edges of segments.
	at := w.samples(AudioName, 1)
	var numbers []int
	for n := range at {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var all []float64
	for _, n := range numbers {
		all = append(all, at[n]...)
	}
	for i := 1; i < len(all); i++ {
		if d := all[i] - all[i-1]; math.Abs(d-1024.0/48000) > 1e-9 {
			t.Fatalf("frame %d comes %f s after the one before", i, d)
		}
	}
	if len(all) < 300 {
		t.Errorf("%d frames", len(all))
	}
}

// rungFeed feeds a source and, some time behind, a rung.
type rungFeed struct {
	*feeder
	w    *walker
	rung *Rung
	tr   *media.Track
	late []*media.Unit
	lag  time.Duration
	mute bool
}

func newRungFeed(t testing.TB, lag time.Duration) *rungFeed {
	f := newFeeder(t, Options{LowLatency: true}, picture, sound)
	rf := &rungFeed{feeder: f, w: newWalker(t, f.p), tr: rungTrack(), lag: lag}
	rf.rung = f.p.AddRung(RungOptions{Name: "480p", MaxLag: 2 * time.Second})
	return rf
}

func (f *rungFeed) go1(pictures int) {
	f.t.Helper()
	for range pictures {
		if !f.mute {
			f.late = append(f.late, &media.Unit{
				Format: f.format, Track: f.tr, DTS: f.at, PTS: f.at, NTP: epoch.Add(f.at + f.lag),
				Key: f.n%f.gop == 0, Payload: make([]byte, 300),
			})
		}
		f.run(40 * time.Millisecond)
		for len(f.late) > 0 && f.late[0].DTS+f.lag <= f.at {
			if err := f.rung.Write(f.late[0]); err != nil {
				f.t.Fatal(err)
			}
			f.late = f.late[1:]
		}
		f.w.look()
	}
}

func TestARungIsCutWhereTheSourceIs(t *testing.T) {
	t.Parallel()
	f := newRungFeed(t, 1500*time.Millisecond)
	f.go1(500)
	f.w.aligned(Name, "480p", 0)
	f.w.aligned(Name, AudioName, 22*time.Millisecond)
	source, rung := f.w.samples(Name, 1), f.w.samples("480p", 1)
	heard := f.w.samples("480p", 2)
	for n, want := range source {
		if got, ok := rung[n]; ok && !slices.Equal(got, want) {
			t.Errorf("segment %d has pictures at %v, the source at %v", n, got, want)
		}
		if _, ok := rung[n]; ok && len(heard[n]) < 90 {
			t.Errorf("segment %d of the rung has %d frames of sound", n, len(heard[n]))
		}
	}
	multi, err := f.p.Multivariant("p")
	if err != nil || !strings.Contains(string(multi.Body), "RESOLUTION=854x480") || !strings.Contains(string(multi.Body), "\np/480p.m3u8\n") {
		t.Errorf("%s %v", multi.Body, err)
	}
	list, err := f.p.Playlist(t.Context(), "480p", Query{})
	if err != nil || !strings.Contains(string(list.Body), "PART-HOLD-BACK=2.60000") ||
		!strings.Contains(string(list.Body), `#EXT-X-RENDITION-REPORT:URI="live.m3u8",LAST-MSN=`) {
		t.Errorf("%s %v", list.Body, err)
	}
}

func TestARungThatStandsStillIsListedAsGapsAndComesBack(t *testing.T) {
	t.Parallel()
	f := newRungFeed(t, 500*time.Millisecond)
	f.go1(250)
	f.mute, f.late = true, nil
	f.go1(400) // 16 s
	gaps := 0
	for _, s := range f.w.known["480p"] {
		if s.Gap {
			gaps++
		}
	}
	if gaps < 4 {
		t.Errorf("%d gaps", gaps)
	}
	f.mute = false
	f.go1(300)
	f.w.aligned(Name, "480p", 0)
	newest := f.w.seen[f.rung.rendition].last
	if s := f.w.known["480p"][newest]; s.Gap {
		t.Error("it did not come back")
	}
}

func TestARungHasItsTimeToFollowABurst(t *testing.T) {
	t.Parallel()
	f := newRungFeed(t, 500*time.Millisecond)
	f.go1(250)
	lag := f.lag
	f.lag = 6 * time.Second // of media, in no time at all
	for range 150 {
		f.ahead += 40 * time.Millisecond
		f.go1(1)
	}
	f.lag = lag
	f.go1(200)
	f.w.aligned(Name, "480p", 0)
	source, sound := f.w.samples(Name, 1), f.w.samples("480p", 2)
	for n, got := range f.w.samples("480p", 1) {
		if !slices.Equal(got, source[n]) || len(sound[n]) < 90 {
			t.Errorf("segment %d has %d pictures and %d frames of sound, the source %d pictures", n, len(got), len(sound[n]), len(source[n]))
		}
	}
	for n, s := range f.w.known["480p"] {
		if s.Gap {
			t.Errorf("segment %d is missing", n)
		}
	}
}

func TestARungThatLacksItsLastPicturesIsAsLongAsItsSource(t *testing.T) {
	t.Parallel()
	for lacks := 1; lacks <= 2; lacks++ {
		f := newRungFeed(t, 40*time.Millisecond)
		f.go1(250 - lacks)
		f.mute = true
		f.go1(150 + lacks)
		f.mute = false
		f.go1(250)
		f.w.aligned(Name, "480p", 0)
		gaps := 0
		for n, s := range f.w.known["480p"] {
			switch of := f.w.known[Name][n]; {
			case s.Gap:
				gaps++
			case s.Duration != of.Duration:
				t.Errorf("without %d pictures segment %d lasts %v, its source %v", lacks, n, s.Duration, of.Duration)
			}
		}
		if gaps != 3 {
			t.Errorf("%d segments are missing", gaps)
		}
	}
}

func TestARemovedRungIsNotFoundAndNotOffered(t *testing.T) {
	t.Parallel()
	f := newRungFeed(t, 500*time.Millisecond)
	f.go1(250)
	done := make(chan error, 1)
	v := f.rung.view.Load()
	go func() {
		_, err := f.p.Playlist(t.Context(), "480p", Query{MSN: v.last + 1, WholeSegment: true})
		done <- err
	}()
	f.rung.Remove()
	f.rung.Remove()
	if err := <-done; err == nil {
		t.Error("one who waited got an answer")
	}
	multi, err := f.p.Multivariant("p")
	if err != nil || strings.Contains(string(multi.Body), "480p") {
		t.Errorf("%s %v", multi.Body, err)
	}
	f.rung = f.p.AddRung(RungOptions{Name: "480p", MaxLag: 2 * time.Second})
	delete(f.w.known, "480p")
	f.go1(250)
	f.w.aligned(Name, "480p", 0)
	f.p.End()
	f.w.look()
	list, err := f.p.Playlist(t.Context(), "480p", Query{})
	if err != nil || !strings.HasSuffix(string(list.Body), "#EXT-X-ENDLIST\n") {
		t.Errorf("%s %v", list.Body, err)
	}
}

func TestSilenceAndReturnKeepTheRenditionsTogether(t *testing.T) {
	t.Parallel()
	f := newRungFeed(t, 800*time.Millisecond)
	f.go1(250)
	for i := range 20 { // 5 s of silence
		f.p.Tick(epoch.Add(f.at + time.Duration(i)*250*time.Millisecond))
		f.w.look()
	}
	f.at += 5 * time.Second
	f.renew(picture, sound)
	f.go1(300)
	f.renew(sound) // the picture goes
	f.mute = true
	f.go1(200)
	f.mute = false
	f.renew(picture, sound)
	f.go1(300)
	f.p.End()
	f.w.look()
	f.w.aligned(Name, "480p", 0)
	f.w.aligned(Name, AudioName, 45*time.Millisecond)
}

func TestFurtherAudioTracksAreAGroup(t *testing.T) {
	second := *sound
	second.Language, second.Label = "de", `Deutsch "neu"`
	f := newFeeder(t, Options{LowLatency: true}, picture, sound, &second)
	w := newWalker(t, f.p)
	a := time.Duration(0)
	for at := time.Duration(0); at < 20*time.Second; at += 200 * time.Millisecond {
		f.run(200 * time.Millisecond)
		for ; a < at+200*time.Millisecond; a += 1024 * time.Second / 48000 {
			f.write(&media.Unit{Track: &second, DTS: a, PTS: a, Key: true, Payload: make([]byte, 80)})
		}
		w.look()
	}
	w.aligned(Name, "audio-2", 45*time.Millisecond)
	multi, err := f.p.Multivariant("p")
	text := string(multi.Body)
	for _, want := range []string{
		`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Track 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2"` + "\n",
		`NAME="Deutsch neu",LANGUAGE="de",AUTOSELECT=YES,CHANNELS="2",URI="p/audio-2.m3u8"` + "\n",
		`AUDIO="sound"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s %v", want, text, err)
		}
	}
}
