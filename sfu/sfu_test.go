package sfu

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

func TestVideoGoesThroughASlotAndOverASwitch(t *testing.T) {
	room := newRoom(t, newSFU(t))
	ann, bob, eve := join(t, room, "ann", 0), join(t, room, "bob", 0), join(t, room, "eve", 1)
	ann.camera(100, 7)
	bob.camera(60000, 30000)

	eve.peer.View([]Tile{{Peer: "ann", Source: "camera", Width: 320, Height: 180}})
	mid := eve.until("ann", "camera")
	first := eve.next(mid)
	if f := open(t, first); !f.key || f.who != "ann" {
		t.Fatalf("the first frame is %+v", f)
	}
	last := first
	lastFrame := open(t, first)
	follow := func(p *rtp.Packet) opened {
		t.Helper()
		f := open(t, p)
		if p.SSRC != first.SSRC || p.PayloadType != first.PayloadType {
			t.Fatalf("another stream: ssrc %d, type %d", p.SSRC, p.PayloadType)
		}
		if p.SequenceNumber != last.SequenceNumber+1 {
			t.Fatalf("sequence number %d after %d", p.SequenceNumber, last.SequenceNumber)
		}
		if gap := p.Timestamp - last.Timestamp; gap == 0 || gap > 90000*5 {
			t.Fatalf("timestamp %d after %d", p.Timestamp, last.Timestamp)
		}
		if f.picture != (lastFrame.picture+1)&0x7fff {
			t.Fatalf("picture %d after %d", f.picture, lastFrame.picture)
		}
		last, lastFrame = p, f
		return f
	}
	for range 20 {
		before := lastFrame.n
		if f := follow(eve.next(mid)); f.who != "ann" || f.n != before+1 {
			t.Fatalf("frame %+v after %d", f, before)
		}
	}
	eve.peer.View([]Tile{{Peer: "bob", Source: "camera", Width: 320, Height: 180}})
	if got := eve.until("bob", "camera"); got != mid {
		t.Fatalf("bob is in section %s, not %s", got, mid)
	}
	for {
		f := follow(eve.next(mid))
		if f.who == "bob" {
			if !f.key {
				t.Fatal("bob's first frame is no key frame")
			}
			break
		}
	}
	for range 20 {
		if f := follow(eve.next(mid)); f.who != "bob" {
			t.Fatalf("frame of %s", f.who)
		}
	}
}

func TestALateJoinerIsFedAtOnce(t *testing.T) {
	room := newRoom(t, newSFU(t))
	ann := join(t, room, "ann", 0)
	ann.camera(1, 1)
	early := join(t, room, "early", 1)
	early.peer.View([]Tile{{Peer: "ann", Source: "camera", Width: 1, Height: 1}})
	early.next(early.until("ann", "camera"))

	late := join(t, room, "late", 1)
	asked := time.Now()
	late.peer.View([]Tile{{Peer: "ann", Source: "camera", Width: 1, Height: 1}})
	p := late.next(late.until("ann", "camera"))
	if f := open(t, p); !f.key {
		t.Errorf("the first frame is %+v", f)
	}
	if waited := time.Since(asked); waited > keyFrameInterval+time.Second {
		t.Errorf("it took %s", waited)
	}
}

func TestAMutedTrackReachesNobody(t *testing.T) {
	room := newRoom(t, newSFU(t))
	ann, bob := join(t, room, "ann", 0), join(t, room, "bob", 1)
	ann.camera(1, 1)
	bob.peer.View([]Tile{{Peer: "ann", Source: "camera", Width: 1, Height: 1}})
	mid := bob.until("ann", "camera")
	bob.next(mid)

	ann.peer.SetMuted("camera", true)
	bob.mu.Lock()
	if c := bob.slots[mid]; c.Peer != "" {
		t.Errorf("the slot still carries %+v", c)
	}
	bob.mu.Unlock()
	sent := room.peers["bob"].conn.video[0].count()
	for from := ann.sent.Load(); ann.sent.Load() < from+20; { // Ann goes on sending
		<-ann.wrote
	}
	if now := room.peers["bob"].conn.video[0].count(); now != sent {
		t.Fatalf("%d packets were sent after the mute", now-sent)
	}
	ann.peer.SetMuted("camera", false)
	for len(bob.received) > 0 {
		<-bob.received
	}
	if f := open(t, bob.next(bob.until("ann", "camera"))); !f.key {
		t.Errorf("after unmuting the first frame is %+v", f)
	}
}

