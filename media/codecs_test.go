package media

import (
	"bytes"
	"testing"
	"time"
)

// Parameter sets of x265 (320x180 at 30 fps; 1920x1080 at 50 fps in 10 bits),
// sequence headers of libaom (320x180; 1280x720 in 10 bits), the beginning of a
// key frame of libvpx (320x180).
var (
	vps180 = unhex("40010c01ffff01600000030090000003000003003c959009")
	hps180 = unhex("420101016000000300900000030000030" + "03ca00a080b9f796564924caf016808000003000800000300f04000")
	pps180 = unhex("4401c172b46240")
	vps10b = unhex("40010c01ffff02200000030090000003000003007b959809")
	sps10b = unhex("4201010220000003009000000300000300" + "7ba003c08010e4d9656692" + "4caf01680800000300080000030190" + "40")
	seq180 = unhex("0a0b000000043cfeccdaf90040")
	seq10b = unhex("0a0b00000042a67fd9e6d7ca02")
	vp9key = unhex("824983420013f00b3606")
)

func TestVideoTracksTellWhatTheirParameterSetsSay(t *testing.T) {
	vp9of := func(frame []byte, fps float64) func() (*Track, error) {
		return func() (*Track, error) {
			c, _, err := ParseVP9(frame)
			if err != nil {
				return nil, err
			}
			return NewVP9(c, fps)
		}
	}
	tests := []struct {
		name  string
		make  func() (*Track, error)
		codec string
		w, h  int
		fps   float64
	}{
		{"H.265 Main", func() (*Track, error) { return NewH265(vps180, hps180, pps180, 0) }, "hvc1.1.6.L60.90", 320, 180, 30},
		{"H.265 Main 10", func() (*Track, error) { return NewH265(vps10b, sps10b, pps180, 0) }, "hvc1.2.4.L123.90", 1920, 1080, 50},
		{"AV1", func() (*Track, error) { return NewAV1(seq180, 29.97) }, "av01.0.00M.08", 320, 180, 30000.0 / 1001},
		{"AV1 without a size field", func() (*Track, error) { return NewAV1(append([]byte{0x08}, seq180[2:]...), 25) }, "av01.0.00M.08", 320, 180, 25},
		{"AV1 in 10 bits", func() (*Track, error) { return NewAV1(seq10b, 60) }, "av01.0.08M.10", 1280, 720, 60},
		{"VP9", vp9of(vp9key, 30), "vp09.00.11.08", 320, 180, 30},
		{"VP9 of unknown rate", vp9of(vp9key, 0), "vp09.00.11.08", 320, 180, 0},
		{"VP9, full HD at 60", func() (*Track, error) {
			return NewVP9(VP9Config{BitDepth: 8, ChromaSubsampling: 1, Width: 1920, Height: 1080}, 60)
		}, "vp09.00.41.08", 1920, 1080, 60},
		{"VP9 with its level", func() (*Track, error) {
			return NewVP9(VP9Config{Profile: 2, Level: 51, BitDepth: 10, ChromaSubsampling: 1, Width: 3840, Height: 2160}, 0)
		}, "vp09.02.51.10", 3840, 2160, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr, err := tt.make()
			if err != nil {
				t.Fatal(err)
			}
			if tr.CodecString() != tt.codec || tr.Width != tt.w || tr.Height != tt.h || tr.FrameRate != tt.fps {
				t.Errorf("%s %dx%d at %v", tr.CodecString(), tr.Width, tr.Height, tr.FrameRate)
			}
			if tr.Kind != Video || tr.ClockRate != 90000 || !tr.SameConfig(tr) {
				t.Errorf("%+v", tr)
			}
		})
	}
}

func TestTracksOfOtherParameterSetsAreOthers(t *testing.T) {
	small, err := NewH265(vps180, hps180, pps180, 0)
	if err != nil {
		t.Fatal(err)
	}
	large, err := NewH265(vps10b, sps10b, pps180, 0)
	if err != nil {
		t.Fatal(err)
	}
	more, err := NewH265(vps180, hps180, pps180, 0, pps180)
	if err != nil {
		t.Fatal(err)
	}
	mono, _ := NewOpus(1)
	stereo, _ := NewOpus(2)
	if small.SameConfig(large) || small.SameConfig(more) || mono.SameConfig(stereo) {
		t.Error("others are the same")
	}
}

