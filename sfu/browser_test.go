package sfu

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"roomcast/rtcport"
	"roomcast/sfu/vp8"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// browser is a participant's PeerConnection as a browser has it: it offers,
// sends on two sections and receives on slots.
type browser struct {
	t         *testing.T
	peer      *Peer
	pc        *webrtc.PeerConnection
	mic, cam  *webrtc.TrackLocalStaticRTP
	micSender *webrtc.RTPTransceiver
	camSender *webrtc.RTPTransceiver
	received  chan arrival // packets of all slots
	keyAsked  chan struct{}
	sent      atomic.Uint32 // frames of the camera
	wrote     chan struct{} // one was sent

	mu    sync.Mutex
	slots map[string]SlotChange
	seen  chan struct{} // something changed in slots
	lost  chan struct{}
}

type arrival struct {
	mid    string
	packet *rtp.Packet
}

func newSFU(t *testing.T, publicIPs ...string) *SFU {
	t.Helper()
	port, err := rtcport.Open(rtcport.Options{UDPAddress: "127.0.0.1:0", TCPAddress: "127.0.0.1:0", PublicIPs: publicIPs})
	must(t, err)
	s := New(Options{Port: port})
	t.Cleanup(func() {
		s.Close()
		must(t, port.Close())
	})
	return s
}

func newRoom(t *testing.T, s *SFU) *Room {
	t.Helper()
	r, err := s.NewRoom(RoomEvents{Speaking: func([]Speaker) {}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// join enters a room and, with sections for so many video slots, connects.
func join(t *testing.T, r *Room, id string, videoSlots int, networks ...webrtc.NetworkType) *browser {
	t.Helper()
	b := &browser{
		t: t, received: make(chan arrival, 4096), keyAsked: make(chan struct{}, 64), wrote: make(chan struct{}, 1),
		slots: map[string]SlotChange{}, seen: make(chan struct{}, 64), lost: make(chan struct{}, 1),
	}
	var err error
	b.peer, err = r.Join(id, PeerEvents{Slots: b.onSlots, Lost: func() { b.lost <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.peer.Close)
	b.connect(videoSlots, networks...)
	b.offer(nil, Track{b.micSender.Mid(), "microphone", true}, Track{b.camSender.Mid(), "camera", false})
	return b
}

func (b *browser) onSlots(changes []SlotChange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range changes {
		b.slots[c.Mid] = c
	}
	select {
	case b.seen <- struct{}{}:
	default:
	}
}

func (b *browser) connect(videoSlots int, networks ...webrtc.NetworkType) {
	b.t.Helper()
	var engine webrtc.SettingEngine
	engine.SetIncludeLoopbackCandidate(true)
	if len(networks) == 0 {
		networks = []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
	}
	engine.SetNetworkTypes(networks)
	media := &webrtc.MediaEngine{}
	must(b.t, registerCodecs(media))
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(engine), webrtc.WithMediaEngine(media)).NewPeerConnection(webrtc.Configuration{})
	must(b.t, err)
	b.pc = pc
	b.t.Cleanup(func() { must(b.t, pc.GracefulClose()) })
	b.mic, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "mic", "me")
	must(b.t, err)
	b.cam, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "cam", "me")
	must(b.t, err)
	sendonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	recvonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	b.micSender, err = pc.AddTransceiverFromTrack(b.mic, sendonly)
	must(b.t, err)
	b.camSender, err = pc.AddTransceiverFromTrack(b.cam, sendonly)
	must(b.t, err)
	for range 2 {
		_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, recvonly)
		must(b.t, err)
	}
	for range videoSlots {
		_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, recvonly)
		must(b.t, err)
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		mid := ""
		for _, tr := range pc.GetTransceivers() {
			if tr.Receiver() == receiver {
				mid = tr.Mid()
			}
		}
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case b.received <- arrival{mid, p}:
			default:
			}
		}
	})
	go func(camera *webrtc.RTPSender) { // connect may be called again
		for {
			packets, _, err := camera.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				if _, ok := p.(*rtcp.PictureLossIndication); ok {
					select {
					case b.keyAsked <- struct{}{}:
					default:
					}
				}
			}
		}
	}(b.camSender.Sender())
}

