package ingesttest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"roomcast/ingest"
	"roomcast/media"
)

// Encoders are ffmpeg's arguments for each codec: small, quick, key frames each
// half second at 30 frames per second.
var Encoders = map[media.Codec][]string{
	media.H264: {"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "15"},
	media.H265: {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=15:bframes=2", "-tag:v", "hvc1"},
	media.AV1:  {"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", "15"},
	media.VP9:  {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "15"},
	media.AAC:  {"-c:a", "aac"},
	media.Opus: {"-c:a", "libopus"},
}

// Film is a short film in memory.
type Film struct {
	Format *media.Format
	// Units are in the order of their decoding times.
	Units []*media.Unit
}

// FFmpeg runs ffmpeg and fails the test if it does not succeed.
func FFmpeg(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-nostdin", "-y"}, args...)...).CombinedOutput() //nolint:gosec // arguments of the test
	if err != nil {
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, out)
	}
}

// Make encodes a film of the given length: a test picture in the first codec,
// unless it is "", and a tone in each of the others.
func Make(t testing.TB, length time.Duration, video media.Codec, audio ...media.Codec) *Film {
	t.Helper()
	file := filepath.Join(t.TempDir(), "film.mp4")
	MakeFile(t, file, length, video, audio...)
	return Read(t, file)
}

// MakeFile is Make into a file, of the kind that its name says.
func MakeFile(t testing.TB, file string, length time.Duration, video media.Codec, audio ...media.Codec) {
	t.Helper()
	args := []string{"-threads", "1"}
	if video != "" {
		args = append(args, "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30")
	}
	for i := range audio {
		args = append(args, "-f", "lavfi", "-i", []string{"sine=440", "sine=660", "sine=880", "sine=990"}[i]+":sample_rate=48000")
	}
	for i := range len(audio) + btoi(video != "") {
		args = append(args, "-map", string(rune('0'+i)))
	}
	args = append(args, "-pix_fmt", "yuv420p", "-ac", "2")
	if video != "" {
		args = append(args, Encoders[video]...)
	}
	for i, a := range audio {
		args = append(args, "-c:a:"+string(rune('0'+i)), Encoders[a][1])
	}
	FFmpeg(t, append(args, "-t", strconv.FormatFloat(length.Seconds(), 'f', 3, 64), "-strict", "-2", file)...)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Read reads an MP4 file.
func Read(t testing.TB, file string) *Film {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var p pmp4.Presentation
	if err := p.Unmarshal(bytes.NewReader(raw)); err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	f := &Film{Format: &media.Format{}}
	for _, track := range p.Tracks {
		f.add(t, track)
	}
	slices.SortStableFunc(f.Units, func(a, b *media.Unit) int { return int(a.DTS - b.DTS) })
	if err := media.CheckTracks(f.Format.Tracks); err != nil {
		t.Fatal(err)
	}
	return f
}

// add reads the samples of one track.
func (f *Film) add(t testing.TB, from *pmp4.Track) {
	t.Helper()
	var track *media.Track
	var pictures *ingest.Pictures
	var err error
	switch c := from.Codec.(type) {
	case *codecs.H264:
		pictures = ingest.NewPictures(media.H264, 0)
		track, err = media.NewH264(c.SPS, c.PPS, 0)
	case *codecs.H265:
		pictures = ingest.NewPictures(media.H265, 0)
		track, err = media.NewH265(c.VPS, c.SPS, c.PPS, 0)
	case *codecs.AV1:
		pictures = ingest.NewPictures(media.AV1, 30)
	case *codecs.VP9:
		pictures = ingest.NewPictures(media.VP9, 30)
	case *codecs.MPEG4Audio:
		var config []byte
		if config, err = c.Config.Marshal(); err == nil {
			track, err = media.NewAAC(config)
		}
	case *codecs.Opus:
		track, err = media.NewOpus(c.ChannelCount)
	default:
		t.Fatalf("a film in %T", c)
	}
	if err != nil {
		t.Fatal(err)
	}
	if pictures != nil && track != nil {
		pictures.Configure(track)
	}
	var at int64
	scale := func(n int64) time.Duration { return time.Duration(n) * time.Second / time.Duration(from.TimeScale) }
	for _, s := range from.Samples {
		payload, err := s.GetPayload()
		if err != nil {
			t.Fatal(err)
		}
		u := &media.Unit{Format: f.Format, Track: track, DTS: scale(at), PTS: scale(at + int64(s.PTSOffset)), Key: true, Payload: payload}
		if pictures != nil {
			if u.Payload, u.Key, err = pictures.Whole(payload); err != nil {
				t.Fatal(err)
			}
			track = pictures.Track()
			u.Track = track
		}
		f.Units = append(f.Units, u)
		at += int64(s.Duration)
	}
	f.Format.Tracks = append(f.Format.Tracks, track)
}

// Of are the units of one track.
func (f *Film) Of(track *media.Track) (us []*media.Unit) {
	for _, u := range f.Units {
		if u.Track == track {
			us = append(us, u)
		}
	}
	return us
}
