package sfu

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"roomcast/sfu/rewrite"
	"roomcast/sfu/vp8"
)

// Bounds on what a receiver can make us send again.
const (
	resendInterval   = 100 * time.Millisecond
	resendPerSpan    = 100 // packets in resendInterval
	rtxHeader        = 2   // bytes of original sequence number before the payload (RFC 4588 section 4)
	absSendTimeScale = 1 << 18
)

// outlet is what a slot writes packets to.
type outlet interface {
	WriteRTP(header *rtp.Header, payload []byte) (int, error)
}

// slot is one outgoing stream of a connection, into which one publication
// after another is switched. It is a webrtc.TrackLocal.
type slot struct {
	conn  *conn
	audio bool
	mid   string // set once, before the slot is bound

	mu      sync.Mutex
	src     *publication // nil for nothing
	waiting bool         // for the first packet (video: key frame) of src
	rw      *rewrite.Rewriter

	out        outlet // nil until bound
	head, rtx  outgoing
	rtxOn      bool
	rtxSeq     uint16
	buf        [maxPacket]byte
	packets    uint32
	octets     uint32
	resendFrom time.Time
	resent     int
}

// outgoing is a header that is used for every packet of a stream, with its
// extensions' bytes.
type outgoing struct {
	header rtp.Header
	twcc   [2]byte
	abs    [3]byte
	level  [1]byte
}

func newSlot(c *conn, audio bool) *slot {
	rate := uint32(videoClockRate)
	if audio {
		rate = audioClockRate
	}
	// Where a stream begins is unguessable (RFC 3550 section 5.1).
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand
	return &slot{
		conn: c, audio: audio, rtxSeq: binary.BigEndian.Uint16(random[:]),
		rw: rewrite.New(rate, binary.BigEndian.Uint16(random[2:]), binary.BigEndian.Uint32(random[4:])),
	}
}

// ID implements webrtc.TrackLocal.
func (s *slot) ID() string { return "slot-" + s.mid }

// RID implements webrtc.TrackLocal.
func (s *slot) RID() string { return "" }

// StreamID implements webrtc.TrackLocal. Each slot is a stream of its own:
// browsers would hold a picture back for the sound of somebody else.
func (s *slot) StreamID() string { return s.ID() }

// Kind implements webrtc.TrackLocal.
func (s *slot) Kind() webrtc.RTPCodecType {
	if s.audio {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// Bind implements webrtc.TrackLocal: the section is negotiated.
func (s *slot) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	want := webrtc.MimeTypeVP8
	if s.audio {
		want = webrtc.MimeTypeOpus
	}
	var codec *webrtc.RTPCodecParameters
	for _, c := range ctx.CodecParameters() {
		if strings.EqualFold(c.MimeType, want) {
			codec = &c
			break
		}
	}
	if codec == nil {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head.prepare(uint32(ctx.SSRC()), codec.PayloadType, s.mid, ctx.HeaderExtensions())
	for _, c := range ctx.CodecParameters() {
		if strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX) && c.SDPFmtpLine == fmt.Sprintf("apt=%d", codec.PayloadType) && ctx.SSRCRetransmission() != 0 {
			s.rtx.prepare(uint32(ctx.SSRCRetransmission()), c.PayloadType, s.mid, ctx.HeaderExtensions())
			s.rtxOn = true
			break
		}
	}
	s.out = ctx.WriteStream()
	return *codec, nil
}

// Unbind implements webrtc.TrackLocal.
func (s *slot) Unbind(webrtc.TrackLocalContext) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = nil
	return nil
}

func (o *outgoing) prepare(ssrc uint32, payloadType webrtc.PayloadType, mid string, extensions []webrtc.RTPHeaderExtensionParameter) {
	o.header = rtp.Header{Version: 2, SSRC: ssrc, PayloadType: uint8(payloadType)}
	for _, ext := range extensions {
		var value []byte
		switch ext.URI {
		case midURI:
			value = []byte(mid)
		case transportWideCC:
			value = o.twcc[:]
		case absSendTimeURI:
			value = o.abs[:]
		case audioLevelURI:
			value = o.level[:]
		}
		if len(value) == 0 || ext.ID < 1 || ext.ID > 14 {
			continue
		}
		// An extension of 1 to 16 bytes under an id of 1 to 14 is always taken.
		_ = o.header.SetExtension(uint8(ext.ID), value)
	}
}

// carry makes the slot carry another publication, nil for none.
func (s *slot) carry(p *publication) {
	s.mu.Lock()
	old := s.src
	s.src, s.waiting = p, true
	s.rw.Switch()
	s.mu.Unlock()
	if old != nil {
		old.detach(s)
	}
	if p != nil {
		p.attach(s)
		p.requestKeyFrame(time.Now())
	}
}

