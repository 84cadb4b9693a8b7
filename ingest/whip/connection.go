package whip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"roomcast/ingest"
	"roomcast/rooms"
)

const (
	// gatherTimeout bounds the search for our own candidates, which only lists interfaces.
	gatherTimeout = 5 * time.Second
	// connectTimeout is how long a publisher may take from the answer to its first whole picture or sound.
	connectTimeout = 20 * time.Second
	// backlog is how many packets may wait for the connection's goroutine: what
	// is more is lost, as in the network.
	backlog = 1024
	// beat is how often losses and key frames are looked after.
	beat = 20 * time.Millisecond
	// maxAsked is how many packets are asked for in one beat.
	maxAsked = 64
	// succession is how long a stream must be silent before another takes its place.
	succession = time.Second
	// replayWindow lets a packet that was asked for come so many packets late.
	replayWindow = 4096
)

var (
	errNoMedia      = errors.New("no media came in time")
	errDisconnected = errors.New("the connection was lost")
	errLeft         = errors.New("the publisher left")
)

// arrival is what a reading goroutine hands on: a packet, or a sender report.
type arrival struct {
	ssrc   uint32
	video  bool
	at     time.Time
	packet *rtp.Packet
	report *rtcp.SenderReport
}

// connection is one PeerConnection and what becomes of its packets.
type connection struct {
	log   *slog.Logger
	pc    *webrtc.PeerConnection
	offer *offer

	arrivals chan arrival
	overrun  atomic.Uint64
	ended    context.Context //nolint:containedctx // it is the connection's own life, which its goroutines share
	end      context.CancelCauseFunc
	mu       sync.Mutex
	closed   bool
	readers  sync.WaitGroup // added to under mu while not closed
}

// newConnection makes a PeerConnection that takes what the offer has.
func newConnection(settings webrtc.SettingEngine, o *offer, log *slog.Logger) (*connection, error) {
	engine := &webrtc.MediaEngine{}
	if err := register(engine, o); err != nil {
		return nil, fmt.Errorf("register codecs: %w", err)
	}
	registry := &interceptor.Registry{}
	if err := registerFeedback(registry, settings); err != nil {
		return nil, fmt.Errorf("prepare feedback: %w", err)
	}
	settings.SetSRTPReplayProtectionWindow(replayWindow)
	pc, err := webrtc.NewAPI(
		webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings),
	).NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("make PeerConnection: %w", err)
	}
	c := &connection{log: log, pc: pc, offer: o, arrivals: make(chan arrival, backlog)}
	c.ended, c.end = context.WithCancelCause(context.Background())
	pc.OnTrack(c.onTrack)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateFailed:
			c.end(errDisconnected)
		case webrtc.PeerConnectionStateClosed:
			c.end(errLeft)
		}
	})
	return c, nil
}

// register sets the codecs of the answer. The only header extension is the
// transport-wide sequence number: above all not the video orientation, without
// which senders turn the pixels themselves, as recorders and players need it.
func register(engine *webrtc.MediaEngine, o *offer) error {
	for _, s := range []struct {
		*section
		kind webrtc.RTPCodecType
	}{{o.video, webrtc.RTPCodecTypeVideo}, {o.audio, webrtc.RTPCodecTypeAudio}} {
		if s.section == nil {
			continue
		}
		for _, codec := range s.codecs {
			if err := engine.RegisterCodec(codec, s.kind); err != nil {
				return err
			}
		}
		if err := engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.TransportCCURI}, s.kind); err != nil {
			return err
		}
	}
	return nil
}

// registerFeedback tells the sender how its packets arrive, by which it finds
// its bitrate. Lost packets are asked for by the connection itself, which knows
// when it has given up.
func registerFeedback(registry *interceptor.Registry, settings webrtc.SettingEngine) error {
	reports, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(settings.LoggerFactory))
	if err != nil {
		return err
	}
	arrivals, err := twcc.NewSenderInterceptor(twcc.WithLoggerFactory(settings.LoggerFactory))
	if err != nil {
		return err
	}
	registry.Add(reports)
	registry.Add(arrivals)
	return nil
}

