package rtmp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/message"
	"go.uber.org/goleak"

	"roomcast/ingest"
	"roomcast/ingest/ingesttest"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "canary-stream-key"

// gate is door and hub of a server under test.
type gate struct {
	mu     sync.Mutex
	sinks  []*lockedSink
	logs   bytes.Buffer
	refuse error // by the hub
	panics bool
}

// lockedSink is a recorder that a test may look at meanwhile.
type lockedSink struct {
	gate *gate
	recorder
	publication ingest.Publication
}

func (s *lockedSink) SetTracks(t []*media.Track) error {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	if s.gate.panics {
		panic("a parser's panic")
	}
	return s.recorder.SetTracks(t)
}

func (s *lockedSink) Write(v ingest.Sample) error {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return s.recorder.Write(v)
}

func (s *lockedSink) Close() {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.recorder.Close()
}

func (g *gate) Publisher(_ context.Context, k secret.Text, c rooms.Caller) (rooms.Publisher, error) {
	if !c.Address.IsLoopback() {
		return rooms.Publisher{}, errors.New("no address")
	}
	if !k.Equal(key) {
		return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such stream key"}
	}
	return rooms.Publisher{RoomID: "room", RoomType: rooms.Live}, nil
}

func (g *gate) PublisherOf(context.Context, string) (rooms.Publisher, error) {
	return rooms.Publisher{}, errors.New("not asked here")
}

func (g *gate) Publish(_ context.Context, p ingest.Publication) (ingest.Sink, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuse != nil {
		return nil, g.refuse
	}
	s := &lockedSink{gate: g, publication: p}
	g.sinks = append(g.sinks, s)
	return s, nil
}

// Write makes the gate a log's destination.
func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logs.Write(p)
}

func (g *gate) log() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logs.String()
}

// do looks at the gate's state.
func (g *gate) do(f func() bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return f()
}

func serve(t *testing.T, o Options) (*gate, *Server) {
	t.Helper()
	g := &gate{}
	return g, serveAt(t, g, o)
}

// serveAt serves with a gate that is there before.
func serveAt(t *testing.T, g *gate, o Options) *Server {
	t.Helper()
	o.Address, o.Log = "127.0.0.1:0", slog.New(slog.NewTextHandler(g, nil))
	o.Gate = ingest.NewGate(ingest.GateOptions{Door: g, Hub: g, Log: o.Log})
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
		if strings.Contains(g.log(), "canary") {
			t.Errorf("a key is in the log: %s", g.log())
		}
	})
	return s
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	return nc
}

