package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"roomcast/rtcport"
	"roomcast/sfu/resend"
	"roomcast/sfu/speaker"
	"roomcast/sfu/vp8"
)

// maxPacket is the largest packet taken, in bytes.
const maxPacket = rtcport.MaxPacket

// keyFrameInterval is the shortest time between two requests for a key frame
// of one track; requests in between are one with the first.
const keyFrameInterval = 500 * time.Millisecond

// packet is one packet of a publication on its way to the slots. It is used
// again for the next one: a slot keeps nothing of it.
type packet struct {
	pub     *publication
	at      time.Time
	seq     uint16
	ts      uint32
	marker  bool
	level   uint8 // audio: as in RFC 6464, voice bit included
	payload []byte
	vp8     vp8.Descriptor // video; Size is 0 for a packet without a frame
}

// publication is one track a participant publishes. It outlives the media
// section it comes by and is the room's, not the connection's.
type publication struct {
	id    trackID
	audio bool
	muted atomic.Bool
	meter speaker.Meter
	cache *resend.Cache // video

	feed      atomic.Pointer[remote] // where its packets come from, nil for none
	began     time.Time
	lastAsked atomic.Int64 // when a key frame was asked for, in nanoseconds since it began; 0: not yet

	mu    sync.Mutex
	slots atomic.Pointer[[]*slot] // copied on write under mu
}

func newPublication(id trackID, audio bool) *publication {
	p := &publication{id: id, audio: audio, began: time.Now()}
	if !audio {
		p.cache = resend.New()
	}
	p.slots.Store(&[]*slot{})
	return p
}

func (p *publication) attach(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := append(slices.Clone(*p.slots.Load()), s)
	p.slots.Store(&next)
}

func (p *publication) detach(s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(*p.slots.Load()), func(other *slot) bool { return other == s })
	p.slots.Store(&next)
}

// setFeed makes packets come from r; those who watch begin anew.
func (p *publication) setFeed(r *remote) {
	old := p.feed.Swap(r)
	if old == r {
		return
	}
	if old != nil {
		old.pub.CompareAndSwap(p, nil)
	}
	for _, s := range *p.slots.Load() {
		s.restart()
	}
	if r != nil {
		r.pub.Store(p)
		p.lastAsked.Store(0)
		p.requestKeyFrame(time.Now())
	}
}

// requestKeyFrame asks the publisher for a key frame (RFC 4585 section 6.3.1),
// unless that was done just now.
func (p *publication) requestKeyFrame(at time.Time) {
	r := p.feed.Load()
	if p.audio || r == nil {
		return
	}
	if p.mayAsk(at) {
		r.askKeyFrame()
	}
}

// mayAsk reports, to one of those who ask at once, that the last request was not just
// now. No dates are kept: with the clock set back, nobody would ask until it is as late.
func (p *publication) mayAsk(at time.Time) bool {
	now, last := int64(at.Sub(p.began)), p.lastAsked.Load()
	if last != 0 && now-last < int64(keyFrameInterval) {
		return false
	}
	return p.lastAsked.CompareAndSwap(last, now)
}

// forward hands a packet to every slot that carries this track.
func (p *publication) forward(pkt *packet) {
	pkt.pub = p
	if p.cache != nil {
		p.cache.Put(pkt.seq, pkt.ts, pkt.marker, pkt.payload)
	}
	for _, s := range *p.slots.Load() {
		s.forward(pkt)
	}
}

// remote is one incoming stream of a connection and the goroutine that reads it.
type remote struct {
	mid    string
	track  *webrtc.TrackRemote
	pc     *webrtc.PeerConnection
	audio  bool
	levels uint8 // id of the audio level header extension, 0 for none
	pub    atomic.Pointer[publication]
}

func newRemote(mid string, track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver, pc *webrtc.PeerConnection) *remote {
	r := &remote{mid: mid, track: track, pc: pc, audio: track.Kind() == webrtc.RTPCodecTypeAudio}
	for _, ext := range receiver.GetParameters().HeaderExtensions {
		if ext.URI == audioLevelURI && ext.ID > 0 && ext.ID < 256 {
			r.levels = uint8(ext.ID)
		}
	}
	return r
}

func (r *remote) askKeyFrame() {
	// An error means that the connection is going down, which its state says too.
	_ = r.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(r.track.SSRC())}})
}

// run reads packets until the stream ends and forwards those of a track that
// is published and not muted.
func (r *remote) run() {
	var (
		buf    [maxPacket]byte
		header rtp.Header
		pkt    packet
	)
	for {
		n, _, err := r.track.Read(buf[:])
		if err != nil {
			return
		}
		pub := r.pub.Load()
		if pub == nil || pub.muted.Load() {
			continue
		}
		if pkt.parse(buf[:n], &header, r.audio, r.levels, time.Now()) {
			if r.audio {
				pub.meter.Feed(pkt.level&0x7f, pkt.at)
			}
			pub.forward(&pkt)
		}
	}
}

// parse reads an RTP packet (RFC 3550 section 5.1) that b holds; pkt points
// into it afterwards. It reports false for what is no packet.
func (pkt *packet) parse(b []byte, header *rtp.Header, audio bool, levels uint8, at time.Time) bool {
	size, err := header.Unmarshal(b)
	if err != nil {
		return false
	}
	end := len(b)
	if header.Padding {
		end -= int(b[len(b)-1])
	}
	if size > end {
		return false
	}
	pkt.at, pkt.seq, pkt.ts, pkt.marker = at, header.SequenceNumber, header.Timestamp, header.Marker
	pkt.payload = b[size:end]
	pkt.level, pkt.vp8 = 127, vp8.Descriptor{}
	if audio {
		if level := header.GetExtension(levels); levels != 0 && len(level) > 0 {
			pkt.level = level[0]
		}
		return true
	}
	if len(pkt.payload) > 0 {
		var ok bool
		if pkt.vp8, ok = vp8.Parse(pkt.payload); !ok {
			return false
		}
	}
	return true
}
