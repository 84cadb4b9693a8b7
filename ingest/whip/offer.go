package whip

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"roomcast/media"
	"roomcast/rooms"
)

const (
	videoClockRate = 90000
	audioClockRate = 48000

	// maxSections bounds what is looked at in an offer: one video and one audio
	// section are taken, sections that send nothing may stand beside them.
	maxSections = 8
	// maxAttributes bounds the lines of a section: browsers write some 150.
	maxAttributes = 1000
	// maxCandidates is how many candidates one offer, or all fragments to one
	// resource together, may have.
	maxCandidates = 64
)

// h264Level is what a sender is told that we take, however little it offers: 5.2.
const h264Level = "34"

// section is what is taken of one media section of an offer.
type section struct {
	codec  media.Codec
	codecs []webrtc.RTPCodecParameters // the payload types of that codec, the sender's first choice first
}

// offer is an SDP offer that has been looked through.
type offer struct {
	desc         *sdp.SessionDescription // only what is taken is left in it
	ufrag        string
	video, audio *section // nil where there is none
}

// unprocessable refuses an offer that can be read, but not be served.
func unprocessable(code, format string, args ...any) error {
	return &rooms.Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// readOffer looks through an SDP offer before the WebRTC library gets to see
// it, and leaves in it only what is taken. The error is a *rooms.Error.
func readOffer(body []byte) (*offer, error) {
	desc := &sdp.SessionDescription{}
	// A control character within a line would end it, or mean something else, to the next who reads it.
	lines := bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
	control := func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' }
	if err := desc.Unmarshal(body); err != nil || len(body) == 0 || bytes.ContainsFunc(lines, control) {
		return nil, unprocessable(CodeMalformed, "the body is not an SDP offer")
	}
	if len(desc.MediaDescriptions) > maxSections {
		return nil, unprocessable(rooms.CodeValidationFailed, "the offer has more than %d media sections", maxSections)
	}
	o := &offer{desc: desc}
	candidates := 0
	for _, m := range desc.MediaDescriptions {
		if len(m.Attributes) > maxAttributes {
			return nil, unprocessable(rooms.CodeValidationFailed, "a media section has more than %d attributes", maxAttributes)
		}
		for _, a := range m.Attributes {
			if a.Key == sdp.AttrKeyCandidate {
				candidates++
			}
		}
		if err := o.take(m); err != nil {
			return nil, err
		}
	}
	switch {
	case candidates > maxCandidates:
		return nil, unprocessable(rooms.CodeValidationFailed, "the offer has more than %d candidates", maxCandidates)
	case o.video == nil && o.audio == nil:
		return nil, unprocessable(rooms.CodeValidationFailed, "the offer sends neither video nor audio: its sections must be sendonly")
	case o.ufrag == "":
		return nil, unprocessable(rooms.CodeValidationFailed, "the offer has no a=ice-ufrag")
	}
	return o, o.checkBundle()
}

// take looks at one section.
func (o *offer) take(m *sdp.MediaDescription) error {
	kind := m.MediaName.Media
	switch kind {
	case "audio", "video":
	case "application":
		return unprocessable(rooms.CodeValidationFailed, "data channels are not taken: offer video and audio only")
	default:
		return unprocessable(rooms.CodeValidationFailed, "a section is neither audio nor video")
	}
	if o.ufrag == "" {
		o.ufrag = attribute(o.desc, m, "ice-ufrag")
	}
	if m.MediaName.Port.Value == 0 && !slices.ContainsFunc(m.Attributes, func(a sdp.Attribute) bool { return a.Key == "bundle-only" }) {
		return nil // rejected by its own sender
	}
	if !sends(m) {
		return unprocessable(rooms.CodeValidationFailed, "the %s section sends nothing: nothing can be received from here", kind)
	}
	at, choose := &o.video, chooseVideo
	if kind == "audio" {
		at, choose = &o.audio, chooseAudio
	}
	if *at != nil {
		return unprocessable(rooms.CodeValidationFailed, "there is more than one %s section", kind)
	}
	list, err := codecsOf(m)
	if err != nil {
		return err
	}
	chosen, err := choose(list)
	if err != nil {
		return err
	}
	*at = chosen
	keepOnly(m, chosen.codecs)
	return nil
}

// attribute looks in the section, then in the session.
func attribute(desc *sdp.SessionDescription, m *sdp.MediaDescription, key string) string {
	if v, ok := m.Attribute(key); ok {
		return v
	}
	v, _ := desc.Attribute(key)
	return v
}

func sends(m *sdp.MediaDescription) bool {
	for _, a := range m.Attributes {
		switch a.Key {
		case sdp.AttrKeyRecvOnly, sdp.AttrKeyInactive:
			return false
		}
	}
	return true
}

// codecsOf lists the payload types of a section in the sender's order.
func codecsOf(m *sdp.MediaDescription) ([]webrtc.RTPCodecParameters, error) {
	one := &sdp.SessionDescription{MediaDescriptions: []*sdp.MediaDescription{m}}
	var list []webrtc.RTPCodecParameters
	for _, format := range m.MediaName.Formats {
		n, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			return nil, unprocessable(CodeMalformed, "the SDP has a payload type that is no number")
		}
		c, err := one.GetCodecForPayloadType(uint8(n))
		if err != nil {
			continue // a payload type of old that needs no a=rtpmap; none that is taken
		}
		list = append(list, webrtc.RTPCodecParameters{
			PayloadType: webrtc.PayloadType(n),
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: m.MediaName.Media + "/" + c.Name, ClockRate: c.ClockRate, SDPFmtpLine: c.Fmtp,
			},
		})
	}
	return list, nil
}