// closedWithin asserts that the server closes the connection in time.
func closedWithin(t *testing.T, nc net.Conn, d time.Duration) {
	t.Helper()
	begun := time.Now()
	_ = nc.SetReadDeadline(begun.Add(d))
	_, err := io.Copy(io.Discard, nc)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		t.Errorf("still open after %v", d)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// client connects to a path such as "/live#key".
func client(t *testing.T, s *Server, path string, publish bool, tlsConfig *tls.Config) (*gortmplib.Client, error) {
	t.Helper()
	scheme := "rtmp"
	if tlsConfig != nil {
		scheme = "rtmps"
	}
	u, err := url.Parse(scheme + "://" + s.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	c := &gortmplib.Client{URL: u, Publish: publish, TLSConfig: tlsConfig}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Initialize(ctx); err != nil {
		return nil, err
	}
	t.Cleanup(c.Close)
	return c, nil
}

func TestPublisherIsTakenToTheHub(t *testing.T) {
	g, s := serve(t, Options{})
	c, err := client(t, s, "/live#"+key, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []message.Message{
		metadata(7.0, nil), &message.Video{ChunkStreamID: 6, MessageStreamID: 1, Codec: 7, IsKeyFrame: true, AVCConfig: avcFull()},
		&message.Video{ChunkStreamID: 6, MessageStreamID: 1, Codec: 7, IsKeyFrame: true, Type: message.VideoTypeAU, AU: media.AppendNAL(nil, idr)},
	} {
		if v, ok := m.(*message.DataAMF0); ok {
			v.ChunkStreamID, v.MessageStreamID = 4, 1
		}
		if err := c.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the picture is with the hub", func() bool {
		return g.do(func() bool { return len(g.sinks) == 1 && len(g.sinks[0].samples) == 1 })
	})
	if p := g.sinks[0].publication; p.Protocol != "rtmp" || p.Room.RoomID != "room" {
		t.Errorf("publication %+v", p)
	}
	c.Close()
	eventually(t, "the sink is closed", func() bool { return g.do(func() bool { return g.sinks[0].closed }) })
}

// avcFull is a configuration that can be marshaled.
func avcFull() *mp4.AVCDecoderConfiguration {
	c := avc(sps, pps)
	c.SetType(mp4.BoxTypeAvcC())
	c.ConfigurationVersion, c.Profile, c.Level, c.NumOfPictureParameterSets = 1, sps[1], sps[3], 1
	c.SequenceParameterSets[0].Length, c.PictureParameterSets[0].Length = uint16(len(sps)), uint16(len(pps))
	return c
}

func TestRefusalsAreToldInRTMPsWords(t *testing.T) {
	tests := []struct {
		name, path string
		publish    bool
		hub        error
		code       string
	}{
		{"a wrong key", "/live#canary-wrong", true, nil, "not_found"},
		{"no key", "/live", true, nil, "not_found"},
		{"another application", "/canary#" + key, true, nil, "not_found"},
		{"playing", "/live#" + key, false, nil, "forbidden"},
		{"a conflict", "/live#" + key, true, &rooms.Error{Code: rooms.CodePublisherConflict, Detail: "two encoders"}, "publisher_conflict"},
		{"a failure of ours", "/live#" + key, true, errors.New("database: on fire"), "on fire"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, s := serve(t, Options{})
			g.do(func() bool { g.refuse = tt.hub; return true })
			_, err := client(t, s, tt.path, tt.publish, nil)
			if err == nil {
				t.Fatal("it was let in")
			}
			if strings.Contains(err.Error(), "on fire") {
				t.Errorf("our own trouble is told: %v", err)
			}
			eventually(t, "the refusal is logged", func() bool { return strings.Contains(g.log(), tt.code) })
		})
	}
}

func TestASlashTooManyInTheServersAddressIsForgiven(t *testing.T) {
	_, s := serve(t, Options{})
	for _, path := range []string{"/live/#" + key, "/live#/" + key, "/live#" + key + "/"} {
		if _, err := client(t, s, path, true, nil); err != nil {
			t.Errorf("%s: %v", strings.ReplaceAll(path, key, "KEY"), err)
		}
	}
}

func TestWrongKeysAtTenASecondKeepNoRightOneOut(t *testing.T) {
	g, s := serve(t, Options{})
	if _, err := client(t, s, "/live#"+key, true, nil); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 25 {
		if _, err := client(t, s, "/live#canary-guess", true, nil); err == nil {
			t.Fatal("a wrong key was let in")
		}
		<-tick.C
	}
	if log := g.log(); !strings.Contains(log, "code=not_found") || !strings.Contains(log, "code=too_many_attempts") {
		t.Errorf("log %s", log)
	}
	if g.do(func() bool { return len(g.sinks) != 1 || g.sinks[0].closed }) {
		t.Error("guesses reached the hub, or sent the publisher on air away")
	}
	if _, err := client(t, s, "/live#"+key, true, nil); err != nil {
		t.Errorf("the right key from the same address: %v", err)
	}
}

func TestHostileConnectionsAreDropped(t *testing.T) {
	o := Options{GreetingTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond}
	tests := map[string]func(nc net.Conn){
		"silence":         func(net.Conn) {},
		"garbage":         func(nc net.Conn) { _, _ = nc.Write([]byte("GET /canary HTTP/1.1\r\n\r\n")) },
		"random bytes":    func(nc net.Conn) { b := make([]byte, 8192); _, _ = rand.Read(b); _, _ = nc.Write(b) },
		"half a greeting": func(nc net.Conn) { _, _ = nc.Write(greeting[:1000]) },
		"a greeting and no more": func(nc net.Conn) {
			_, _ = nc.Write(greeting)
		},
		"commands that go nowhere": func(nc net.Conn) {
			_, _ = nc.Write(join(greeting, bytes.Repeat(join(header0(3, 20, 20), make([]byte, 20)), 100)))
		},
		"one byte at a time": func(nc net.Conn) {
			go func() {
				for range 100 {
					if _, err := nc.Write([]byte{3}); err != nil {
						return
					}
					<-time.After(20 * time.Millisecond)
				}
			}()
		},
	}
	for name, attack := range tests {
		t.Run(name, func(t *testing.T) {
			g, s := serve(t, o)
			nc := dial(t, s)
			attack(nc)
			closedWithin(t, nc, 3*time.Second)
			eventually(t, "nothing is left behind", func() bool {
				open, _ := s.places.Open()
				return open == 0
			})
			if len(g.sinks) != 0 {
				t.Error("it was let in")
			}
		})
	}
}

func TestPublisherWithoutMediaIsDropped(t *testing.T) {
	g, s := serve(t, Options{IdleTimeout: 300 * time.Millisecond})
	c, err := client(t, s, "/live#"+key, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	// It goes on talking, but not of tracks.
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				if c.Write(&message.UserControlPingRequest{ServerTime: 1}) != nil {
					return
				}
			}
		}
	}()
	eventually(t, "it is dropped", func() bool { return g.do(func() bool { return len(g.sinks) == 1 && g.sinks[0].closed }) })
}

