package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"roomcast/signaling/protocol"
)

// MediaOptions say what a participant sends and receives.
type MediaOptions struct {
	// Publish are the sources sent; video is VP8, audio Opus.
	Publish []protocol.Source
	// AudioSlots and VideoSlots are how many tracks are received at once.
	AudioSlots, VideoSlots int
	// Packet is called for each packet received in a slot, by one goroutine a
	// slot; the packet is the callee's. nil drops them.
	Packet func(mid string, p *rtp.Packet)
	// KeyFrameWanted is called when the server asks for a key frame of a
	// published video; it must not block. nil ignores it.
	KeyFrameWanted func(protocol.Source)
}

// Media is a participant's PeerConnection. Slots messages do not come here:
// the one who reads Client.Messages has them.
type Media struct {
	o       MediaOptions
	pc      *webrtc.PeerConnection
	tracks  map[protocol.Source]*webrtc.TrackLocalStaticRTP
	senders map[protocol.Source]*webrtc.RTPTransceiver
	readers sync.WaitGroup
	ready   chan struct{}
	once    sync.Once
}

// NewMedia makes the PeerConnection; Negotiate connects it.
func NewMedia(o MediaOptions) (*Media, error) {
	var engine webrtc.SettingEngine
	engine.SetIncludeLoopbackCandidate(true)
	engine.LoggerFactory = quiet{}
	codecs := &webrtc.MediaEngine{}
	if err := codecs.RegisterDefaultCodecs(); err != nil {
		return nil, fmt.Errorf("register codecs: %w", err)
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptorsWithOptions(codecs, registry, webrtc.WithInterceptorLoggerFactory(quiet{})); err != nil {
		return nil, fmt.Errorf("register interceptors: %w", err)
	}
	level := webrtc.RTPHeaderExtensionCapability{URI: "urn:ietf:params:rtp-hdrext:ssrc-audio-level"}
	if err := codecs.RegisterHeaderExtension(level, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("register audio level: %w", err)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(engine), webrtc.WithMediaEngine(codecs), webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("make PeerConnection: %w", err)
	}
	m := &Media{
		o: o, pc: pc, ready: make(chan struct{}),
		tracks: map[protocol.Source]*webrtc.TrackLocalStaticRTP{}, senders: map[protocol.Source]*webrtc.RTPTransceiver{},
	}
	if err := m.addSections(); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	pc.OnTrack(m.receive)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			m.once.Do(func() { close(m.ready) })
		}
	})
	return m, nil
}

func (m *Media) addSections() error {
	for _, source := range m.o.Publish {
		mime := webrtc.MimeTypeVP8
		if source.Audio() {
			mime = webrtc.MimeTypeOpus
		}
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, string(source), "participant")
		if err != nil {
			return fmt.Errorf("make %s: %w", source, err)
		}
		t, err := m.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return fmt.Errorf("add %s: %w", source, err)
		}
		m.tracks[source], m.senders[source] = track, t
		m.readers.Go(func() { m.listen(source, t.Sender()) })
	}
	recvonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for i := range m.o.AudioSlots + m.o.VideoSlots {
		kind := webrtc.RTPCodecTypeAudio
		if i >= m.o.AudioSlots {
			kind = webrtc.RTPCodecTypeVideo
		}
		if _, err := m.pc.AddTransceiverFromKind(kind, recvonly); err != nil {
			return fmt.Errorf("add slot: %w", err)
		}
	}
	return nil
}

// Negotiate sends an offer, applies the answer and waits until media can flow.
// It may be called again, with restart after the network changed.
func (m *Media) Negotiate(ctx context.Context, c *Client, restart bool) error {
	desc, err := m.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return fmt.Errorf("make offer: %w", err)
	}
	if err := m.pc.SetLocalDescription(desc); err != nil {
		return fmt.Errorf("apply offer: %w", err)
	}
	offer := &protocol.Offer{SDP: desc.SDP, Tracks: []protocol.OfferedTrack{}}
	for _, source := range m.o.Publish {
		offer.Tracks = append(offer.Tracks, protocol.OfferedTrack{Mid: m.senders[source].Mid(), Source: source})
	}
	reply, err := c.Call(ctx, offer)
	if err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	answer, ok := reply.(*protocol.Answer)
	if !ok {
		return fmt.Errorf("offer: the answer is %s", protocol.KindOf(reply))
	}
	if err := m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		return fmt.Errorf("apply answer: %w", err)
	}
	select {
	case <-m.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("connect media (%s): %w", m.pc.ConnectionState(), ctx.Err())
	}
}

// Write sends a packet of a published source; SSRC and payload type are filled in.
func (m *Media) Write(source protocol.Source, p *rtp.Packet) error {
	track := m.tracks[source]
	if track == nil {
		return fmt.Errorf("%s is not published", source)
	}
	if err := track.WriteRTP(p); err != nil {
		return fmt.Errorf("send %s: %w", source, err)
	}
	return nil
}

// ExtensionID returns the id under which a header extension of a published
// source was agreed on, 0 if it was not.
func (m *Media) ExtensionID(source protocol.Source, uri string) uint8 {
	t := m.senders[source]
	if t == nil {
		return 0
	}
	for _, ext := range t.Sender().GetParameters().HeaderExtensions {
		if ext.URI == uri && ext.ID > 0 && ext.ID < 256 {
			return uint8(ext.ID)
		}
	}
	return 0
}

// Stats returns what the PeerConnection counts.
func (m *Media) Stats() webrtc.StatsReport { return m.pc.GetStats() }

// Close ends the PeerConnection and returns when nothing of it runs.
func (m *Media) Close() error {
	err := m.pc.GracefulClose()
	m.readers.Wait()
	if err != nil {
		return fmt.Errorf("close PeerConnection: %w", err)
	}
	return nil
}

func (m *Media) listen(source protocol.Source, sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				if m.o.KeyFrameWanted != nil {
					m.o.KeyFrameWanted(source)
				}
			}
		}
	}
}

func (m *Media) receive(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	mid := ""
	for _, t := range m.pc.GetTransceivers() {
		if t.Receiver() == receiver {
			mid = t.Mid()
		}
	}
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if m.o.Packet != nil {
			m.o.Packet(mid, p)
		}
	}
}

// quiet drops what the WebRTC library would write to standard error.
type quiet struct{}

// NewLogger implements logging.LoggerFactory.
func (quiet) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}
