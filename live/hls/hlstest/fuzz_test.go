package hlstest

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errGone = errors.New("404 Not Found")

// FuzzPlaylists reads any text as both kinds of playlist, and as what another
// one turned into.
func FuzzPlaylists(f *testing.F) {
	f.Add([]byte(lowLatency), []byte(lowLatency))
	f.Add([]byte(alternatives), []byte(long(1, 5, 2)))
	f.Add([]byte(long(1, 5, 0)), []byte(long(2, 5, 2)))
	for _, b := range ofMedia {
		f.Add([]byte(b.edit[1]), []byte(b.edit[len(b.edit)-1]))
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		if m, found := ParseMultivariant(after); len(found) == 0 && m == nil {
			t.Fatal("neither a playlist nor a finding")
		}
		var w Walker
		at := time.Unix(0, 0)
		one, _ := w.See(at, before)
		two, found := w.SeeDelta(at.Add(time.Second), after)
		for _, one := range found {
			if one.Rule == "" || one.Detail == "" {
				t.Fatalf("a finding says nothing: %#v", one)
			}
		}
		CheckAligned(one, two)
		Same(one, two)
		Peak(two, map[int]int{two.MediaSequence: 1})
		for i := range two.Reports {
			CheckReport(&two.Reports[i], one, two)
		}
	})
}

// FuzzMedia reads any bytes as an initialization segment and a fragment.
func FuzzMedia(f *testing.F) {
	f.Add(initSegment(f))
	f.Add(mediaSegment(f, 1, 3))
	f.Add([]byte("\x00\x00\x00\x08ftyp\x00\x00\x00\x08moov"))
	in := &Init{Tracks: []Track{{ID: 1, TimeScale: 90000, Video: true}}}
	f.Fuzz(func(t *testing.T, b []byte) {
		if in, err := ReadInit(b); err == nil && len(in.Tracks) == 0 {
			t.Fatal("an initialization segment without tracks")
		}
		if m, err := ReadFragment(in, b); err == nil && m.Samples+m.Others == 0 {
			t.Fatal("a fragment without samples")
		}
	})
}
