package srt

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	srt "github.com/datarhei/gosrt"

	"roomcast/ingest"
	"roomcast/ingest/mpegts"
	"roomcast/rooms"
)

const (
	// maxBuffered is what may wait in the library for one connection, in bytes,
	// and maxPackets in packets, which may be small.
	maxBuffered = 48 << 20
	maxPackets  = 64 << 10
	// watchEvery is how often that, and the silence, is looked at.
	watchEvery = time.Second
	// lossPeriod is how long a loss is warned of.
	lossPeriod = 10 * time.Second
)

var (
	errIdle      = errors.New("no media came")
	errHoard     = errors.New("too much waits to be delivered")
	errPeerLeft  = errors.New("peer left")
	errNoPlaying = &rooms.Error{Code: rooms.CodeForbidden, Detail: "playing over SRT is not offered"}
)

// conn is one client's connection.
type conn struct {
	server *Server
	req    srt.ConnRequest
	caller rooms.Caller
	log    *slog.Logger

	srt   srt.Conn
	began time.Time    // by the monotonic clock, too
	alive atomic.Int64 // when the last media came, in nanoseconds since it began; 0: not watched
	end   context.CancelCauseFunc
}

// run takes a request to the end of its connection.
func (c *conn) run(ctx context.Context) {
	ctx, c.end = context.WithCancelCause(ctx)
	defer c.end(nil)
	w, err := parseStreamID(c.req.StreamId())
	switch {
	case err != nil:
		c.log.Info("connection refused", "code", "bad_request", "detail", err.Error())
		c.req.Reject(srt.REJX_BAD_REQUEST)
	case w.publish:
		c.publish(ctx, w)
	default:
		c.play(ctx, w)
	}
}

// accept makes the connection of the request. It ends with ctx.
func (c *conn) accept(ctx context.Context) error {
	s, err := c.req.Accept()
	if err != nil {
		return err
	}
	c.srt = s
	context.AfterFunc(ctx, func() { _ = s.Close() })
	return nil
}

// publish lets a publisher in and reads its media.
func (c *conn) publish(ctx context.Context, w wish) {
	gate := c.server.o.Gate
	r := ingest.Request{Key: w.key, Protocol: "srt", Caller: c.caller, Close: c.end}
	who, err := gate.Identify(ctx, r)
	if err != nil {
		c.req.Reject(reason(err))
		return
	}
	if why, err := c.decrypt(who); err != nil {
		if why == srt.REJ_BADSECRET {
			_ = gate.Mistake(r, err)
		} else {
			gate.Refused(r, who.RoomID, err)
		}
		c.req.Reject(why)
		return
	}
	sink, room, err := gate.Enter(ctx, who, r)
	if err != nil {
		c.req.Reject(reason(err))
		return
	}
	defer sink.Close()
	if err := c.accept(ctx); err != nil {
		c.log.Info("connection ended in the handshake", "error", err)
		return
	}
	c.log = c.log.With("room", room)
	c.log.Info("publisher admitted", "encrypted", c.req.IsEncrypted())
	err = c.read(ctx, sink, room)
	after := time.Since(c.began).Round(time.Millisecond)
	var refusal *rooms.Error
	switch {
	case errors.As(err, &refusal):
		c.log.Info("publisher refused", "code", refusal.Code, "detail", refusal.Detail)
	case errors.Is(err, errPeerLeft):
		c.log.Info("publisher left", "after", after)
	default:
		c.log.Info("publisher dropped", "error", err, "after", after)
	}
}

// decrypt sets the room's passphrase. A room that has one takes nothing else.
func (c *conn) decrypt(who rooms.Publisher) (srt.RejectionReason, error) {
	refuse := func(detail string) error { return &rooms.Error{Code: rooms.CodeForbidden, Detail: detail} }
	switch {
	case who.SRTPassphrase == nil && c.req.IsEncrypted():
		return srt.REJ_UNSECURE, refuse("the room has no SRT passphrase, but the stream is encrypted")
	case who.SRTPassphrase == nil:
		return 0, nil
	case !c.req.IsEncrypted():
		return srt.REJ_UNSECURE, refuse("the room has an SRT passphrase, but the stream is not encrypted")
	}
	if err := c.req.SetPassphrase(who.SRTPassphrase.Reveal()); err != nil {
		return srt.REJ_BADSECRET, refuse("the SRT passphrase is wrong")
	}
	return 0, nil
}

