package pull

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"roomcast/ingest/ingesttest"
	"roomcast/media"
)

// lens is what all cameras of the tests see: a second of H.264, again and again.
var lens struct {
	once sync.Once
	film *ingesttest.Film
}

func film(t *testing.T) *ingesttest.Film {
	t.Helper()
	lens.once.Do(func() { lens.film = ingesttest.Make(t, time.Second, media.H264) })
	return lens.film
}

// testCamera is an IP camera.
type testCamera struct {
	user, password string
	redirect       string // where it sends everybody
	udp            bool   // offers UDP
	deaf           bool   // but its packets never arrive
	blind          bool   // has a stream without media

	server  *gortsplib.Server
	stream  *gortsplib.ServerStream
	address string

	mu         sync.Mutex
	authorized []string // Authorization of the DESCRIBE requests
	open       int      // connections
}

// discard is a UDP socket whose packets are lost.
type discard struct{ *net.UDPConn }

func (d discard) WriteTo(p []byte, _ net.Addr) (int, error) { return len(p), nil }

// turnOn starts the camera; address "" is any.
func (c *testCamera) turnOn(t *testing.T, address string) (off func()) {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.address = l.Addr().String()
	c.server = &gortsplib.Server{
		Handler: c, RTSPAddress: c.address,
		Listen: func(string, string) (net.Listener, error) { return l, nil },
	}
	if c.udp {
		c.offerUDP(t)
	}
	if err := c.server.Start(); err != nil {
		t.Fatal(err)
	}
	track := film(t).Format.Tracks[0]
	forma := &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: track.SPS, PPS: track.PPS}
	medi := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{forma}}
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: &description.Session{Medias: []*description.Media{medi}}}
	if err := c.stream.Initialize(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	if !c.blind {
		running.Go(func() { c.shoot(t, ctx, medi, forma) })
	}
	off = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		c.stream.Close()
		c.server.Close()
	})
	t.Cleanup(off)
	return off
}

// offerUDP finds a pair of ports.
func (c *testCamera) offerUDP(t *testing.T) {
	t.Helper()
	for {
		first, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		a, _ := first.LocalAddr().(*net.UDPAddr)
		second, err := net.ListenUDP("udp", &net.UDPAddr{IP: a.IP, Port: a.Port + 1})
		if a.Port%2 != 0 || err != nil {
			_ = first.Close()
			if err == nil {
				_ = second.Close()
			}
			continue
		}
		sockets := []net.PacketConn{first, second}
		c.server.UDPRTPAddress, c.server.UDPRTCPAddress = a.String(), second.LocalAddr().String()
		c.server.ListenPacket = func(string, string) (net.PacketConn, error) {
			s, _ := sockets[0].(*net.UDPConn)
			sockets = sockets[1:]
			if c.deaf {
				return discard{s}, nil
			}
			return s, nil
		}
		return
	}
}

// shoot sends the film in real time.
func (c *testCamera) shoot(t *testing.T, ctx context.Context, m *description.Media, f *format.H264) {
	encoder, err := f.CreateEncoder()
	if err != nil {
		t.Error(err)
		return
	}
	began, lap := time.Now(), time.Duration(0)
	for ; ; lap += time.Second {
		for _, u := range lens.film.Units {
			if !pause(ctx, time.Until(began.Add(lap+u.DTS))) {
				return
			}
			parts := [][]byte{}
			if u.Key {
				parts = append(parts, u.Track.SPS, u.Track.PPS)
			}
			for nal := range media.NALs(u.Payload) {
				parts = append(parts, nal)
			}
			packets, err := encoder.Encode(parts)
			if err != nil {
				t.Error(err)
				return
			}
			for _, pkt := range packets {
				pkt.Timestamp = uint32((lap + u.PTS).Milliseconds() * 90)
				_ = c.stream.WritePacketRTP(m, pkt) // nobody may be there
			}
		}
	}
}

func (c *testCamera) OnConnOpen(*gortsplib.ServerHandlerOnConnOpenCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
}

func (c *testCamera) OnConnClose(*gortsplib.ServerHandlerOnConnCloseCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}

func (c *testCamera) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}

// isAlone reports whether nobody is connected.
func (c *testCamera) isAlone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open == 0
}

// logins are the credentials that came.
func (c *testCamera) logins() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.authorized
}

func (c *testCamera) sendTo(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.redirect = url
}

func (c *testCamera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c.mu.Lock()
	c.authorized = append(c.authorized, ctx.Request.Header["Authorization"]...)
	redirect := c.redirect
	c.mu.Unlock()
	switch {
	case redirect != "":
		return &base.Response{StatusCode: base.StatusFound, Header: base.Header{"Location": base.HeaderValue{redirect}}}, nil, nil
	case c.user != "" && !ctx.Conn.VerifyCredentials(ctx.Request, c.user, c.password):
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	case ctx.Path != "/stream":
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *testCamera) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *testCamera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}
