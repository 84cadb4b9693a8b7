package pull

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"roomcast/ingest"
	"roomcast/ingest/rtpin"
	"roomcast/media"
)

const (
	maxRedirects = 5
	// patience is how long an answer, or media, may take to come.
	patience = 10 * time.Second
	// udpBuffer is what the kernel keeps of incoming packets, in bytes: some key frames.
	udpBuffer = 2 << 20
)

var (
	errRedirects = errors.New("too many redirects")
	errRedirect  = errors.New("redirect to what is no RTSP, or less safe")
	errNothing   = errors.New("nothing to fetch")
)

// fetch connects, follows redirects, and carries media until the connection
// ends. It gives back its place among those that connect once media comes in,
// or at its end.
func (c *camera) fetch(ctx context.Context) error {
	free := sync.OnceFunc(func() { <-c.puller.connecting })
	defer free()
	u, err := base.ParseURL(c.source.URL.Reveal())
	if err != nil {
		return errNothing // the library's words would quote it
	}
	for range maxRedirects + 1 {
		s := &session{camera: c, url: u, playing: free}
		next, err := s.run(ctx)
		if next == "" {
			return err
		}
		if u, err = follow(u, next); err != nil {
			return err
		}
		c.log.Debug("camera redirects", "host", u.Hostname())
	}
	return errRedirects
}

// follow is where a redirect leads. Credentials go along to the same host only.
func follow(from *base.URL, location string) (*base.URL, error) {
	to, err := base.ParseURL(location)
	if err != nil || to.Scheme != "rtsp" && to.Scheme != "rtsps" || from.Scheme == "rtsps" && to.Scheme != "rtsps" {
		return nil, errRedirect
	}
	if from.User != nil && to.User == nil && strings.EqualFold(from.Hostname(), to.Hostname()) {
		to.User = from.User
	}
	return to, nil
}

// session is one connection.
type session struct {
	camera  *camera
	url     *base.URL
	playing func() // called when media comes in
	client  *gortsplib.Client
	cancel  context.CancelCauseFunc

	mu       sync.Mutex
	location string // where the camera sends us
	sink     ingest.Sink
}

