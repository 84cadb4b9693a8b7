package rooms

import (
	"context"
	"errors"
	"sync"
	"time"

	"roomcast/secret"
)

var errSessionOver = refuse(CodeSessionInvalid, "the session has ended")

// spectator is one tool that watches by a ticket.
type spectator struct {
	tell func(reason error)
	once sync.Once
	last *time.Timer // of the ticket
}

// end tells the tool, once, that it has to go.
func (s *spectator) end(why error) { s.once.Do(func() { s.tell(why) }) }

// readTicket opens a ticket that is not too old.
func (d *Door) readTicket(ticket string, t time.Time) (claims, error) {
	c, err := d.tickets.open(ticket)
	if err != nil {
		return claims{}, err
	}
	if c.tooOld(t) {
		return claims{}, refuse(CodeSessionExpired, "the ticket has expired")
	}
	return c, nil
}

// Playback admits a tool that plays a room's broadcast over a connection of its
// own (RTSP, RTMP, SRT) by a ticket alone. It holds the ticket's seat, taking
// one again if it was freed, and counts as one of its players, until release is
// called; release may be called more than once.
//
// end is called, at most once and by a goroutine of its own, when the tool has
// to go: its participant was removed or left, the room was deleted or suspended,
// the ticket is too old. It must not block.
func (d *Door) Playback(ctx context.Context, ticket secret.Text, c Caller, end func(reason error)) (g Grant, release func(), err error) {
	t := now()
	claims, err := d.readTicket(ticket.Reveal(), t)
	if err != nil {
		return Grant{}, nil, err
	}
	s := &spectator{tell: end}
	err = d.enter(ctx, claims.Room, func(h *hall) error {
		if why := h.facts.verdict(&claims, t); why != nil {
			return why
		}
		p, err := d.arrive(ctx, h, claims, c.Address, nil)
		if err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		i, refusal := p.watch(s, steady())
		if refusal != nil {
			return refusal
		}
		s.last = time.AfterFunc(claims.JoinedAt.Add(sessionReach).Sub(t), func() {
			s.end(refuse(CodeSessionExpired, "the ticket has expired"))
		})
		g = p.claims.grant(h.facts.record.Type)
		release = sync.OnceFunc(func() { h.unwatch(p, s, i) })
		return nil
	})
	if errors.Is(err, errNoRoom) {
		err = errNoTicket
	}
	return g, release, err
}

// watch counts a tool as a player of the seat; mu is held.
func (s *seat) watch(a *spectator, now time.Time) (place int, refusal *Error) {
	place, retry := s.place(now)
	if retry > 0 {
		e := *errManyPlayers
		e.RetryAfter = retry
		return 0, &e
	}
	s.players[place] = player{id: "tool", open: true}
	s.sockets++
	if s.audience == nil {
		s.audience = make(map[*spectator]struct{})
	}
	s.audience[a] = struct{}{}
	return place, nil
}

// unwatch gives back what a tool held.
func (h *hall) unwatch(p *seat, a *spectator, place int) {
	a.last.Stop()
	a.once.Do(func() {})
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(p.audience, a)
	p.players[place] = player{}
	p.sockets--
	p.until = later(p.until, steady().Add(seatGrace))
}
