package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"
)

// readWithin bounds the wait for the next message of a broadcast.
const readWithin = 15 * time.Second

// toolBuffer is how much a tool buffers before it plays.
const toolBuffer = 500 * time.Millisecond

// pictures is a tool's picture track: what it shows stalls when its timestamps
// come later than it shows them.
type pictures struct {
	player playout
	last   time.Duration
	begun  bool
}

// arrive notes that something of the picture with a timestamp came in.
func (p *pictures) arrive(t *tally, at time.Duration) {
	if p.begun && at > p.last {
		if stalled := p.player.arrive(time.Now(), at-p.last); stalled > 0 {
			t.stall(stalled)
		}
	}
	if !p.begun || at > p.last {
		p.last, p.begun = at, true
	}
}

// watchRTMP plays by RTMP until ctx ends, and looks into every picture.
func watchRTMP(ctx context.Context, address string, trust *tls.Config, t *tally) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read the playing address: %w", err)
	}
	t.protocol = strings.ToUpper(u.Scheme)
	client := &gortmplib.Client{URL: u, TLSConfig: trust}
	if err := client.Initialize(ctx); err != nil {
		return fmt.Errorf("play by RTMP: %w", err)
	}
	defer client.Close()
	defer context.AfterFunc(ctx, client.Close)()
	shown := pictures{player: playout{behind: toolBuffer}}
	for {
		if err := client.NetConn().SetReadDeadline(time.Now().Add(readWithin)); err != nil {
			return fmt.Errorf("play by RTMP: %w", err)
		}
		msg, err := client.Read()
		if err != nil {
			return fmt.Errorf("play by RTMP: %w", err)
		}
		switch m := msg.(type) {
		case *message.Video:
			if m.Type == message.VideoTypeAU {
				t.received(len(m.AU))
				t.media(m.AU)
				shown.arrive(t, m.DTS)
			}
		case *message.Audio:
			t.received(len(m.AU))
		}
	}
}

// watchRTSP plays by RTSP over TCP until ctx ends, and looks into every packet:
// the SEI message with the clock is smaller than one.
func watchRTSP(ctx context.Context, address string, t *tally) error {
	u, err := base.ParseURL(address)
	if err != nil {
		return fmt.Errorf("read the playing address: %w", err)
	}
	t.protocol = "RTSP over TCP"
	tcp := gortsplib.ProtocolTCP
	client := &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Protocol: &tcp, ReadTimeout: readWithin, WriteTimeout: writeWithin}
	if err := client.Start(); err != nil {
		return fmt.Errorf("play by RTSP: %w", err)
	}
	defer client.Close()
	session, _, err := client.Describe(u)
	if err != nil {
		return fmt.Errorf("play by RTSP: %w", err)
	}
	if err := client.SetupAll(session.BaseURL, session.Medias); err != nil {
		return fmt.Errorf("play by RTSP: %w", err)
	}
	shown := pictures{player: playout{behind: toolBuffer}}
	var clock rtpClock
	// One goroutine of the library reads, and calls this.
	client.OnPacketRTPAny(func(m *description.Media, f format.Format, p *rtp.Packet) {
		t.received(len(p.Payload))
		t.media(p.Payload)
		if m.Type == description.MediaTypeVideo {
			shown.arrive(t, clock.at(p.Timestamp, f.ClockRate()))
		}
	})
	if _, err := client.Play(nil); err != nil {
		return fmt.Errorf("play by RTSP: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	select {
	case err := <-ended:
		return fmt.Errorf("play by RTSP: %w", err)
	case <-ctx.Done():
		client.Close()
		<-ended
		return nil
	}
}

// rtpClock counts on where RTP timestamps begin anew (RFC 3550, section 5.1).
type rtpClock struct {
	last  uint32
	ticks int64
	begun bool
}

// at is the time of a timestamp since the first one.
func (c *rtpClock) at(timestamp uint32, rate int) time.Duration {
	if c.begun {
		c.ticks += int64(int32(timestamp - c.last)) // the nearer way round, which may be back
	}
	c.last, c.begun = timestamp, true
	return time.Duration(c.ticks) * time.Second / time.Duration(rate)
}
