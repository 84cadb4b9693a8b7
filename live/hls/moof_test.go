package hls

import (
	"bytes"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"roomcast/media"
)

// sameAsRead asserts that another reader finds in a fragment what was written.
func sameAsRead(t *testing.T, number uint32, runs []trackRun) {
	t.Helper()
	b := appendFragment(nil, number, runs)
	if cap(b) != len(b) {
		t.Errorf("%d bytes in an allocation of %d", len(b), cap(b))
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(b); err != nil || len(parts) != 1 {
		t.Fatalf("%d parts: %v", len(parts), err)
	}
	p := parts[0]
	if p.SequenceNumber != number {
		t.Errorf("number %d is read as %d", number, p.SequenceNumber)
	}
	tracks := p.Tracks
	for i, r := range runs {
		if len(r.samples) == 0 {
			continue
		}
		if len(tracks) == 0 || tracks[0].ID != i+1 || tracks[0].BaseTime != r.base || len(tracks[0].Samples) != len(r.samples) {
			t.Fatalf("track %d is read as %+v", i+1, tracks)
		}
		for k, s := range r.samples {
			got := tracks[0].Samples[k]
			if got.Duration != s.duration || got.PTSOffset != s.offset || got.IsNonSyncSample != s.nonSync || !bytes.Equal(got.Payload, s.payload) {
				t.Errorf("sample %d of track %d is read as %+v, is %+v", k, i+1, got, s)
			}
		}
		tracks = tracks[1:]
	}
	if len(tracks) != 0 {
		t.Errorf("%d tracks too many", len(tracks))
	}
}

func TestFragmentsAreReadAsTheyWereWritten(t *testing.T) {
	run := func(base uint64, samples ...sample) trackRun {
		r := trackRun{base: base, samples: samples}
		for _, s := range samples {
			r.size += len(s.payload)
		}
		return r
	}
	a, b := []byte("picture"), []byte{0}
	for name, runs := range map[string][]trackRun{
		"a key frame":             {run(1<<40, sample{payload: a, duration: 3000})},
		"a key frame and another": {run(0, sample{payload: a, duration: 1}, sample{payload: b, duration: 2, nonSync: true})},
		"pictures out of order":   {run(7, sample{payload: a, duration: 1, offset: 6000}, sample{payload: a, duration: 1, offset: -3, nonSync: true})},
		"picture and sound":       {run(7, sample{payload: a, duration: 1}), run(9, sample{payload: b, duration: 1024}, sample{payload: a, duration: 1024})},
		"sound beside no picture": {run(7), run(9, sample{payload: a, duration: 1024})},
	} {
		t.Run(name, func(t *testing.T) { sameAsRead(t, 4711, runs) })
	}
}

func FuzzFragment(f *testing.F) {
	f.Add(uint64(1), uint32(3), []byte("0123456789"), []byte{1, 2, 3})
	f.Add(uint64(1)<<50, uint32(0), []byte{}, []byte{0xff, 0x80, 0, 5})
	f.Fuzz(func(t *testing.T, base uint64, number uint32, payload, shape []byte) {
		if len(shape) > 64 || len(payload) > 1<<12 || base > 1<<62 {
			return
		}
		runs := make([]trackRun, 2)
		for i, v := range shape {
			r := &runs[i%2]
			n := min(1+int(v&7), len(payload))
			if n == 0 {
				break // empty samples are not written
			}
			r.base = base
			r.samples = append(r.samples, sample{
				payload: payload[:n], duration: uint32(v), nonSync: v&0x80 != 0, offset: int32(int8(v)) * int32(v&1),
			})
			r.size += n
			payload = payload[n:]
		}
		if len(runs[0].samples) > 0 {
			sameAsRead(t, number, runs)
		}
	})
}

func TestEveryCodecHasAnInitSegment(t *testing.T) {
	h265, err := media.NewH265(
		[]byte("\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3c\x95\x90\x09"),
		[]byte("\x42\x01\x01\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3c\xa0\x0a\x08\x0b\x9f\x79\x65\x64\x92\x4c\xaf\x01\x68\x08\x00\x00\x03\x00\x08\x00\x00\x03\x00\xf0\x40"),
		[]byte("\x44\x01\xc1\x72\xb4\x62\x40"), 0)
	if err != nil {
		t.Fatal(err)
	}
	av1, err := media.NewAV1([]byte("\x0a\x0b\x00\x00\x00\x04\x3c\xfe\xcc\xda\xf9\x00\x40"), 30)
	if err != nil {
		t.Fatal(err)
	}
	vp9, err := media.NewVP9(media.VP9Config{BitDepth: 8, ChromaSubsampling: 1, Width: 320, Height: 180}, 30)
	if err != nil {
		t.Fatal(err)
	}
	opus, err := media.NewOpus(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range []*media.Track{picture, h265, av1, vp9, sound, opus} {
		t.Run(string(tr.Codec), func(t *testing.T) {
			b, err := marshalInit([]*media.Track{tr})
			if err != nil {
				t.Fatal(err)
			}
			var in fmp4.Init
			if err := in.Unmarshal(bytes.NewReader(b)); err != nil || len(in.Tracks) != 1 {
				t.Fatalf("%d tracks, %v", len(in.Tracks), err)
			}
		})
	}
	if _, err := marshalInit([]*media.Track{{Codec: "x"}}); err == nil {
		t.Error("an unknown codec is packaged")
	}
	if _, err := marshalInit([]*media.Track{{Codec: media.AAC}}); err == nil {
		t.Error("AAC without a configuration is packaged")
	}
}