// chooseVideo picks the codec that most screens play.
func chooseVideo(list []webrtc.RTPCodecParameters) (*section, error) {
	for _, want := range []struct {
		mime  string
		codec media.Codec
		fit   func(fmtp string) bool
	}{
		{webrtc.MimeTypeH264, media.H264, func(fmtp string) bool { return parameter(fmtp, "packetization-mode") == "1" }},
		{webrtc.MimeTypeH264, media.H264, func(string) bool { return true }},
		{webrtc.MimeTypeVP9, media.VP9, func(fmtp string) bool { p := parameter(fmtp, "profile-id"); return p == "" || p == "0" }},
		{webrtc.MimeTypeAV1, media.AV1, func(fmtp string) bool { p := parameter(fmtp, "profile"); return p == "" || p == "0" }},
	} {
		var fit []webrtc.RTPCodecParameters
		for _, c := range list {
			if strings.EqualFold(c.MimeType, want.mime) && c.ClockRate == videoClockRate && want.fit(c.SDPFmtpLine) {
				c.MimeType, c.SDPFmtpLine = want.mime, raiseLevel(want.codec, c.SDPFmtpLine)
				c.RTCPFeedback = []webrtc.RTCPFeedback{
					{Type: webrtc.TypeRTCPFBTransportCC},
					{Type: webrtc.TypeRTCPFBNACK},
					{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
				}
				fit = append(fit, c)
			}
		}
		if len(fit) > 0 {
			return &section{codec: want.codec, codecs: fit}, nil
		}
	}
	if slices.ContainsFunc(list, func(c webrtc.RTPCodecParameters) bool { return strings.EqualFold(c.MimeType, webrtc.MimeTypeVP8) }) {
		return nil, unprocessable(rooms.CodeCodecNotSupported,
			"VP8 cannot be passed on to viewers, whose players take H.264, VP9 or AV1; offer H.264 if you can")
	}
	return nil, unprocessable(rooms.CodeCodecNotSupported, "offer H.264, VP9 or AV1 as video codec")
}

// chooseAudio takes Opus, which every WebRTC sender has.
func chooseAudio(list []webrtc.RTPCodecParameters) (*section, error) {
	for _, c := range list {
		if strings.EqualFold(c.MimeType, webrtc.MimeTypeOpus) && c.ClockRate == audioClockRate {
			c.MimeType, c.Channels = webrtc.MimeTypeOpus, 2
			c.SDPFmtpLine = "minptime=10;useinbandfec=1;stereo=1;maxaveragebitrate=128000"
			c.RTCPFeedback = []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBTransportCC}}
			return &section{codec: media.Opus, codecs: []webrtc.RTPCodecParameters{c}}, nil
		}
	}
	return nil, unprocessable(rooms.CodeCodecNotSupported, "offer Opus as audio codec")
}

