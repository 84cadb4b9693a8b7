package sfu

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/pion/webrtc/v4"
)

// SlotChange says what a slot carries from now on.
type SlotChange struct {
	// Mid is the section in the peer's offer.
	Mid string
	// Peer and Source name the track; both are "" for none.
	Peer   string
	Source Source
}

// PeerEvents are told what happens to a peer's media. They must not block.
type PeerEvents struct {
	// Slots is called before the first packet of the new content is sent, in
	// order and with locks of this package held: it must not call back.
	Slots func([]SlotChange)
	// Lost is called when the PeerConnection ended without being asked to. The
	// peer lives on and takes the offer of another one. No lock is held.
	Lost func()
}

// Tile is a video a peer shows.
type Tile struct {
	Peer   string
	Source Source
	// Width and Height are its size in pixels, for the choice of layers.
	Width, Height int
}

// Peer is a participant of a Room. Its methods are safe for concurrent use.
type Peer struct {
	id     string
	room   *Room
	events PeerEvents

	negotiation sync.Mutex // one offer at a time

	// Guarded by the room's mutex.
	conn   *conn // nil without a PeerConnection
	pubs   map[Source]*publication
	muted  map[Source]bool
	tiles  []Tile
	closed bool
}

// Offer answers an SDP offer. tracks are all that the peer publishes from now
// on. An offer of another PeerConnection than the one before takes its place.
// The error is a *Refusal if it is the client's fault; unless the offer could
// not be read or checked, the PeerConnection is then gone.
func (p *Peer) Offer(ctx context.Context, text string, tracks []Track) (answer string, err error) {
	o, err := readOffer(text)
	if err != nil {
		return "", err
	}
	if err := o.check(tracks); err != nil {
		return "", err
	}
	p.negotiation.Lock()
	defer p.negotiation.Unlock()
	c, err := p.connection(o.session)
	if err != nil {
		return "", err
	}
	answer, err = c.negotiate(ctx, text, o)
	if err != nil {
		p.drop(c)
		return "", err
	}
	room := p.room
	room.mu.Lock()
	defer room.mu.Unlock()
	if p.closed || p.conn != c {
		return "", ErrClosed
	}
	c.tracks = slices.Clone(tracks)
	c.candidates = 0
	p.publish(tracks)
	room.assignAll()
	return answer, nil
}

// connection returns the connection an offer belongs to.
func (p *Peer) connection(session uint64) (*conn, error) {
	p.room.mu.Lock()
	c, closed := p.conn, p.closed
	p.room.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if c != nil && c.session == session {
		return c, nil
	}
	if c != nil {
		p.drop(c)
	}
	c, err := newConn(p, session)
	if err != nil {
		return nil, err
	}
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.closed {
		c.close()
		return nil, ErrClosed
	}
	p.conn = c
	return c, nil
}

// publish makes the peer's publications those of tracks. The room's mutex is held.
func (p *Peer) publish(tracks []Track) {
	for source, pub := range p.pubs {
		if !slices.ContainsFunc(tracks, func(t Track) bool { return t.Source == source }) {
			pub.setFeed(nil)
			delete(p.pubs, source)
		}
	}
	for _, t := range tracks {
		if p.pubs[t.Source] == nil {
			pub := newPublication(trackID{p.id, t.Source}, t.Audio)
			pub.muted.Store(p.muted[t.Source])
			p.pubs[t.Source] = pub
		}
	}
	p.connectFeeds()
}

// connectFeeds gives each publication the stream of its section, if that has
// arrived. The room's mutex is held.
func (p *Peer) connectFeeds() {
	if p.conn == nil {
		return
	}
	for _, t := range p.conn.tracks {
		pub := p.pubs[t.Source]
		if r := p.conn.remotes[t.Mid]; r != nil && pub != nil && r.audio == pub.audio {
			pub.setFeed(r)
		}
	}
}

// Candidate takes an ICE candidate of the client. None is needed, as checks
// come from the client; the error is a *Refusal for one that cannot be read.
func (p *Peer) Candidate(candidate string, mid *string, line *uint16) error {
	p.room.mu.Lock()
	c := p.conn
	if c != nil {
		c.candidates++
	}
	tooMany := c != nil && c.candidates > MaxCandidates
	p.room.mu.Unlock()
	if c == nil || c.pc.RemoteDescription() == nil {
		return ErrNoConnection
	}
	if tooMany {
		return &Refusal{TooMuch: true, Detail: "too many candidates for one offer"}
	}
	if candidate == "" {
		return nil
	}
	err := c.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: candidate, SDPMid: mid, SDPMLineIndex: line})
	if err != nil {
		return refuse("the candidate cannot be read")
	}
	return nil
}

// ErrNoConnection is the answer to a candidate that comes before any offer.
var ErrNoConnection = errors.New("there is no PeerConnection")

// SetMuted says whether a source, published or not yet, is kept from everybody.
func (p *Peer) SetMuted(source Source, muted bool) {
	room := p.room
	room.mu.Lock()
	defer room.mu.Unlock()
	p.muted[source] = muted
	pub := p.pubs[source]
	if pub == nil || pub.muted.Swap(muted) == muted {
		return
	}
	room.assignAll()
}

// View says which videos the peer shows, the most wanted first.
func (p *Peer) View(tiles []Tile) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.tiles = slices.Clone(tiles)
	p.room.assignVideo(p)
}

// Resend has PeerEvents.Slots called with what every slot carries, empty ones
// included, for a client that may have missed changes.
func (p *Peer) Resend() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.conn == nil {
		return
	}
	var all []SlotChange
	for _, list := range [][]*slot{p.conn.audio, p.conn.video} {
		for i, id := range carried(list) {
			all = append(all, SlotChange{Mid: list[i].mid, Peer: id.peer, Source: id.source})
		}
	}
	if len(all) > 0 {
		p.events.Slots(all)
	}
}

// Connected reports whether the peer has a PeerConnection.
func (p *Peer) Connected() bool {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	return p.conn != nil
}

// Disconnect ends the peer's PeerConnection and publications, if it has any; the peer stays.
func (p *Peer) Disconnect() {
	p.room.mu.Lock()
	c := p.conn
	p.room.mu.Unlock()
	if c != nil {
		p.drop(c)
	}
}

// Close takes the peer out of the room.
func (p *Peer) Close() {
	p.room.mu.Lock()
	p.closed = true
	c := p.conn
	if p.room.peers[p.id] == p {
		delete(p.room.peers, p.id)
	}
	p.room.mu.Unlock()
	if c != nil {
		p.drop(c)
	}
}

// drop ends a connection and what was published over it.
func (p *Peer) drop(c *conn) {
	room := p.room
	room.mu.Lock()
	if p.conn == c {
		p.conn = nil
		p.publish(nil)
		for _, list := range [][]*slot{c.audio, c.video} {
			for _, s := range list {
				s.carry(nil)
			}
		}
		room.assignAll()
	}
	room.mu.Unlock()
	c.close()
}

// lost is called when a connection ended by itself. It runs on a goroutine of
// the library's, which closing the connection waits for: it must return soon.
func (p *Peer) lost(c *conn) {
	p.room.mu.Lock()
	current := p.conn == c && !p.closed
	p.room.mu.Unlock()
	if !current {
		return
	}
	p.drop(c)
	p.events.Lost()
}
