package transcode

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"testing"
	"time"

	"roomcast/media"
)

// sourceTrack makes a track as an encoder would send it.
func sourceTrack(t *testing.T, tool *Tool, codec media.Codec, rate string, args ...string) *media.Track {
	t.Helper()
	format := "mpegts"
	if codec == media.AV1 || codec == media.VP9 {
		format = "ivf"
	}
	all := append([]string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=" + rate, "-frames:v", "2"}, args...)
	p, err := tool.Start(t.Context(), Job{Name: "source", Outputs: 1, Args: append(all, "-f", format, OutputPipe(0))})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	read := readTS
	if format == "ivf" {
		read = readIVF
	}
	var first picture
	if err := read(p.Output(0), func(pic picture) error {
		if first.payload == nil {
			first = pic
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	track, err := trackOf(codec, first, 0)
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func TestASlateIsLikeItsSource(t *testing.T) {
	tool := ffmpeg(t)
	var picture bytes.Buffer
	m := image.NewRGBA(image.Rect(0, 0, 50, 100))
	for i := range m.Pix {
		m.Pix[i] = 0xff
	}
	m.Set(1, 1, color.Black)
	if err := png.Encode(&picture, m); err != nil {
		t.Fatal(err)
	}
	aac := func(config ...byte) *media.Track {
		track, err := media.NewAAC(config)
		if err != nil {
			t.Fatal(err)
		}
		return track
	}
	opus, err := media.NewOpus(2)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		video   *media.Track
		audio   *media.Track
		picture []byte
		frames  int
	}{
		{"high profile, 30 fps, stereo", sourceTrack(t, tool, media.H264, "30", "-c:v", "libx264", "-pix_fmt", "yuv420p"), aac(0x11, 0x90), nil, 60},
		{"baseline, 29.97 fps, mono at 44.1 kHz", sourceTrack(t, tool, media.H264, "30000/1001", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-profile:v", "baseline"), aac(0x12, 0x08), picture.Bytes(), 60},
		{"10 bits, 25 fps, Opus", sourceTrack(t, tool, media.H264, "25", "-c:v", "libx264", "-pix_fmt", "yuv420p10le"), opus, picture.Bytes(), 50},
		{"H.265", sourceTrack(t, tool, media.H265, "25", "-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "log-level=error"), nil, nil, 50},
		{"VP9", sourceTrack(t, tool, media.VP9, "10", "-c:v", "libvpx-vp9", "-deadline", "realtime"), opus, nil, 0},
		{"AV1", sourceTrack(t, tool, media.AV1, "10", "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8"), nil, nil, 0},
		{"sound alone", nil, aac(0x11, 0x88), nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := SlateSpec{Picture: tt.picture}
			for _, track := range []*media.Track{tt.video, tt.audio} {
				if track != nil {
					spec.Tracks = append(spec.Tracks, track)
				}
			}
			begun := time.Now()
			s, err := tool.MakeSlate(t.Context(), spec, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes in %v", s.Bytes(), time.Since(begun))
			for i, got := range s.Format().Tracks {
				want := spec.Tracks[i]
				if got.Codec != want.Codec || got.Width != want.Width || got.Height != want.Height ||
					got.SampleRate != want.SampleRate || got.Channels != want.Channels || want.FrameRate != 0 && got.FrameRate != want.FrameRate {
					t.Errorf("track %+v, want %+v", got, want)
				}
				if want.Codec == media.H264 && (got.SPS[1] != want.SPS[1] || got.SPS[3] != want.SPS[3]) {
					t.Errorf("profile and level %x, want %x", got.SPS[1:4], want.SPS[1:4])
				}
				if want.Kind == media.Video && tt.frames != 0 && len(s.loops[i].units) != tt.frames {
					t.Errorf("%d pictures, want %d", len(s.loops[i].units), tt.frames)
				}
				n := int64(len(s.loops[i].units))
				first, key, payload := s.Unit(i, 0)
				again, keyAgain, same := s.Unit(i, 1000*n)
				if first != 0 || !key || !keyAgain || !bytes.Equal(payload, same) || len(payload) == 0 || again == 0 {
					t.Errorf("the loop begins at %v and %v, key %v %v", first, again, key, keyAgain)
				}
			}
		})
	}
}

func TestASlateIsNotMadeOfAnything(t *testing.T) {
	tool := ffmpeg(t)
	track := sourceTrack(t, tool, media.H264, "30", "-c:v", "libx264", "-pix_fmt", "yuv420p")
	for name, spec := range map[string]SlateSpec{
		"no tracks":    {},
		"no picture":   {Tracks: []*media.Track{track}, Picture: []byte("<svg/>")},
		"half a PNG":   {Tracks: []*media.Track{track}, Picture: []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")},
		"strange size": {Tracks: []*media.Track{{Kind: media.Video, Codec: media.H264, Width: 0, Height: 0}}},
	} {
		if _, err := tool.MakeSlate(t.Context(), spec, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

func TestFrameRatesBecomeFractions(t *testing.T) {
	for _, tt := range []struct {
		declared, measured float64
		num, den           int
	}{
		{30, 0, 30000, 1000},
		{30000.0 / 1001, 12, 30000, 1001},
		{24000.0 / 1001, 0, 24000, 1001},
		{12.5, 0, 12500, 1000},
		{0, 24.9, 25000, 1000},
		{0, 0.3, 25000, 1000},
		{240, 0, 60000, 1000},
	} {
		if num, den := frameRate(tt.declared, tt.measured); num != tt.num || den != tt.den {
			t.Errorf("%v, %v: %d/%d, want %d/%d", tt.declared, tt.measured, num, den, tt.num, tt.den)
		}
	}
}

func FuzzIVF(f *testing.F) {
	f.Add(appendIVFFrame(ivfHeader("VP90", 320, 180), 0, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		_ = readIVF(bytes.NewReader(b), func(p picture) error { total += len(p.payload) + 12; return nil })
		if total > len(b) {
			t.Errorf("%d bytes of %d", total, len(b))
		}
	})
}
