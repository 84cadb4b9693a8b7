package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// writeWithin bounds one write to the server.
const writeWithin = 10 * time.Second

// Publication is a broadcaster that sends a clip over and over by RTMP, every
// picture with a wall clock. What is not zero makes it a troublesome one.
type Publication struct {
	Clip *Clip
	// TLS is for rtmps addresses; nil is the ordinary one.
	TLS *tls.Config
	// Clock gives the timestamp for what is sent at a time after the beginning.
	Clock func(at time.Duration) time.Duration
	// Padding is added to every picture as SEI, which unlike filler data nobody may drop, in bytes.
	Padding int
	// NoPicture, NoSound and NoKeyFrames leave these out.
	NoPicture, NoSound, NoKeyFrames bool
	// Then takes the clip's place after a time, on the same connection.
	Then  *Clip
	After time.Duration
}

// sender is a publication that is connected.
type sender struct {
	*Publication
	client       *gortmplib.Client
	w            *gortmplib.Writer
	video, audio *gortmplib.Track
	padding      []byte
}

// Run publishes to an RTMP address, its stream key in the fragment, at the
// clip's own pace until ctx ends.
func (p *Publication) Run(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read the publishing address: %w", err)
	}
	s := &sender{Publication: p, client: &gortmplib.Client{URL: u, Publish: true, TLSConfig: p.TLS}}
	if err := s.client.Initialize(ctx); err != nil {
		return fmt.Errorf("connect to the RTMP door: %w", err)
	}
	defer s.client.Close()
	defer context.AfterFunc(ctx, s.client.Close)() // a write may be waiting
	if p.Padding > 0 {
		s.padding = paddingNAL(p.Padding)
	}
	if err := s.announce(p.Clip); err != nil {
		return err
	}
	return s.send(ctx)
}

// announce says what is coming: at the beginning, and when the clip changes.
func (s *sender) announce(c *Clip) error {
	s.w = &gortmplib.Writer{Conn: s.client}
	if !s.NoPicture {
		s.video = &gortmplib.Track{Codec: &codecs.H264{SPS: c.sps, PPS: c.pps}}
		s.w.Tracks = append(s.w.Tracks, s.video)
	}
	if !s.NoSound {
		s.audio = &gortmplib.Track{Codec: &codecs.MPEG4Audio{Config: c.audio}}
		s.w.Tracks = append(s.w.Tracks, s.audio)
	}
	if err := s.w.Initialize(); err != nil {
		return fmt.Errorf("announce the tracks: %w", err)
	}
	return nil
}

func (s *sender) send(ctx context.Context) error {
	began := time.Now()
	pace := time.NewTimer(0)
	defer pace.Stop()
	c := s.Clip
	for lap := time.Duration(0); ; lap += c.length {
		if s.Then != nil && c != s.Then && lap >= s.After {
			c = s.Then
			if err := s.announce(c); err != nil {
				return err
			}
		}
		for i := range c.frames {
			at := lap + c.frames[i].at
			pace.Reset(time.Until(began.Add(at)))
			select {
			case <-pace.C:
			case <-ctx.Done():
				return nil
			}
			if err := s.write(&c.frames[i], at); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
}

// write sends one access unit.
func (s *sender) write(f *frame, at time.Duration) error {
	if s.Clock != nil {
		at = s.Clock(at)
	}
	if err := s.client.NetConn().SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return fmt.Errorf("bound the write: %w", err)
	}
	switch {
	case f.sound != nil && !s.NoSound:
		return s.w.WriteMPEG4Audio(s.audio, at, f.sound)
	case f.video != nil && !s.NoPicture && (!s.NoKeyFrames || !h264.IsRandomAccess(f.video)):
		au := append([][]byte{clockNAL(time.Now())}, f.video...)
		if s.padding != nil {
			au = append(au[:1:1], append([][]byte{s.padding}, f.video...)...)
		}
		return s.w.WriteH264(s.video, at, at, au)
	}
	return nil
}

// paddingNAL is a NAL unit of about n bytes that means nothing: SEI,
// user_data_unregistered (ITU-T H.264, 7.3.2.3.1 and D.1.7).
func paddingNAL(n int) []byte {
	b := []byte{6, 5}
	b = append(b, bytes.Repeat([]byte{0xff}, n/255)...)
	b = append(b, byte(n%255))
	b = append(b, bytes.Repeat([]byte{0x55}, n)...)
	return append(b, 0x80)
}