func TestConstraintFlagsAreReadThroughEmulationPrevention(t *testing.T) {
	if got := HEVCConstraints(sps10b); got != [6]byte{0x90} {
		t.Errorf("%x", got)
	}
	if got := HEVCConstraints([]byte{1}); got != [6]byte{} {
		t.Errorf("%x of nothing", got)
	}
}

func TestImpossibleNewCodecsAreRefused(t *testing.T) {
	for name, err := range map[string]func() error{
		"H.265 without a VPS":      func() error { _, err := NewH265(nil, hps180, pps180, 0); return err },
		"half an H.265 SPS":        func() error { _, err := NewH265(vps180, hps180[:9], pps180, 0); return err },
		"an SPS of the other kind": func() error { _, err := NewH265(vps180, sps1080, pps180, 0); return err },
		"endless H.265 sets":       func() error { _, err := NewH265(vps180, hps180, make([]byte, maxParameterSets), 0); return err },
		"too many H.265 sets":      func() error { _, err := NewH265(vps180, hps180, pps180, 0, make([][]byte, maxSets)...); return err },
		"no sequence header":       func() error { _, err := NewAV1(nil, 0); return err },
		"another OBU":              func() error { _, err := NewAV1([]byte{0x12, 0}, 0); return err },
		"half a sequence header":   func() error { _, err := NewAV1([]byte{0x0a, 2, 0, 0}, 0); return err },
		"VP9 without a size":       func() error { _, err := NewVP9(VP9Config{BitDepth: 8}, 0); return err },
		"VP9 in 9 bits":            func() error { _, err := NewVP9(VP9Config{BitDepth: 9, Width: 2, Height: 2}, 0); return err },
		"Opus without channels":    func() error { _, err := NewOpus(0); return err },
		"Opus for nine ears":       func() error { _, err := NewOpus(9); return err },
		"VP9 frame of something":   func() error { _, _, err := ParseVP9([]byte{1, 2, 3}); return err },
	} {
		if err() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestKeyFramesAreTold(t *testing.T) {
	nal := func(b ...byte) []byte { return AppendNAL(nil, b) }
	tests := []struct {
		name    string
		codec   Codec
		payload []byte
		key     bool
	}{
		{"H.264 IDR", H264, nal(0x65, 1), true},
		{"H.264 IDR after SEI", H264, append(nal(6, 5), nal(0x65, 1)...), true},
		{"H.264 delta", H264, nal(0x41, 1), false},
		{"H.265 IDR", H265, nal(19<<1, 1, 0), true},
		{"H.265 CRA", H265, nal(21<<1, 1, 0), true},
		{"H.265 trailing", H265, nal(1<<1, 1, 0), false},
		{"H.265 without a header", H265, nal(0x28), false},
		{"AV1 key frame", AV1, append(bytes.Clone(seq180), 0x32, 2, 0x10, 0), true},
		{"AV1 inter frame", AV1, []byte{0x32, 2, 0x30, 0}, false},
		{"AV1 key frame not shown", AV1, []byte{0x32, 2, 0x00, 0}, false},
		{"AV1 frame shown again", AV1, []byte{0x1a, 1, 0x90}, false},
		{"AV1 sequence header alone", AV1, seq180, false},
		{"VP9 key frame", VP9, vp9key, true},
		{"VP9 inter frame", VP9, []byte{0x86, 0, 0x40}, false},
		{"VP9 frame shown again", VP9, []byte{0x88}, false},
		{"sound", AAC, []byte{1}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := KeyFrame(tt.codec, tt.payload); got != tt.key {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestOBUsAreWalkedAndCompleted(t *testing.T) {
	long := append([]byte{0x30}, bytes.Repeat([]byte{7}, 300)...) // without a size field
	b := AppendOBU(bytes.Clone(seq180), long)
	b = AppendOBU(b, []byte{0x34, 0x20, 1}) // with an extension
	if err := CheckOBUs(b); err != nil {
		t.Fatal(err)
	}
	var types []byte
	var sizes []int
	for o := range OBUs(b) {
		types, sizes = append(types, OBUType(o)), append(sizes, len(OBUPayload(o)))
	}
	if !bytes.Equal(types, []byte{OBUSequenceHeader, OBUFrame, OBUFrame}) || sizes[0] != 11 || sizes[1] != 300 || sizes[2] != 1 {
		t.Errorf("types %v, sizes %v", types, sizes)
	}
	for _, bad := range [][]byte{{0x0a}, {0x0a, 2, 1}, {0x80}, {0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x36}} {
		if CheckOBUs(bad) == nil {
			t.Errorf("%x is accepted", bad)
		}
	}
}

func TestOpusPacketsTellHowLongTheyLast(t *testing.T) {
	for _, tt := range []struct {
		packet []byte
		want   time.Duration
	}{
		{[]byte{0xfc}, 20 * time.Millisecond},                // CELT, full band, one frame
		{[]byte{0xe0}, 2500 * time.Microsecond},              // CELT, 2.5 ms
		{[]byte{0x18}, 60 * time.Millisecond},                // SILK, 60 ms
		{[]byte{0xfd}, 40 * time.Millisecond},                // two frames
		{[]byte{0xff, 0x03}, 60 * time.Millisecond},          // three, counted
		{[]byte{0xff, 0x3f}, 0}, {[]byte{0xff}, 0}, {nil, 0}, // malformed
	} {
		if got := OpusDuration(tt.packet); got != tt.want {
			t.Errorf("%x lasts %v, want %v", tt.packet, got, tt.want)
		}
	}
}

func TestAFormatHasOnePictureFirstAndFewSounds(t *testing.T) {
	v, a := &Track{Kind: Video}, &Track{Kind: Audio}
	for name, tt := range map[string]struct {
		tracks []*Track
		ok     bool
		audio  int
	}{
		"a picture and four sounds": {[]*Track{v, a, a, a, a}, true, 4},
		"sound alone":               {[]*Track{a}, true, 1},
		"the picture alone":         {[]*Track{v}, true, 0},
		"nothing":                   {nil, false, 0},
		"five sounds":               {[]*Track{a, a, a, a, a}, false, 5},
		"the picture last":          {[]*Track{a, v}, false, 2},
		"two pictures":              {[]*Track{v, v}, false, 1},
	} {
		if err := CheckTracks(tt.tracks); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
		if f := (&Format{Tracks: tt.tracks}); len(f.Audio()) != tt.audio && tt.ok {
			t.Errorf("%s: %d sounds", name, len(f.Audio()))
		}
	}
}

// FuzzCodecs feeds everything that reads what a publisher sends.
func FuzzCodecs(f *testing.F) {
	f.Add(vps180, hps180, pps180)
	f.Add(vps10b, sps10b, pps180)
	f.Add(seq180, vp9key, []byte{0x32, 2, 0x10, 0})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		for _, tr := range []func() (*Track, error){
			func() (*Track, error) { return NewH265(a, b, c, 30) },
			func() (*Track, error) { return NewAV1(a, 30) },
		} {
			if made, err := tr(); err == nil && (made.CodecString() == "" || made.Width <= 0) {
				t.Errorf("%+v", made)
			}
		}
		if conf, key, err := ParseVP9(b); err == nil && key {
			_, _ = NewVP9(conf, 30)
		}
		total := 0
		for o := range OBUs(c) {
			total += len(o)
			_ = OBUPayload(o)
			if err := CheckOBUs(AppendOBU(nil, o)); err != nil {
				t.Errorf("%x with a size: %v", o, err)
			}
		}
		if CheckOBUs(c) == nil && total != len(c) {
			t.Errorf("walked %d of %d bytes", total, len(c))
		}
		for _, codec := range []Codec{H264, H265, AV1, VP9, AAC, Opus} {
			_ = KeyFrame(codec, c)
		}
		_ = OpusDuration(c)
		_ = KeyInterval(c)
	})
}
