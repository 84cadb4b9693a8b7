package rtmp

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"

	"roomcast/ingest"
	"roomcast/rooms"
	"roomcast/secret"
)

// maxChatter is how much a player may send while it watches: acknowledgements
// of some bytes every few megabytes.
const maxChatter = 16 << 20

// play shows a broadcast to a tool, until one of them ends.
func (c *conn) play(ctx context.Context) {
	begun := time.Now()
	playback, err := c.open(ctx)
	if err != nil {
		var refusal *rooms.Error
		if errors.As(err, &refusal) {
			c.logRefusal("player", refusal)
		} else if ctx.Err() == nil {
			c.log.Error("admit player", "error", err)
		}
		c.tell(err)
		return
	}
	defer playback.Release()
	c.log = c.log.With("room", playback.RoomID)
	if err := c.rtmp.AcceptAction(); err != nil {
		c.log.Info("player left", "reason", endReason(err))
		return
	}
	c.log.Info("player admitted")
	var listening sync.WaitGroup
	listening.Go(func() {
		// Nothing a player says changes anything; when it stops it has left.
		_ = c.nc.SetReadDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, io.LimitReader(c.nc, maxChatter))
		playback.Reader.Close()
	})
	err = c.show(playback)
	_ = c.raw.Close()
	listening.Wait()
	c.log.Info("player left", "reason", endReason(err), "after", time.Since(begun).Round(time.Millisecond), "dropped", playback.Reader.Dropped())
}

// open asks for the broadcast of the ticket.
func (c *conn) open(ctx context.Context) (*ingest.Playback, error) {
	if c.server.o.Theatre == nil {
		return nil, &rooms.Error{Code: rooms.CodeForbidden, Detail: "playing over RTMP is not offered"}
	}
	name, ticket := c.named()
	if name != playApp || ticket == "" {
		return nil, &rooms.Error{Code: rooms.CodeNotFound, Detail: "watch rtmp://host/play/{ticket}"}
	}
	raw := c.raw
	return c.server.o.Theatre.Play(ctx, secret.New(ticket), ingest.Spectator{
		Protocol: c.server.protocol, Caller: rooms.Caller{Address: c.addr},
		Close: func(error) { _ = raw.Close() },
	})
}

// show sends units until the broadcast or the connection ends.
func (c *conn) show(playback *ingest.Playback) error {
	idle := c.server.o.IdleTimeout
	write := func(msg message.Message) error {
		if err := c.nc.SetWriteDeadline(time.Now().Add(idle)); err != nil {
			return err
		}
		return c.rtmp.Write(msg)
	}
	m := NewMuxer(write)
	for {
		u, _, err := playback.Reader.Read()
		if err != nil { // the broadcast has ended, or the player
			_ = write(&message.UserControlStreamEOF{StreamID: 1})
			return io.EOF
		}
		if err := m.Write(u); err != nil {
			return err
		}
	}
}
