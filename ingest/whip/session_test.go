package whip

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"roomcast/media"
	"roomcast/rooms"
)

// change makes a PATCH or DELETE of a publisher's resource.
func (p *publisher) change(c Credential, ifMatch, fragment string) Change {
	return Change{RoomID: "room", Resource: p.answer.Resource, Credential: c, IfMatch: ifMatch, Fragment: []byte(fragment)}
}

const trickled = "a=ice-ufrag:%s\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host\r\na=end-of-candidates\r\n"

func TestCandidatesAreTakenUnderConditions(t *testing.T) {
	h := newHouse(t, Options{})
	p := connect(h, nil, webrtc.MimeTypeOpus)
	p.publish("room", key("room"))
	candidate := strings.Replace(trickled, "a=ice-ufrag:%s\r\n", "", 1)
	for name, tt := range map[string]struct {
		change Change
		code   string
	}{
		"with the ETag":                      {p.change(key("room"), p.answer.ETag, candidate), ""},
		"with one ETag of many":              {p.change(key("room"), `"other", `+p.answer.ETag, candidate), ""},
		"end of candidates alone":            {p.change(key("room"), p.answer.ETag, "a=end-of-candidates\r\n"), ""},
		"not without a condition":            {p.change(key("room"), "", candidate), CodePreconditionRequired},
		"not with another ETag":              {p.change(key("room"), `"other"`, candidate), rooms.CodePreconditionFailed},
		"not with another credential":        {p.change(key("other"), p.answer.ETag, candidate), rooms.CodeForbidden},
		"not as a moderator":                 {p.change(Credential{Moderator: &rooms.Grant{RoomID: "room"}}, p.answer.ETag, candidate), rooms.CodeForbidden},
		"not of an unknown resource":         {Change{RoomID: "room", Resource: "x", Credential: key("room"), IfMatch: "*"}, rooms.CodeNotFound},
		"not under another room":             {Change{RoomID: "other", Resource: p.answer.Resource, Credential: key("room"), IfMatch: "*"}, rooms.CodeNotFound},
		"not what is no fragment":            {p.change(key("room"), p.answer.ETag, "hello"), CodeMalformed},
		"not a candidate of nonsense":        {p.change(key("room"), p.answer.ETag, "a=candidate:x\r\n"), CodeMalformed},
		"not a name without a password":      {p.change(key("room"), p.answer.ETag, "a=ice-ufrag:abcd\r\n"), CodeMalformed},
		"not a password that is too short":   {p.change(key("room"), p.answer.ETag, "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n"), CodeMalformed},
		"not a name with a line break in it": {p.change(key("room"), p.answer.ETag, "a=ice-ufrag:ab\rcd\r\na=ice-pwd:0123456789012345678901\r\n"), CodeMalformed},
		"not too many":                       {p.change(key("room"), p.answer.ETag, strings.Repeat(candidate, maxCandidates+1)), rooms.CodeValidationFailed},
		"not endless lines":                  {p.change(key("room"), p.answer.ETag, strings.Repeat("a=x\r\n", maxFragmentLines+1)), rooms.CodeValidationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := h.server.Patch(t.Context(), tt.change)
			if rooms.CodeOf(err) != tt.code || err != nil && tt.code == "" {
				t.Errorf("answered %v, want %q", err, tt.code)
			}
			if err == nil && (answer.Body != nil || answer.ETag != p.answer.ETag) {
				t.Errorf("answered %q %q", answer.ETag, answer.Body)
			}
		})
	}
}

func TestICERestartsGoOnWithTheMedia(t *testing.T) {
	h := newHouse(t, Options{})
	p := connect(h, nil, webrtc.MimeTypeH264, webrtc.MimeTypeOpus)
	p.publish("room", key("room"))
	s := h.sink(0)
	until(t, "pictures come", func() bool { return len(s.of(media.Video)) > 10 })
	offer := p.offer(&webrtc.OfferOptions{ICERestart: true})
	var fragment strings.Builder
	for line := range strings.Lines(offer) {
		if strings.HasPrefix(line, "a=ice-") || strings.HasPrefix(line, "a=candidate") {
			fragment.WriteString(line)
		}
	}
	answer, err := h.server.Patch(t.Context(), p.change(key("room"), "*", fragment.String()))
	must(t, err)
	if answer.ETag == p.answer.ETag || !strings.Contains(string(answer.Body), "a=ice-lite\r\n") || !strings.Contains(string(answer.Body), "a=candidate:") {
		t.Fatalf("answered %q\n%s", answer.ETag, answer.Body)
	}
	must(t, p.pc.SetRemoteDescription(webrtc.SessionDescription{
		Type: webrtc.SDPTypeAnswer, SDP: withTransport(string(p.answer.Body), string(answer.Body)),
	}))
	before := len(s.of(media.Video))
	until(t, "pictures come on", func() bool { return len(s.of(media.Video)) > before+60 })
	if s.isClosed() || len(h.all()) != 1 || len(s.announced()) != 1 {
		t.Error("the publication began anew")
	}
	if _, err := h.server.Patch(t.Context(), p.change(key("room"), p.answer.ETag, "a=end-of-candidates\r\n")); rooms.CodeOf(err) != rooms.CodePreconditionFailed {
		t.Errorf("a candidate of the ICE session before: %v", err)
	}
}

