package bench

import (
	"context"
	"fmt"
	"net/url"
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

// watchRTMP plays by RTMP until ctx ends, and looks into every picture.
func watchRTMP(ctx context.Context, address string, t *tally) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read the playing address: %w", err)
	}
	client := &gortmplib.Client{URL: u}
	if err := client.Initialize(ctx); err != nil {
		return fmt.Errorf("play by RTMP: %w", err)
	}
	defer client.Close()
	defer context.AfterFunc(ctx, client.Close)()
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
			t.received(len(m.AU))
			t.media(m.AU)
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
	// One goroutine of the library reads, and calls this.
	client.OnPacketRTPAny(func(_ *description.Media, _ format.Format, p *rtp.Packet) {
		t.received(len(p.Payload))
		t.media(p.Payload)
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
