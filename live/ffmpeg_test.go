package live_test

import (
	"bytes"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomcast/live"
	"roomcast/rooms"
)

// ended is the event of a run's end by hand.
var ended = rooms.Event{Kind: rooms.RunEnded, RoomID: "room", Detail: rooms.EndedByCall}

// decoded is what ffmpeg made of a playlist or a file.
type decoded struct {
	video, audio []string // checksums of pictures and of blocks of samples
	videoSpan    float64  // seconds from the first to the end of the last
	audioSpan    float64
	complaints   string
}

// decode plays something to its end.
func decode(t *testing.T, input string) decoded {
	t.Helper()
	return frames(t, input, "-map", "0", "-fps_mode", "passthrough")
}

// packets lists the coded sound, undecoded: what AAC decodes to depends on how
// many frames were decoded before.
func packets(t *testing.T, input, track string) []string {
	t.Helper()
	return frames(t, input, "-map", track, "-c", "copy").audio
}

func frames(t *testing.T, input string, how ...string) decoded {
	t.Helper()
	args := []string{"-hide_banner", "-loglevel", "warning", "-nostdin"}
	if strings.HasPrefix(input, "http") {
		args = append(args, "-live_start_index", "0")
	}
	args = append(append(args, "-i", input), how...)
	args = append(args, "-f", "framecrc", "-")
	cmd := exec.Command("ffmpeg", args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg decodes %s: %v\n%s", input, err, errs.String())
	}
	return parseFrames(t, string(out), errs.String())
}

func parseFrames(t *testing.T, out, complaints string) decoded {
	t.Helper()
	d := decoded{complaints: complaints}
	kinds, bases := map[string]string{}, map[string]float64{}
	first, last := map[string]float64{}, map[string]float64{}
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "#media_type "); ok {
			id, kind, _ := strings.Cut(rest, ": ")
			kinds[id] = kind
		}
		if rest, ok := strings.CutPrefix(line, "#tb "); ok {
			id, tb, _ := strings.Cut(rest, ": ")
			num, den, _ := strings.Cut(tb, "/")
			bases[id] = number(t, num) / number(t, den)
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, ",")
		if len(f) < 6 {
			t.Fatalf("framecrc line %q", line)
		}
		id := f[0]
		at, duration := number(t, f[2])*bases[id], number(t, f[3])*bases[id]
		if _, ok := first[id]; !ok {
			first[id] = at
		} else if at < last[id]-0.002 {
			t.Errorf("%s goes back: %f after %f", kinds[id], at, last[id])
		}
		last[id] = at + duration
		sum := strings.TrimSpace(f[5])
		if kinds[id] == "video" {
			d.video, d.videoSpan = append(d.video, sum), last[id]-first[id]
			last[id] = at // pictures may be said to last longer than until the next one
		} else {
			d.audio, d.audioSpan = append(d.audio, sum), last[id]-first[id]
		}
	}
	return d
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (h *house) index() string { return h.http + "/hls/room/ticket/index.m3u8" }

// finish ends the broadcast and waits for the complete playlist.
func (h *house) finish() string {
	h.t.Helper()
	h.hub.RoomEvent(ended)
	eventually(h.t, 5*time.Second, "the playlist is complete", func() bool {
		return strings.Contains(h.playlist(), "#EXT-X-ENDLIST")
	})
	return h.playlist()
}

