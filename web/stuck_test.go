package web_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"roomcast/live/hls"
	"roomcast/web"
)

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
