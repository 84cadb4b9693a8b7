package srt

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	srt "github.com/datarhei/gosrt"
	"go.uber.org/goleak"

	"roomcast/ingest"
	"roomcast/ingest/ingesttest"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/secret"
)

func TestMain(m *testing.M) {
	// The library's client, which only the tests use, may wait for itself for ever when it was refused.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/datarhei/gosrt.DialWithContext.func1"))
}

const (
	key        = "canary-stream-key"
	ticket     = "canary-ticket"
	passphrase = "canary-passphrase"
)

// house is door, hub and theatre of a server under test.
type house struct {
	mu         sync.Mutex
	logs       bytes.Buffer
	passphrase *secret.Text
	conflict   error
	sinks      []*ingesttest.Recorder
	published  []ingest.Publication

	stream     *media.Stream
	format     *media.Format
	spectators []ingest.Spectator
	released   int
	warnings   map[string]string
}

func (h *house) SetWarning(_, code, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.warnings == nil {
		h.warnings = map[string]string{}
	}
	h.warnings[code] = detail
}

func (h *house) ClearWarning(_, code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.warnings, code)
}

func (h *house) warned(code string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.warnings[code] != ""
}

func (h *house) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logs.Write(p)
}

func (h *house) log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logs.String()
}

func (h *house) Publisher(_ context.Context, k secret.Text, c rooms.Caller) (rooms.Publisher, error) {
	if !c.Address.IsLoopback() {
		return rooms.Publisher{}, errors.New("no address")
	}
	if !k.Equal(key) {
		return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such stream key"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return rooms.Publisher{RoomID: "room", RoomType: rooms.Live, SRTPassphrase: h.passphrase}, nil
}

func (h *house) PublisherOf(context.Context, string) (rooms.Publisher, error) {
	return rooms.Publisher{}, errors.New("not asked here")
}

func (h *house) Publish(_ context.Context, p ingest.Publication) (ingest.Sink, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conflict != nil {
		return nil, h.conflict
	}
	r := &ingesttest.Recorder{}
	h.sinks, h.published = append(h.sinks, r), append(h.published, p)
	return r, nil
}

func (h *house) Play(ctx context.Context, t secret.Text, s ingest.Spectator) (*ingest.Playback, error) {
	if !t.Equal(ticket) {
		return nil, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such playback"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stream == nil {
		return nil, &rooms.Error{Code: rooms.CodeNotReady, Detail: "no media yet"}
	}
	h.spectators = append(h.spectators, s)
	r := h.stream.NewReader(context.WithoutCancel(ctx), media.ReaderLimits{})
	return &ingest.Playback{RoomID: "room", Format: h.format, Reader: r, Release: func() {
		r.Close()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.released++
	}}, nil
}

// sink is publisher n, once it is there.
func (h *house) sink(n int) *ingesttest.Recorder {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n >= len(h.sinks) {
		return nil
	}
	return h.sinks[n]
}

func serve(t *testing.T, h *house, o Options) string {
	t.Helper()
	return start(t, h, o).Addr().String()
}

func start(t *testing.T, h *house, o Options) *Server {
	t.Helper()
	o.Address, o.Log = "127.0.0.1:0", slog.New(slog.NewTextHandler(h, nil))
	o.Gate = ingest.NewGate(ingest.GateOptions{Door: h, Hub: h, Log: o.Log})
	o.Theatre, o.Warnings = h, h
	s := NewServer(o)
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if open, lines := s.places.Open(); open != 0 || lines != 0 {
			t.Errorf("%d connections are left, %d addresses", open, lines)
		}
		if strings.Contains(h.log(), "canary") {
			t.Errorf("a secret is in the log: %s", h.log())
		}
	})
	return s
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// publish runs ffmpeg for a time and gives what it said.
func publish(t *testing.T, address string, query string, seconds string, codecs ...string) (string, error) {
	t.Helper()
	args := []string{
		"-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30",
		"-re", "-f", "lavfi", "-i", "sine=440:sample_rate=48000", "-t", seconds, "-pix_fmt", "yuv420p",
	}
	args = append(append(args, codecs...), "-f", "mpegts", "srt://"+address+"?"+query)
	out, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput()
	return string(out), err
}

