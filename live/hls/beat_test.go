package hls

import (
	"strings"
	"testing"
	"time"

	"roomcast/media"
)

func TestABeatFallsOnTheFirstPictureFromEachPointOn(t *testing.T) {
	b := Beat{From: 3 * time.Second, Every: 2 * time.Second, Until: 9 * time.Second}
	for _, tt := range []struct {
		latest, at time.Duration
		want       bool
	}{
		{0, 2900, false},
		{2900, 3000, true},
		{2900, 3040, true},
		{3040, 3000, false}, // decoded later, shown before
		{3000, 3040, false},
		{4990, 5010, true},
		{5010, 4990, false},
		{5010, 9000, false}, // over
		{3000, 8900, true},
	} {
		if got := b.Falls(tt.latest*time.Millisecond, tt.at*time.Millisecond); got != tt.want {
			t.Errorf("from %d to %d ms: %v", tt.latest, tt.at, got)
		}
	}
	if (Beat{}).Falls(0, time.Second) || (Beat{}).On(0) {
		t.Error("no beat falls somewhere")
	}
}

// variants asserts which media playlists are offered.
func (f *rungFeed) variants(want ...string) {
	f.t.Helper()
	b, err := f.p.Multivariant("p")
	if err != nil {
		f.t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(b.Body)) {
		if name, ok := strings.CutSuffix(strings.TrimSpace(line), ".m3u8"); ok {
			got = append(got, strings.TrimPrefix(name, "p/"))
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		f.t.Errorf("offered are %v, want %v", got, want)
	}
}

// sparse feeds a source whose key frames are 20 s apart, and a rung that has them in
// a beat too. It tells which segments of either begin with a key frame.
func (f *rungFeed) sparse(b Beat, pictures int, late func(n int) time.Duration) (starts map[string]map[int]bool) {
	f.t.Helper()
	starts = map[string]map[int]bool{Name: {}, "480p": {}}
	latest := time.Duration(0)
	var ahead []*media.Unit // of the rung, by presentation
	for range pictures {
		at := f.at + late(f.n)
		key := f.n%500 == 0
		u := &media.Unit{Format: f.format, Track: f.tr, DTS: at, PTS: at, NTP: epoch.Add(at), Key: key || b.Falls(latest, at), Payload: make([]byte, 300)}
		latest = max(latest, at)
		f.write(&media.Unit{Track: picture, DTS: f.at, PTS: at, Key: key, Payload: make([]byte, f.size)})
		f.n++
		f.at += 40 * time.Millisecond
		for ; f.audio < f.at; f.audio += 1024 * time.Second / 48000 {
			f.write(&media.Unit{Track: sound, DTS: f.audio, PTS: f.audio, Key: true, Payload: make([]byte, 100)})
		}
		i := len(ahead)
		for i > 0 && ahead[i-1].PTS > u.PTS {
			i--
		}
		ahead = append(ahead[:i], append([]*media.Unit{u}, ahead[i:]...)...)
		for len(ahead) > 0 && ahead[0].PTS+f.lag <= f.at {
			if err := f.rung.Write(ahead[0]); err != nil {
				f.t.Fatal(err)
			}
			ahead = ahead[1:]
		}
		f.w.look()
		for _, name := range []string{Name, "480p"} {
			for n, s := range f.w.known[name] {
				if len(s.Parts) > 0 {
					starts[name][n] = s.Parts[0].Independent
				}
			}
		}
	}
	return starts
}

func TestASourceOfFewKeyFramesIsCutByABeatWithItsRungs(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]func(n int) time.Duration{
		"pictures in order":     func(int) time.Duration { return 0 },
		"pictures out of order": func(n int) time.Duration { return time.Duration([]int{2, 4, 1, 1}[n%4]) * 40 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newRungFeed(t, 400*time.Millisecond)
			b := Beat{From: time.Second, Every: 2 * time.Second, Until: Endless}
			f.p.SetBeat(b)
			starts := f.sparse(b, 1200, late)
			f.variants("480p", "audio")
			f.w.aligned(Name, "480p", late(1)) // the source in the order of decoding, the rung in that of showing
			f.w.aligned(Name, AudioName, 22*time.Millisecond+late(1))
			dependent := 0
			for n, key := range starts["480p"] {
				if !key {
					t.Errorf("segment %d of the rung does not begin with a key frame", n)
				}
				if !starts[Name][n] {
					dependent++
				}
			}
			if n := len(starts["480p"]); n < 22 || dependent < 18 {
				t.Errorf("%d segments of the rung, %d where the source has no key frame", n, dependent)
			}
			for n, s := range f.w.known[Name] {
				if s.URI != "" && s.Duration > 2200*time.Millisecond {
					t.Errorf("segment %d lasts %v", n, s.Duration)
				}
			}
			list, err := f.p.Playlist(t.Context(), "480p", Query{})
			if err != nil || strings.Contains(string(list.Body), `URI="live.m3u8"`) || !strings.Contains(string(list.Body), "TARGETDURATION:2\n") {
				t.Errorf("%s %v", list.Body, err)
			}
			multi, err := f.p.Multivariant("p")
			if err != nil || strings.Contains(string(multi.Body), "EXT-X-START") {
				t.Errorf("%s %v", multi.Body, err)
			}
		})
	}
}

func TestTheSourceIsOfferedBesideItsRungsUnlessABeatGoesOn(t *testing.T) {
	t.Parallel()
	f := newRungFeed(t, 400*time.Millisecond)
	f.go1(300)
	f.variants(Name, "480p", "audio")
	from := f.at
	f.p.SetBeat(Beat{From: from, Every: 2 * time.Second, Until: Endless})
	f.go1(200)
	f.variants("480p", "audio")
	if _, err := f.p.Playlist(t.Context(), Name, Query{}); err != nil {
		t.Errorf("who has the source is left without it: %v", err)
	}
	f.rung.Remove()
	f.variants(Name, "audio")
	f.rung = f.p.AddRung(RungOptions{Name: "480p", MaxLag: 2 * time.Second})
	delete(f.w.known, "480p")
	f.go1(200)
	f.variants("480p", "audio")
	f.p.SetBeat(Beat{From: from, Every: 2 * time.Second, Until: f.at + time.Second})
	f.go1(200)
	f.variants(Name, "480p", "audio")
	f.w.aligned(Name, "480p", 0)
}

func TestFirstPlaylistsWaitForTheRungsOfABeatButNotForEver(t *testing.T) {
	f := newRungFeed(t, 400*time.Millisecond)
	f.mute = true
	f.p.SetBeat(Beat{From: time.Second, Every: 2 * time.Second, Until: Endless})
	f.go1(int(beatPatience/(40*time.Millisecond)) - 2)
	if _, err := f.p.Multivariant("p"); err == nil {
		t.Error("the source is shown before its rungs")
	}
	f.go1(60)
	f.variants(Name, "audio")
}