func TestTheLoudestAreHeard(t *testing.T) {
	room := newRoom(t, newSFU(t))
	ann, bob := join(t, room, "ann", 0), join(t, room, "bob", 0)
	mid := bob.until("ann", "microphone")
	ext := uint8(0)
	for _, e := range ann.micSender.Sender().GetParameters().HeaderExtensions {
		if e.URI == audioLevelURI {
			ext = uint8(e.ID)
		}
	}
	if ext == 0 {
		t.Fatal("the audio level extension was not negotiated")
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	defer func() { close(done); wg.Wait() }()
	wg.Go(func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for n := uint16(0); ; n++ {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 65530 + n, Timestamp: uint32(n) * 960}, Payload: []byte{0xfc, byte(n)}}
			if p.SetExtension(ext, []byte{20}) != nil || ann.mic.WriteRTP(p) != nil {
				return
			}
		}
	})
	first := bob.next(mid)
	for i := byte(1); i < 20; i++ {
		p := bob.next(mid)
		if p.SequenceNumber != first.SequenceNumber+uint16(i) || p.Timestamp != first.Timestamp+960*uint32(i) {
			t.Fatalf("packet %d has number %d and time %d", i, p.SequenceNumber-first.SequenceNumber, p.Timestamp-first.Timestamp)
		}
		if p.Payload[1]-first.Payload[1] != i {
			t.Fatalf("packet %d is %d", i, p.Payload[1]-first.Payload[1])
		}
	}
	bob.mu.Lock()
	defer bob.mu.Unlock()
	for _, c := range bob.slots {
		if c.Peer == "bob" {
			t.Error("bob hears himself")
		}
	}
}

func TestAServerOnLoopbackOffersItsPublicAddresses(t *testing.T) {
	room := newRoom(t, newSFU(t, "127.0.0.1"))
	ann, eve := join(t, room, "ann", 0), join(t, room, "eve", 1)
	ann.camera(100, 7)
	eve.peer.View([]Tile{{Peer: "ann", Source: "camera", Width: 320, Height: 180}})
	if f := open(t, eve.next(eve.until("ann", "camera"))); f.who != "ann" {
		t.Errorf("the first frame is %+v", f)
	}
}

func TestMediaGoesOverTCPWhereThereIsNoUDP(t *testing.T) {
	room := newRoom(t, newSFU(t))
	ann := join(t, room, "ann", 0)
	ann.camera(1, 1)
	bob := join(t, room, "bob", 1, webrtc.NetworkTypeTCP4)
	bob.peer.View([]Tile{{Peer: "ann", Source: "camera", Width: 1, Height: 1}})
	bob.next(bob.until("ann", "camera"))
}

func TestAnICERestartKeepsTheMediaFlowing(t *testing.T) {
	room := newRoom(t, newSFU(t))
	ann, bob := join(t, room, "ann", 0), join(t, room, "bob", 1)
	ann.camera(1, 1)
	bob.peer.View([]Tile{{Peer: "ann", Source: "camera", Width: 1, Height: 1}})
	mid := bob.until("ann", "camera")
	bob.next(mid)
	conn := room.peers["bob"].conn
	bob.offer(&webrtc.OfferOptions{ICERestart: true}, Track{Source: "microphone", Audio: true}, Track{Source: "camera"})
	if room.peers["bob"].conn != conn {
		t.Error("the restart made another connection")
	}
	for len(bob.received) > 0 {
		<-bob.received
	}
	for range 50 {
		bob.next(mid)
	}
}

func TestAnotherPeerConnectionTakesThePlaceOfTheFirst(t *testing.T) {
	room := newRoom(t, newSFU(t))
	ann, bob := join(t, room, "ann", 0), join(t, room, "bob", 1)
	stop := ann.camera(1, 1)
	bob.peer.View([]Tile{{Peer: "ann", Source: "camera", Width: 1, Height: 1}})
	bob.next(bob.until("ann", "camera"))
	stop()

	bob.connect(1)
	bob.offer(nil, Track{Source: "microphone", Audio: true}, Track{Source: "camera"})
	ann.connect(0)
	ann.offer(nil, Track{Source: "microphone", Audio: true}, Track{Source: "camera"})
	for len(bob.received) > 0 {
		<-bob.received
	}
	ann.camera(500, 500)
	if f := open(t, bob.next(bob.until("ann", "camera"))); !f.key {
		t.Errorf("the first frame is %+v", f)
	}
}

func (s *slot) count() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets
}
