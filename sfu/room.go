package sfu

import (
	"sync"
	"time"

	"roomcast/sfu/speaker"
)

const (
	// tick is how often a room looks who speaks.
	tick = 100 * time.Millisecond
	// reportEvery and speakingEvery are counted in ticks.
	reportEvery   = 10
	speakingEvery = 3
	// maxSpeaking is how many speakers are named at a time.
	maxSpeaking = 6
)

// Speaker is somebody who speaks.
type Speaker struct {
	Peer string
	// Level is the loudness, 1 to 100.
	Level int
}

// RoomEvents are told what happens in a room.
type RoomEvents struct {
	// Speaking is called with who speaks, the loudest first: about three times
	// a second while somebody does, and once with none. No lock is held.
	Speaking func([]Speaker)
}

// Room is one meeting. Its methods are safe for concurrent use.
type Room struct {
	sfu    *SFU
	events RoomEvents
	stop   chan struct{}
	done   chan struct{}

	mu       sync.Mutex
	closed   bool
	peers    map[string]*Peer
	selector *speaker.Selector[trackID]
}

// NewRoom opens a room; Close ends it.
func (s *SFU) NewRoom(events RoomEvents) (*Room, error) {
	r := &Room{
		sfu: s, events: events, stop: make(chan struct{}), done: make(chan struct{}), peers: map[string]*Peer{},
		// One more than a peer has slots, for nobody hears oneself.
		selector: speaker.NewSelector[trackID](MaxAudioSlots + 1),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.rooms[r] = struct{}{}
	go r.run()
	return r, nil
}

// Join adds a peer; id must not be in the room.
func (r *Room) Join(id string, events PeerEvents) (*Peer, error) {
	p := &Peer{id: id, room: r, events: events, pubs: map[Source]*publication{}, muted: map[Source]bool{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	r.peers[id] = p
	return p, nil
}

// Close takes all peers out and ends the room.
func (r *Room) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	peers := make([]*Peer, 0, len(r.peers))
	for _, p := range r.peers {
		peers = append(peers, p)
	}
	r.mu.Unlock()
	for _, p := range peers {
		p.Close()
	}
	close(r.stop)
	<-r.done
	r.sfu.mu.Lock()
	delete(r.sfu.rooms, r)
	r.sfu.mu.Unlock()
}

// run chooses the speakers and sends the reports until the room closes.
func (r *Room) run() {
	defer close(r.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	spoke := false
	for n := 0; ; n++ {
		select {
		case <-r.stop:
			return
		case now := <-ticker.C:
			speaking := r.listen(now)
			if n%speakingEvery == 0 {
				if len(speaking) > 0 || spoke {
					r.events.Speaking(speaking)
				}
				spoke = len(speaking) > 0
			}
			if n%reportEvery == 0 {
				r.report(now)
			}
		}
	}
}

// listen puts the loudest into the audio slots and returns who speaks.
func (r *Room) listen(now time.Time) []Speaker {
	r.mu.Lock()
	defer r.mu.Unlock()
	readings := r.readings(now)
	if r.selector.Update(readings, now) {
		r.assignAudio()
	}
	var speakers []Speaker
	seen := map[string]bool{}
	for _, reading := range r.selector.Speaking(readings) {
		if !seen[reading.ID.peer] && len(speakers) < maxSpeaking {
			seen[reading.ID.peer] = true
			speakers = append(speakers, Speaker{Peer: reading.ID.peer, Level: max(1, reading.Loudness*100/127)})
		}
	}
	return speakers
}

func (r *Room) readings(now time.Time) []speaker.Reading[trackID] {
	var readings []speaker.Reading[trackID]
	for _, p := range r.peers {
		for _, pub := range p.pubs {
			if pub.audio && !pub.muted.Load() {
				readings = append(readings, speaker.Reading[trackID]{ID: pub.id, Loudness: pub.meter.Loudness(now)})
			}
		}
	}
	return readings
}

func (r *Room) report(now time.Time) {
	type conversation struct {
		c     *conn
		slots []*slot
	}
	var all []conversation
	r.mu.Lock()
	for _, p := range r.peers {
		if p.conn != nil {
			all = append(all, conversation{p.conn, append(append([]*slot{}, p.conn.audio...), p.conn.video...)})
		}
	}
	r.mu.Unlock()
	for _, one := range all {
		one.c.report(now, one.slots)
	}
}

// assignAll looks anew at what every slot carries. The room's mutex is held.
func (r *Room) assignAll() {
	now := time.Now()
	r.selector.Update(r.readings(now), now)
	r.assignAudio()
	for _, p := range r.peers {
		r.assignVideo(p)
	}
}

// assignAudio fills the audio slots of every peer. The room's mutex is held.
func (r *Room) assignAudio() {
	selected := r.selector.Selected()
	for _, p := range r.peers {
		if p.conn == nil {
			continue
		}
		wanted := make([]trackID, 0, len(selected))
		for _, id := range selected {
			if id.peer != p.id {
				wanted = append(wanted, id)
			}
		}
		r.fill(p, p.conn.audio, wanted)
	}
}

// assignVideo fills the video slots of a peer. The room's mutex is held.
func (r *Room) assignVideo(p *Peer) {
	if p.conn == nil {
		return
	}
	var wanted []trackID
	for _, tile := range p.tiles {
		id := trackID{tile.Peer, tile.Source}
		pub := r.publication(id)
		if pub != nil && !pub.audio && !pub.muted.Load() && id.peer != p.id {
			wanted = append(wanted, id)
		}
	}
	r.fill(p, p.conn.video, wanted)
}

func (r *Room) publication(id trackID) *publication {
	p := r.peers[id.peer]
	if p == nil {
		return nil
	}
	return p.pubs[id.source]
}

// carried returns what slots carry. The room's mutex is held.
func carried(slots []*slot) []trackID {
	ids := make([]trackID, len(slots))
	for i, s := range slots {
		if s.src != nil {
			ids[i] = s.src.id
		}
	}
	return ids
}

// fill makes slots carry what is wanted and tells the peer. The room's mutex is held.
func (r *Room) fill(p *Peer, slots []*slot, wanted []trackID) {
	next := assign(carried(slots), wanted)
	var changes []SlotChange
	var changed []*slot
	for i, s := range slots {
		// The same name may mean another publication, after a peer came back.
		if s.src != r.publication(next[i]) {
			changed = append(changed, s)
			changes = append(changes, SlotChange{Mid: s.mid, Peer: next[i].peer, Source: next[i].source})
		}
	}
	if len(changes) == 0 {
		return
	}
	p.events.Slots(changes)
	for i, s := range changed {
		s.carry(r.publication(trackID{changes[i].Peer, changes[i].Source}))
	}
}
