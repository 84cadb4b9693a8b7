package bench

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
)

// writeWithin bounds one write to the server.
const writeWithin = 10 * time.Second

// publish sends the clip over and over, at its own pace, until ctx ends.
func publish(ctx context.Context, c *clip, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read the publishing address: %w", err)
	}
	client := &gortmplib.Client{URL: u, Publish: true}
	if err := client.Initialize(ctx); err != nil {
		return fmt.Errorf("connect to the RTMP door: %w", err)
	}
	defer client.Close()
	video := &gortmplib.Track{Codec: &codecs.H264{SPS: c.sps, PPS: c.pps}}
	audio := &gortmplib.Track{Codec: &codecs.MPEG4Audio{Config: c.audio}}
	w := &gortmplib.Writer{Conn: client, Tracks: []*gortmplib.Track{video, audio}}
	if err := w.Initialize(); err != nil {
		return fmt.Errorf("announce the tracks: %w", err)
	}
	began := time.Now()
	pace := time.NewTimer(0)
	defer pace.Stop()
	for lap := time.Duration(0); ; lap += c.length {
		for _, f := range c.frames {
			at := lap + f.at
			pace.Reset(time.Until(began.Add(at)))
			select {
			case <-pace.C:
			case <-ctx.Done():
				return nil
			}
			if err := client.NetConn().SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
				return fmt.Errorf("bound the write: %w", err)
			}
			if f.sound != nil {
				err = w.WriteMPEG4Audio(audio, at, f.sound)
			} else {
				err = w.WriteH264(video, at, at, append([][]byte{clockNAL(time.Now())}, f.video...))
			}
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
}
