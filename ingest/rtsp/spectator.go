package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/ntp"
	"github.com/pion/rtcp"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
	"roomcast/secret"
)

const (
	// udpBurst packets go out at once by UDP, every udpPause: what the socket of
	// a player takes without loss, and far more than any stream needs.
	udpBurst = 40
	udpPause = 2 * time.Millisecond
	// behind is how many packets may wait before the spectator is left to fall
	// behind: some hundred milliseconds of a large stream.
	behind = queue / 2
)

// spectator is somebody who watches a broadcast over one connection.
type spectator struct {
	path     string
	playback *ingest.Playback
	stream   *gortsplib.ServerStream
	packers  []*packer
	guard    *guard
	log      *slog.Logger
	began    time.Time

	session *gortsplib.ServerSession // from PLAY on
	start   sync.Once
	udp     bool
	// broken says that a packet was lost on the way out: only a key frame helps.
	broken atomic.Bool
	done   chan struct{}
	closed sync.Once

	why atomic.Pointer[string]
	// base is the wall clock at the broadcast's time 0, as far as the player is told.
	base   time.Time
	sent   atomic.Int64 // packets handed to the library
	burst  int          // of them since window
	window time.Time    // by UDP
}

var errPath = &rooms.Error{Code: rooms.CodeNotFound, Detail: "play rtsp://host/play/{ticket}"}

// seat opens the playback that a path names, once for each connection.
func (h *handler) seat(c *client, path string) (*gortsplib.ServerStream, error) {
	path = trimmed(path)
	c.mu.Lock()
	current := c.play
	c.mu.Unlock()
	if current != nil {
		if current.path != path {
			return nil, errPath
		}
		return current.stream, nil
	}
	ticket, ok := strings.CutPrefix(path, playPrefix)
	if !ok || ticket == "" || len(ticket) > maxSecret || strings.Contains(ticket, "/") || h.server.o.Theatre == nil {
		return nil, errPath
	}
	s := &spectator{path: path, guard: c.guard, log: c.log, began: time.Now(), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(h.ctx, h.server.o.GreetingTimeout)
	defer cancel()
	playback, err := h.server.o.Theatre.Play(ctx, secret.New(ticket), ingest.Spectator{
		Protocol: "rtsp", Caller: rooms.Caller{Address: c.guard.addr}, Close: func(reason error) { s.sendAway(c, reason) },
	})
	if err != nil {
		c.log.Info("spectator refused", "code", rooms.CodeOf(err))
		return nil, err
	}
	s.playback, s.log = playback, c.log.With("room", playback.RoomID)
	if err := s.describe(h.rtsp); err != nil {
		playback.Release()
		return nil, err
	}
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.play = s
	}
	c.mu.Unlock()
	if closed {
		s.close()
		return nil, context.Canceled
	}
	return s.stream, nil
}

// describe makes the session description of the broadcast's tracks.
func (s *spectator) describe(server *gortsplib.Server) error {
	desc := &description.Session{Title: "Roomcast"}
	for i, t := range s.playback.Format.Tracks {
		p, err := newPacker(t, i)
		if err != nil {
			return &rooms.Error{Code: rooms.CodeCodecNotSupported, Detail: err.Error()}
		}
		s.packers = append(s.packers, p)
		desc.Medias = append(desc.Medias, p.media)
	}
	s.stream = &gortsplib.ServerStream{Server: server, Desc: desc}
	if err := s.stream.Initialize(); err != nil {
		return fmt.Errorf("open stream: %w", err)
	}
	for m, stats := range s.stream.Stats().Medias {
		for _, p := range s.packers {
			if p.media == m {
				p.ssrc = stats.Formats[p.format].LocalSSRC
			}
		}
	}
	return nil
}

// begin lets the units come, once the answer to PLAY is on its way.
func (h *handler) begin(c *client, session *gortsplib.ServerSession) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.play == nil {
		return errPath
	}
	c.play.session = session
	c.play.udp = session.Transport().Protocol == gortsplib.ProtocolUDP
	return nil
}