var avc = append(append([]string{}, ingesttest.Encoders[media.H264]...), "-c:a", "aac")

func TestFFmpegPublishes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		passphrase string
		query      string
		codecs     []string
	}{
		{"plainly", "", "streamid=publish:" + key, avc},
		{"by the access control form", "", "streamid=%23!::r=" + key + ",m=publish", avc},
		{"encrypted", passphrase, "streamid=publish:" + key + "&passphrase=" + passphrase, avc},
		{"encrypted with a longer key", passphrase, "streamid=publish:" + key + "&pbkeylen=32&passphrase=" + passphrase, avc},
		{"H.265 and Opus", "", "streamid=publish:" + key, append(append([]string{}, ingesttest.Encoders[media.H265]...), "-c:a", "libopus")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &house{}
			if tt.passphrase != "" {
				p := secret.New(tt.passphrase)
				h.passphrase = &p
			}
			address := serve(t, h, Options{})
			if out, err := publish(t, address, tt.query, "3", tt.codecs...); err != nil {
				t.Fatalf("%v: %s\n%s", err, out, h.log())
			}
			eventually(t, "the publisher has left", func() bool { s := h.sink(0); return s != nil && s.Closed() })
			if len(h.sink(0).Tracks()) != 1 {
				t.Fatalf("announced %d times\n%s", len(h.sink(0).Tracks()), h.log())
			}
			tracks := h.sink(0).Tracks()[0]
			for i, d := range ingesttest.Decode(t, tracks, h.sink(0).Samples(nil)) {
				if n := len(h.sink(0).Samples(tracks[i])); n < 30 || d.Count() < n-1 {
					t.Errorf("%s: %d samples, %d decoded", d.Codec, n, d.Count())
				}
			}
			if len(tracks) != 2 || h.published[0].Protocol != "srt" || h.published[0].Room.RoomID != "room" {
				t.Errorf("tracks %v, publication %+v", tracks, h.published[0])
			}
		})
	}
}

// dial connects as a client of the library.
func dial(t *testing.T, address, streamID, passphrase string) (srt.Conn, error) {
	t.Helper()
	c := srt.DefaultConfig()
	c.StreamId, c.Passphrase = streamID, passphrase
	conn, err := srt.Dial("srt", address, c)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

// rejected reports whether a client was refused for a reason, which the library
// shows to the base of 32.
func rejected(err error, why srt.RejectionReason) bool {
	return err != nil && strings.Contains(err.Error(), "REJECT ("+strconv.FormatUint(uint64(why), 32)+")")
}

func TestRefusalsAreToldInTheHandshake(t *testing.T) {
	conflict := &rooms.Error{Code: rooms.CodePublisherConflict, Detail: "two encoders"}
	tests := []struct {
		name, passphrase string
		streamID, with   string
		conflict         error
		told             srt.RejectionReason
		logged           string
	}{
		{"a wrong key", "", "publish:canary-wrong", "", nil, srt.REJX_NOTFOUND, "code=not_found"},
		{"a wrong passphrase", passphrase, "publish:" + key, "canary-another-one", nil, srt.REJ_BADSECRET, "passphrase is wrong"},
		{"no passphrase", passphrase, "publish:" + key, "", nil, srt.REJ_UNSECURE, "is not encrypted"},
		{"a passphrase too many", "", "publish:" + key, passphrase, nil, srt.REJ_UNSECURE, "but the stream is encrypted"},
		{"a conflict", "", "publish:" + key, "", conflict, srt.REJX_CONFLICT, "code=publisher_conflict"},
		{"no streamid", "", "", "", nil, srt.REJX_BAD_REQUEST, "code=bad_request"},
		{"a streamid of another kind", "", "canary/live/room", "", nil, srt.REJX_BAD_REQUEST, "code=bad_request"},
		{"a wrong ticket", "", "play:canary-wrong", "", nil, srt.REJX_NOTFOUND, "code=not_found"},
		{"a broadcast that is not on", "", "play:" + ticket, "", nil, srt.REJX_NOTFOUND, "code=not_ready"},
		{"an encrypted player", "", "play:" + ticket, passphrase, nil, srt.REJX_FORBIDDEN, "leave it out"},
		{"a publisher's key as a ticket", "", "play:" + key, "", nil, srt.REJX_NOTFOUND, "code=not_found"},
		{"a viewer's ticket as a key", "", "publish:" + ticket, "", nil, srt.REJX_NOTFOUND, "code=not_found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &house{conflict: tt.conflict}
			if tt.passphrase != "" {
				p := secret.New(tt.passphrase)
				h.passphrase = &p
			}
			_, err := dial(t, serve(t, h, Options{}), tt.streamID, tt.with)
			if !rejected(err, tt.told) {
				t.Errorf("told %v, want %d", err, tt.told)
			}
			eventually(t, "it is logged", func() bool { return strings.Contains(h.log(), tt.logged) })
			if h.sink(0) != nil {
				t.Error("it was let in")
			}
		})
	}
}

