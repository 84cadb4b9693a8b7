package bench

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/message"
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
			t.answered(len(m.AU))
			t.media(m.AU)
		case *message.Audio:
			t.answered(len(m.AU))
		}
	}
}