// offer negotiates and waits until media may flow.
func (b *browser) offer(options *webrtc.OfferOptions, tracks ...Track) {
	b.t.Helper()
	connected := make(chan struct{})
	var once sync.Once
	b.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	desc, err := b.pc.CreateOffer(options)
	must(b.t, err)
	must(b.t, b.pc.SetLocalDescription(desc))
	for i := range tracks { // mids are known only now
		if tracks[i].Source == "microphone" {
			tracks[i].Mid = b.micSender.Mid()
		} else {
			tracks[i].Mid = b.camSender.Mid()
		}
	}
	answer, err := b.peer.Offer(context.Background(), desc.SDP, tracks)
	must(b.t, err)
	must(b.t, b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	if b.pc.ConnectionState() == webrtc.PeerConnectionStateConnected {
		return
	}
	select {
	case <-connected:
	case <-time.After(patience):
		b.t.Fatalf("%s: not connected: %s", b.peer.id, b.pc.ConnectionState())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// camera sends VP8 frames, one packet each, until the test ends: a key frame
// first and whenever one is asked for. Each frame holds its own number.
func (b *browser) camera(firstSeq, firstPicture uint16) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		key := true
		for n := uint32(0); ; n++ {
			select {
			case <-done:
				return
			case <-b.keyAsked:
				key = true
			case <-tick.C:
			}
			payload := frame(key, firstPicture+uint16(n), b.peer.id, n)
			key = false
			err := b.cam.WriteRTP(&rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: firstSeq + uint16(n), Timestamp: n * 900, Marker: true},
				Payload: payload,
			})
			if err != nil {
				return
			}
			b.sent.Add(1)
			select {
			case b.wrote <- struct{}{}:
			default:
			}
		}
	})
	var once sync.Once
	stop = func() { once.Do(func() { close(done); wg.Wait() }) }
	b.t.Cleanup(stop)
	return stop
}

// frame is a whole VP8 frame in one payload: descriptor, frame header, and whose and which it is.
func frame(key bool, picture uint16, who string, n uint32) []byte {
	payload := []byte{0x90, 0x80, 0x80 | byte(picture>>8), byte(picture), 0x01, 0, 0, 0x9d, 0x01, 0x2a}
	if key {
		payload[4] = 0x10
	}
	payload = binary.BigEndian.AppendUint32(payload, n)
	return append(payload, who...)
}

// opened is a frame as it arrived.
type opened struct {
	key     bool
	picture uint16
	n       uint32
	who     string
}

func open(t *testing.T, p *rtp.Packet) opened {
	t.Helper()
	d, ok := vp8.Parse(p.Payload)
	if !ok || len(p.Payload) < d.Size+10 {
		t.Fatalf("no frame in % x", p.Payload)
	}
	body := p.Payload[d.Size:]
	return opened{d.KeyFrame, d.PictureID, binary.BigEndian.Uint32(body[6:]), string(body[10:])}
}

// next returns the next packet of a section.
func (b *browser) next(mid string) *rtp.Packet {
	b.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case a := <-b.received:
			if a.mid == mid && len(a.packet.Payload) > 0 {
				return a.packet
			}
		case <-timeout:
			b.t.Fatalf("%s: no packet in section %s", b.peer.id, mid)
		}
	}
}

// until waits for the slots to be as wanted and returns the section that carries a track.
func (b *browser) until(peer string, source Source) (mid string) {
	b.t.Helper()
	timeout := time.After(patience)
	for {
		b.mu.Lock()
		for m, c := range b.slots {
			if c.Peer == peer && c.Source == source {
				mid = m
			}
		}
		b.mu.Unlock()
		if mid != "" {
			return mid
		}
		select {
		case <-b.seen:
		case <-timeout:
			b.t.Fatalf("%s: %s's %s is in no slot", b.peer.id, peer, source)
		}
	}
}
