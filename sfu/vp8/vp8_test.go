package vp8_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"roomcast/sfu/vp8"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		payload []byte
		want    vp8.Descriptor
		bad     bool
	}{
		"no bytes are no descriptor":                     {payload: nil, bad: true},
		"a descriptor without a frame is refused":        {payload: []byte{0x10}, bad: true},
		"a cut extension is refused":                     {payload: []byte{0x90}, bad: true},
		"a cut picture id is refused":                    {payload: []byte{0x90, 0x80}, bad: true},
		"a cut long picture id is refused":               {payload: []byte{0x90, 0x80, 0x81}, bad: true},
		"a cut layer index is refused":                   {payload: []byte{0x90, 0x40}, bad: true},
		"a cut temporal id is refused":                   {payload: []byte{0x90, 0x20, 0x00}, bad: true},
		"the shortest descriptor may begin a key frame":  {payload: []byte{0x10, 0x00}, want: vp8.Descriptor{Size: 1, Start: true, KeyFrame: true}},
		"an odd first byte of a frame is an inter frame": {payload: []byte{0x10, 0x01}, want: vp8.Descriptor{Size: 1, Start: true}},
		"a later partition begins no frame":              {payload: []byte{0x11, 0x00}, want: vp8.Descriptor{Size: 1}},
		"a continuation begins no frame":                 {payload: []byte{0x00, 0x00}, want: vp8.Descriptor{Size: 1}},
		"a short picture id has 7 bits": {
			payload: []byte{0x90, 0x80, 0x7f, 0x00},
			want:    vp8.Descriptor{Size: 3, Start: true, KeyFrame: true, PictureIDBits: 7, PictureID: 0x7f},
		},
		"a full descriptor gives every counter": {
			payload: []byte{0x90, 0xf0, 0x92, 0x34, 0x56, 0x78, 0x00},
			want: vp8.Descriptor{
				Size: 6, Start: true, KeyFrame: true, PictureIDBits: 15, PictureID: 0x1234, HasTL0PicIdx: true, TL0PicIdx: 0x56,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := vp8.Parse(tt.payload)
			if ok == tt.bad {
				t.Fatalf("Parse reports %v", ok)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(vp8.Descriptor{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRewriteChangesOnlyTheCounters(t *testing.T) {
	tests := map[string]struct{ payload, want []byte }{
		"a long picture id and a layer index": {
			[]byte{0x90, 0xf0, 0x92, 0x34, 0x56, 0x78, 0xaa}, []byte{0x90, 0xf0, 0xff, 0xff, 0x01, 0x78, 0xaa},
		},
		"a short picture id keeps its width":   {[]byte{0x90, 0x80, 0x12, 0xaa}, []byte{0x90, 0x80, 0x7f, 0xaa}},
		"nothing to change stays as it is":     {[]byte{0x10, 0xaa}, []byte{0x10, 0xaa}},
		"a layer index alone is rewritten":     {[]byte{0x90, 0x40, 0x09, 0xaa}, []byte{0x90, 0x40, 0x01, 0xaa}},
		"key index and temporal id stay apart": {[]byte{0x90, 0x10, 0x09, 0xaa}, []byte{0x90, 0x10, 0x09, 0xaa}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, ok := vp8.Parse(tt.payload)
			if !ok {
				t.Fatal("not parsed")
			}
			d.Rewrite(tt.payload, 0x7fff, 1)
			if !bytes.Equal(tt.payload, tt.want) {
				t.Errorf("got % x, want % x", tt.payload, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x90, 0xf0, 0x92, 0x34, 0x56, 0x78, 0x00})
	f.Add([]byte{0x10, 0x00})
	f.Add([]byte{0x80, 0x80, 0x80})
	f.Fuzz(func(t *testing.T, payload []byte) {
		d, ok := vp8.Parse(payload)
		if !ok {
			return
		}
		if d.Size < 1 || d.Size >= len(payload) {
			t.Fatalf("descriptor of %d bytes in a payload of %d", d.Size, len(payload))
		}
		changed := bytes.Clone(payload)
		d.Rewrite(changed, d.PictureID+1, d.TL0PicIdx+1)
		if !bytes.Equal(changed[d.Size:], payload[d.Size:]) {
			t.Fatal("the frame was changed")
		}
		again, ok := vp8.Parse(changed)
		if !ok || again.Size != d.Size || again.PictureIDBits != d.PictureIDBits {
			t.Fatalf("the rewritten descriptor is another: %+v, was %+v", again, d)
		}
		if d.HasTL0PicIdx && again.TL0PicIdx != d.TL0PicIdx+1 {
			t.Fatal("the layer index was not rewritten")
		}
	})
}
