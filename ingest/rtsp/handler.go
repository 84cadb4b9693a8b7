package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"roomcast/rooms"
	"roomcast/secret"
)

const (
	publishPrefix = "live/"
	playPrefix    = "play/"
	maxSecret     = 4 << 10
)

// handler answers what the library reads.
type handler struct {
	ctx    context.Context //nolint:containedctx // the library's callbacks have none
	server *Server
	rtsp   *gortsplib.Server
	log    *slog.Logger
}

// client is one connection, from its beginning to its end.
type client struct {
	guard *guard
	log   *slog.Logger

	mu      sync.Mutex
	closed  bool
	session *gortsplib.ServerSession
	publish *publisher
	play    *spectator
}

// connection is the client of a library connection; nil if it is none of ours.
func connection(sc *gortsplib.ServerConn) *client {
	c, _ := sc.UserData().(*client)
	return c
}

// OnConnOpen implements gortsplib.ServerHandlerOnConnOpen.
func (h *handler) OnConnOpen(ctx *gortsplib.ServerHandlerOnConnOpenCtx) {
	g, ok := ctx.Conn.NetConn().(*guard)
	if !ok {
		ctx.Conn.Close()
		return
	}
	ctx.Conn.SetUserData(&client{guard: g, log: h.log.With("remote", g.addr)})
}

// OnConnClose implements gortsplib.ServerHandlerOnConnClose. A session by UDP
// would outlive its connection: here it does not.
func (h *handler) OnConnClose(ctx *gortsplib.ServerHandlerOnConnCloseCtx) {
	c := connection(ctx.Conn)
	if c == nil {
		return
	}
	c.guard.leave()
	c.mu.Lock()
	session, idle := c.session, c.publish == nil && c.play == nil
	c.mu.Unlock()
	if session != nil {
		session.Close()
	} else {
		c.end(ctx.Error)
	}
	if idle {
		// The library's words may quote what the client sent: say only what kind of end it was.
		c.log.Debug("connection ended before publishing or playing", "reason", endReason(ctx.Error))
	}
}

// OnSessionClose implements gortsplib.ServerHandlerOnSessionClose.
func (h *handler) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if c, ok := ctx.Session.UserData().(*client); ok {
		c.end(ctx.Error)
	}
}

// end takes the client out of the house, once.
func (c *client) end(why error) {
	c.mu.Lock()
	p, s := c.publish, c.play
	c.publish, c.play, c.closed = nil, nil, true
	c.mu.Unlock()
	if p != nil {
		p.close(why)
	}
	if s != nil {
		s.close()
	}
}

