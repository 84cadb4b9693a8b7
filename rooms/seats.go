package rooms

import (
	"net/netip"
	"time"
)

const (
	// seatGrace is how long a seat is kept after a join that was not used yet,
	// and after the last socket closed.
	seatGrace = 15 * time.Second
	// viewerGrace is how long a seat is kept after a viewer's last request.
	viewerGrace = 60 * time.Second
	// playerLife is how long a player counts after its last request: two of
	// the longest target durations, in which it asks at least twice.
	playerLife = 20 * time.Second
	// maxPlayers is how many players one participant may have.
	maxPlayers = 4
)

// seat is a place in a room, held by a participant.
type seat struct {
	claims  claims
	since   time.Time  // first joined
	address netip.Addr // of the last join; the zero one when only a session or ticket came
	sockets int        // open ones hold the seat
	until   time.Time  // held until then without a socket
	players [maxPlayers]player
	ticket  string // by which the seat is found without opening it
	// audience are the tools that watch by this seat, each to be told once that
	// it has to end.
	audience map[*spectator]struct{}
}

type player struct {
	id   string
	seen time.Time
	open bool // a tool's, which counts until it has gone
}

func (s *seat) held(now time.Time) bool { return s.sockets > 0 || now.Before(s.until) }

// keep holds the seat for a while from now.
func (s *seat) keep(now time.Time, grace time.Duration) {
	if until := now.Add(grace); until.After(s.until) {
		s.until = until
	}
}

// play counts a player; retry is when another may come, 0 when this one may.
func (s *seat) play(id string, now time.Time) (retry time.Duration) {
	for i := range s.players {
		if p := &s.players[i]; p.id == id && !p.open {
			p.seen = now
			return 0
		}
	}
	i, retry := s.place(now)
	if retry == 0 {
		s.players[i] = player{id: id, seen: now}
	}
	return retry
}

// place finds room for another player; retry is when there may be some.
func (s *seat) place(now time.Time) (i int, retry time.Duration) {
	for i := range s.players {
		p := &s.players[i]
		left := playerLife - now.Sub(p.seen)
		switch {
		case p.open: // nobody knows how long
			left = playerLife
		case p.id == "" || left <= 0:
			return i, 0
		}
		if retry == 0 || left < retry {
			retry = left
		}
	}
	return 0, retry
}

// dismiss tells the tools that watch by this seat that they have to end. They
// are told by goroutines of their own: a lock is held, and they give back what
// they hold.
func (s *seat) dismiss(why error) {
	for a := range s.audience {
		go a.end(why)
	}
	s.audience = nil
}

// seats are the places of one room.
type seats struct {
	byParticipant map[string]*seat
	byTicket      map[string]*seat
	lastFreed     time.Time // when the last seat became free
}

func newSeats() seats {
	return seats{byParticipant: map[string]*seat{}, byTicket: map[string]*seat{}}
}

// find returns a seat that is still held.
func (s *seats) find(participant string, now time.Time) *seat {
	if p := s.byParticipant[participant]; p != nil && p.held(now) {
		return p
	}
	return nil
}

func (s *seats) add(p *seat) { s.byParticipant[p.claims.Participant] = p }

// setTicket makes the seat findable by a ticket, by one at a time.
func (s *seats) setTicket(p *seat, ticket string) {
	delete(s.byTicket, p.ticket)
	p.ticket = ticket
	s.byTicket[ticket] = p
}

// free gives a seat back; at is when it became free.
func (s *seats) free(p *seat, at time.Time) {
	delete(s.byParticipant, p.claims.Participant)
	delete(s.byTicket, p.ticket)
	if at.After(s.lastFreed) {
		s.lastFreed = at
	}
}

// sweep frees the seats that nobody holds any more and returns how many.
func (s *seats) sweep(now time.Time) (freed int) {
	for _, p := range s.byParticipant {
		if !p.held(now) {
			s.free(p, p.until)
			freed++
		}
	}
	return freed
}

func (s *seats) count() int { return len(s.byParticipant) }