// restart makes the slot begin its publication anew: what comes next is not
// what came before.
func (s *slot) restart() {
	s.mu.Lock()
	s.waiting = true
	s.rw.Switch()
	p := s.src
	s.mu.Unlock()
	if p != nil {
		p.requestKeyFrame(time.Now())
	}
}

// forward sends a packet of the publication the slot carries.
func (s *slot) forward(pkt *packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.src != pkt.pub || s.out == nil || !s.conn.ready.Load() {
		return
	}
	first := s.waiting
	if s.waiting && !s.audio && !pkt.vp8.KeyFrame {
		pkt.pub.requestKeyFrame(pkt.at)
		return
	}
	s.waiting = false
	seq, ts, ok := s.rw.Map(pkt.seq, pkt.ts, pkt.at)
	if !ok {
		return
	}
	payload := pkt.payload
	if pkt.vp8.Size > 0 {
		payload = s.buf[:copy(s.buf[:], pkt.payload)]
		s.rw.VP8(&pkt.vp8, payload)
	}
	h := &s.head.header
	h.SequenceNumber, h.Timestamp = seq, ts
	h.Marker = pkt.marker || first && s.audio
	s.head.level[0] = pkt.level
	s.head.stamp(s.conn, pkt.at)
	// A packet that cannot be sent is a lost packet: the receiver asks again.
	if _, err := s.out.WriteRTP(h, payload); err == nil {
		s.packets++
		s.octets += uint32(len(payload))
	}
}

// stamp fills the extensions that differ for each packet of a connection.
func (o *outgoing) stamp(c *conn, at time.Time) {
	binary.BigEndian.PutUint16(o.twcc[:], uint16(c.twcc.Add(1)))
	// Seconds of NTP time, modulo 64, in 6.18 fixed point.
	nanos := uint64(at.UnixNano())
	abs := nanos/uint64(time.Second)%64*absSendTimeScale + nanos%uint64(time.Second)*absSendTimeScale/uint64(time.Second)
	o.abs[0], o.abs[1], o.abs[2] = byte(abs>>16), byte(abs>>8), byte(abs)
}

// resendLost answers negative acknowledgements by RTX packets (RFC 4588).
func (s *slot) resendLost(pairs []rtcp.NackPair, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.src == nil || s.src.cache == nil || s.out == nil || !s.rtxOn {
		return
	}
	if at.Sub(s.resendFrom) >= resendInterval {
		s.resendFrom, s.resent = at, 0
	}
	for _, pair := range pairs {
		pair.Range(func(seq uint16) bool {
			if s.resent >= resendPerSpan {
				return false
			}
			if s.resendOne(seq, at) {
				s.resent++
			}
			return true
		})
	}
}

func (s *slot) resendOne(outSeq uint16, at time.Time) bool {
	seq, ok := s.rw.Source(outSeq)
	if !ok {
		return false
	}
	size, ts, marker, ok := s.src.cache.Get(seq, s.buf[rtxHeader:])
	if !ok {
		return false
	}
	payload := s.buf[:rtxHeader+size]
	binary.BigEndian.PutUint16(payload, outSeq)
	if size > 0 {
		d, ok := vp8.Parse(payload[rtxHeader:])
		if !ok {
			return false
		}
		s.rw.VP8Again(&d, payload[rtxHeader:])
	}
	s.rtxSeq++
	h := &s.rtx.header
	h.SequenceNumber, h.Timestamp, h.Marker = s.rtxSeq, s.rw.Timestamp(ts), marker
	s.rtx.stamp(s.conn, at)
	_, err := s.out.WriteRTP(h, payload)
	return err == nil
}

// senderReport describes the slot's timeline now (RFC 3550 section 6.4.1), nil
// before its first packet.
func (s *slot) senderReport(at time.Time) *rtcp.SenderReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	ts, ok := s.rw.Now(at)
	if !ok || s.out == nil {
		return nil
	}
	const ntpEpoch = 2208988800 // seconds from 1900 to 1970
	nanos := uint64(at.UnixNano())
	seconds := nanos/uint64(time.Second) + ntpEpoch
	fraction := nanos % uint64(time.Second) << 32 / uint64(time.Second)
	return &rtcp.SenderReport{
		SSRC: s.head.header.SSRC, NTPTime: seconds<<32 | fraction, RTPTime: ts, PacketCount: s.packets, OctetCount: s.octets,
	}
}

// listen reads what the receiver says of the slot until the connection ends.
func (s *slot) listen(sender *webrtc.RTPSender) {
	var buf [maxPacket]byte
	for {
		n, _, err := sender.Read(buf[:])
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		now := time.Now()
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				s.mu.Lock()
				src := s.src
				s.mu.Unlock()
				if src != nil {
					src.requestKeyFrame(now)
				}
			case *rtcp.TransportLayerNack:
				s.resendLost(p.Nacks, now)
			}
		}
	}
}
