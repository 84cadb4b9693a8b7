package rtsp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"roomcast/ingest"
	"roomcast/ingest/rtpin"
	"roomcast/rooms"
	"roomcast/secret"
)

// publisher is a broadcaster that passed the gate.
type publisher struct {
	client   *client
	session  *gortsplib.ServerSession
	sink     ingest.Sink
	receiver *rtpin.Receiver
	log      *slog.Logger
	began    time.Time
	medias   []*description.Media
	idle     time.Duration

	mu    sync.Mutex
	why   error // why it was sent away, the first reason
	watch *time.Timer
	over  bool
}

// admit asks the gate and takes the description of what is coming.
func (h *handler) admit(c *client, session *gortsplib.ServerSession, key secret.Text, d *description.Session) error {
	p := &publisher{client: c, session: session, log: c.log, began: time.Now(), medias: d.Medias, idle: h.server.o.IdleTimeout}
	sink, room, err := h.server.o.Gate.Admit(h.ctx, ingest.Request{
		Key: key, Protocol: "rtsp", Caller: rooms.Caller{Address: c.guard.addr}, Close: p.sendAway,
	})
	if err != nil {
		return err
	}
	p.sink, p.log = sink, c.log.With("room", room)
	o := rtpin.Options{Sink: sink, Description: d}
	if w := h.server.o.Warnings; w != nil {
		o.Warn = func(code, detail string) { w.SetWarning(room, code, detail) }
		o.Clear = func(code string) { w.ClearWarning(room, code) }
	}
	if p.receiver, err = rtpin.New(o); err != nil {
		sink.Close()
		p.log.Info("publisher refused", "code", rooms.CodeOf(err), "error", err)
		return err
	}
	c.mu.Lock()
	closed := c.closed || c.publish != nil
	if !closed {
		c.publish, c.session = p, session
	}
	c.mu.Unlock()
	if closed {
		p.close(net.ErrClosed)
		return net.ErrClosed
	}
	session.SetUserData(c)
	p.log.Info("publisher admitted")
	return nil
}

// listen takes packets from now on.
func (p *publisher) listen() {
	for _, m := range p.medias {
		if !p.receiver.Wants(m) {
			continue
		}
		for _, f := range m.Formats {
			p.session.OnPacketRTP(m, f, func(pkt *rtp.Packet) { p.packet(m, pkt) })
		}
		p.session.OnPacketRTCP(m, func(pkt rtcp.Packet) {
			if sr, ok := pkt.(*rtcp.SenderReport); ok {
				p.receiver.Report(m, sr)
			}
		})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.watch = time.AfterFunc(p.idle, p.check)
	}
}

// packet takes one packet. It is called by the library's goroutines: a panic
// in a parser ends the session that caused it, not the server.
func (p *publisher) packet(m *description.Media, pkt *rtp.Packet) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("publisher's packet panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			p.sendAway(errPanicked)
		}
	}()
	if err := p.receiver.Packet(m, pkt, time.Now()); err != nil {
		p.sendAway(err)
	}
}

// errNoMedia ends a session that talks, but sends nothing.
var errNoMedia = errors.New("no media in time")

// check sends a publisher away from which no media has come. Who is on air is
// watched by the hub; this is for those who never get there.
func (p *publisher) check() {
	if p.receiver.Units() > 0 {
		return
	}
	if !p.receiver.Waiting() || time.Since(p.began) > maxWait {
		p.sendAway(errNoMedia)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.watch.Reset(p.idle)
	}
}

// maxWait bounds the wait for the first key frame while packets come in.
const maxWait = 40 * time.Second

// sendAway ends the connection, for the given reason. It does not block.
func (p *publisher) sendAway(reason error) {
	p.mu.Lock()
	if p.why == nil {
		p.why = reason
	}
	p.mu.Unlock()
	p.session.Close()
	_ = p.client.guard.Conn.SetDeadline(time.Now()) // the library closes it; nothing may hold it up
}

// close tells the hub that the publisher is gone; ended is how the library saw it.
func (p *publisher) close(ended error) {
	p.mu.Lock()
	why := p.why
	p.over = true
	if p.watch != nil {
		p.watch.Stop()
	}
	p.mu.Unlock()
	p.receiver.Close()
	p.sink.Close()
	lost, dropped := p.receiver.Lost()
	log := p.log.With("after", time.Since(p.began).Round(time.Millisecond), "lost_packets", lost, "dropped_pictures", dropped)
	var refusal *rooms.Error
	var torn liberrors.ErrServerSessionTornDown
	switch {
	case errors.As(why, &refusal):
		log.Info("publisher refused", "code", refusal.Code, "detail", refusal.Detail)
	case why != nil:
		log.Info("publisher dropped", "reason", why.Error())
	case errors.As(ended, &torn):
		log.Info("publisher left")
	default:
		log.Info("publisher dropped", "reason", lossReason(ended))
	}
}

// lossReason says in a word why a connection ended, without quoting anything the client sent.
func lossReason(err error) string {
	var ne net.Error
	var idle liberrors.ErrServerSessionTimedOut
	switch {
	case err == nil, errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &idle), errors.As(err, &ne) && ne.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &ne),
		errors.As(err, new(liberrors.ErrServerSessionNotInUse)):
		return "connection lost"
	case errors.As(err, new(liberrors.ErrServerTerminated)):
		return "closed"
	}
	return "protocol error"
}
