package live_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomcast/ingest"
	"roomcast/ingest/rtmp"
	"roomcast/live"
	"roomcast/live/hls"
	"roomcast/rooms"
	"roomcast/secret"
	"roomcast/transcode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "canary-stream-key"

// house is a hub with an RTMP door before it and an HTTP server behind it.
type house struct {
	t        *testing.T
	hub      *live.Hub
	rtmp     string // host:port
	http     string
	logs     *lockedBuffer
	settings rooms.Settings
	runs     *fakeRuns
	data     string // the data directory
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type fakeRuns struct {
	mu              sync.Mutex
	begun, finished int
	refuse          error
}

func (f *fakeRuns) BeginRun(context.Context, string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse == nil {
		f.begun++
	}
	return f.refuse
}

func (f *fakeRuns) FinishRun(context.Context, string, string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.finished++
	return nil
}

// Publisher is the door: one key opens one room.
func (h *house) Publisher(_ context.Context, k secret.Text, _ rooms.Caller) (rooms.Publisher, error) {
	if !k.Equal(key) {
		return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such stream key"}
	}
	return rooms.Publisher{RoomID: "room", RoomType: rooms.Live, Settings: h.settings}, nil
}

// PublisherOf is the door for those whose right was proved otherwise.
func (h *house) PublisherOf(context.Context, string) (rooms.Publisher, error) {
	return rooms.Publisher{RoomID: "room", RoomType: rooms.Live, Settings: h.settings}, nil
}

// ServeHTTP serves the way web does: multivariant, media playlists, objects.
func (h *house) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var b hls.Blob
	var err error
	switch rest := strings.TrimPrefix(req.URL.Path, "/hls/room/"); {
	case strings.HasPrefix(rest, "o/"):
		name := strings.TrimPrefix(rest, "o/")
		if b, err = h.hub.AwaitObject(req.Context(), "room", name); err == nil {
			break
		}
		var f *os.File
		if f, err = h.hub.File("room", name); err == nil {
			defer func() { _ = f.Close() }()
			http.ServeContent(w, req, "", time.Time{}, f)
			return
		}
	case rest == "ticket/dvr.m3u8":
		b, err = h.hub.Rewind(req.Context(), "room", "p1")
	case rest == "ticket/index.m3u8":
		b, err = h.hub.Multivariant(req.Context(), "room", "p1")
	case rest == "ticket/preview.m3u8":
		b, err = h.hub.PreviewMultivariant(req.Context(), "room", "p1/preview")
	default:
		playlist := h.hub.Playlist
		if strings.Contains(rest, "/preview/") {
			playlist = h.hub.PreviewPlaylist
		}
		q := hls.Query{Skip: req.URL.Query().Has("_HLS_skip")}
		if v := req.URL.Query().Get("_HLS_msn"); v != "" {
			q.MSN, _ = strconv.Atoi(v)
			q.Part, err = strconv.Atoi(req.URL.Query().Get("_HLS_part"))
			q.WholeSegment = err != nil
		}
		b, err = playlist(req.Context(), "room", strings.TrimSuffix(rest[strings.LastIndex(rest, "/")+1:], ".m3u8"), q)
	}
	switch rooms.CodeOf(err) {
	case "":
		w.Header().Set("Content-Type", b.ContentType)
		_, _ = w.Write(b.Body)
	case rooms.CodeNotReady:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, err.Error(), http.StatusNotFound)
	}
}

func newHouse(t *testing.T, change func(*rooms.Settings)) *house {
	t.Helper()
	return newHouseIn(t, t.TempDir(), change)
}

