package live

import (
	"context"
	"encoding/binary"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"roomcast/ingest"
	"roomcast/live/hls"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/transcode"
)

// realStage is a hub on the real clock, with the real ffmpeg.
func realStage(t *testing.T) *stage {
	t.Helper()
	tool, err := transcode.Find(t.Context(), "")
	if err != nil {
		t.Fatal("ffmpeg is needed: apt-get install ffmpeg: ", err)
	}
	s := &stage{t: t}
	s.hub = NewHub(Options{Runs: s, Log: slog.New(slog.DiscardHandler), FFmpeg: tool})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.hub.Run(ctx) })
	s.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(s.stop)
	return s
}

// waitFor waits for a condition, at most for d.
func waitFor(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// opusSine makes packets of 20 ms.
func opusSine(t *testing.T, seconds string) (packets [][]byte) {
	t.Helper()
	b, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "sine=440:r=48000:d="+seconds,
		"-c:a", "libopus", "-ac", "2", "-b:a", "96k", "-frame_duration", "20", "-page_duration", "1", "-f", "ogg", "pipe:1").Output()
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 27 && string(b[:4]) == "OggS" {
		n, size := int(b[26]), 0
		for _, s := range b[27 : 27+n] {
			size += int(s)
		}
		packets = append(packets, b[27+n:27+n+size])
		b = b[27+n+size:]
	}
	return packets[2:]
}

func TestOpusBecomesAACForViewers(t *testing.T) {
	s := realStage(t)
	e, err := s.admit(nil)
	if err != nil {
		t.Fatal(err)
	}
	opus, err := media.NewOpus(2)
	if err != nil {
		t.Fatal(err)
	}
	e.tracks = append(e.tracks[:1:1], opus)
	if err := e.sink.SetTracks(e.tracks); err != nil {
		t.Fatal(err)
	}
	reader := s.hub.find("room").stream.NewReader(t.Context(), media.ReaderLimits{})
	defer reader.Close()
	for i, b := range opusSine(t, "6") {
		at := time.Duration(i) * 20 * time.Millisecond
		if i%5 == 0 {
			p := ingest.Sample{Track: e.tracks[0], DTS: at, PTS: at, Key: i%50 == 0, Payload: binary.BigEndian.AppendUint32(nil, 0)}
			if err := e.sink.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.sink.Write(ingest.Sample{Track: opus, DTS: at, PTS: at, Key: true, Payload: b}); err != nil {
			t.Fatal(err)
		}
	}
	var index hls.Blob
	waitFor(t, 10*time.Second, "there is a playlist", func() bool {
		index, err = s.hub.Multivariant(t.Context(), "room", "p")
		return err == nil
	})
	if got := string(index.Body); !strings.Contains(got, "mp4a.40.2") || strings.Contains(strings.ToLower(got), "opus") {
		t.Errorf("viewers get %s", got)
	}
	seen := map[media.Codec]bool{}
	for range 100 {
		u, _, err := reader.Read()
		if err != nil {
			t.Fatal(err)
		}
		seen[u.Track.Codec] = true
	}
	if !seen[media.Opus] || !seen[media.H264] || seen[media.AAC] {
		t.Errorf("the stream carries %v", seen)
	}
	if got := s.warnings("room"); strings.Contains(got, "ffmpeg") || strings.Contains(got, "transcode") {
		t.Errorf("warnings %q", got)
	}
}

func TestOpusWithoutFFmpegIsWarnedOf(t *testing.T) {
	onStage(t, func(s *stage) {
		opus, err := media.NewOpus(2)
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.admit(func(p *rooms.Publisher) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.sink.SetTracks([]*media.Track{opus}); err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			at := time.Duration(i) * 20 * time.Millisecond
			if err := e.sink.Write(ingest.Sample{Track: opus, DTS: at, PTS: at, Key: true, Payload: []byte{31 << 3, 0xff, 0xfe}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		s.is(Live)
		if got := s.warnings("room"); !strings.Contains(got, "ffmpeg_missing") {
			t.Errorf("warnings %q", got)
		}
	})
}
