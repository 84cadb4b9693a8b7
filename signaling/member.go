package signaling

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"roomcast/rooms"
	"roomcast/sfu"
	"roomcast/signaling/protocol"
)

// member is a participant of a room in motion. It outlives its socket by 15 s.
// What is not atomic or constant is guarded by the room's mutex.
type member struct {
	id    string
	grant rooms.Grant
	peer  *sfu.Peer // nil without media

	// sock is where messages go; nil while the client is away.
	sock atomic.Pointer[socket]

	resume      string // what a later hello must show to keep the PeerConnection
	waiting     *time.Timer
	wait        int // counts the waits: a timer of an earlier one has nothing to say
	permissions protocol.Permissions
	hand        bool
	published   []protocol.Source // of the last offer
	beginning   bool              // an offer that makes it a publisher is being answered
	muted       map[protocol.Source]bool
	chatRate    *rate.Limiter
	offerRate   *rate.Limiter
}

// An offer may make a whole PeerConnection: it costs more than other messages.
const (
	offersPerSecond = 2
	offerBurst      = 20
)

func newMember(r *room, g rooms.Grant) (*member, error) {
	m := &member{
		id: g.ParticipantID, grant: g, muted: map[protocol.Source]bool{},
		permissions: r.permissions(g.ParticipantID, g.Role),
		chatRate:    rate.NewLimiter(rate.Every(10*time.Second/protocol.ChatsPerTenSeconds), protocol.ChatsPerTenSeconds),
		offerRate:   rate.NewLimiter(offersPerSecond, offerBurst),
	}
	if r.view.Settings.Features.MuteOnJoin && g.Role != rooms.Moderator {
		m.muted[protocol.Microphone] = true
	}
	if r.meeting == nil {
		return m, nil
	}
	peer, err := r.meeting.Join(m.id, sfu.PeerEvents{Slots: m.slots, Lost: func() { r.mediaLost(m) }})
	if err != nil {
		return nil, err
	}
	m.peer = peer
	m.enforce()
	return m, nil
}

// newResume returns 128 bits that nobody guesses.
func newResume() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}

// slots is called by the SFU with its locks held: it only queues.
func (m *member) slots(changes []sfu.SlotChange) {
	sock := m.sock.Load()
	if sock == nil {
		return // a resumed socket is told all
	}
	message := protocol.Slots{Slots: make([]protocol.Slot, len(changes))}
	for i, c := range changes {
		message.Slots[i].Mid = c.Mid
		if c.Peer != "" {
			source := protocol.Source(c.Source)
			message.Slots[i].Participant, message.Slots[i].Source = &c.Peer, &source
		}
	}
	sock.send(&message)
}

// mediaLost is called by the SFU when a PeerConnection ended by itself.
func (r *room) mediaLost(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.peer.Connected() {
		return // a new one is there already
	}
	if sock := m.sock.Load(); sock != nil {
		sock.send(&protocol.MediaLost{})
	}
	r.publishes(m, nil)
}

// publishes notes what a member publishes and tells the others.
func (r *room) publishes(m *member, sources []protocol.Source) {
	before := m.tracks()
	m.published = sources
	if !slices.Equal(before, m.tracks()) && r.members[m.id] == m {
		r.changed(m)
	}
}

// permitted reports whether the member may publish a source.
func (m *member) permitted(source protocol.Source) bool {
	switch source {
	case protocol.Microphone:
		return m.permissions.Audio
	case protocol.Camera:
		return m.permissions.Video
	default:
		return m.permissions.Screen
	}
}

// silenced reports whether a source is kept from everybody.
func (m *member) silenced(source protocol.Source) bool {
	return m.muted[source] || !m.permitted(source)
}

// enforce has the SFU forward only what may be heard and seen.
func (m *member) enforce() {
	if m.peer == nil {
		return
	}
	for _, source := range protocol.Sources() {
		m.peer.SetMuted(sfu.Source(source), m.silenced(source))
	}
}

func (m *member) tracks() []protocol.Track {
	tracks := make([]protocol.Track, len(m.published))
	for i, source := range m.published {
		tracks[i] = protocol.Track{Source: source, Muted: m.silenced(source)}
	}
	return tracks
}

// sends reports whether others can see or hear a source.
func (m *member) sends(source protocol.Source) bool {
	return slices.Contains(m.published, source) && !m.silenced(source)
}

func (m *member) participant() protocol.Participant {
	return protocol.Participant{
		ID: m.id, Name: m.grant.Name, Role: protocol.Role(m.grant.Role), JoinedAt: m.grant.JoinedAt.UTC(),
		Hand: m.hand, Tracks: m.tracks(),
	}
}

// stopWaiting ends the wait for the client to come back.
func (m *member) stopWaiting() {
	m.wait++
	if m.waiting != nil {
		m.waiting.Stop()
		m.waiting = nil
	}
}