// newHouseIn is newHouse over a data directory.
func newHouseIn(t *testing.T, data string, change func(*rooms.Settings)) *house {
	t.Helper()
	tool, err := transcode.Find(t.Context(), "")
	if err != nil {
		t.Fatal("ffmpeg is needed: apt-get install ffmpeg: ", err)
	}
	h := &house{t: t, logs: &lockedBuffer{}, runs: &fakeRuns{}, data: data}
	h.settings.Features.ReconnectWindowSeconds = 60
	if change != nil {
		change(&h.settings)
	}
	log := slog.New(slog.NewTextHandler(h.logs, nil))
	h.hub = live.NewHub(live.Options{Runs: h.runs, DataDir: h.data, FFmpeg: tool, Log: log})
	server := rtmp.NewServer(rtmp.Options{Address: "127.0.0.1:0", Gate: ingest.NewGate(ingest.GateOptions{Door: h, Hub: h.hub, Log: log}), Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	if err := server.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() { _ = server.Run(ctx) })
	group.Go(func() { _ = h.hub.Run(ctx) })
	web := httptest.NewServer(h)
	h.rtmp, h.http = server.Addr().String(), web.URL
	t.Cleanup(func() {
		cancel()
		group.Wait()
		web.Close()
		if strings.Contains(h.logs.String(), key) {
			t.Error("the stream key is in the log")
		}
		if t.Failed() {
			t.Logf("log:\n%s", h.logs)
		}
	})
	return h
}

func (h *house) url(k string) string { return "rtmp://" + h.rtmp + "/live/" + k }

// source describes what ffmpeg pushes.
type source struct {
	size    string // of the picture [320x180]
	rate    string
	seconds float64
	video   []string
	audio   []string
	noVideo bool
	noAudio bool
	pace    bool   // -re: as fast as it is played
	filter  string // after testsrc2
}

func (s source) args(url string) []string {
	a := []string{"-hide_banner", "-loglevel", "warning", "-nostdin"}
	in := func(spec string) {
		if s.pace {
			a = append(a, "-re")
		}
		a = append(a, "-f", "lavfi", "-i", spec)
	}
	rate := s.rate
	if rate == "" {
		rate = "30"
	}
	size := s.size
	if size == "" {
		size = "320x180"
	}
	if !s.noVideo {
		in("testsrc2=size=" + size + ":rate=" + rate + s.filter)
	}
	if !s.noAudio {
		in("sine=frequency=440:sample_rate=48000")
	}
	a = append(a, "-t", strconv.FormatFloat(s.seconds, 'f', 3, 64))
	if !s.noVideo {
		a = append(a, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
		if s.video == nil {
			s.video = []string{"-g", "60", "-sc_threshold", "0", "-bf", "0"}
		}
		a = append(a, s.video...)
	}
	if !s.noAudio {
		a = append(a, "-c:a", "aac", "-b:a", "96k", "-ac", "2")
		a = append(a, s.audio...)
	}
	return append(a, "-f", "flv", url)
}

// push encodes to a file, pushes that as fast as it goes, and answers the
// file. Encoding first keeps a busy machine from making the stream stall.
func (h *house) push(s source) (file string) {
	h.t.Helper()
	file = filepath.Join(h.t.TempDir(), "source.flv")
	for _, args := range [][]string{
		s.args(file),
		{"-hide_banner", "-loglevel", "warning", "-nostdin", "-i", file, "-c", "copy", "-f", "flv", h.url(key)},
	} {
		if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
			h.t.Fatalf("ffmpeg %v: %v\n%s", args, err, out)
		}
	}
	eventually(h.t, 10*time.Second, "all of it is read", func() bool { return h.hub.State("room").State == live.Interrupted })
	return file
}

// start runs ffmpeg until the test ends or stop is called.
func (h *house) start(s source) (stop func(), done <-chan error) {
	h.t.Helper()
	cmd := exec.Command("ffmpeg", s.args(h.url(key))...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, errs.String())
		}
		ended <- err
		close(ended)
	}()
	stop = func() { _ = cmd.Process.Kill() }
	h.t.Cleanup(func() { stop(); <-ended })
	return stop, ended
}

// eventually waits for a condition, at most for d.
func eventually(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

func (h *house) get(path string) (string, error) {
	resp, err := http.Get(h.http + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(b), err
}

func (h *house) playlist() string {
	s, err := h.get("/hls/room/ticket/p1/live.m3u8")
	if err != nil {
		return ""
	}
	return s
}
