package hls

import (
	"strings"
	"testing"
	"time"

	"roomcast/media"
)

func TestFormatsWithoutASegmentLeaveNothing(t *testing.T) {
	f := newFeeder(t, Options{LowLatency: true}, picture, sound)
	f.run(5 * time.Second)
	before := len(f.p.objects.byName)
	for range 100 { // as an encoder whose clock jumps with every picture
		f.renew(picture, sound)
		f.write(&media.Unit{Track: picture, DTS: f.at, PTS: f.at, Payload: make([]byte, 10)})
		f.at += time.Millisecond
	}
	if n := len(f.p.objects.byName); n > before+5 {
		t.Errorf("%d objects have become %d", before, n)
	}
	f.renew(picture, sound)
	f.run(4 * time.Second)
	for _, name := range names(f.playlist()) {
		if _, err := f.p.Object(name); err != nil && name != f.p.source.view.Load().hint {
			t.Errorf("%s is listed, but: %v", name, err)
		}
	}
}

func TestLargeFramesWithHardlyAnyTimeBetweenThemAreNotHoarded(t *testing.T) {
	f := newFeeder(t, Options{MaxBytes: 4 << 20}, picture, sound)
	largest := 0
	payload := make([]byte, 1<<20)
	for n := range 300 {
		at := time.Duration(n) * time.Millisecond
		f.write(&media.Unit{Track: picture, DTS: at, PTS: at, Key: n == 0, Payload: payload})
		held := f.p.order.bytes
		held += f.p.source.frag.size
		if f.p.source.current != nil {
			held += f.p.source.current.size
		}
		for _, s := range f.p.source.segments {
			held += s.size
		}
		largest = max(largest, held)
	}
	if largest > 40<<20 {
		t.Errorf("%d MiB are held of 300", largest>>20)
	}
}

func TestTheListOfTinySegmentsIsBounded(t *testing.T) {
	f := newFeeder(t, Options{}, picture)
	f.run(5 * time.Second)
	for range 2 * maxSegments {
		f.renew(picture)
		f.run(40 * time.Millisecond)
	}
	if n := strings.Count(f.playlist(), "#EXTINF"); n > maxSegments {
		t.Errorf("%d segments are listed", n)
	}
}

func TestAPictureThatStandsStillUnderGoingSoundIsAGap(t *testing.T) {
	f := newFeeder(t, Options{LowLatency: true}, picture, sound)
	f.run(5 * time.Second)
	before := strings.Count(f.playlist(), "#EXTINF")
	for at := f.at; f.audio < at+8*time.Second; f.audio += 1024 * time.Second / 48000 {
		f.write(&media.Unit{Track: sound, DTS: f.audio, PTS: f.audio, Key: true, Payload: make([]byte, 100)})
		f.p.Tick(epoch.Add(f.audio))
	}
	list := f.playlist()
	if n := strings.Count(list, "#EXT-X-GAP"); n < 7 || strings.Count(list, "#EXTINF") < before {
		t.Errorf("%d gaps after 8 s:\n%s", n, list)
	}
	if len(f.p.source.frag.tracks[1].samples) > 0 {
		t.Error("the sound is still piling up")
	}
	f.at += 8 * time.Second
	f.n = 0
	f.run(5 * time.Second)
	f.p.Tick(epoch.Add(f.at))
	if list := f.playlist(); !strings.Contains(list, "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:13.000Z\n") {
		t.Errorf("after the picture came back:\n%s", list)
	}
}
