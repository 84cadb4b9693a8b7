package sfu

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// gatherTimeout bounds the search for our own candidates, which only lists interfaces.
const gatherTimeout = 5 * time.Second

// MaxCandidates is how many candidates of a client are taken for one offer.
const MaxCandidates = 64

// conn is one PeerConnection of a peer. A peer that makes another one gets
// another conn; its publications stay.
type conn struct {
	peer    *Peer
	session uint64 // of the offer's o= line
	pc      *webrtc.PeerConnection
	ready   atomic.Bool // SRTP keys are there
	twcc    atomic.Uint32

	// Guarded by the room's mutex.
	audio, video []*slot
	remotes      map[string]*remote // by mid
	tracks       []Track            // of the newest offer
	candidates   int

	readers   sync.WaitGroup
	closeOnce sync.Once
}

func newConn(p *Peer, session uint64) (*conn, error) {
	s := p.room.sfu
	if !s.hold() {
		return nil, ErrClosed
	}
	api, err := s.newAPI()
	if err != nil {
		s.conns.Done()
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		s.conns.Done()
		return nil, fmt.Errorf("make PeerConnection: %w", err)
	}
	c := &conn{peer: p, session: session, pc: pc, remotes: map[string]*remote{}}
	pc.OnTrack(c.onTrack)
	pc.OnConnectionStateChange(c.onState)
	return c, nil
}

// negotiate applies an offer that has been read and checked, and returns the
// answer. Any error leaves the connection unusable.
func (c *conn) negotiate(ctx context.Context, text string, o offer) (answer string, err error) {
	if err := c.addSlots(o); err != nil {
		return "", err
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}); err != nil {
		return "", refuse("the SDP cannot be applied: %v", err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	desc, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return "", refuse("the SDP cannot be answered: %v", err)
	}
	if err := c.pc.SetLocalDescription(desc); err != nil {
		return "", refuse("the SDP cannot be answered: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
	return c.pc.LocalDescription().SDP, nil
}

// addSlots makes a slot for each receive-only section that is new. The library
// pairs them with the sections in order.
func (c *conn) addSlots(o offer) error {
	known := map[string]bool{}
	for _, t := range c.pc.GetTransceivers() {
		known[t.Mid()] = true
	}
	for _, sec := range o.sections {
		if known[sec.mid] || sec.direction != webrtc.RTPTransceiverDirectionRecvonly {
			continue
		}
		c.peer.room.mu.Lock()
		audio, video := len(c.audio), len(c.video)
		c.peer.room.mu.Unlock()
		if sec.audio && audio >= MaxAudioSlots || !sec.audio && video >= MaxVideoSlots {
			continue
		}
		s := newSlot(c, sec.audio)
		s.mid = sec.mid
		t, err := c.pc.AddTransceiverFromTrack(s, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return fmt.Errorf("add slot: %w", err)
		}
		if !c.add(s, t.Sender()) {
			return ErrClosed
		}
	}
	return nil
}

// add begins a slot; false when the connection has been dropped meanwhile.
func (c *conn) add(s *slot, sender *webrtc.RTPSender) bool {
	c.peer.room.mu.Lock()
	defer c.peer.room.mu.Unlock()
	if c.peer.conn != c {
		return false
	}
	if s.audio {
		c.audio = append(c.audio, s)
	} else {
		c.video = append(c.video, s)
	}
	c.readers.Go(func() { s.listen(sender) })
	return true
}

// onTrack is called by the library for each incoming stream.
func (c *conn) onTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	mid := ""
	for _, t := range c.pc.GetTransceivers() {
		if t.Receiver() == receiver {
			mid = t.Mid()
		}
	}
	r := newRemote(mid, track, receiver, c.pc)
	room := c.peer.room
	room.mu.Lock()
	if c.peer.conn != c {
		room.mu.Unlock()
		return
	}
	c.remotes[mid] = r
	c.peer.connectFeeds()
	c.readers.Add(1)
	room.mu.Unlock()
	defer c.readers.Done()
	r.run()
	room.mu.Lock()
	if c.remotes[mid] == r {
		delete(c.remotes, mid)
	}
	room.mu.Unlock()
}

func (c *conn) onState(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		c.ready.Store(true)
		room := c.peer.room
		room.mu.Lock()
		slots := append(append([]*slot{}, c.audio...), c.video...)
		room.mu.Unlock()
		for _, s := range slots {
			s.restart()
		}
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		c.ready.Store(false)
		c.peer.lost(c)
	}
}

// report sends a sender report for each slot that has sent something.
func (c *conn) report(at time.Time, slots []*slot) {
	if !c.ready.Load() {
		return
	}
	var reports []rtcp.Packet
	for _, s := range slots {
		if sr := s.senderReport(at); sr != nil {
			reports = append(reports, sr)
		}
	}
	if len(reports) > 0 {
		// An error means that the connection is going down, which its state says too.
		_ = c.pc.WriteRTCP(reports)
	}
}

// close ends the connection in the background; SFU.Close waits for it.
func (c *conn) close() {
	c.closeOnce.Do(func() {
		c.ready.Store(false)
		s := c.peer.room.sfu
		go func() {
			defer s.conns.Done()
			if err := c.pc.GracefulClose(); err != nil {
				s.log.Debug("close PeerConnection", "error", err)
			}
			c.readers.Wait()
		}()
	})
}