func TestWhatIsPushedComesOutBitForBit(t *testing.T) {
	tests := []struct {
		name   string
		source source
		low    bool
		target string // EXT-X-TARGETDURATION
	}{
		{"25 fps, keys every 2 s", source{rate: "25", seconds: 7, video: []string{"-g", "50", "-bf", "0"}}, false, "2"},
		{"29.97 fps with B-frames", source{rate: "30000/1001", seconds: 7, video: []string{"-g", "60", "-bf", "2", "-preset", "veryfast"}}, false, "2"},
		{"30 fps with many B-frames, low latency", source{seconds: 7, video: []string{"-g", "60", "-bf", "4", "-preset", "veryfast", "-b_strategy", "0"}}, true, "2"},
		{"60 fps, low latency", source{rate: "60", seconds: 5, video: []string{"-g", "60", "-bf", "0"}}, true, "2"},
		{"24 fps, keys every 3 s, low latency", source{rate: "24", seconds: 8, video: []string{"-g", "72", "-bf", "0", "-sc_threshold", "0"}}, true, "3"},
		{"keys over 8 s apart, as OBS sends by default", source{seconds: 20, video: []string{"-g", "250", "-sc_threshold", "0"}}, false, "8"},
		{"keys at scene changes, 8 s apart at most", source{seconds: 24, filter: ",select='1',negate=enable='between(t,1,1.5)+between(t,4,4.2)'", video: []string{"-g", "240"}}, true, "8"},
		{"no second key frame at all", source{rate: "25", seconds: 23, video: []string{"-g", "9999", "-keyint_min", "9999", "-sc_threshold", "0"}}, false, "10"},
		{"pictures at odd times", source{seconds: 9, filter: ",select='not(eq(mod(n\\,7)\\,3)+eq(mod(n\\,11)\\,5))'", video: []string{"-g", "40", "-bf", "0", "-fps_mode", "vfr"}}, true, "2"},
		{"picture alone", source{seconds: 6, noAudio: true}, false, "2"},
		{"sound alone", source{seconds: 9, noVideo: true}, true, "2"},
		{"44.1 kHz mono", source{seconds: 6, audio: []string{"-ar", "44100", "-ac", "1"}}, false, "2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, func(s *rooms.Settings) { s.Features.LowLatency = tt.low })
			file := h.push(tt.source)
			p := checkPlaylist(t, h.finish())
			if p.target != tt.target {
				t.Errorf("target duration %s, want %s", p.target, tt.target)
			}
			follow(t, h.index(), 10*time.Second)
			got := decode(t, h.index())
			if got.complaints != "" {
				t.Errorf("ffmpeg complains: %s", got.complaints)
			}
			if !tt.source.noVideo && len(got.video) == 0 || !tt.source.noAudio && len(got.audio) == 0 {
				t.Fatalf("%d pictures, %d blocks of sound", len(got.video), len(got.audio))
			}
			for name, span := range map[string]float64{"video": got.videoSpan, "audio": got.audioSpan} {
				if span != 0 && (span < tt.source.seconds-0.2 || span > tt.source.seconds+0.2) {
					t.Errorf("%s lasts %.3f s of %.3f", name, span, tt.source.seconds)
				}
			}
			want := decode(t, file)
			if !slices.Equal(got.video, want.video) {
				t.Errorf("pictures differ: %d of %d", len(got.video), len(want.video))
			}
			if tt.source.noAudio {
				return
			}
			sound := packets(t, file, "0:a")
			if got := packets(t, h.index(), "0:a:0"); !sameTail(got, sound) {
				t.Errorf("sound differs: %d frames of %d", len(got), len(sound))
			}
			if tt.source.noVideo {
				return
			}
			if got := packets(t, h.index(), "0:a:1"); !sameTail(got, sound) {
				t.Errorf("sound by itself differs: %d frames of %d", len(got), len(sound))
			}
		})
	}
}

// sameTail reports whether all sound is there, but for the encoder's run-in
// before the first picture.
func sameTail(got, want []string) bool {
	n := len(want) - len(got)
	return n >= 0 && n <= 3 && slices.Equal(got, want[n:])
}

func TestWrongKeyIsRefusedBeforeMediaIsRead(t *testing.T) {
	h := newHouse(t, nil)
	out, err := exec.Command("ffmpeg", source{seconds: 5}.args(h.url("wrong-canary"))...).CombinedOutput()
	if err == nil {
		t.Error("ffmpeg was content with a wrong key")
	}
	if !strings.Contains(string(out), "not_found: no such stream key") {
		t.Errorf("ffmpeg was not told why: %s", out)
	}
	eventually(t, time.Second, "the refusal is logged", func() bool { return strings.Contains(h.logs.String(), "code=not_found") })
	if logs := h.logs.String(); strings.Contains(logs, "canary") || strings.Contains(logs, "admitted") {
		t.Errorf("log: %s", logs)
	}
	if s := h.hub.State("room"); s.State != live.Waiting || s.BytesIn != 0 {
		t.Errorf("state %+v", s)
	}
}

func TestOtherCodecsAreRefusedByName(t *testing.T) {
	for name, s := range map[string]source{
		"Sorenson video": {seconds: 5, noAudio: true, video: []string{"-c:v", "flv1"}},
		"MP3 sound":      {seconds: 5, noVideo: true, audio: []string{"-c:a", "libmp3lame", "-ar", "44100"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			_ = exec.Command("ffmpeg", s.args(h.url(key))...).Run()
			eventually(t, 3*time.Second, "the refusal is logged", func() bool {
				return strings.Contains(h.logs.String(), "code=codec_not_supported")
			})
			eventually(t, 3*time.Second, "nothing is on air", func() bool { return h.hub.State("room").Publisher == nil })
		})
	}
}

func TestStateTellsWhatComesIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	stop, _ := h.start(source{seconds: 60, pace: true, video: []string{"-g", "60", "-bf", "0", "-b:v", "400k"}})
	var s live.State
	eventually(t, 10*time.Second, "rates are measured", func() bool {
		s = h.hub.State("room")
		return s.State == live.Live && len(s.Tracks) == 2 && s.Tracks[0].BitrateBps > 20_000 && s.Tracks[1].BitrateBps > 20_000
	})
	v, a := s.Tracks[0], s.Tracks[1]
	if !strings.HasPrefix(v.Codec, "avc1.") || *v.Width != 320 || *v.Height != 180 || *v.FrameRate != 30 {
		t.Errorf("video %+v", v)
	}
	if a.Codec != "mp4a.40.2" || *a.SampleRate != 48000 || *a.Channels != 2 {
		t.Errorf("audio %+v", a)
	}
	if s.Publisher == nil || s.Publisher.Protocol != "rtmp" || s.StartedAt == nil || s.BytesIn == 0 || len(s.Warnings) != 0 {
		t.Errorf("state %+v", s)
	}
	stop()
	eventually(t, 2*time.Second, "the loss is seen", func() bool { return h.hub.State("room").State == live.Interrupted })
}

func TestSecondEncoderTakesOverWithoutALostState(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, first := h.start(source{seconds: 60, pace: true})
	eventually(t, 10*time.Second, "the first is on air", func() bool { return h.playlist() != "" })
	since := h.hub.State("room").Publisher.Since
	_, second := h.start(source{seconds: 60, pace: true, rate: "25", video: []string{"-g", "25"}})
	select {
	case err := <-first:
		if err == nil {
			t.Error("the first encoder was not sent away")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the first encoder is still there")
	}
	s := h.hub.State("room")
	if s.State != live.Live || s.Publisher == nil || !s.Publisher.Since.After(since) {
		t.Errorf("state %+v", s)
	}
	eventually(t, 10*time.Second, "the second's media follows a discontinuity", func() bool {
		_, after, ok := strings.Cut(h.playlist(), "#EXT-X-DISCONTINUITY\n")
		return ok && strings.Contains(after, "#EXT-X-MAP") && strings.Contains(after, "#EXTINF:1.00000")
	})
	checkPlaylist(t, h.playlist())
	select {
	case err := <-second:
		t.Errorf("the second ended: %v", err)
	default:
	}
}

func TestHalfOpenEncoderIsDroppedWithin10s(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	cmd := exec.Command("ffmpeg", source{seconds: 60, pace: true}.args(h.url(key))...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, 10*time.Second, "it is on air", func() bool { return h.playlist() != "" })
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	frozen := time.Now()
	eventually(t, 4*time.Second, "the slate bridges the silence", func() bool { return strings.Contains(h.playlist(), "#EXT-X-DISCONTINUITY\n") })
	if strings.Contains(h.playlist(), "#EXT-X-GAP") {
		t.Errorf("gaps beside the slate: %s", h.playlist())
	}
	checkPlaylist(t, h.playlist())
	eventually(t, 11*time.Second, "it is dropped", func() bool { return h.hub.State("room").State == live.Interrupted })
	if d := time.Since(frozen); d > 10500*time.Millisecond {
		t.Errorf("dropped after %v", d)
	}
	if h.hub.State("room").InterruptedAt == nil {
		t.Error("no time of interruption")
	}
}

func TestCutHoldsTheKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, done := h.start(source{seconds: 60, pace: true})
	eventually(t, 10*time.Second, "it is on air", func() bool { return h.hub.State("room").State == live.Live })
	if err := h.hub.Cut(t.Context(), "room", time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("ffmpeg did not notice")
	}
	out, err := exec.Command("ffmpeg", source{seconds: 3}.args(h.url(key))...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not_ready") {
		t.Errorf("a held key published: %v %s", err, out)
	}
}

func TestLimitsSendThePublisherAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(s *rooms.Settings) {
		height := int64(120)
		s.Limits.MaxHeight, s.LimitSources = &height, map[string]string{"max_height": rooms.SourceRoom}
	})
	if err := exec.Command("ffmpeg", source{seconds: 30, pace: true}.args(h.url(key))...).Run(); err == nil {
		t.Error("ffmpeg was content")
	}
	eventually(t, time.Second, "the refusal is logged", func() bool { return strings.Contains(h.logs.String(), "code=limit_exceeded") })
}