func TestWrongPassphrasesAreCounted(t *testing.T) {
	p := secret.New(passphrase)
	h := &house{passphrase: &p}
	address := serve(t, h, Options{})
	for range 22 {
		if _, err := dial(t, address, "publish:"+key, "canary-another-one"); err == nil {
			t.Fatal("it was let in")
		}
	}
	if !strings.Contains(h.log(), "code=too_many_attempts") {
		t.Errorf("log %s", h.log())
	}
	if _, err := dial(t, address, "publish:"+key, passphrase); err != nil {
		t.Errorf("the right one from the same address: %v", err)
	}
}

func TestSilentPublishersAreDropped(t *testing.T) {
	t.Parallel()
	for name, talk := range map[string]func(c srt.Conn){
		"who say nothing": func(srt.Conn) {},
		"who talk of nothing": func(c srt.Conn) {
			for {
				if _, err := c.Write(bytes.Repeat(append([]byte{0x47, 0x1f, 0xff, 0x10}, make([]byte, 184)...), 7)); err != nil {
					return
				}
				<-time.After(20 * time.Millisecond)
			}
		},
		"who send garbage": func(c srt.Conn) { _, _ = c.Write(bytes.Repeat([]byte("garbage"), 20000)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{}
			c, err := dial(t, serve(t, h, Options{IdleTimeout: time.Second}), "publish:"+key, "")
			if err != nil {
				t.Fatal(err)
			}
			talking := make(chan struct{})
			go func() {
				defer close(talking)
				talk(c)
			}()
			eventually(t, "it is dropped", func() bool { s := h.sink(0); return s != nil && s.Closed() })
			_ = c.Close()
			<-talking
		})
	}
}

func TestLossesAreWarnedOf(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "film.ts")
	ingesttest.MakeFile(t, file, time.Second, media.H264, media.AAC)
	film, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{}
	c, err := dial(t, serve(t, h, Options{}), "publish:"+key, "")
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at+1316 <= len(film); at += 1316 {
		if at/1316 == 20 {
			continue
		}
		if _, err := c.Write(film[at : at+1316]); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it is warned of", func() bool { return h.warned("packet_loss") })
	_ = c.Close()
	eventually(t, "the warning goes with the publisher", func() bool { return !h.warned("packet_loss") && h.sink(0).Closed() })
}

