package ingest

import (
	"bytes"
	"encoding/hex"
	"testing"

	"roomcast/media"
	"roomcast/rooms"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// What x264, x265, libaom and libvpx send at the beginning of a stream.
var (
	sps264    = unhex("67640028acd940780227e5c05a808080a0000003002000000651e30632c0")
	sps264b   = unhex("6764000dacd941419f9e10000003001000000303c0f1429960")
	pps264    = unhex("68ebe3cb22c0")
	idr264    = []byte{0x65, 1, 2, 3}
	delta264  = []byte{0x41, 4, 5}
	vps265    = unhex("40010c01ffff01600000030090000003000003003c959009")
	sps265    = unhex("42010101600000030090000003000003003ca00a080b9f796564924caf016808000003000800000300f04000")
	sps265b   = unhex("42010102200000030090000003000003007ba003c08010e4d96566924caf0168080000030008000003019040")
	pps265    = unhex("4401c172b46240")
	idr265    = []byte{19 << 1, 1, 0xaf}
	delta265  = []byte{1 << 1, 1, 0xd0}
	seqAV1    = unhex("0a0b000000043cfeccdaf90040")
	seqAV1b   = unhex("0a0b00000042a67fd9e6d7ca02")
	keyAV1    = []byte{0x32, 2, 0x10, 0}
	interAV1  = []byte{0x32, 2, 0x30, 0}
	delimiter = []byte{0x12, 0}
	keyVP9    = unhex("824983420013f00b3606")
	keyVP9b   = unhex("824983420027f01671ff")
	interVP9  = []byte{0x86, 0, 0x40}
)

func nals(units ...[]byte) (b []byte) {
	for _, u := range units {
		b = media.AppendNAL(b, u)
	}
	return b
}

func TestPicturesAreCleanedAndTheirTracksFound(t *testing.T) {
	type step struct {
		units [][]byte
		want  []byte // nil: nothing to show
		key   bool
		width int // of the track then; 0: not known
	}
	sei := []byte{6, 5, 1}
	tests := []struct {
		name  string
		codec media.Codec
		steps []step
	}{
		{"H.264 with everything in band", media.H264, []step{
			{[][]byte{delta264}, nil, false, 0},
			{[][]byte{{9, 0x10}, sps264, pps264, sei, idr264}, nals(sei, idr264), true, 1920},
			{[][]byte{{9, 0x30}, delta264, {12, 0xff}}, nals(delta264), false, 1920},
			{[][]byte{{9, 0x10}, sps264, pps264, idr264}, nals(idr264), true, 1920},
			{[][]byte{sps264b, idr264}, nals(idr264), true, 320},
		}},
		{"H.264 with parameter sets on their own", media.H264, []step{
			{[][]byte{sps264}, nil, false, 0},
			{[][]byte{pps264}, nil, false, 0},
			{[][]byte{idr264}, nals(idr264), true, 1920},
			{[][]byte{sps264b, pps264}, nil, false, 1920},
			{[][]byte{delta264}, nals(delta264), false, 1920},
			{[][]byte{idr264}, nals(idr264), true, 320},
		}},
		{"H.264 with two picture parameter sets", media.H264, []step{
			{[][]byte{sps264, pps264, append(bytes.Clone(pps264), 7), pps264, idr264}, nals(append(bytes.Clone(pps264), 7), idr264), true, 1920},
			{[][]byte{delta264}, nals(delta264), false, 1920},
		}},
		{"H.265", media.H265, []step{
			{[][]byte{sps265, pps265, idr265}, nil, false, 0},
			{[][]byte{{35 << 1, 1, 0x50}, vps265, sps265, pps265, idr265}, nals(idr265), true, 320},
			{[][]byte{delta265}, nals(delta265), false, 320},
			{[][]byte{vps265, sps265b, pps265, {21 << 1, 1, 0}}, nals([]byte{21 << 1, 1, 0}), true, 1920},
		}},
		{"AV1", media.AV1, []step{
			{[][]byte{delimiter, interAV1}, nil, false, 0},
			{[][]byte{delimiter, seqAV1, keyAV1}, append(bytes.Clone(seqAV1), keyAV1...), true, 320},
			{[][]byte{delimiter, interAV1}, interAV1, false, 320},
			{[][]byte{keyAV1}, append(bytes.Clone(seqAV1), keyAV1...), true, 320},
			{[][]byte{{0x30, 0x30, 0}}, interAV1, false, 320}, // without a size field, as RTP has it
			{[][]byte{seqAV1b, keyAV1}, append(bytes.Clone(seqAV1b), keyAV1...), true, 1280},
			{[][]byte{delimiter}, nil, false, 1280},
		}},
		{"VP9", media.VP9, []step{
			{[][]byte{interVP9}, nil, false, 0},
			{[][]byte{keyVP9}, keyVP9, true, 320},
			{[][]byte{interVP9}, interVP9, false, 320},
			{[][]byte{keyVP9b}, keyVP9b, true, 640},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPictures(tt.codec, 30)
			var last *media.Track
			for i, s := range tt.steps {
				got, key, err := p.Units(s.units)
				if err != nil {
					t.Fatal(err)
				}
				width := 0
				if p.Track() != nil {
					width = p.Track().Width
				}
				if !bytes.Equal(got, s.want) || key != s.key || width != s.width {
					t.Errorf("step %d: %x key %v, track of width %d; want %x %v %d", i, got, key, width, s.want, s.key, s.width)
				}
				if last != nil && last.Width == width && last != p.Track() {
					t.Errorf("step %d: another track that says the same", i)
				}
				last = p.Track()
			}
		})
	}
}

func TestASuggestedSequenceHeaderCountsOnlyWithoutAnother(t *testing.T) {
	for width, first := range map[int][]byte{1280: keyAV1, 320: append(bytes.Clone(seqAV1), keyAV1...)} {
		p := NewPictures(media.AV1, 0)
		if err := p.Suggest(seqAV1b); err != nil {
			t.Fatal(err)
		}
		if p.Track() != nil {
			t.Error("it counts before a key frame")
		}
		if _, key, err := p.Whole(first); err != nil || !key || p.Track().Width != width {
			t.Errorf("width %d, want %d: %v", p.Track().Width, width, err)
		}
	}
	if err := NewPictures(media.AV1, 0).Suggest([]byte{0x0a, 1, 0}); rooms.CodeOf(err) != rooms.CodeCodecNotSupported {
		t.Errorf("half a header: %v", err)
	}
}

func TestCleanPicturesArePassedOnAsTheyAre(t *testing.T) {
	tests := []struct {
		codec        media.Codec
		first, whole []byte
	}{
		{media.H264, nals(sps264, pps264, idr264), nals(idr264)},
		{media.H265, nals(vps265, sps265, pps265, idr265), nals(delta265)},
		{media.AV1, append(bytes.Clone(seqAV1), keyAV1...), append(bytes.Clone(seqAV1), keyAV1...)},
		{media.VP9, keyVP9, interVP9},
	}
	for _, tt := range tests {
		t.Run(string(tt.codec), func(t *testing.T) {
			p := NewPictures(tt.codec, 0)
			if _, _, err := p.Whole(tt.first); err != nil {
				t.Fatal(err)
			}
			got, _, err := p.Whole(tt.whole)
			if err != nil || &got[0] != &tt.whole[0] {
				t.Errorf("copied: %v", err)
			}
		})
	}
}

func TestWhatCannotBeDecodedIsRefused(t *testing.T) {
	tests := []struct {
		name  string
		codec media.Codec
		whole []byte
		code  string
	}{
		{"lengths beyond the end", media.H264, []byte{0, 0, 1, 0, 5}, ""},
		{"half a sequence parameter set", media.H264, nals(sps264[:6], pps264, idr264), rooms.CodeCodecNotSupported},
		{"half an H.265 one", media.H265, nals(vps265, sps265[:9], pps265, idr265), rooms.CodeCodecNotSupported},
		{"an OBU beyond the end", media.AV1, []byte{0x32, 9, 1}, ""},
		{"half a sequence header", media.AV1, append([]byte{0x0a, 1, 0}, keyAV1...), rooms.CodeCodecNotSupported},
		{"no VP9", media.VP9, []byte{1, 2, 3}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := NewPictures(tt.codec, 0).Whole(tt.whole)
			if err == nil || rooms.CodeOf(err) != tt.code {
				t.Errorf("error %v", err)
			}
		})
	}
}

