package whip

import (
	"errors"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"roomcast/rooms"
)

// offerOf makes an offer of sections.
func offerOf(group string, sections ...string) string {
	head := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	if group != "" {
		head += "a=group:" + group + "\r\n"
	}
	return head + strings.Join(sections, "")
}

func mediaSection(kind, mid, direction, formats string, lines ...string) string {
	s := "m=" + kind + " 9 UDP/TLS/RTP/SAVPF " + formats + "\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n" +
		"a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "\r\na=setup:actpass\r\na=rtcp-mux\r\na=mid:" + mid + "\r\na=" + direction + "\r\n"
	for _, l := range lines {
		s += "a=" + l + "\r\n"
	}
	return s
}

var (
	h264Section = mediaSection("video", "0", "sendonly", "96", "rtpmap:96 H264/90000", "fmtp:96 packetization-mode=1;profile-level-id=42e01f")
	opusSection = mediaSection("audio", "1", "sendonly", "97", "rtpmap:97 opus/48000/2")
)

func TestOffersThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		sdp, code string
	}{
		"no SDP":                    {"hello", CodeMalformed},
		"nothing":                   {"", CodeMalformed},
		"no section":                {offerOf(""), rooms.CodeValidationFailed},
		"a data channel":            {offerOf("BUNDLE 0 2", h264Section, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n"), rooms.CodeValidationFailed},
		"text":                      {offerOf("", "m=text 9 RTP/AVP 98\r\na=mid:0\r\n"), rooms.CodeValidationFailed},
		"one who wants to watch":    {offerOf("", mediaSection("video", "0", "recvonly", "96", "rtpmap:96 H264/90000")), rooms.CodeValidationFailed},
		"one who sends nothing":     {offerOf("", mediaSection("video", "0", "inactive", "96", "rtpmap:96 H264/90000")), rooms.CodeValidationFailed},
		"two pictures":              {offerOf("BUNDLE 0 1", h264Section, strings.Replace(h264Section, "mid:0", "mid:1", 1)), rooms.CodeValidationFailed},
		"VP8 alone":                 {offerOf("", mediaSection("video", "0", "sendonly", "96", "rtpmap:96 VP8/90000")), rooms.CodeCodecNotSupported},
		"H.265 alone":               {offerOf("", mediaSection("video", "0", "sendonly", "96", "rtpmap:96 H265/90000")), rooms.CodeCodecNotSupported},
		"VP9 of ten bits":           {offerOf("", mediaSection("video", "0", "sendonly", "96", "rtpmap:96 VP9/90000", "fmtp:96 profile-id=2")), rooms.CodeCodecNotSupported},
		"G.711":                     {offerOf("", mediaSection("audio", "0", "sendonly", "0", "rtpmap:0 PCMU/8000")), rooms.CodeCodecNotSupported},
		"two transports":            {offerOf("", h264Section, opusSection), rooms.CodeValidationFailed},
		"no ICE":                    {offerOf("BUNDLE 0", strings.Replace(h264Section, "a=ice-ufrag:abcd\r\n", "", 1)), rooms.CodeValidationFailed},
		"no fingerprint":            {offerOf("BUNDLE 0", strings.Replace(h264Section, "a=fingerprint", "a=nothing", 1)), rooms.CodeValidationFailed},
		"a payload type of letters": {offerOf("", mediaSection("video", "0", "sendonly", "x")), CodeMalformed},
		"too many sections":         {offerOf("BUNDLE 0", strings.Repeat(h264Section, maxSections+1)), rooms.CodeValidationFailed},
		"too many candidates": {
			offerOf("BUNDLE 0", h264Section+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n", maxCandidates+1)), rooms.CodeValidationFailed,
		},
		"too many attributes": {offerOf("BUNDLE 0", h264Section+strings.Repeat("a=x:y\r\n", maxAttributes)), rooms.CodeValidationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Options{})
			_, err := h.server.Publish(t.Context(), Offer{RoomID: "room", Credential: key("room"), Caller: caller(), SDP: []byte(tt.sdp)})
			var refusal *rooms.Error
			if !errors.As(err, &refusal) || refusal.Code != tt.code || refusal.Detail == "" {
				t.Errorf("answered %v, want %s", err, tt.code)
			}
			if h.count() != 0 {
				t.Error("a resource is left")
			}
		})
	}
}

