package ingesttest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"

	"roomcast/ingest"
	"roomcast/media"
)

// timeScale divides a second in the files that are written for decoding.
const timeScale = 90000

// Decoded is what ffprobe found in one stream.
type Decoded struct {
	Codec  string `json:"codec_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Frames string `json:"nb_read_frames"`
}

// Count is the number of frames that were decoded.
func (d Decoded) Count() int {
	n, err := strconv.Atoi(d.Frames)
	if err != nil {
		return 0
	}
	return n
}

// Decode packs samples into fragmented MP4 and has ffprobe decode them, track by track.
func Decode(t testing.TB, tracks []*media.Track, samples []ingest.Sample) []Decoded {
	t.Helper()
	init := fmp4.Init{}
	part := fmp4.Part{}
	for i, track := range tracks {
		codec, err := track.MP4()
		if err != nil {
			t.Fatal(err)
		}
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: i + 1, TimeScale: timeScale, Codec: codec})
		var own []ingest.Sample
		for _, s := range samples {
			if s.Track == track {
				own = append(own, s)
			}
		}
		if len(own) == 0 {
			continue
		}
		pt := &fmp4.PartTrack{ID: i + 1, BaseTime: uint64(ticks(own[0].DTS + time.Second))}
		for j, s := range own {
			next := s.DTS + 20*time.Millisecond
			if j+1 < len(own) {
				next = own[j+1].DTS
			}
			pt.Samples = append(pt.Samples, &fmp4.Sample{
				Duration: uint32(ticks(next) - ticks(s.DTS)), PTSOffset: int32(ticks(s.PTS) - ticks(s.DTS)),
				IsNonSyncSample: !s.Key, Payload: s.Payload,
			})
		}
		part.Tracks = append(part.Tracks, pt)
	}
	var buf seekablebuffer.Buffer
	if err := init.Marshal(&buf); err != nil {
		t.Fatal(err)
	}
	if err := part.Marshal(&buf); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "decode.mp4")
	if err := os.WriteFile(file, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return Probe(t, file)
}

// Probe decodes a file or an address with ffprobe, which says nothing on
// standard error when all is well.
func Probe(t testing.TB, input string, options ...string) []Decoded {
	t.Helper()
	args := append([]string{"-v", "error", "-count_frames", "-show_streams", "-of", "json"}, options...)
	cmd := exec.CommandContext(t.Context(), "ffprobe", append(args, input)...) //nolint:gosec // arguments of the test
	var complaints limited
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || len(complaints) > 0 {
		t.Errorf("decode %s: %v: %s", filepath.Base(input), err, complaints)
	}
	var all struct {
		Streams []Decoded `json:"streams"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("read ffprobe's answer: %v", err)
	}
	return all.Streams
}

// limited keeps the beginning of what is written to it.
type limited []byte

func (l *limited) Write(p []byte) (int, error) {
	*l = append(*l, p[:min(len(p), 2000-min(2000, len(*l)))]...)
	return len(p), nil
}

func ticks(d time.Duration) int64 { return int64(d) * timeScale / int64(time.Second) }
