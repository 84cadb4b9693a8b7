package media

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// Parameter sets of x264: 1920x1080, High profile level 4.0, 25 fps.
var (
	sps1080 = unhex("67640028acd940780227e5c05a808080a0000003002000000651e30632c0")
	ppsAny  = unhex("68ebe3cb22c0")
)

func TestH264TrackTellsWhatItsParameterSetsSay(t *testing.T) {
	tr, err := NewH264(sps1080, ppsAny, 0)
	if err != nil {
		t.Fatal(err)
	}
	if tr.CodecString() != "avc1.640028" || tr.Width != 1920 || tr.Height != 1080 || tr.FrameRate != 25 {
		t.Errorf("%s %dx%d at %v", tr.CodecString(), tr.Width, tr.Height, tr.FrameRate)
	}
	if !tr.SameConfig(tr) {
		t.Error("not the same as itself")
	}
	other, err := NewH264(sps1080, append(bytes.Clone(ppsAny), 1), 0)
	if err != nil || tr.SameConfig(other) {
		t.Errorf("another picture parameter set is the same: %v", err)
	}
}

func TestRoundedNTSCRatesAreMadeExact(t *testing.T) {
	for in, want := range map[float64]float64{
		29.97: 30000.0 / 1001, 59.94: 60000.0 / 1001, 23.976: 24000.0 / 1001,
		30: 30, 25: 25, 0: 0, -1: 0, 1e9: 0,
	} {
		if got := usableRate(in); got != want {
			t.Errorf("%v becomes %v, want %v", in, got, want)
		}
	}
}

func TestAACTrackTellsWhatItsConfigurationSays(t *testing.T) {
	tests := []struct {
		name, config, codec      string
		clock, sampleRate, chans int
	}{
		{"LC, 48 kHz stereo", "1190", "mp4a.40.2", 48000, 48000, 2},
		{"LC, 44.1 kHz mono", "1208", "mp4a.40.2", 44100, 44100, 1},
		{"HE, 24 kHz core heard as 48", "2b118800", "mp4a.40.5", 24000, 48000, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr, err := NewAAC(unhex(tt.config))
			if err != nil {
				t.Fatal(err)
			}
			if tr.CodecString() != tt.codec || tr.ClockRate != tt.clock || tr.SampleRate != tt.sampleRate || tr.Channels != tt.chans {
				t.Errorf("%s clock %d rate %d channels %d", tr.CodecString(), tr.ClockRate, tr.SampleRate, tr.Channels)
			}
		})
	}
}

func TestImpossibleConfigurationsAreRefused(t *testing.T) {
	for name, make := range map[string]func() error{
		"no parameter sets":   func() error { _, err := NewH264(nil, nil, 25); return err },
		"half a sequence set": func() error { _, err := NewH264(sps1080[:6], ppsAny, 25); return err },
		"endless extra sets": func() error {
			_, err := NewH264(sps1080, ppsAny, 25, ppsAny, make([]byte, maxParameterSets))
			return err
		},
		"no picture set":         func() error { _, err := NewH264(sps1080, nil, 25); return err },
		"no AAC configuration":   func() error { _, err := NewAAC(nil); return err },
		"AAC of 960 samples":     func() error { _, err := NewAAC(unhex("1194")); return err },
		"AAC without a layout":   func() error { _, err := NewAAC(unhex("1180")); return err },
		"an unknown object type": func() error { _, err := NewAAC(unhex("ff90")); return err },
	} {
		if make() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzTracks(f *testing.F) {
	f.Add(sps1080, ppsAny, unhex("1190"))
	f.Fuzz(func(_ *testing.T, sps, pps, config []byte) {
		if t, err := NewH264(sps, pps, 25); err == nil {
			_ = t.CodecString()
		}
		if t, err := NewAAC(config); err == nil {
			_ = t.CodecString()
		}
	})
}

func TestNALsAreWalkedAndChecked(t *testing.T) {
	good := AppendNAL(AppendNAL(nil, []byte{0x65, 1, 2}), []byte{0x41})
	if err := CheckAVCC(good); err != nil {
		t.Error(err)
	}
	var types []byte
	for n := range NALs(good) {
		types = append(types, NALType(n))
	}
	if !bytes.Equal(types, []byte{NALIDR, 1}) {
		t.Errorf("types %v", types)
	}
	for _, bad := range [][]byte{{0}, {0, 0, 0, 2, 1}, {0xff, 0xff, 0xff, 0xff, 1}, good[:len(good)-1]} {
		if CheckAVCC(bad) == nil {
			t.Errorf("%x is accepted", bad)
		}
	}
}

func FuzzNALs(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x65, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		for n := range NALs(b) {
			_ = NALType(n)
			_ = KeyInterval(b)
			total += 4 + len(n)
		}
		if total > len(b) || CheckAVCC(b) == nil && total != len(b) {
			t.Errorf("walked %d of %d bytes", total, len(b))
		}
	})
}

func TestX264SaysHowFarApartKeyFramesAre(t *testing.T) {
	sei := func(text string) []byte {
		return AppendNAL(AppendNAL(nil, append([]byte{nalSEI, 5, 200}, text...)), []byte{0x65, 1})
	}
	for text, want := range map[string]int{
		"x264 - core 164 - options: cabac=1 keyint=250 keyint_min=25 scenecut=40": 250,
		"x264 - core 164 - options: keyint=infinite keyint_min=25":                1 << 30,
		"x264 - core 164 - options: keyint_min=25":                                0,
		"x264 - core 164 - options: keyint=":                                      0,
		"another encoder keyint=12":                                               0,
	} {
		if got := KeyInterval(sei(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	x265 := AppendNAL(nil, []byte(string([]byte{hevcSEI << 1, 1, 5, 200})+"x265 (build 199) - 3.5 - options: wpp keyint=60 min-keyint=6"))
	if got := KeyInterval(x265); got != 60 {
		t.Errorf("%d of x265", got)
	}
	if got := KeyInterval([]byte{1, 2}); got != 0 {
		t.Errorf("%d in a malformed picture", got)
	}
}
