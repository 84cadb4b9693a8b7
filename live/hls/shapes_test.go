package hls

import (
	"strings"
	"testing"
	"time"

	"roomcast/media"
)

// broadcast feeds pictures and sound as tests want them.
type broadcast struct {
	*feeder
	w *walker
}

func newBroadcast(t *testing.T, o Options, tracks ...*media.Track) *broadcast {
	f := newFeeder(t, o, tracks...)
	return &broadcast{f, newWalker(t, f.p)}
}

// picture writes one of 40 ms, and the sound until then.
func (b *broadcast) picture(key bool, late time.Duration) {
	b.t.Helper()
	b.write(&media.Unit{Track: picture, DTS: b.at, PTS: b.at + late, Key: key, Payload: make([]byte, b.size)})
	b.at += 40 * time.Millisecond
	b.hear()
}

func (b *broadcast) hear() {
	b.t.Helper()
	for b.format.Find(media.Audio) != nil && b.audio < b.at {
		b.write(&media.Unit{Track: sound, DTS: b.audio, PTS: b.audio, Key: true, Payload: make([]byte, 100)})
		b.audio += 1024 * time.Second / 48000
	}
	b.w.look()
}

func TestSourcesOfAllShapesKeepTheRules(t *testing.T) {
	t.Parallel()
	play := func(b *broadcast, pictures, gop int, late func(n int) time.Duration) {
		for n := range pictures {
			d := time.Duration(0)
			if late != nil {
				d = late(n)
			}
			b.picture(n%gop == 0, d)
		}
	}
	reordered := func(n int) time.Duration { // I B B P: decoded ahead by two pictures
		return time.Duration([]int{2, 4, 1, 1}[n%4]) * 40 * time.Millisecond
	}
	tests := map[string]struct {
		tracks []*media.Track
		feed   func(b *broadcast)
	}{
		"pictures out of order": {[]*media.Track{picture, sound}, func(b *broadcast) { play(b, 500, 48, reordered) }},
		"10 s between keys":     {[]*media.Track{picture, sound}, func(b *broadcast) { play(b, 1250, 250, nil) }},
		"20 s between keys":     {[]*media.Track{picture, sound}, func(b *broadcast) { play(b, 2000, 500, nil) }},
		"one key at all":        {[]*media.Track{picture, sound}, func(b *broadcast) { play(b, 1500, 1<<30, nil) }},
		"the picture alone":     {[]*media.Track{picture}, func(b *broadcast) { play(b, 500, 50, nil) }},
		"keys at odd places": {[]*media.Track{picture, sound}, func(b *broadcast) {
			for n := range 1000 {
				b.picture(n*n%97 < 3 || n == 0, 0)
			}
		}},
		"the sound alone": {[]*media.Track{sound}, func(b *broadcast) {
			for range 500 {
				b.at += 40 * time.Millisecond
				b.hear()
			}
		}},
		"a screen that stands still, by a key frame every 640 ms": {[]*media.Track{picture, sound}, func(b *broadcast) {
			// Parts that last longer than they say: better than a player that stops.
			b.w.uneven = true
			play(b, 250, 50, nil)
			for n := range 30 {
				b.picture(true, 0)
				b.at += 600 * time.Millisecond
				b.hear()
				if v := b.p.source.view.Load(); n > 0 && v.parts == 0 && v.lastParts == 0 {
					b.t.Errorf("no parts after %d pictures", n)
				}
			}
			play(b, 250, 50, nil)
		}},
		"a still screen": {[]*media.Track{picture, sound}, func(b *broadcast) {
			play(b, 250, 50, nil)
			for range 10 { // a picture every 1.6 s
				b.picture(true, 0)
				b.at += 1560 * time.Millisecond
				b.hear()
			}
			play(b, 250, 50, nil)
		}},
		"the picture away for 3 s": {[]*media.Track{picture, sound}, func(b *broadcast) {
			play(b, 290, 50, nil)
			b.at += 3 * time.Second
			b.hear()
			play(b, 250, 50, nil)
		}},
		"the sound away for 3 s": {[]*media.Track{picture, sound}, func(b *broadcast) {
			play(b, 290, 50, nil)
			b.audio += 3 * time.Second
			play(b, 390, 50, nil)
		}},
		"other parameter sets": {[]*media.Track{picture, sound}, func(b *broadcast) {
			play(b, 290, 50, nil)
			b.renew(rungPicture(), sound)
			b.write(&media.Unit{Track: b.format.Tracks[0], DTS: b.at, PTS: b.at, Key: true, Payload: make([]byte, 100)})
			b.renew(picture, sound)
			play(b, 250, 50, nil)
		}},
		"units lost": {[]*media.Track{picture, sound}, func(b *broadcast) {
			play(b, 290, 50, nil)
			b.p.Break()
			play(b, 250, 50, nil)
		}},
		"an hour ahead": {[]*media.Track{picture, sound}, func(b *broadcast) {
			play(b, 290, 50, nil)
			b.at += time.Hour
			b.audio += time.Hour
			play(b, 250, 50, nil)
		}},
		"an hour ahead as another format": {[]*media.Track{picture, sound}, func(b *broadcast) {
			play(b, 290, 50, nil)
			b.at += time.Hour
			b.renew(picture, sound)
			play(b, 250, 50, nil)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroadcast(t, Options{LowLatency: true}, tt.tracks...)
			tt.feed(b)
			if b.format.HasVideo() && len(b.format.Tracks) == 2 {
				b.w.aligned(Name, AudioName, 110*time.Millisecond)
			}
			b.p.End()
			b.w.look()
			if n := strings.Count(b.playlist(), "#EXTINF"); n < 3 {
				t.Errorf("%d segments are left", n)
			}
		})
	}
}

