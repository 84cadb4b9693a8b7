package srt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	srt "github.com/datarhei/gosrt"

	"roomcast/ingest"
	"roomcast/ingest/mpegts"
	"roomcast/rooms"
)

const (
	// openTimeout is how long a player waits in the handshake for media; clients
	// give up after 3 s.
	openTimeout = 2 * time.Second
	// burst packets are sent at once; then there is a pause, so that neither the
	// library's queue nor the network's buffers run over when a cached group of
	// pictures is sent: 168 Mb/s.
	burst      = 32
	burstPause = 2 * time.Millisecond
	// payload is what one SRT packet carries: seven packets of a transport stream.
	payload = 7 * 188
)

var errChanged = errors.New("the broadcast's format changed")

// play shows a broadcast to a tool.
func (c *conn) play(ctx context.Context, w wish) {
	playback, mux, out, err := c.open(ctx, w)
	if err != nil {
		c.refuse(err)
		return
	}
	defer playback.Release()
	c.log = c.log.With("room", playback.RoomID)
	if err := c.accept(ctx); err != nil {
		c.log.Info("connection ended in the handshake", "error", err)
		return
	}
	out.to = c.srt
	c.log.Info("player admitted")
	ended := make(chan struct{}, 2)
	for _, f := range []func(){c.drain, func() { c.watch(ctx, func(time.Time) {}) }} {
		go func() {
			f()
			ended <- struct{}{}
		}()
	}
	stop := context.AfterFunc(ctx, playback.Reader.Close)
	defer stop()
	err = c.show(ctx, playback, mux, out)
	c.end(err)
	<-ended
	<-ended
	c.log.Info("player left", "reason", context.Cause(ctx).Error(), "dropped", playback.Reader.Dropped())
}

// open asks for a broadcast by its ticket.
func (c *conn) open(ctx context.Context, w wish) (*ingest.Playback, *mpegts.Muxer, *packets, error) {
	switch {
	case c.server.o.Theatre == nil:
		return nil, nil, nil, errNoPlaying
	case c.req.IsEncrypted():
		return nil, nil, nil, &rooms.Error{Code: rooms.CodeForbidden, Detail: "playing is not encrypted with a passphrase: leave it out"}
	}
	waiting, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	playback, err := c.server.o.Theatre.Play(waiting, w.key, ingest.Spectator{Protocol: "srt", Caller: c.caller, Close: c.end})
	if err != nil {
		return nil, nil, nil, err
	}
	out := &packets{}
	mux, err := mpegts.NewMuxer(out, playback.Format)
	if err != nil {
		playback.Release()
		return nil, nil, nil, err
	}
	return playback, mux, out, nil
}

// refuse tells a player why it may not watch.
func (c *conn) refuse(err error) {
	var e *rooms.Error
	if errors.As(err, &e) {
		c.log.Info("player refused", "code", e.Code, "detail", e.Detail)
	} else if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		c.log.Error("admit player", "error", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		c.req.Reject(srt.REJX_NOTFOUND)
		return
	}
	c.req.Reject(reason(err))
}

// show sends units until the broadcast or the connection ends.
func (c *conn) show(ctx context.Context, playback *ingest.Playback, mux *mpegts.Muxer, out *packets) error {
	format := playback.Format
	for {
		u, _, err := playback.Reader.Read()
		if err != nil {
			return err
		}
		if u.Format != format {
			if !slices.Equal(u.Format.Tracks, format.Tracks) {
				return errChanged // a transport stream that begins anew is a new connection's
			}
			format = u.Format
		}
		if err := mux.Write(u); err != nil {
			return err
		}
		if err := out.flush(ctx); err != nil {
			return err
		}
	}
}

// packets gathers a transport stream into SRT packets. One unit is held at most.
type packets struct {
	to  io.Writer
	buf []byte
	n   int // since the last pause
}

// Write implements io.Writer.
func (p *packets) Write(b []byte) (int, error) {
	p.buf = append(p.buf, b...)
	return len(b), nil
}

// flush sends what was gathered.
func (p *packets) flush(ctx context.Context) error {
	for b := p.buf; len(b) > 0; {
		size := min(payload, len(b))
		if _, err := p.to.Write(b[:size]); err != nil {
			return fmt.Errorf("send: %w", err)
		}
		b = b[size:]
		if p.n++; p.n%burst == 0 && len(b) > 0 {
			if err := pause(ctx, burstPause); err != nil {
				return err
			}
		}
	}
	if cap(p.buf) > 4<<20 {
		p.buf = nil // the space of one huge picture is not kept
	}
	p.buf = p.buf[:0]
	return nil
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
