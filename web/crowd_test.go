package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"roomcast/live/hls"
	"roomcast/web"
)

// standing tells how many wait in it, until it is opened.
type standing struct {
	entered chan struct{}
	open    chan struct{}
}

func newStanding() *standing {
	return &standing{entered: make(chan struct{}), open: make(chan struct{})}
}

func (s *standing) wait() {
	s.entered <- struct{}{}
	<-s.open
}

// slowWriter is a response whose body nobody takes.
type slowWriter struct {
	http.ResponseWriter
	at *standing
}

func (w slowWriter) Write(b []byte) (int, error) {
	w.at.wait()
	return w.ResponseWriter.Write(b)
}

// crowd has n requests of one address stand still, and asks one more of it and one of another.
func crowd(t *testing.T, h http.Handler, path string, n int, at *standing, write func(http.ResponseWriter) http.ResponseWriter) {
	t.Helper()
	ask := func(from string) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		r.RemoteAddr = from
		return r
	}
	var asking sync.WaitGroup
	for i := range n {
		asking.Go(func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(write(w), ask(fmt.Sprintf("203.0.113.7:%d", 1024+i)))
			if w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
		})
	}
	for range n {
		<-at.entered
	}
	over := httptest.NewRecorder()
	h.ServeHTTP(over, ask("203.0.113.7:1"))
	if over.Code != http.StatusServiceUnavailable || over.Header().Get("Retry-After") == "" || !bytes.Contains(over.Body.Bytes(), []byte(`"overloaded"`)) {
		t.Errorf("one more is answered %d %s", over.Code, over.Body)
	}
	other := httptest.NewRecorder()
	asking.Go(func() { h.ServeHTTP(write(other), ask("203.0.113.8:1")) })
	<-at.entered
	close(at.open)
	asking.Wait()
	if other.Code != http.StatusOK {
		t.Errorf("another address is answered %d %s", other.Code, other.Body)
	}
	again := httptest.NewRecorder()
	go func() { <-at.entered }()
	h.ServeHTTP(write(again), ask("203.0.113.7:1"))
	if again.Code != http.StatusOK {
		t.Errorf("when all have gone it is answered %d", again.Code)
	}
}

func TestOneAddressCannotHoldEveryFile(t *testing.T) {
	d := newDoor(t, nil)
	d.media.files = t.TempDir()
	if err := os.WriteFile(filepath.Join(d.media.files, "old.m4s"), []byte("media"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := newStanding()
	crowd(t, d.Handler, "/hls/"+room+"/o/old.m4s", 256, at, func(w http.ResponseWriter) http.ResponseWriter { return slowWriter{w, at} })
}

// patientMedia has playlists that have to be waited for.
type patientMedia struct {
	*media
	at *standing
}

func (m patientMedia) Playlist(ctx context.Context, roomID, name string, q hls.Query) (hls.Blob, error) {
	m.at.wait()
	return m.media.Playlist(ctx, roomID, name, q)
}

func (m patientMedia) AwaitObject(ctx context.Context, roomID, name string) (hls.Blob, error) {
	m.at.wait()
	return m.media.AwaitObject(ctx, roomID, name)
}

func TestOneAddressCannotBeAllWhoWait(t *testing.T) {
	for name, path := range map[string]string{
		"a playlist": "/hls/" + room + "/" + ticket + "/p1/live.m3u8?_HLS_msn=7&_HLS_part=1",
		"a part":     "/hls/" + room + "/o/announced.m4s",
	} {
		t.Run(name, func(t *testing.T) {
			at := newStanding()
			d := newDoor(t, func(o *web.Options) { o.HLS = patientMedia{o.HLS.(*media), at} })
			d.media.objects[room+"/abc.m4s"] = hls.Blob{Body: []byte("media"), ContentType: "video/mp4", MaxAge: time.Hour}
			crowd(t, d.Handler, path, 4096, at, func(w http.ResponseWriter) http.ResponseWriter { return w })
		})
	}
}

// TestAnHTTP2ConnectionThatTakesNothingIsCut has a client whose TCP window is shut, so that it does not even get the
// frames that end its streams.
func TestAnHTTP2ConnectionThatTakesNothingIsCut(t *testing.T) {
	issuer := httptest.NewUnstartedServer(nil)
	issuer.StartTLS()
	t.Cleanup(issuer.Close)
	s := start(t, func(o *web.ServerOptions) {
		o.WriteTimeout = 500 * time.Millisecond
		o.TLS = &tls.Config{Certificates: issuer.TLS.Certificates, MinVersion: tls.VersionTLS12}
	}, nil)
	s.door.media.objects[room+"/large.m4s"] = hls.Blob{Body: make([]byte, 16<<20), ContentType: "video/mp4", MaxAge: time.Hour}
	raw, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	_ = raw.(*net.TCPConn).SetReadBuffer(4 << 10)
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write([]byte(http2.ClientPreface))
	frames := http2.NewFramer(c, c)
	_ = frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	_ = frames.WriteWindowUpdate(0, 1<<30)
	for i := range 20 {
		var b bytes.Buffer
		e := hpack.NewEncoder(&b)
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", "/hls/" + room + "/o/large.m4s"}} {
			_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		_ = frames.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: b.Bytes(), EndHeaders: true, EndStream: true})
	}
	writing := func() int {
		stacks := make([]byte, 16<<20)
		return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("hlsRoutes).writeObject("))
	}
	until := func(what string, ok func(int) bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(writing()); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %d handlers write", what, writing())
			}
		}
	}
	until("they begin", func(n int) bool { return n > 0 })
	until("they end", func(n int) bool { return n == 0 })
}
