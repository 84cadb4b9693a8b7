package sfu

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"roomcast/sfu/vp8"
)

// tap is an outlet that keeps what a slot sends.
type tap struct {
	headers  []rtp.Header
	payloads [][]byte
	discard  bool
}

func (t *tap) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	if !t.discard {
		t.headers = append(t.headers, *h)
		t.payloads = append(t.payloads, append([]byte(nil), payload...))
	}
	return len(payload), nil
}

// extensions are those a browser agrees on.
var extensions = []webrtc.RTPHeaderExtensionParameter{
	{URI: midURI, ID: 4}, {URI: transportWideCC, ID: 3}, {URI: absSendTimeURI, ID: 2}, {URI: audioLevelURI, ID: 1},
}

func tapped(audio bool, out outlet) *slot {
	c := &conn{}
	c.ready.Store(true)
	s := newSlot(c, audio)
	s.mid = "5"
	s.head.prepare(1111, 96, s.mid, extensions)
	s.rtx.prepare(2222, 97, s.mid, extensions)
	s.out, s.rtxOn = out, true
	return s
}

func videoPacket(seq uint16, payload []byte) *packet {
	d, _ := vp8.Parse(payload)
	return &packet{at: time.Now(), seq: seq, ts: uint32(seq) * 3000, marker: true, payload: payload, vp8: d}
}

func TestASlotAnswersNegativeAcknowledgements(t *testing.T) {
	var out tap
	s := tapped(false, &out)
	pub := newPublication(trackID{"ann", "camera"}, false)
	s.carry(pub)
	for n := range uint16(3) {
		pub.forward(videoPacket(40+n, frame(n == 0, 9+n, "ann", uint32(n))))
	}
	if len(out.headers) != 3 {
		t.Fatalf("%d packets went out", len(out.headers))
	}
	lost := out.headers[1].SequenceNumber
	s.resendLost([]rtcp.NackPair{{PacketID: lost}, {PacketID: lost + 100}}, time.Now())
	if len(out.headers) != 4 {
		t.Fatalf("%d packets were sent again", len(out.headers)-3)
	}
	h, payload := out.headers[3], out.payloads[3]
	if h.SSRC != 2222 || h.PayloadType != 97 || h.Timestamp != out.headers[1].Timestamp {
		t.Errorf("the header is %+v", h)
	}
	if got := uint16(payload[0])<<8 | uint16(payload[1]); got != lost {
		t.Errorf("it says it is %d, not %d", got, lost)
	}
	if !bytes.Equal(payload[2:], out.payloads[1]) {
		t.Errorf("another payload: % x, was % x", payload[2:], out.payloads[1])
	}
	for range resendPerSpan * 2 {
		s.resendLost([]rtcp.NackPair{{PacketID: lost}}, time.Now())
	}
	if again := len(out.headers) - 3; again > resendPerSpan*2 {
		t.Errorf("%d packets were sent again at once", again)
	}
}

func TestHeaderExtensionsAreTheReceivers(t *testing.T) {
	var out tap
	s := tapped(true, &out)
	pub := newPublication(trackID{"ann", "microphone"}, true)
	s.carry(pub)
	for n := range uint16(2) {
		pub.forward(&packet{at: time.Unix(100, 500_000_000), seq: n, ts: uint32(n) * 960, level: 33, payload: []byte{1}})
	}
	h := out.headers[0]
	if string(h.GetExtension(4)) != "5" {
		t.Errorf("the mid is %q", h.GetExtension(4))
	}
	if level := h.GetExtension(1); len(level) != 1 || level[0] != 33 {
		t.Errorf("the level is %v", level)
	}
	// 100.5 s modulo 64 is 36.5 s, in 6.18 fixed point.
	if abs := h.GetExtension(2); len(abs) != 3 || int(abs[0])<<16|int(abs[1])<<8|int(abs[2]) != 36<<18|1<<17 {
		t.Errorf("the send time is % x", abs)
	}
	if !out.headers[0].Marker || out.headers[1].Marker {
		t.Error("the marker is not on the first packet of the source only")
	}
}

func TestSenderReportsFollowTheSlotsTimeline(t *testing.T) {
	var out tap
	s := tapped(true, &out)
	at := time.Now()
	if s.senderReport(at) != nil {
		t.Error("there is a report before the first packet")
	}
	for _, who := range []string{"ann", "bob"} {
		pub := newPublication(trackID{who, "microphone"}, true)
		s.carry(pub)
		pub.forward(&packet{at: at, seq: 9, ts: 12345, payload: []byte{1}})
		at = at.Add(time.Second)
	}
	first, second := out.headers[0], out.headers[1]
	if second.Timestamp-first.Timestamp != 48000 {
		t.Errorf("the switch moved time by %d", second.Timestamp-first.Timestamp)
	}
	sr := s.senderReport(at)
	if sr.SSRC != 1111 || sr.PacketCount != 2 || sr.OctetCount != 2 || sr.RTPTime != second.Timestamp+48000 {
		t.Errorf("the report is %+v", sr)
	}
	if seconds := int64(sr.NTPTime>>32) - 2208988800; seconds != at.Unix() {
		t.Errorf("the report is of second %d, not %d", seconds, at.Unix())
	}
}

func TestForwardingAllocatesNothing(t *testing.T) {
	out := &tap{discard: true}
	pub := newPublication(trackID{"ann", "camera"}, false)
	for range 10 {
		tapped(false, out).carry(pub)
	}
	pkt := videoPacket(0, frame(true, 9, "ann", 1))
	var header rtp.Header
	raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2}, Payload: frame(true, 9, "ann", 1)}).Marshal()
	must(t, err)
	if n := testing.AllocsPerRun(1000, func() {
		pkt.parse(raw, &header, false, 0, pkt.at)
		pkt.seq++
		pub.forward(pkt)
	}); n != 0 {
		t.Errorf("%v allocations for each packet", n)
	}
}

// BenchmarkForward is our share of the forward path: from a parsed packet to
// the call that encrypts and sends it, for each receiver.
func BenchmarkForward(b *testing.B) {
	const receivers = 50
	out := &tap{discard: true}
	pub := newPublication(trackID{"ann", "camera"}, false)
	for range receivers {
		tapped(false, out).carry(pub)
	}
	payload := append(frame(true, 9, "ann", 1), make([]byte, 1180)...)
	pkt := videoPacket(0, payload)
	b.ReportAllocs()
	for b.Loop() {
		pkt.seq++
		pkt.ts += 90
		pub.forward(pkt)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/receivers, "ns/receiver")
}

func FuzzParsePacket(f *testing.F) {
	seed, err := (&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true}, Payload: frame(true, 9, "ann", 1)}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, false, uint8(0))
	f.Add([]byte{0x90, 0x6f, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 0x20, 0, 0, 9}, true, uint8(1))
	f.Add([]byte{0xa0, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 255}, false, uint8(0))
	f.Fuzz(func(t *testing.T, raw []byte, audio bool, levels uint8) {
		if len(raw) > maxPacket {
			return
		}
		var pkt packet
		var header rtp.Header
		if !pkt.parse(raw, &header, audio, levels, time.Now()) {
			return
		}
		if len(pkt.payload) > len(raw) {
			t.Fatal("the payload is longer than the packet")
		}
		pub := newPublication(trackID{"ann", "x"}, audio)
		tapped(audio, &tap{discard: true}).carry(pub)
		pub.forward(&pkt)
	})
}
