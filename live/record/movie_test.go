package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"roomcast/media"
)

// coded is a broadcast made by ffmpeg, as units.
type coded struct {
	path   string
	format *media.Format
	units  []*media.Unit
}

// encode makes a broadcast of some seconds: 25 pictures a second, a key frame
// every second, and sound.
func encode(t testing.TB, size, seconds string, codecs ...string) coded {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.mp4")
	if codecs == nil {
		codecs = []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-c:a", "aac"}
	}
	args := []string{
		"-hide_banner", "-loglevel", "error", "-nostdin",
		"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", seconds, "-pix_fmt", "yuv420p", "-ac", "2",
	}
	if out, err := exec.Command("ffmpeg", append(append(args, codecs...), path)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return readCoded(t, path)
}

func readCoded(t testing.TB, path string) coded {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var p pmp4.Presentation
	if err := p.Unmarshal(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	c := coded{path: path, format: &media.Format{}}
	for _, tr := range p.Tracks {
		c.format.Tracks = append(c.format.Tracks, trackOf(t, tr.Codec))
	}
	for i, tr := range p.Tracks {
		rate := int(tr.TimeScale)
		at := uint64(rate) // begins at a second
		for _, s := range tr.Samples {
			payload, err := s.GetPayload()
			if err != nil {
				t.Fatal(err)
			}
			dts := seconds(at, rate)
			c.units = append(c.units, &media.Unit{
				Format: c.format, Track: c.format.Tracks[i], DTS: dts, PTS: dts + time.Duration(s.PTSOffset)*time.Second/time.Duration(rate),
				Key: !s.IsNonSyncSample, Payload: payload,
			})
			at += uint64(s.Duration)
		}
	}
	slices.SortStableFunc(c.units, func(a, b *media.Unit) int { return int(a.DTS - b.DTS) })
	return c
}

// trackOf makes a track of what a file says of one.
func trackOf(t testing.TB, codec codecs.Codec) *media.Track {
	t.Helper()
	var track *media.Track
	var err error
	switch c := codec.(type) {
	case *codecs.H264:
		track, err = media.NewH264(c.SPS, c.PPS, 25)
	case *codecs.H265:
		track, err = media.NewH265(c.VPS, c.SPS, c.PPS, 25)
	case *codecs.AV1:
		track, err = media.NewAV1(c.SequenceHeader, 25)
	case *codecs.VP9:
		track, err = media.NewVP9(media.VP9Config{
			Profile: c.Profile, BitDepth: c.BitDepth, ChromaSubsampling: c.ChromaSubsampling, FullRange: c.ColorRange, Width: c.Width, Height: c.Height,
		}, 25)
	case *codecs.Opus:
		track, err = media.NewOpus(c.ChannelCount)
	case *codecs.MPEG4Audio:
		var config []byte
		if config, err = c.Config.Marshal(); err == nil {
			track, err = media.NewAAC(config)
		}
	default:
		t.Fatalf("codec %T", c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return track
}

// picture is what ffmpeg makes of a file.
type picture struct {
	video, audio []string  // checksums of pictures, and of coded sound
	at           []float64 // seconds at which the pictures are shown
	duration     string
}

// watch decodes a file to its end; ffmpeg must have no complaint.
func watch(t testing.TB, path string) picture {
	t.Helper()
	var p picture
	for _, args := range [][]string{
		{"-map", "0:v?", "-fps_mode", "passthrough"}, {"-map", "0:a?", "-c", "copy"},
	} {
		var complaints bytes.Buffer
		cmd := exec.Command("ffmpeg", append(append([]string{"-hide_banner", "-loglevel", "warning", "-nostdin", "-i", path}, args...), "-f", "framecrc", "-")...)
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil || complaints.Len() > 0 {
			t.Fatalf("ffmpeg decodes %s: %v %s", path, err, &complaints)
		}
		base := 0.0
		for line := range strings.Lines(string(out)) {
			line = strings.TrimSpace(line)
			if tb, ok := strings.CutPrefix(line, "#tb 0: "); ok {
				num, den, _ := strings.Cut(tb, "/")
				base = number(t, num) / number(t, den)
			}
			f := strings.Split(line, ",")
			if strings.HasPrefix(line, "#") || len(f) < 6 {
				continue
			}
			if args[0] == "-map" && args[1] == "0:v?" {
				p.video = append(p.video, f[5])
				p.at = append(p.at, number(t, f[2])*base)
			} else {
				p.audio = append(p.audio, f[5])
			}
		}
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	p.duration = strings.TrimSpace(string(out))
	return p
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func record(t testing.TB, units []*media.Unit) (path string, m *movie) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "out.mp4")
	m, err := createMovie(path, units[0].Format)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		if err := m.write(u); err != nil {
			t.Fatal(err)
		}
	}
	return path, m
}

func finish(t testing.TB, m *movie) time.Duration {
	t.Helper()
	d, err := m.finish()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAMovieIsWhatWentIn(t *testing.T) {
	c := encode(t, "320x180", "13")
	path, m := record(t, c.units)
	if d := finish(t, m); d < 13*time.Second || d > 13100*time.Millisecond {
		t.Errorf("lasts %v", d)
	}
	got, want := watch(t, path), watch(t, c.path)
	if len(got.video) != 325 || !slices.Equal(got.video, want.video) || !slices.Equal(got.audio, want.audio) {
		t.Errorf("%d pictures of %d, %d blocks of sound of %d", len(got.video), len(want.video), len(got.audio), len(want.audio))
	}
	if !strings.HasPrefix(got.duration, "13.") || got.at[0] > 0.1 {
		t.Errorf("duration %s, from %f", got.duration, got.at[0])
	}
	for n := 1; n < len(got.at); n++ {
		if step := got.at[n] - got.at[n-1]; step < 0.0399 || step > 0.0401 {
			t.Fatalf("picture %d comes after %f s", n, step)
		}
	}
	if len(m.keys) != 13 {
		t.Errorf("%d key frames are in the index", len(m.keys))
	}
	if b, err := os.ReadFile(path); err != nil || binary.BigEndian.Uint64(b[m.duration:]) != uint64(m.end.Milliseconds()) {
		t.Errorf("the header's duration: %v", err)
	}
	out, err := exec.Command("ffmpeg", "-v", "error", "-ss", "9", "-i", path, "-frames:v", "1", "-f", "framecrc", "-").Output()
	if err != nil || !strings.Contains(string(out), "0,") {
		t.Errorf("seeking: %v %s", err, out)
	}
}

// A recording that was cut off at any byte is completed up to its last whole
// fragment, and plays.
func TestAMovieSurvivesItsWriter(t *testing.T) {
	c := encode(t, "160x90", "6")
	whole, m := record(t, c.units)
	if err := m.file.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	if got := watch(t, whole); len(got.video) < 5*25 {
		t.Errorf("unrepaired it plays %d pictures", len(got.video))
	}
	path := filepath.Join(t.TempDir(), "cut.mp4")
	played := -1
	for size := 0; size <= len(b); size += 1 + len(b)/40 {
		if err := os.WriteFile(path, b[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := repair(path)
		if errors.Is(err, errNothing) {
			if played >= 0 {
				t.Fatalf("of %d bytes nothing is left", size)
			}
			continue
		}
		if err != nil {
			t.Fatalf("of %d bytes: %v", size, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() != r.size || r.duration <= 0 {
			t.Fatalf("of %d bytes: %+v, %d on disk, %v", size, r, info.Size(), err)
		}
		if size%8 == 0 || played < 0 {
			p := watch(t, path)
			if len(p.video) < played || len(p.video) == 0 {
				t.Fatalf("%d bytes play %d pictures, less played %d", size, len(p.video), played)
			}
			played = len(p.video)
		}
		if again, err := repair(path); err != nil || again != r {
			t.Fatalf("repaired again: %+v %v, before %+v", again, err, r)
		}
	}
	if played < 4*25 {
		t.Errorf("at most %d pictures played", played)
	}
}

func TestInterruptionsAreCutOut(t *testing.T) {
	c := encode(t, "160x90", "8")
	again := &media.Format{Tracks: c.format.Tracks}
	for _, u := range c.units {
		if u.DTS >= 5*time.Second { // after a minute somebody is back
			u.Format = again
			u.DTS += time.Minute
			u.PTS += time.Minute
		}
	}
	path, m := record(t, c.units)
	if !m.continues(again) {
		t.Error("the same codecs do not continue")
	}
	d := finish(t, m)
	p := watch(t, path)
	if d > 8200*time.Millisecond || len(p.video) != 200 {
		t.Errorf("%v with %d pictures", d, len(p.video))
	}
	for n := 1; n < len(p.at); n++ {
		if step := p.at[n] - p.at[n-1]; step < 0.01 || step > 0.15 {
			t.Errorf("picture %d comes after %f s", n, step)
		}
	}
	// So is a hole within one format.
	for _, u := range c.units {
		u.Format = c.format
	}
	path, m = record(t, c.units)
	if d := finish(t, m); d > 8200*time.Millisecond || len(watch(t, path).video) != 200 {
		t.Errorf("a hole: %v", d)
	}
	other := encode(t, "320x180", "1")
	if m.continues(other.format) {
		t.Error("another size continues")
	}
}

func TestAStillPictureUnderSoundAndSoundAlone(t *testing.T) {
	c := encode(t, "160x90", "30")
	units := slices.DeleteFunc(slices.Clone(c.units), func(u *media.Unit) bool {
		return u.Track.Kind == media.Video && u.DTS > 1500*time.Millisecond && u.DTS < 22*time.Second
	})
	path, m := record(t, units)
	d := finish(t, m)
	if p := watch(t, path); d < 30*time.Second || len(p.audio) < 1400 {
		t.Errorf("%v, %d blocks of sound", d, len(p.audio))
	}
	alone := &media.Format{Tracks: c.format.Tracks[1:]}
	var sound []*media.Unit
	for _, u := range c.units {
		if u.Track.Kind == media.Audio {
			one := *u
			one.Format = alone
			sound = append(sound, &one)
		}
	}
	path, m = record(t, sound)
	if d := finish(t, m); d < 29900*time.Millisecond || len(watch(t, path).audio) < 1400 {
		t.Errorf("sound alone: %v", d)
	}
}

func TestEveryCodecFitsIntoAMovie(t *testing.T) {
	for name, args := range map[string][]string{
		"H.265 and Opus": {"-c:v", "libx265", "-x265-params", "log-level=error:keyint=25:bframes=2", "-c:a", "libopus"},
		"AV1 and Opus":   {"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "25", "-c:a", "libopus"},
		"VP9 and AAC":    {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-c:a", "aac"},
	} {
		t.Run(name, func(t *testing.T) {
			c := encode(t, "160x90", "2", args...)
			path, m := record(t, c.units)
			finish(t, m)
			got, want := watch(t, path), watch(t, c.path)
			if len(want.video) == 0 || !slices.Equal(got.video, want.video) || len(got.audio) != len(want.audio) {
				t.Errorf("%d pictures of %d, %d blocks of sound of %d", len(got.video), len(want.video), len(got.audio), len(want.audio))
			}
		})
	}
}

func TestAWriteThatFailsLeavesWholeFragments(t *testing.T) {
	c := encode(t, "160x90", "3")
	path, m := record(t, c.units)
	size := m.size
	if err := m.file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.append([]byte("x")); err == nil || m.size != size {
		t.Errorf("a closed file takes more: %v", err)
	}
	if _, err := repair(path); err != nil {
		t.Error(err)
	}
}

func FuzzFragment(f *testing.F) {
	path, m := record(f, encode(f, "160x90", "2").units)
	finish(f, m)
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	at := bytes.Index(b, []byte("moof")) - 4
	f.Add(b[at : at+2000])
	f.Add(b[:at])
	f.Fuzz(func(t *testing.T, b []byte) {
		fragment, err := parseFragment(b, 0)
		if err == nil {
			for _, r := range fragment.runs {
				_ = b[r.baseAt : r.baseAt+8]
				_ = seconds(r.base+r.duration, 90000)
			}
			_ = b[fragment.number : fragment.number+4]
		}
		if out, at, err := insertDuration(b); err == nil && (len(out) != len(b)+20 || at < 0 || at+8 > int64(len(out))) {
			t.Errorf("the duration is at %d of %d", at, len(out))
		}
	})
}

func FuzzScan(f *testing.F) {
	path, m := record(f, encode(f, "64x64", "0.2").units)
	finish(f, m)
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := newScan(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for s.next() {
		}
		if s.at > s.size || s.durationAt+8 > s.size {
			t.Errorf("%d of %d bytes are whole", s.at, s.size)
		}
	})
}