// OnAnnounce implements gortsplib.ServerHandlerOnAnnounce: a publisher knocks.
func (h *handler) OnAnnounce(ctx *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	c := connection(ctx.Conn)
	return h.answer(c, func() error {
		key, ok := strings.CutPrefix(trimmed(ctx.Path), publishPrefix)
		if !ok || key == "" || len(key) > maxSecret || strings.Contains(key, "/") {
			return &rooms.Error{Code: rooms.CodeNotFound, Detail: "publish to rtsp://host/live/{stream_key}"}
		}
		return h.admit(c, ctx.Session, secret.New(key), ctx.Description)
	})
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe: a spectator knocks.
func (h *handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (res *base.Response, stream *gortsplib.ServerStream, err error) {
	c := connection(ctx.Conn)
	res, err = h.answer(c, func() (err error) {
		stream, err = h.seat(c, ctx.Path)
		return err
	})
	return res, stream, err
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (res *base.Response, stream *gortsplib.ServerStream, err error) {
	c := connection(ctx.Conn)
	if ctx.Transport.Protocol == gortsplib.ProtocolUDPMulticast {
		return &base.Response{StatusCode: base.StatusUnsupportedTransport}, nil, nil
	}
	if ctx.Session.State() == gortsplib.ServerSessionStatePreRecord {
		return &base.Response{StatusCode: base.StatusOK}, nil, nil
	}
	res, err = h.answer(c, func() (err error) {
		stream, err = h.seat(c, ctx.Path)
		return err
	})
	if err == nil {
		c.mu.Lock()
		c.session = ctx.Session
		c.mu.Unlock()
		ctx.Session.SetUserData(c)
	}
	return res, stream, err
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (h *handler) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	c := connection(ctx.Conn)
	return h.answer(c, func() error {
		c.guard.busy.Store(true)
		return h.begin(c, ctx.Session)
	})
}

// OnResponse implements gortsplib.ServerHandlerOnResponse: from the answer to
// PLAY on the session takes packets.
func (h *handler) OnResponse(sc *gortsplib.ServerConn, res *base.Response) {
	c := connection(sc)
	if c == nil || res.StatusCode != base.StatusOK {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.play; s != nil && s.session != nil {
		s.start.Do(func() { h.server.sessions.Go(func() { s.run(c) }) })
	}
}

// OnRecord implements gortsplib.ServerHandlerOnRecord.
func (h *handler) OnRecord(ctx *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	c := connection(ctx.Conn)
	return h.answer(c, func() error {
		c.mu.Lock()
		p := c.publish
		c.mu.Unlock()
		if p == nil {
			return &rooms.Error{Code: rooms.CodeNotReady, Detail: "nothing was announced on this connection"}
		}
		c.guard.busy.Store(true)
		p.listen()
		return nil
	})
}

// OnPacketsLost implements gortsplib.ServerHandlerOnPacketsLost: the receiver
// counts them by track.
func (h *handler) OnPacketsLost(*gortsplib.ServerHandlerOnPacketsLostCtx) {}

// OnDecodeError implements gortsplib.ServerHandlerOnDecodeError: packets that
// are none, which the library counts.
func (h *handler) OnDecodeError(*gortsplib.ServerHandlerOnDecodeErrorCtx) {}

// OnStreamWriteError implements gortsplib.ServerHandlerOnStreamWriteError: the
// queue of a spectator is full.
func (h *handler) OnStreamWriteError(ctx *gortsplib.ServerHandlerOnStreamWriteErrorCtx) {
	if c, ok := ctx.Session.UserData().(*client); ok {
		c.mu.Lock()
		s := c.play
		c.mu.Unlock()
		if s != nil {
			s.broken.Store(true)
			s.sent.Add(-1)
		}
	}
}

// trimmed is a path without the slashes around it.
func trimmed(path string) string { return strings.Trim(path, "/") }

// answer carries out one request and makes its response. A refusal ends the
// connection after it was told; a panic ends it too, and nothing else.
func (h *handler) answer(c *client, do func() error) (res *base.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("request panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			res, err = &base.Response{StatusCode: base.StatusInternalServerError}, errPanicked
		}
	}()
	if c == nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, errPanicked
	}
	if err := do(); err != nil {
		return refusal(err), err
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

var errPanicked = errors.New("internal error")

// statuses are what refusals are called in RTSP (RFC 2326, section 7.1.1).
var statuses = map[string]base.StatusCode{
	rooms.CodeNotFound:          base.StatusNotFound,
	rooms.CodeTokenUnknown:      base.StatusNotFound,
	rooms.CodeForbidden:         base.StatusForbidden,
	rooms.CodeBanned:            base.StatusForbidden,
	rooms.CodeRoomSuspended:     base.StatusForbidden,
	rooms.CodeRoomLocked:        base.StatusForbidden,
	rooms.CodeLimitExceeded:     base.StatusForbidden,
	rooms.CodeSessionInvalid:    base.StatusForbidden,
	rooms.CodeSessionExpired:    base.StatusForbidden,
	rooms.CodeRoomFull:          base.StatusNotEnoughBandwidth,
	rooms.CodeRateLimited:       base.StatusNotEnoughBandwidth,
	rooms.CodeTooManyAttempts:   base.StatusForbidden,
	rooms.CodeCodecNotSupported: base.StatusUnsupportedMediaType,
	rooms.CodeWrongRoomType:     base.StatusMethodNotAllowed,
	rooms.CodeNotReady:          base.StatusServiceUnavailable,
	rooms.CodePublisherConflict: base.StatusServiceUnavailable,
	rooms.CodeShuttingDown:      base.StatusServiceUnavailable,
	rooms.CodeOverloaded:        base.StatusServiceUnavailable,
}

// refusal says why in the status line, which encoders show, and when to come
// back. What is no refusal is not told.
func refusal(err error) *base.Response {
	var e *rooms.Error
	if !errors.As(err, &e) {
		return &base.Response{StatusCode: base.StatusInternalServerError}
	}
	status, ok := statuses[e.Code]
	if !ok {
		status = base.StatusForbidden
	}
	res := &base.Response{StatusCode: status, StatusMessage: oneLine(e.Code + ": " + e.Detail)}
	if e.RetryAfter > 0 {
		seconds := (e.RetryAfter + time.Second - 1) / time.Second
		res.Header = base.Header{"Retry-After": base.HeaderValue{strconv.FormatInt(int64(seconds), 10)}}
	}
	return res
}

// oneLine keeps what may stand in a status line.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}

// endReason says in a word how a connection ended, without quoting anything the client sent.
func endReason(err error) string {
	switch {
	case err == nil:
		return "closed"
	case errors.Is(err, errTunnel), errors.Is(err, errTalk):
		return err.Error()
	}
	return lossReason(err)
}
