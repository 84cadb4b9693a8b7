package sfu

import (
	"fmt"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Header extensions we read or write beside those of package sdp.
const (
	midURI          = "urn:ietf:params:rtp-hdrext:sdes:mid"
	audioLevelURI   = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	absSendTimeURI  = sdp.ABSSendTimeURI
	transportWideCC = sdp.TransportCCURI
)

// Payload types of our own; an offer's numbers win over them.
const (
	opusPayloadType   = 111
	vp8PayloadType    = 96
	vp8RTXPayloadType = 97
)

const (
	audioClockRate = 48000
	videoClockRate = 90000
)

// newAPI makes what one PeerConnection is built with: codecs, header
// extensions, and the receiving side's feedback. Nothing is put into the
// sending path: slots answer and report themselves.
func (s *SFU) newAPI() (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	if err := registerCodecs(media); err != nil {
		return nil, fmt.Errorf("register codecs: %w", err)
	}
	registry := &interceptor.Registry{}
	if err := registerFeedback(registry, s.settings.LoggerFactory); err != nil {
		return nil, fmt.Errorf("prepare feedback: %w", err)
	}
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(s.settings),
	), nil
}

func registerCodecs(media *webrtc.MediaEngine) error {
	audio := webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: audioClockRate, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBTransportCC}},
		},
		PayloadType: opusPayloadType,
	}
	if err := media.RegisterCodec(audio, webrtc.RTPCodecTypeAudio); err != nil {
		return err
	}
	video := []webrtc.RTPCodecParameters{
		{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeVP8, ClockRate: videoClockRate,
				RTCPFeedback: []webrtc.RTCPFeedback{
					{Type: webrtc.TypeRTCPFBTransportCC},
					{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"},
					{Type: webrtc.TypeRTCPFBNACK},
					{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
				},
			},
			PayloadType: vp8PayloadType,
		},
		{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: videoClockRate, SDPFmtpLine: fmt.Sprintf("apt=%d", vp8PayloadType),
			},
			PayloadType: vp8RTXPayloadType,
		},
	}
	for _, codec := range video {
		if err := media.RegisterCodec(codec, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		for _, uri := range []string{midURI, absSendTimeURI, transportWideCC} {
			if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return err
			}
		}
	}
	return media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: audioLevelURI}, webrtc.RTPCodecTypeAudio)
}

// registerFeedback has the library ask publishers for lost packets and tell
// them how their packets arrive.
func registerFeedback(registry *interceptor.Registry, logs logging.LoggerFactory) error {
	generator, err := nack.NewGeneratorInterceptor(nack.WithGeneratorLoggerFactory(logs))
	if err != nil {
		return err
	}
	reports, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(logs))
	if err != nil {
		return err
	}
	arrivals, err := twcc.NewSenderInterceptor(twcc.WithLoggerFactory(logs))
	if err != nil {
		return err
	}
	registry.Add(generator)
	registry.Add(reports)
	registry.Add(arrivals)
	return nil
}