// withTransport puts the credentials and candidates of a fragment in the place of an answer's, as a WHIP client does.
func withTransport(answer, fragment string) string {
	var out strings.Builder
	for line := range strings.Lines(answer) {
		switch {
		case strings.HasPrefix(line, "a=candidate"):
		case strings.HasPrefix(line, "a=end-of"):
			for l := range strings.Lines(fragment) {
				if strings.HasPrefix(l, "a=candidate") {
					out.WriteString(l)
				}
			}
			out.WriteString(line)
		case strings.HasPrefix(line, "a=ice-ufrag"), strings.HasPrefix(line, "a=ice-pwd"):
			key, _, _ := strings.Cut(line, ":")
			for l := range strings.Lines(fragment) {
				if strings.HasPrefix(l, key) {
					out.WriteString(l)
				}
			}
		default:
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestResourcesEnd(t *testing.T) {
	moderator := Credential{Moderator: &rooms.Grant{ParticipantID: "ann", RoomID: "room", RoomType: rooms.Live, Role: rooms.Moderator}}
	for name, end := range map[string]func(t *testing.T, h *house, p *publisher){
		"when they are deleted": func(t *testing.T, h *house, p *publisher) {
			must(t, h.server.Delete(t.Context(), p.change(moderator, "", "")))
			if !h.sink(0).isClosed() {
				t.Error("still on air after the DELETE was answered")
			}
			if err := h.server.Delete(t.Context(), p.change(moderator, "", "")); rooms.CodeOf(err) != rooms.CodeNotFound {
				t.Errorf("deleted twice: %v", err)
			}
		},
		"when the publisher says goodbye by DTLS": func(t *testing.T, _ *house, p *publisher) { must(t, p.pc.Close()) },
		"when the house sends them away": func(_ *testing.T, h *house, _ *publisher) {
			h.sink(0).request.Close(errors.New("taken over"))
		},
		"when the moderator's session ends": func(_ *testing.T, h *house, _ *publisher) {
			h.server.RoomEvent(rooms.Event{Kind: rooms.SessionEnded, RoomID: "room", ParticipantID: "bob"})
			h.server.RoomEvent(rooms.Event{Kind: rooms.SessionEnded, RoomID: "room", ParticipantID: "ann"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Options{})
			p := connect(h, nil, webrtc.MimeTypeOpus)
			p.publish("room", moderator)
			s := h.sink(0)
			until(t, "sound comes", func() bool { return len(s.of(media.Audio)) > 10 })
			end(t, h, p)
			until(t, "the resource is gone", func() bool { return s.isClosed() && h.count() == 0 })
		})
	}
}

func TestWhoWasSentAwayLearnsWhy(t *testing.T) {
	h := newHouse(t, Options{})
	p := connect(h, nil, webrtc.MimeTypeOpus)
	p.publish("room", key("room"))
	s := h.sink(0)
	until(t, "sound comes", func() bool { return len(s.of(media.Audio)) > 10 })
	s.request.Close(&rooms.Error{Code: rooms.CodePublisherConflict, Detail: "another encoder took over"})
	until(t, "the resource is gone", func() bool { return h.count() == 0 })
	for name, tt := range map[string]struct {
		credential Credential
		code       string
	}{"the publisher": {key("room"), rooms.CodePublisherConflict}, "nobody else": {key("other"), rooms.CodeNotFound}} {
		if _, err := h.server.Patch(t.Context(), p.change(tt.credential, "*", "a=end-of-candidates\r\n")); rooms.CodeOf(err) != tt.code {
			t.Errorf("%s is answered %v, want %s", name, err, tt.code)
		}
	}
}

func TestARenewedSessionIsTheSamePublisher(t *testing.T) {
	h := newHouse(t, Options{})
	p := connect(h, nil, webrtc.MimeTypeOpus)
	grant := func(joined time.Time, id string) Credential {
		return Credential{Moderator: &rooms.Grant{ParticipantID: id, RoomID: "room", RoomType: rooms.Live, Role: rooms.Moderator, JoinedAt: joined}}
	}
	p.publish("room", grant(time.Unix(1, 0), "ann"))
	if err := h.server.Delete(t.Context(), p.change(grant(time.Unix(1, 0), "bob"), "", "")); rooms.CodeOf(err) != rooms.CodeForbidden {
		t.Errorf("another moderator: %v", err)
	}
	must(t, h.server.Delete(t.Context(), p.change(grant(time.Unix(2, 0), "ann"), "", "")))
}

func TestAStillScreenGoesOnByKeyFramesThatAreAskedFor(t *testing.T) {
	h := newHouse(t, Options{})
	p := connect(h, nil, webrtc.MimeTypeH264)
	p.publish("room", key("room"))
	s := h.sink(0)
	until(t, "pictures come", func() bool { return len(s.of(media.Video)) >= 6 })
	p.still.Store(true) // sends nothing but what is asked for, as a browser does of a screen on which nothing moves
	before := len(s.of(media.Video))
	until(t, "pictures of the still screen come", func() bool { return len(s.of(media.Video)) >= before+6 })
	s.mu.Lock()
	defer s.mu.Unlock()
	var silences []time.Duration
	for i := before; i < len(s.at); i++ {
		silences = append(silences, s.at[i].Sub(s.at[i-1]))
	}
	slices.Sort(silences)
	// The median: a busy machine may delay one or the other.
	if median := silences[len(silences)/2]; median > 900*time.Millisecond {
		t.Errorf("%v of silence, which is more than is bridged", median)
	}
}

func TestSoundThatComesLaterIsAnnouncedThen(t *testing.T) {
	h := newHouse(t, Options{})
	p := connect(h, nil, webrtc.MimeTypeH264, webrtc.MimeTypeOpus)
	p.silent.Store(true)
	p.publish("room", key("room"))
	s := h.sink(0)
	until(t, "pictures come alone", func() bool { return len(s.of(media.Video)) > 10 })
	if tracks := s.announced(); len(tracks) != 1 || len(tracks[0]) != 1 {
		t.Fatalf("announced %v", tracks)
	}
	p.silent.Store(false)
	until(t, "sound comes", func() bool { return len(s.of(media.Audio)) > 10 })
	if tracks := s.announced(); len(tracks) != 2 || len(tracks[1]) != 2 || tracks[1][0] != tracks[0][0] {
		t.Errorf("announced %v", tracks)
	}
}

func TestRequestsForKeyFramesAreOneASegment(t *testing.T) {
	h := newHouse(t, Options{})
	p := connect(h, nil, webrtc.MimeTypeH264)
	p.publish("room", key("room"))
	s := h.sink(0)
	until(t, "five seconds of pictures come", func() bool { return len(s.of(media.Video)) >= 150 })
	if n := p.plis.Load(); n < 2 || n > 5 {
		t.Errorf("%d key frames were asked for in five seconds", n)
	}
	var last time.Duration
	for _, in := range s.of(media.Video) {
		if in.DTS-last > 3*time.Second {
			t.Errorf("no key frame from %v to %v", last, in.DTS)
		}
		if in.Key {
			last = in.DTS
		}
	}
}

func TestNothingIsKeptOfOneWhoNeverComes(t *testing.T) {
	c := &connection{offer: &offer{video: &section{codec: media.H264}}}
	if err := c.take(&broadcast{}, arrival{video: false, report: &rtcp.SenderReport{}}); err != nil {
		t.Errorf("sound that was not offered: %v", err)
	}
}

func FuzzFragment(f *testing.F) {
	f.Add([]byte(strings.Replace(trickled, "%s", "abcd", 1)))
	f.Add([]byte("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseFragment(body)
		if err != nil {
			if rooms.CodeOf(err) == "" {
				t.Fatalf("no refusal: %v", err)
			}
			return
		}
		if got.candidates > maxCandidates || strings.ContainsAny(got.ufrag+got.password, "\r\n: ") {
			t.Fatalf("%+v", got)
		}
	})
}
