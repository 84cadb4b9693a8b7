package sfu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"roomcast/rtcport"
)

const sdpHead = "v=0\r\no=- 42 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"

func media(kind, mid, direction string, more ...string) string {
	return fmt.Sprintf("m=%s 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\na=%s\r\n%s", kind, mid, direction, strings.Join(more, ""))
}

func TestOffersThatAreRefused(t *testing.T) {
	bundle := "a=group:BUNDLE 0 1\r\n"
	var many strings.Builder
	for i := range MaxSections + 1 {
		many.WriteString(media("audio", fmt.Sprint(i), "recvonly"))
	}
	tests := map[string]struct {
		sdp    string
		tracks []Track
		want   string
	}{
		"no SDP":                         {"hello", nil, "cannot be read"},
		"no sections":                    {sdpHead, nil, "no media section"},
		"too many sections":              {sdpHead + many.String(), nil, "at most 48"},
		"no BUNDLE":                      {sdpHead + media("audio", "0", "sendonly"), nil, "no BUNDLE"},
		"a section outside the BUNDLE":   {sdpHead + bundle + media("audio", "7", "sendonly"), nil, `section "7" is not in`},
		"no mid":                         {sdpHead + bundle + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", nil, "needs an a=mid"},
		"a mid too long":                 {sdpHead + bundle + media("audio", strings.Repeat("x", 17), "sendonly"), nil, "needs an a=mid"},
		"a mid twice":                    {sdpHead + bundle + media("audio", "0", "sendonly") + media("audio", "0", "sendonly"), nil, "two sections"},
		"sources without end":            {sdpHead + bundle + media("video", "0", "sendonly", strings.Repeat("a=ssrc:1 cname:x\r\n", 17)), nil, "a=ssrc"},
		"candidates without end":         {sdpHead + bundle + media("video", "0", "sendonly", strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 65)), nil, "64 candidates"},
		"simulcast":                      {sdpHead + bundle + media("video", "0", "sendonly", "a=simulcast:send 1;2\r\n"), nil, "simulcast"},
		"a data channel":                 {sdpHead + bundle + media("application", "0", "sendrecv"), nil, "neither audio nor video"},
		"a track of no section":          {sdpHead + bundle + media("audio", "0", "sendonly"), []Track{{"5", "microphone", true}}, `no section "5"`},
		"a camera in an audio section":   {sdpHead + bundle + media("audio", "0", "sendonly"), []Track{{"0", "camera", false}}, "wrong kind"},
		"a track in a receiving section": {sdpHead + bundle + media("audio", "0", "recvonly"), []Track{{"0", "microphone", true}}, "sends nothing"},
		"no ICE, no DTLS":                {sdpHead + bundle + media("audio", "0", "sendonly"), nil, "cannot be"},
	}
	room := newRoom(t, newSFU(t))
	p, err := room.Join("ann", PeerEvents{Slots: func([]SlotChange) {}, Lost: func() {}})
	must(t, err)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := p.Offer(context.Background(), tt.sdp, tt.tracks)
			var refusal *Refusal
			if !errors.As(err, &refusal) || !strings.Contains(refusal.Detail, tt.want) {
				t.Fatalf("got %v, want a refusal with %q", err, tt.want)
			}
			if p.Connected() {
				t.Error("a connection was left behind")
			}
		})
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	room := newRoom(t, newSFU(t))
	p, err := room.Join("ann", PeerEvents{Slots: func([]SlotChange) {}, Lost: func() {}})
	must(t, err)
	line := uint16(0)
	if err := p.Candidate("", nil, &line); !errors.Is(err, ErrNoConnection) {
		t.Errorf("before any offer: %v", err)
	}
	b := join(t, room, "bob", 0)
	var refusal *Refusal
	if err := b.peer.Candidate("candidate: nonsense", nil, &line); !errors.As(err, &refusal) {
		t.Errorf("nonsense: %v", err)
	}
	for range MaxCandidates - 1 {
		must(t, b.peer.Candidate("candidate:1 1 udp 2122260223 0d3f0d5c-7a2d-4e0f-9d7a-000000000000.local 50123 typ host", nil, &line))
	}
	if err := b.peer.Candidate("", nil, &line); !errors.As(err, &refusal) || !refusal.TooMuch {
		t.Errorf("one too many: %v", err)
	}
}

func TestPublicAddressesStandInTheAnswer(t *testing.T) {
	port, err := rtcport.Open(rtcport.Options{UDPAddress: ":0", TCPAddress: ":0", PublicIPs: []string{"203.0.113.7"}})
	must(t, err)
	s := New(Options{Port: port})
	t.Cleanup(func() {
		s.Close()
		must(t, port.Close())
	})
	room := newRoom(t, s)
	b := &browser{t: t, slots: map[string]SlotChange{}}
	b.peer, err = room.Join("ann", PeerEvents{Slots: b.onSlots, Lost: func() {}})
	must(t, err)
	b.connect(1)
	desc, err := b.pc.CreateOffer(nil)
	must(t, err)
	answer, err := b.peer.Offer(context.Background(), desc.SDP, nil)
	must(t, err)
	for _, want := range []string{
		fmt.Sprintf("203.0.113.7 %d typ host", port.Addr().Port), "tcptype passive", "a=ice-lite", "a=setup:passive", "a=ssrc-group:FID",
		"a=extmap", "transport-wide-cc",
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %q", want)
		}
	}
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "a=candidate") && !strings.Contains(line, "203.0.113.7") && strings.Contains(line, ".") && !strings.Contains(line, ":50") {
			t.Errorf("an address that is not public: %s", line)
		}
	}
}