// sendAway ends the connection, for the given reason. It does not block.
func (s *spectator) sendAway(c *client, reason error) {
	text := reason.Error()
	s.why.CompareAndSwap(nil, &text)
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	if session != nil {
		session.Close()
	}
	_ = c.guard.Conn.Close()
}

// close gives the seat back and ends the stream.
func (s *spectator) close() {
	s.closed.Do(func() {
		close(s.done)
		s.playback.Release()
		s.stream.Close()
		why := "closed"
		if text := s.why.Load(); text != nil {
			why = *text
		}
		s.log.Info("spectator left", "after", time.Since(s.began).Round(time.Millisecond), "reason", why, "packets", s.sent.Load())
	})
}

// errOtherTracks ends a playback whose tracks a player cannot go on with.
var errOtherTracks = errors.New("the broadcast's codecs changed")

// run carries units to the connection until one of them ends.
func (s *spectator) run(c *client) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("spectator's connection panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.sendAway(c, errPanicked)
		}
	}()
	s.log.Info("spectator watches", "udp", s.udp)
	if err := s.carry(); err != nil {
		s.sendAway(c, err)
	}
}

func (s *spectator) carry() error {
	current := s.playback.Format
	waiting := false
	for {
		u, _, err := s.playback.Reader.Read()
		if err != nil {
			return err
		}
		if u.Format != current {
			if !s.follow(u.Format) {
				return errOtherTracks
			}
			current = u.Format
		}
		if s.broken.Swap(false) {
			waiting = true
		}
		if waiting && !u.RandomAccess() {
			continue
		}
		waiting = false
		p := s.packer(u.Track)
		if p == nil {
			continue
		}
		if err := s.write(p, u); err != nil {
			return err
		}
	}
}

// follow goes over to another format, if the player can.
func (s *spectator) follow(f *media.Format) bool {
	if len(f.Tracks) != len(s.packers) {
		return false
	}
	for i, t := range f.Tracks {
		if !follows(s.packers[i].track, t) {
			return false
		}
	}
	for i, t := range f.Tracks {
		s.packers[i].track = t
	}
	return true
}

func (s *spectator) packer(t *media.Track) *packer {
	for _, p := range s.packers {
		if p.track == t {
			return p
		}
	}
	return nil
}

// write sends the packets of one unit, at the pace at which they are taken.
func (s *spectator) write(p *packer, u *media.Unit) error {
	packets, err := p.pack(u)
	if err != nil {
		return fmt.Errorf("make packets: %w", err)
	}
	if s.base.IsZero() {
		s.base = time.Now().Add(-u.PTS)
	}
	wall := s.base.Add(u.PTS)
	if !p.told {
		// The library's own reports come much later; players line up sound and picture by the first.
		p.told = true
		err := s.stream.WritePacketRTCP(p.media, &rtcp.SenderReport{SSRC: p.ssrc, NTPTime: ntp.Encode(wall), RTPTime: p.ticks(u.PTS)})
		if err != nil {
			return err
		}
	}
	for _, pkt := range packets {
		if err := s.pace(); err != nil {
			return err
		}
		if err := s.stream.WritePacketRTPWithNTP(p.media, pkt, wall); err != nil {
			return err
		}
		s.sent.Add(1)
	}
	return nil
}

// pace waits until the connection can take another packet. Meanwhile the
// reader may fall behind, and goes on at a key frame.
func (s *spectator) pace() error {
	if s.udp {
		return s.paceUDP()
	}
	for s.sent.Load()-s.guard.packets.Load() >= behind {
		select {
		case <-s.guard.room:
		case <-s.done:
			return media.ErrClosed
		}
	}
	return nil
}

func (s *spectator) paceUDP() error {
	now := time.Now()
	if now.Sub(s.window) >= udpPause {
		s.window, s.burst = now, 0
	}
	if s.burst++; s.burst < udpBurst {
		return nil
	}
	t := time.NewTimer(udpPause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-s.done:
		return media.ErrClosed
	}
}