func TestWarningsOfLossEnd(t *testing.T) {
	h := &house{}
	n := int64(0)
	l := &losses{warnings: h, room: "room", count: func() int64 { return n }}
	now := time.Now()
	for _, step := range []struct {
		after time.Duration
		lost  int64
		want  bool
	}{{0, 0, false}, {time.Second, 1, true}, {9 * time.Second, 1, true}, {2 * time.Second, 1, false}, {time.Second, 2, true}} {
		now, n = now.Add(step.after), step.lost
		l.look(now)
		if h.warned("packet_loss") != step.want {
			t.Errorf("%d losses, %v later: warned %v", n, step.after, !step.want)
		}
	}
	l.end()
	if h.warned("packet_loss") {
		t.Error("it stays")
	}
}

func TestTheHubMaySendAPublisherAway(t *testing.T) {
	h := &house{}
	c, err := dial(t, serve(t, h, Options{}), "publish:"+key, "")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is in", func() bool { return h.sink(0) != nil })
	h.published[0].Close(errors.New("replaced"))
	if _, err := c.Read(make([]byte, 1500)); err == nil {
		t.Error("the connection goes on")
	}
	eventually(t, "it is gone", func() bool { return h.sink(0).Closed() && strings.Contains(h.log(), "replaced") })
}

func TestConnectionsAreCounted(t *testing.T) {
	for name, o := range map[string]Options{"in all": {MaxConnections: 2}, "per address": {MaxPerAddress: 2}} {
		t.Run(name, func(t *testing.T) {
			h := &house{}
			address := serve(t, h, o)
			first, err := dial(t, address, "publish:"+key, "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := dial(t, address, "publish:"+key, ""); err != nil {
				t.Fatal(err)
			}
			if _, err := dial(t, address, "publish:"+key, ""); !rejected(err, srt.REJX_OVERLOAD) {
				t.Errorf("the third is told %v", err)
			}
			_ = first.Close()
			eventually(t, "there is room again", func() bool { return h.sink(0).Closed() })
			eventually(t, "another is let in", func() bool { _, err := dial(t, address, "publish:"+key, ""); return err == nil })
		})
	}
}

func TestATakenAddressIsTold(t *testing.T) {
	address := serve(t, &house{}, Options{})
	if err := NewServer(Options{Address: address}).Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "listen for srt") {
		t.Errorf("error %v", err)
	}
}

func TestASocketThatFailsIsOpenedAgain(t *testing.T) {
	h := &house{}
	s := start(t, h, Options{})
	s.o.Address = s.Addr().String()
	if _, err := dial(t, s.o.Address, "publish:"+key, ""); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.listener.Close()
	s.mu.Unlock()
	eventually(t, "the publisher is gone", func() bool { return h.sink(0).Closed() })
	eventually(t, "another is let in", func() bool { _, err := dial(t, s.o.Address, "publish:"+key, ""); return err == nil })
	if !strings.Contains(h.log(), "opening it again") {
		t.Errorf("log %s", h.log())
	}
}

func TestNamesAreResolved(t *testing.T) {
	for in, want := range map[string]string{
		":8890": ":8890", "127.0.0.1:1": "127.0.0.1:1", "[::1]:0": "[::1]:0", "localhost:7": "127.0.0.1:7", "nowhere": "",
	} {
		got, err := numeric(t.Context(), in)
		if in == "localhost:7" && got == "[::1]:7" {
			continue
		}
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s becomes %s, want %s: %v", in, got, want, err)
		}
	}
}

// TestHostileHandshakes sends what makes the library's parser panic, and
// numbers for which it would make buffers of gigabytes.
func TestHostileHandshakes(t *testing.T) {
	h := &house{}
	address := serve(t, h, Options{})
	nc, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	for _, size := range []int{0, 1, 15, 16, 17, 63, 64, 65, 66, 70, 100, 1472} {
		b := handshake(1500)
		b = append(b, make([]byte, 1500)...)[:size]
		if _, err := nc.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the panic is told", func() bool { return strings.Contains(h.log(), "malformed handshake") })
	if _, err := dial(t, address, "publish:"+key, ""); err != nil {
		t.Errorf("the server is gone: %v", err)
	}
}