func TestVP8IsRefusedWithTheReason(t *testing.T) {
	_, err := readOffer([]byte(offerOf("", mediaSection("video", "0", "sendonly", "96", "rtpmap:96 VP8/90000"))))
	if err == nil || !strings.Contains(err.Error(), "VP8") || !strings.Contains(err.Error(), "H.264") {
		t.Errorf("%v", err)
	}
}

func TestTheCodecThatMostScreensPlayIsChosen(t *testing.T) {
	lines := []string{
		"rtpmap:96 VP8/90000", "rtpmap:97 rtx/90000", "fmtp:97 apt=96", "rtpmap:45 AV1/90000", "rtpmap:98 VP9/90000", "fmtp:98 profile-id=0",
		"rtpmap:100 VP9/90000", "fmtp:100 profile-id=2",
		"rtpmap:102 H264/90000", "fmtp:102 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f",
		"rtpmap:104 H264/90000", "fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	for name, tt := range map[string]struct{ formats, kept, fmtp string }{
		"H.264 of packetization mode 1":    {"96 97 45 98 100 102 104", "104", "profile-level-id=42e034"},
		"H.264 of mode 0, if that is all":  {"96 97 45 98 100 102", "102", "profile-level-id=42e034"},
		"VP9 without H.264":                {"96 97 45 98 100", "98", "profile-id=0"},
		"AV1 if there is nothing but that": {"96 97 45 100", "45", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := readOffer([]byte(offerOf("BUNDLE 0", mediaSection("video", "0", "sendonly", tt.formats, lines...))))
			must(t, err)
			m := o.desc.MediaDescriptions[0]
			fmtp, _ := m.Attribute("fmtp")
			if got := strings.Join(m.MediaName.Formats, " "); got != tt.kept || !strings.Contains(fmtp, tt.fmtp) {
				t.Errorf("kept %s with %q", got, fmtp)
			}
		})
	}
}

func TestWhoMayPublishWhere(t *testing.T) {
	moderator := func(room string, of rooms.Type, role rooms.Role) Credential {
		return Credential{Moderator: &rooms.Grant{ParticipantID: "p", RoomID: room, RoomType: of, Role: role}}
	}
	for name, tt := range map[string]struct {
		credential Credential
		code       string
	}{
		"a stream key":                     {key("room"), ""},
		"a moderator":                      {moderator("room", rooms.Live, rooms.Moderator), ""},
		"not a wrong key":                  {key("wrong"), rooms.CodeUnauthorized},
		"not another room's key":           {key("other"), rooms.CodeForbidden},
		"not another room's moderator":     {moderator("other", rooms.Live, rooms.Moderator), rooms.CodeForbidden},
		"not a participant":                {moderator("room", rooms.Live, rooms.Participant), rooms.CodeForbidden},
		"not the moderator of a meeting":   {moderator("room", rooms.Meet, rooms.Moderator), rooms.CodeWrongRoomType},
		"the moderator of a simulcast too": {moderator("room", rooms.Simulcast, rooms.Moderator), ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Options{})
			_, err := h.server.Publish(t.Context(), Offer{RoomID: "room", Credential: tt.credential, Caller: caller(), SDP: []byte(offerOf("BUNDLE 0 1", h264Section, opusSection))})
			if rooms.CodeOf(err) != tt.code || err != nil && tt.code == "" {
				t.Errorf("answered %v, want %q", err, tt.code)
			}
		})
	}
}