// negotiate applies an offer and gives the answer, all candidates in it. A fault
// of the offer is a *rooms.Error.
func (c *connection) negotiate(ctx context.Context, offer []byte) (answer string, err error) {
	err = c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)})
	if err != nil {
		return "", unprocessable(rooms.CodeValidationFailed, "the offer cannot be applied: %v", err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	desc, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return "", unprocessable(rooms.CodeValidationFailed, "the offer cannot be answered: %v", err)
	}
	if err := c.pc.SetLocalDescription(desc); err != nil {
		return "", unprocessable(rooms.CodeValidationFailed, "the offer cannot be answered: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
	return c.pc.LocalDescription().SDP, nil
}

// onTrack reads one incoming stream until it ends. The library calls it on a goroutine of its own.
func (c *connection) onTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	if !c.hold() {
		return
	}
	defer c.readers.Done()
	ssrc, video := uint32(track.SSRC()), track.Kind() == webrtc.RTPCodecTypeVideo
	var reports sync.WaitGroup
	reports.Go(func() {
		for {
			list, _, err := receiver.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range list {
				if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == ssrc {
					c.hand(arrival{ssrc: ssrc, video: video, at: time.Now(), report: sr})
				}
			}
		}
	})
	defer reports.Wait()
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		c.hand(arrival{ssrc: ssrc, video: video, at: time.Now(), packet: p})
	}
}

// hold counts a reader; false when the connection is closed.
func (c *connection) hold() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.readers.Add(1)
	return true
}

func (c *connection) hand(a arrival) {
	select {
	case c.arrivals <- a:
	default:
		c.overrun.Add(1)
	}
}

// run carries media to the sink until the connection ends, and says why it did.
func (c *connection) run(sink ingest.Sink) error {
	now := time.Now()
	b := &broadcast{sink: sink, began: now, wantsVideo: c.offer.video != nil, wantsAudio: c.offer.audio != nil}
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	deadline := now.Add(connectTimeout)
	for {
		var err error
		select {
		case <-c.ended.Done():
			return context.Cause(c.ended)
		case a := <-c.arrivals:
			err = c.take(b, a)
		case now := <-ticker.C:
			err = c.look(b, now)
			if b.announced == nil && now.After(deadline) {
				err = errNoMedia
			}
		}
		if err != nil {
			c.end(err)
			return err
		}
	}
}

// take puts what arrived where it belongs.
func (c *connection) take(b *broadcast, a arrival) error {
	at, offered := &b.audio, c.offer.audio
	if a.video {
		at, offered = &b.video, c.offer.video
	}
	if offered == nil {
		return nil
	}
	s := *at
	if s == nil || s.ssrc != a.ssrc {
		if s != nil && a.at.Sub(s.heard) < succession {
			return nil // two at once were not agreed on
		}
		s = newStream(offered, a.ssrc, s)
		*at = s
	}
	s.heard = a.at
	if a.report != nil {
		s.clock.reported(a.report.NTPTime, a.report.RTPTime)
		return nil
	}
	s.push(a.packet, a.at)
	if err := b.write(s, a.at); err != nil {
		return err
	}
	if s.video && s.keys.wanted {
		c.askKeyFrame(s, a.at)
	}
	return nil
}

// look gives up on what is late, asks for what is missing, and for key frames.
func (c *connection) look(b *broadcast, now time.Time) error {
	for _, s := range []*stream{b.audio, b.video} {
		if s == nil {
			continue
		}
		if err := b.write(s, now); err != nil {
			return err
		}
		if !s.video {
			continue
		}
		if s.asked = s.buffer.Missing(s.asked[:0], now, maxAsked); len(s.asked) > 0 {
			c.send(&rtcp.TransportLayerNack{MediaSSRC: s.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(s.asked)})
		}
		c.askKeyFrame(s, now)
	}
	return nil
}

func (c *connection) askKeyFrame(s *stream, now time.Time) {
	if s.keys.due(now) {
		c.send(&rtcp.PictureLossIndication{MediaSSRC: s.ssrc})
	}
}

// send sends RTCP; an error means that the connection is going down, which its state says too.
func (c *connection) send(p rtcp.Packet) { _ = c.pc.WriteRTCP([]rtcp.Packet{p}) }

// close ends the connection and returns when nothing of it runs any more.
func (c *connection) close() {
	c.end(errLeft)
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	if err := c.pc.GracefulClose(); err != nil {
		c.log.Debug("close PeerConnection", "error", err)
	}
	c.readers.Wait()
}

// refused reports whether an error is a refusal that the publisher should know of.
func refused(err error) bool { return rooms.CodeOf(err) != "" }