// parameter is one of a=fmtp's, "" if it is not there.
func parameter(fmtp, key string) string {
	for p := range strings.SplitSeq(fmtp, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(p), "="); ok && strings.EqualFold(k, key) {
			return v
		}
	}
	return ""
}

// raiseLevel lets an H.264 sender go above the level that it named, which is
// what it would receive: otherwise browsers keep to 720p (RFC 6184, section 8.1).
func raiseLevel(codec media.Codec, fmtp string) string {
	id := parameter(fmtp, "profile-level-id")
	if codec != media.H264 || len(id) != 6 || parameter(fmtp, "level-asymmetry-allowed") != "1" {
		return fmtp
	}
	return strings.Replace(fmtp, id, id[:4]+h264Level, 1)
}

// keepOnly leaves the chosen payload types in a section, with the parameters that
// we want, and no simulcast: the sender then sends one stream.
func keepOnly(m *sdp.MediaDescription, codecs []webrtc.RTPCodecParameters) {
	keep := make([]string, len(codecs))
	for i, c := range codecs {
		keep[i] = strconv.Itoa(int(c.PayloadType))
	}
	m.MediaName.Formats = keep
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
		switch a.Key {
		case "rtpmap", "rtcp-fb":
			format, _, _ := strings.Cut(a.Value, " ")
			return format != "*" && !slices.Contains(keep, format)
		case "fmtp":
			return true // ours take their place: the answer repeats what stands here
		case "simulcast", "rid", sdp.AttrKeyCandidate, "end-of-candidates":
			// Nothing is ever sent to a candidate: connections come from the client.
			return true
		}
		return false
	})
	for _, c := range codecs {
		if c.SDPFmtpLine != "" {
			m.WithValueAttribute("fmtp", fmt.Sprintf("%d %s", c.PayloadType, c.SDPFmtpLine))
		}
	}
}

// checkBundle wants all that is taken on one transport.
func (o *offer) checkBundle() error {
	if o.video == nil || o.audio == nil {
		return nil
	}
	group, _ := o.desc.Attribute(sdp.AttrKeyGroup)
	bundle := strings.Split(group, " ")
	for _, m := range o.desc.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		if len(bundle) == 0 || bundle[0] != "BUNDLE" || mid == "" || !slices.Contains(bundle[1:], mid) {
			return unprocessable(rooms.CodeValidationFailed, "video and audio must be in one BUNDLE group (RFC 9725, section 4.4.1)")
		}
	}
	return nil
}

// restarted is the offer again with other ICE credentials.
func (o *offer) restarted(ufrag, password string) ([]byte, error) {
	o.desc.Origin.SessionVersion++
	set := func(list []sdp.Attribute) []sdp.Attribute {
		return slices.DeleteFunc(list, func(a sdp.Attribute) bool { return a.Key == "ice-ufrag" || a.Key == "ice-pwd" })
	}
	o.desc.Attributes = set(o.desc.Attributes)
	for _, m := range o.desc.MediaDescriptions {
		m.Attributes = append(set(m.Attributes),
			sdp.NewAttribute("ice-ufrag", ufrag), sdp.NewAttribute("ice-pwd", password))
	}
	return o.text()
}

func (o *offer) text() ([]byte, error) {
	text, err := o.desc.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write offer: %w", err)
	}
	return text, nil
}