func TestResourcesAreBounded(t *testing.T) {
	offer := func(h *house, room string) error {
		_, err := h.server.Publish(t.Context(), Offer{RoomID: room, Credential: key(room), Caller: caller(), SDP: []byte(offerOf("BUNDLE 0 1", h264Section, opusSection))})
		return err
	}
	for name, tt := range map[string]struct {
		o    Options
		code string
	}{
		"in a room":        {Options{MaxPerRoom: 1}, rooms.CodePublisherConflict},
		"from one address": {Options{MaxPerAddress: 1}, rooms.CodeRateLimited},
		"in all":           {Options{MaxResources: 1}, rooms.CodeOverloaded},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, tt.o)
			must(t, offer(h, "room"))
			if err := offer(h, "room"); rooms.CodeOf(err) != tt.code {
				t.Errorf("answered %v, want %s", err, tt.code)
			}
			h.sink(0).request.Close(errors.New("sent away"))
			until(t, "the first is gone", func() bool { return h.count() == 0 })
			must(t, offer(h, "room"))
		})
	}
}

func TestWrongKeysTakeNoPlaceInTheRoom(t *testing.T) {
	h := newHouse(t, Options{MaxPerRoom: 1})
	h.identifying = make(chan struct{})
	publish := func(k string) chan error {
		done := make(chan error, 1)
		go func() {
			_, err := h.server.Publish(t.Context(), Offer{RoomID: "room", Credential: key(k), Caller: caller(), SDP: []byte(offerOf("BUNDLE 0 1", h264Section, opusSection))})
			done <- err
		}()
		<-h.identifying
		return done
	}
	wrong, right := publish("wrong"), publish("room")
	<-h.identifying
	<-h.identifying
	if err := <-right; err != nil {
		t.Errorf("the right key beside a wrong one: %v", err)
	}
	if err := <-wrong; rooms.CodeOf(err) != rooms.CodeUnauthorized {
		t.Errorf("the wrong key: %v", err)
	}
}

func TestRefusedByTheHouse(t *testing.T) {
	h := newHouse(t, Options{})
	h.refuse = &rooms.Error{Code: rooms.CodeNotReady, Detail: "the broadcast was just ended"}
	_, err := h.server.Publish(t.Context(), Offer{RoomID: "room", Credential: key("room"), Caller: caller(), SDP: []byte(offerOf("BUNDLE 0 1", h264Section, opusSection))})
	if rooms.CodeOf(err) != rooms.CodeNotReady || h.count() != 0 {
		t.Errorf("answered %v, %d resources", err, h.count())
	}
	h.refuse, h.refuseAll = nil, &rooms.Error{Code: rooms.CodeLimitExceeded, Detail: "too high a picture"}
	p := connect(h, nil, webrtc.MimeTypeOpus)
	p.publish("room", key("room"))
	until(t, "the publisher is sent away", func() bool { return h.sink(0).isClosed() && h.count() == 0 })
}

func TestAClosedServerTakesNobody(t *testing.T) {
	h := newHouse(t, Options{})
	h.server.Close()
	_, err := h.server.Publish(t.Context(), Offer{RoomID: "room", Credential: key("room"), Caller: caller()})
	if rooms.CodeOf(err) != rooms.CodeShuttingDown {
		t.Errorf("answered %v", err)
	}
}

func FuzzOffer(f *testing.F) {
	f.Add([]byte(offerOf("BUNDLE 0 1", h264Section, opusSection)))
	f.Add([]byte(offerOf("", mediaSection("video", "0", "sendrecv", "96 97", "rtpmap:96 VP9/90000", "simulcast:send a;b", "rid:a send"))))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := readOffer(body)
		if err != nil {
			if rooms.CodeOf(err) == "" {
				t.Fatalf("no refusal: %v", err)
			}
			return
		}
		text, err := o.text()
		must(t, err)
		if _, err := readOffer(text); err != nil {
			t.Fatalf("what was kept of the offer is refused: %v\n%s", err, text)
		}
	})
}
