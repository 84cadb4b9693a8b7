package hls

import (
	"slices"
	"strings"
	"testing"
	"time"

	"roomcast/media"
)

// captioned is an SEI NAL unit of H.264 with cc_data of some triples.
func captioned(triples ...[3]byte) []byte {
	data := append([]byte{}, a53...)
	data = append(data, 0x40|byte(len(triples)), 0xff)
	for _, v := range triples {
		data = append(data, v[:]...)
	}
	data = append(data, 0xff)
	nal := append([]byte{6, 4, byte(len(data))}, data...)
	return append(nal, 0x80)
}

func TestCaptionsInThePictureAreFound(t *testing.T) {
	tests := []struct {
		name string
		nal  []byte
		want []string
	}{
		{"padding alone", captioned([3]byte{0xfc, 0x80, 0x80}, [3]byte{0xfd, 0, 0}, [3]byte{0xf8, 1, 2}), nil},
		{"text on the first field", captioned([3]byte{0xfc, 0x94, 0x20}), []string{"CC1"}},
		{"text on both", captioned([3]byte{0xfc, 0x94, 0x20}, [3]byte{0xfd, 0x15, 0x20}), []string{"CC1", "CC3"}},
		{"digital service 2", captioned([3]byte{0xff, 0x02, 0x42}, [3]byte{0xfe, 'h', 'i'}), []string{"SERVICE2"}},
		{"digital service 9", captioned([3]byte{0xff, 0x02, 0xe1}, [3]byte{0xfe, 9, 'x'}), []string{"SERVICE9"}},
		{"user data of others", []byte{6, 4, 3, 1, 2, 3, 0x80}, nil},
		{"a size that is not there", []byte{6, 4, 0xff}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c captionFinder
			payload := media.AppendNAL(media.AppendNAL(nil, tt.nal), []byte{0x65, 1})
			c.look(&media.Unit{Track: picture, Payload: payload})
			if got := c.services(); !slices.Equal(got, tt.want) {
				t.Errorf("%v", got)
			}
			hevc := *picture
			hevc.Codec = media.H265
			c = captionFinder{}
			payload = media.AppendNAL(media.AppendNAL(nil, append([]byte{39 << 1, 1}, tt.nal[1:]...)), []byte{19 << 1, 1, 0})
			c.look(&media.Unit{Track: &hevc, Payload: payload})
			if got := c.services(); !slices.Equal(got, tt.want) {
				t.Errorf("in H.265: %v", got)
			}
		})
	}
}

func TestCaptionsAreDeclaredOnceTheyAppear(t *testing.T) {
	f := newFeeder(t, Options{}, picture)
	f.run(5 * time.Second)
	multi := func() string {
		b, err := f.p.Multivariant("p")
		if err != nil {
			t.Fatal(err)
		}
		return string(b.Body)
	}
	if text := multi(); !strings.Contains(text, ",CLOSED-CAPTIONS=NONE\n") {
		t.Errorf("before: %s", text)
	}
	f.write(&media.Unit{
		Track: picture, DTS: f.at, PTS: f.at, Payload: media.AppendNAL(nil, captioned([3]byte{0xfc, 0x94, 0x20})),
	})
	f.at += 40 * time.Millisecond
	f.run(5 * time.Second)
	if text := multi(); !strings.Contains(text, `CLOSED-CAPTIONS="captions"`) ||
		!strings.Contains(text, `#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="captions",NAME="CC1",AUTOSELECT=YES,INSTREAM-ID="CC1"`+"\n") {
		t.Errorf("after: %s", text)
	}
}

func FuzzCaptions(f *testing.F) {
	f.Add(captioned([3]byte{0xfc, 0x94, 0x20}, [3]byte{0xff, 0x02, 0x42}, [3]byte{0xfe, 'h', 'i'}), []byte{0x65})
	f.Add([]byte{6, 4, 0xff, 0xff, 1, 0, 0, 3, 0}, captioned([3]byte{0xff, 0, 0xe0}))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var c captionFinder
		for _, codec := range []media.Codec{media.H264, media.H265} {
			tr := &media.Track{Kind: media.Video, Codec: codec}
			c.look(&media.Unit{Track: tr, Payload: media.AppendNAL(media.AppendNAL(nil, a), b)})
			c.look(&media.Unit{Track: tr, Payload: a})
		}
		if c.length > len(c.packet) || len(c.services()) > 65 {
			t.Errorf("%d bytes, %v", c.length, c.services())
		}
	})
}