// FuzzPictures feeds access units, in one piece and in pieces of any length.
func FuzzPictures(f *testing.F) {
	f.Add(nals(sps264, pps264, idr264), nals(delta264), byte(0))
	f.Add(nals(vps265, sps265, pps265, idr265), nals(delta265), byte(1))
	f.Add(append(bytes.Clone(seqAV1), keyAV1...), interAV1, byte(2))
	f.Add(keyVP9, interVP9, byte(3))
	codecs := []media.Codec{media.H264, media.H265, media.AV1, media.VP9}
	f.Fuzz(func(t *testing.T, a, b []byte, which byte) {
		codec := codecs[int(which)%len(codecs)]
		p := NewPictures(codec, 0)
		check := func(payload []byte, key bool, err error) {
			if err != nil {
				return
			}
			if len(payload) > 0 && p.Track() == nil {
				t.Fatal("a picture of no track")
			}
			if codec == media.AV1 && media.CheckOBUs(payload) != nil || codec != media.VP9 && codec != media.AV1 && media.CheckAVCC(payload) != nil {
				t.Fatalf("malformed payload %x", payload)
			}
			if key && len(payload) == 0 {
				t.Fatal("a key frame of nothing")
			}
		}
		check(p.Whole(a))
		check(p.Whole(b))
		check(p.Units([][]byte{a, b}))
	})
}

func BenchmarkPictures(b *testing.B) {
	p := NewPictures(media.H264, 0)
	if _, _, err := p.Whole(nals(sps264, pps264, idr264)); err != nil {
		b.Fatal(err)
	}
	unit := nals([]byte{6, 5, 1}, append(bytes.Clone(delta264), make([]byte, 5000)...))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Whole(unit); err != nil {
			b.Fatal(err)
		}
	}
}