// run carries the connection from its beginning to its end. next is where the
// camera redirects to.
func (s *session) run(ctx context.Context) (next string, err error) {
	ctx, s.cancel = context.WithCancelCause(ctx)
	defer s.cancel(nil)
	d := s.camera.puller.o.Dialer
	s.client = &gortsplib.Client{
		Scheme: s.url.Scheme, Host: s.url.Host, UserAgent: "Roomcast", Protocol: s.transport(),
		ReadTimeout: patience, WriteTimeout: patience,
		DialContext: d.DialContext,
		ListenPacket: func(network, address string) (net.PacketConn, error) {
			pc, err := d.ListenPacket(network, address)
			if b, ok := pc.(interface{ SetReadBuffer(n int) error }); ok && err == nil {
				_ = b.SetReadBuffer(udpBuffer) // what the kernel gives has to do
			}
			return pc, err
		},
		ResolveIPAddr: func(_, host string) (*net.IPAddr, error) {
			addrs, err := d.Resolve(ctx, net.JoinHostPort(host, "554"))
			if err != nil {
				return nil, err
			}
			return &net.IPAddr{IP: addrs[0].Addr().AsSlice()}, nil
		},
		OnResponse: s.response,
		OnTransportSwitch: func(error) {
			s.camera.overTCP.Store(true)
			s.camera.log.Info("camera is fetched over TCP instead of UDP")
		},
		OnPacketsLost: func(uint64) {}, // the receiver counts them by track
		OnDecodeError: func(error) {},  // packets that are none
	}
	if err := s.client.Start(); err != nil {
		return "", fmt.Errorf("start client: %w", err)
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { s.client.Close(); close(closed) })
	defer func() {
		if stop() {
			s.client.Close()
			return
		}
		<-closed
	}()
	err = s.play(ctx)
	s.mu.Lock()
	next, sink := s.location, s.sink
	s.mu.Unlock()
	if sink != nil {
		sink.Close()
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return next, err
}

// transport is the library's name of the source's transport; nil tries UDP,
// then TCP.
func (s *session) transport() *gortsplib.Protocol {
	p := gortsplib.ProtocolTCP
	switch t := s.camera.source.Transport; {
	case t == "tcp", t == "auto" && s.camera.overTCP.Load():
	case t == "udp":
		p = gortsplib.ProtocolUDP
	default:
		return nil
	}
	return &p
}

// response looks for a redirect. The library would follow one itself, without
// an end and with the credentials.
func (s *session) response(res *base.Response) {
	if res.StatusCode < base.StatusMovedPermanently || res.StatusCode > base.StatusUseProxy {
		return
	}
	if l := res.Header["Location"]; len(l) == 1 {
		s.mu.Lock()
		s.location = l[0]
		s.mu.Unlock()
	}
	delete(res.Header, "Location")
}

// play asks for what can be taken and waits until the connection ends.
func (s *session) play(ctx context.Context) error {
	desc, _, err := s.client.Describe(s.url)
	if err != nil {
		return err
	}
	w := s.camera.puller.o.Warnings
	receiver, err := rtpin.New(rtpin.Options{
		Sink: &arrival{session: s, ctx: ctx}, Description: desc,
		Warn:  func(code, detail string) { w.SetWarning(s.camera.room, code, detail) },
		Clear: func(code string) { w.ClearWarning(s.camera.room, code) },
	})
	if err != nil {
		return err
	}
	defer func() {
		receiver.Close()
		lost, dropped := receiver.Lost()
		s.camera.log.Debug("camera's connection ended", "lost_packets", lost, "dropped_pictures", dropped)
	}()
	for _, m := range desc.Medias {
		if !receiver.Wants(m) {
			continue
		}
		if _, err := s.client.Setup(desc.BaseURL, m, 0, 0); err != nil {
			return err
		}
		for _, f := range m.Formats {
			s.client.OnPacketRTP(m, f, func(pkt *rtp.Packet) { s.packet(receiver, m, pkt) })
		}
		s.client.OnPacketRTCP(m, func(pkt rtcp.Packet) {
			if sr, ok := pkt.(*rtcp.SenderReport); ok {
				receiver.Report(m, sr)
			}
		})
	}
	if _, err := s.client.Play(nil); err != nil {
		return err
	}
	return s.client.Wait()
}

// packet takes one packet. It is called by the library's goroutines.
func (s *session) packet(r *rtpin.Receiver, m *description.Media, pkt *rtp.Packet) {
	defer func() {
		if p := recover(); p != nil {
			s.camera.log.Error("camera's packet panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.cancel(errPanicked)
		}
	}()
	if err := r.Packet(m, pkt, time.Now()); err != nil {
		s.cancel(err)
	}
}

// arrival is a sink that knocks at the gate only when the first media is there:
// a camera that cannot be reached begins no run.
type arrival struct {
	session *session
	ctx     context.Context //nolint:containedctx // of the connection, for the gate
	sink    ingest.Sink
}

// SetTracks implements ingest.Sink.
func (a *arrival) SetTracks(tracks []*media.Track) error {
	if a.sink == nil {
		c := a.session.camera
		sink, err := c.puller.o.Gate.AdmitRoom(a.ctx, c.room, ingest.Request{Protocol: protocol, Yields: true, Close: a.session.cancel})
		if err != nil {
			return err
		}
		a.session.mu.Lock()
		a.session.sink = sink
		a.session.mu.Unlock()
		a.sink = sink
	}
	if err := a.sink.SetTracks(tracks); err != nil {
		return err
	}
	c := a.session.camera
	c.puller.o.Warnings.ClearWarning(c.room, warnFailed)
	a.session.playing()
	return nil
}

// Write implements ingest.Sink.
func (a *arrival) Write(s ingest.Sample) error { return a.sink.Write(s) }

// Close implements ingest.Sink; the session closes what was let in.
func (a *arrival) Close() {}