func TestASlateAndTheReturnOfTheSourceGoOnWithoutAGap(t *testing.T) {
	t.Parallel()
	b := newBroadcast(t, Options{LowLatency: true}, picture, sound)
	play := func(pictures int) {
		for n := range pictures {
			b.picture(n%50 == 0, 0)
			b.p.Tick(epoch.Add(b.at))
			b.w.look()
		}
	}
	play(290)
	for range 5 { // a second of silence, then the slate
		b.at += 200 * time.Millisecond
		b.p.Tick(epoch.Add(b.at))
		b.w.look()
	}
	for range 3 {
		b.renew(picture, sound)
		play(150)
	}
	if list := b.playlist(); strings.Contains(list, "#EXT-X-GAP") || !strings.Contains(list, "#EXT-X-DISCONTINUITY\n") {
		t.Errorf("playlist %s", list)
	}
	b.w.aligned(Name, AudioName, 110*time.Millisecond)
}

func rungPicture() *media.Track {
	t := *picture
	t.FrameRate = 24
	return &t
}

func TestThePlayerIsToldToBeginWhereAKeyFrameIs(t *testing.T) {
	t.Parallel()
	b := newBroadcast(t, Options{LowLatency: true}, picture, sound)
	start := func() string {
		t.Helper()
		m, err := b.p.Multivariant("p")
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(m.Body), "#EXT-X-START:TIME-OFFSET=")
		at, _, _ := strings.Cut(after, "\n")
		return at
	}
	for n := range 875 { // 35 s, a key frame every 20 s
		b.picture(n%500 == 0, 0)
	}
	// Of the second 20 s, 10.44 are a segment, and the next one has no key frame.
	if at := start(); !strings.HasPrefix(at, "-1") {
		t.Errorf("it begins at %q", at)
	}
	b = newBroadcast(t, Options{LowLatency: true}, picture, sound)
	for n := range 625 {
		b.picture(n%50 == 0, 0)
	}
	if at := start(); at != "" {
		t.Errorf("it begins at %q though key frames are everywhere", at)
	}
}

func TestTheFirstPlaylistHasParts(t *testing.T) {
	for name, gop := range map[string]int{"1 s": 25, "2 s": 50, "4 s": 100, "10 s": 250} {
		t.Run(name, func(t *testing.T) {
			b := newBroadcast(t, Options{LowLatency: true}, picture, sound)
			for n := 0; b.p.lineup.Load() == nil; n++ {
				if b.at > 5*time.Second {
					t.Fatal("nothing after 5 s")
				}
				b.picture(n%gop == 0, 0)
			}
			m, err := b.p.Multivariant("p")
			if list := b.playlist(); !strings.Contains(list, "INDEPENDENT=YES") || !strings.Contains(list, "#EXT-X-MEDIA-SEQUENCE:1\n") {
				t.Errorf("playlist %s", list)
			}
			if err != nil || !strings.Contains(string(m.Body), "p/audio.m3u8") {
				t.Errorf("%s %v", m.Body, err)
			}
			// Before it has read the media playlist, the player's place is in the segment that has no key frame.
			if told := strings.Contains(string(m.Body), "#EXT-X-START:"); told != (gop == 250) {
				t.Errorf("told to begin further back: %v", told)
			}
		})
	}
}

func TestTwoHundredMegabitsAreBounded(t *testing.T) {
	const limit = 32 << 20
	b := newBroadcast(t, Options{LowLatency: true, MaxBytes: limit}, picture, sound)
	b.size = 1 << 20  // 200 Mb/s
	b.w.uneven = true // what is measured is memory: the media need not be read
	most := 0
	for n := range 500 {
		b.picture(n%250 == 0, 0)
		b.p.mu.Lock()
		held := b.p.listedBytes() + b.p.objects.retiredBytes() + b.p.order.bytes + b.p.source.frag.size
		if b.p.source.current != nil {
			held += b.p.source.current.size
		}
		b.p.mu.Unlock()
		most = max(most, held)
	}
	if most > 2*limit {
		t.Errorf("%d MiB are held, %d are allowed", most>>20, limit>>20)
	}
}