func TestConnectionsAreCounted(t *testing.T) {
	for name, o := range map[string]Options{"in all": {MaxConnections: 2}, "per address": {MaxPerAddress: 2}} {
		t.Run(name, func(t *testing.T) {
			g, s := serve(t, o)
			a := dial(t, s)
			dial(t, s)
			eventually(t, "two are in", func() bool { open, _ := s.places.Open(); return open == 2 })
			closedWithin(t, dial(t, s), 3*time.Second)
			eventually(t, "the third is logged", func() bool { return strings.Contains(g.log(), "code=overloaded") })
			_ = a.Close()
			eventually(t, "there is room again", func() bool { open, _ := s.places.Open(); return open == 1 })
		})
	}
}

func TestAPanicEndsOneConnectionOnly(t *testing.T) {
	g, s := serve(t, Options{})
	g.do(func() bool { g.panics = true; return true })
	c, err := client(t, s, "/live#"+key, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	md := metadata(7.0, nil).(*message.DataAMF0)
	md.ChunkStreamID, md.MessageStreamID = 4, 1
	_ = c.Write(md)
	_ = c.Write(&message.Video{ChunkStreamID: 6, MessageStreamID: 1, Codec: 7, IsKeyFrame: true, AVCConfig: avcFull()})
	_ = c.Write(&message.Video{ChunkStreamID: 6, MessageStreamID: 1, Codec: 7, Type: message.VideoTypeAU, AU: media.AppendNAL(nil, idr)})
	eventually(t, "it is logged, and the sink closed", func() bool {
		return g.do(func() bool {
			return strings.Contains(g.logs.String(), "a parser's panic") && g.sinks[0].closed
		})
	})
	if _, err := client(t, s, "/live#"+key, true, nil); err != nil {
		t.Errorf("the server is gone: %v", err)
	}
}

func TestRTMPS(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	film := ingesttest.Make(t, time.Second, media.H264)
	g := &gate{}
	h := &theatre{gate: g, stream: ingesttest.Broadcast(t, film, 1), format: film.Format}
	s := serveAt(t, g, Options{Theatre: h, TLS: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}})
	trusting := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	if _, err := client(t, s, "/live#"+key, true, trusting); err != nil {
		t.Fatal(err)
	}
	player, err := client(t, s, "/play#"+ticket, false, trusting)
	if err != nil {
		t.Fatal(err)
	}
	watch(t, player, 10)
	if !g.do(func() bool { return len(g.sinks) == 1 && g.sinks[0].publication.Protocol == "rtmps" }) {
		t.Error("not published by rtmps")
	}
}

func TestATakenAddressIsTold(t *testing.T) {
	_, s := serve(t, Options{})
	err := NewServer(Options{Address: s.Addr().String()}).Listen(t.Context())
	if err == nil || !strings.Contains(err.Error(), "listen for rtmp") {
		t.Errorf("error %v", err)
	}
}