// read passes media on until the connection ends or is ended.
func (c *conn) read(ctx context.Context, sink ingest.Sink, room string) error {
	c.heard(time.Now())
	d := mpegts.NewDemuxer(sink)
	watched := make(chan struct{})
	losses := &losses{warnings: c.server.o.Warnings, room: room, count: d.Lost}
	go func() {
		defer close(watched)
		defer losses.end()
		c.watch(ctx, losses.look)
	}()
	defer func() {
		c.end(nil)
		<-watched
	}()
	buf := make([]byte, srt.MAX_MSS_SIZE)
	for {
		n, err := c.srt.Read(buf)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return errors.Join(errPeerLeft, d.Flush())
		}
		if _, err := d.Write(buf[:n]); err != nil {
			return err
		}
		// Until there are tracks the time stands: who only talks is no publisher.
		if d.Announced() {
			c.heard(time.Now())
		}
	}
}

// losses warns of what the network lost and SRT did not get again in time.
type losses struct {
	warnings Warnings
	room     string
	count    func() int64
	before   int64
	last     time.Time // zero: not warned
}

const warnLoss = "packet_loss"

func (l *losses) look(now time.Time) {
	switch n := l.count(); {
	case l.warnings == nil:
	case n > l.before:
		l.before, l.last = n, now
		l.warnings.SetWarning(l.room, warnLoss,
			"The network loses packets that SRT does not get again in time, which freezes the picture until the next key frame; raise the latency, or lower the bitrate.")
	case !l.last.IsZero() && now.Sub(l.last) > lossPeriod:
		l.end()
	}
}

// end takes the warning back.
func (l *losses) end() {
	if !l.last.IsZero() {
		l.last = time.Time{}
		l.warnings.ClearWarning(l.room, warnLoss)
	}
}

// heard notes that media came. Kept is how long after the beginning that was: a date
// would make the silence as long as somebody sets the clock forward.
func (c *conn) heard(now time.Time) { c.alive.Store(int64(now.Sub(c.began))) }

// idle reports that no media has come for too long.
func (c *conn) idle(now time.Time) bool {
	last := c.alive.Load()
	return last != 0 && now.Sub(c.began)-time.Duration(last) > c.server.o.IdleTimeout
}

// watch ends the connection when no media comes, or too much waits in the
// library, and lets look look after the rest.
func (c *conn) watch(ctx context.Context, look func(now time.Time)) {
	tick := time.NewTicker(min(watchEvery, c.server.o.IdleTimeout/2))
	defer tick.Stop()
	var s srt.Statistics
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			look(now)
			c.srt.Stats(&s)
			waits := &s.Instantaneous
			if waits.ByteRecvBuf+waits.ByteSendBuf > maxBuffered || waits.PktRecvBuf+waits.PktSendBuf > maxPackets {
				c.end(errHoard)
			}
			if c.idle(now) {
				c.end(errIdle)
			}
		}
	}
}

// reason is how a refusal is told in a handshake.
func reason(err error) srt.RejectionReason {
	switch rooms.CodeOf(err) {
	case rooms.CodeNotFound, rooms.CodeTokenUnknown, rooms.CodeNotReady:
		return srt.REJX_NOTFOUND
	case rooms.CodeForbidden, rooms.CodeBanned, rooms.CodeRoomSuspended, rooms.CodeWrongRoomType, rooms.CodeSessionInvalid:
		return srt.REJX_FORBIDDEN
	case rooms.CodePublisherConflict, rooms.CodeInUse:
		return srt.REJX_CONFLICT
	case rooms.CodeTooManyAttempts, rooms.CodeRateLimited, rooms.CodeOverloaded, rooms.CodeLimitExceeded, rooms.CodeQuotaExceeded, rooms.CodeRoomFull:
		return srt.REJX_OVERLOAD
	case rooms.CodeCodecNotSupported:
		return srt.REJX_UNACCEPTABLE
	case rooms.CodeShuttingDown:
		return srt.REJX_DOWN
	}
	return srt.REJX_ISE
}

// drain reads what a player sends, which is nothing, until it leaves.
func (c *conn) drain() {
	buf := make([]byte, srt.MAX_MSS_SIZE)
	for {
		if _, err := c.srt.Read(buf); err != nil {
			c.end(io.EOF)
			return
		}
	}
}
