package hls

import (
	"testing"
	"time"

	"roomcast/media"
)

// benchSource makes the units of a minute of 25 pictures of size bytes a second, with sound.
func benchSource(f *media.Format, size int) (units []*media.Unit) {
	frame, payload := make([]byte, size), make([]byte, 300)
	audio := time.Duration(0)
	for n := range 1500 {
		at := time.Duration(n) * 40 * time.Millisecond
		for ; audio <= at; audio += 1024 * time.Second / 48000 {
			units = append(units, &media.Unit{Format: f, Track: sound, DTS: audio, PTS: audio, Key: true, Payload: payload})
		}
		units = append(units, &media.Unit{Format: f, Track: picture, DTS: at, PTS: at, Key: n%50 == 0, Payload: frame})
	}
	return units
}

// BenchmarkWriteUnit is the whole way of a unit into the parts and playlists of
// both renditions. What is allocated is for parts and segments, not for units: see
// TestAUnitAllocatesNothing.
func BenchmarkWriteUnit(b *testing.B) {
	f := &media.Format{Tracks: []*media.Track{picture, sound}}
	units := benchSource(f, 12_000) // 2.4 Mb/s
	p := New(Options{BasePath: "/hls/r/o/", Epoch: epoch, LowLatency: true})
	i, base := 0, time.Duration(0)
	next := func() {
		u := *units[i]
		u.DTS, u.PTS = u.DTS+base, u.PTS+base
		u.NTP = epoch.Add(u.DTS)
		if err := p.Write(&u); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(units) {
			i, base = 0, base+time.Minute
			p.Tick(u.NTP)
		}
	}
	for range units {
		next()
	}
	b.SetBytes(12_000 * 25 * 60 / int64(len(units)))
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
}

// BenchmarkPlaylist is what a viewer's playlist request costs here.
func BenchmarkPlaylist(b *testing.B) {
	f := newFeeder(b, Options{LowLatency: true}, picture, sound)
	f.run(20 * time.Second)
	v := f.p.source.view.Load()
	q := Query{MSN: v.last + 1, Part: v.parts - 1}
	b.SetBytes(int64(len(v.media.Body)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := f.p.Playlist(b.Context(), "live.m3u8", q); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRender is what every part of a rendition costs in playlists, once for all viewers.
func BenchmarkRender(b *testing.B) {
	f := newFeeder(b, Options{LowLatency: true}, picture, sound)
	f.run(20 * time.Second)
	b.ReportAllocs()
	for b.Loop() {
		f.p.mu.Lock()
		f.p.render(f.p.source)
		f.p.mu.Unlock()
	}
}

func TestAUnitAllocatesNothing(t *testing.T) {
	p := New(Options{BasePath: "/hls/r/o/", Epoch: epoch, LowLatency: true})
	f := &media.Format{Tracks: []*media.Track{picture, sound}}
	units := benchSource(f, 100)
	for _, u := range units {
		if err := p.Write(u); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Minute
	v := &media.Unit{Format: f, Track: picture, Payload: make([]byte, 100)}
	a := &media.Unit{Format: f, Track: sound, Key: true, Payload: make([]byte, 100)}
	// Grown to what comes.
	write := func() {
		at += time.Microsecond
		v.DTS, v.PTS, a.DTS, a.PTS = at, at, at, at
		if p.Write(a) != nil || p.Write(v) != nil {
			t.Fatal("refused")
		}
	}
	for range 2000 {
		write()
	}
	p.mu.Lock()
	p.source.frag.clear()
	p.sounds[0].frag.clear()
	p.mu.Unlock()
	if n := testing.AllocsPerRun(500, write); n != 0 {
		t.Errorf("%v allocations for a picture and a frame of sound", n)
	}
}
