package rooms

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"roomcast/secret"
)

// endedRoom makes a deleted room look like an ended session.
func endedRoom(err error) error {
	if errors.Is(err, errNoRoom) {
		return refuse(CodeSessionInvalid, "the room is gone")
	}
	return err
}

// withSession runs fn with mu held for a session that is good.
func (d *Door) withSession(ctx context.Context, session secret.Text, expiredToo bool, fn func(h *hall, c *claims, expires time.Time) error) error {
	t := now()
	c, expires, err := d.sessions.read(session, expiredToo, t)
	if err != nil {
		return err
	}
	return endedRoom(d.glance(ctx, c.Room, func(h *hall) error {
		if why := h.facts.verdict(&c, t); why != nil {
			return why
		}
		return fn(h, &c, expires)
	}))
}

// Session returns who a session is, or why it is none; it changes no seat.
func (d *Door) Session(ctx context.Context, session secret.Text) (Grant, error) {
	var g Grant
	err := d.withSession(ctx, session, false, func(h *hall, c *claims, _ time.Time) error {
		g = c.grant(h.facts.record.Type)
		return nil
	})
	return g, err
}

// Describe gives the join's answer again, with the same session and ticket.
func (d *Door) Describe(ctx context.Context, session secret.Text) (Joined, error) {
	var j Joined
	err := d.withSession(ctx, session, false, func(h *hall, c *claims, expires time.Time) error {
		j = d.describe(h, c)
		j.Session, j.ExpiresAt = session, expires
		return nil
	})
	return j, err
}

// Refresh renews a session, also an expired one, until 24 h after its join.
func (d *Door) Refresh(ctx context.Context, session secret.Text) (Joined, error) {
	var j Joined
	err := d.withSession(ctx, session, true, func(h *hall, c *claims, _ time.Time) (err error) {
		j = d.describe(h, c)
		j.Session, j.ExpiresAt, err = d.sessions.sign(c, now())
		return err
	})
	return j, err
}

// answer makes the answer to a join; op is held.
func (d *Door) answer(h *hall, c *claims, t time.Time) (Joined, error) {
	h.mu.Lock()
	j := d.describe(h, c)
	h.mu.Unlock()
	var err error
	j.Session, j.ExpiresAt, err = d.sessions.sign(c, t)
	return j, err
}

// describe makes all of a join's answer but the session; mu is held.
func (d *Door) describe(h *hall, c *claims) Joined {
	j := Joined{
		Grant: c.grant(h.facts.record.Type), Admission: AdmissionAdmitted,
		Room: d.registry.view(h.facts.record),
	}
	if h.facts.record.Type != Meet {
		j.Ticket = d.tickets.seal(c)
		if p := h.seats.byParticipant[c.Participant]; p != nil {
			h.seats.setTicket(p, j.Ticket.Reveal())
		}
	}
	return j
}

// Leave ends a session and frees its seat.
func (d *Door) Leave(ctx context.Context, session secret.Text) error {
	t := now()
	c, _, err := d.sessions.read(session, true, t)
	if err != nil {
		return err
	}
	return endedRoom(d.enter(ctx, c.Room, func(h *hall) error {
		if why := h.facts.verdict(&c, t); why != nil {
			return why
		}
		err := d.update(ctx, h, func(tx Writer) error {
			return tx.EndSession(ctx, c.Room, c.Participant, t.Add(sessionReach))
		})
		if err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.facts.ended[c.Participant] = struct{}{}
		if p := h.seats.byParticipant[c.Participant]; p != nil {
			d.freeSeat(h, p, steady())
		}
		h.tell(Event{Kind: SessionEnded, ParticipantID: c.Participant, Detail: "left"})
		return nil
	}))
}

// Connect holds the session's seat, taking one again if it was freed, until
// release is called; release may be called more than once.
func (d *Door) Connect(ctx context.Context, session secret.Text) (g Grant, release func(), err error) {
	t := now()
	c, _, err := d.sessions.read(session, false, t)
	if err != nil {
		return Grant{}, nil, err
	}
	var held *hall
	var p *seat
	sit := func(h *hall, s *seat) {
		s.sockets++
		held, p, g = h, s, s.claims.grant(h.facts.record.Type)
	}
	err = d.glance(ctx, c.Room, func(h *hall) error {
		if why := h.facts.verdict(&c, t); why != nil {
			return why
		}
		if s := h.seats.find(c.Participant, steady()); s != nil {
			sit(h, s)
		}
		return nil
	})
	if err == nil && p == nil {
		err = d.enter(ctx, c.Room, func(h *hall) error {
			s, err := d.seatAgain(ctx, h, &c, t)
			if err != nil {
				return err
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			sit(h, s)
			return nil
		})
	}
	if err != nil {
		return Grant{}, nil, endedRoom(err)
	}
	return g, sync.OnceFunc(func() {
		held.mu.Lock()
		defer held.mu.Unlock()
		p.sockets--
		p.until = later(p.until, steady().Add(seatGrace))
	}), nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// seatAgain seats somebody whose seat was freed; op is held.
func (d *Door) seatAgain(ctx context.Context, h *hall, c *claims, t time.Time) (*seat, error) {
	if why := h.facts.verdict(c, t); why != nil {
		return nil, why
	}
	return d.arrive(ctx, h, *c, netip.Addr{}, nil)
}

var errManyPlayers = refuse(CodeRateLimited, "more than %d players on one ticket", maxPlayers)

// Ticket admits a playlist request and keeps its seat for a minute. player
// tells the players on one ticket apart; "" is the multivariant playlist.
func (d *Door) Ticket(ctx context.Context, roomID, ticket, player string) (Grant, error) {
	t := now()
	if h := d.knownHall(roomID); h != nil {
		h.mu.Lock()
		if p := h.seats.byTicket[ticket]; p != nil && !h.dropped && d.fresh(h) &&
			p.held(steady()) && !h.facts.suspended(t) && !p.claims.tooOld(t) {
			defer h.mu.Unlock()
			return d.play(h, p, player)
		}
		h.mu.Unlock()
	}
	return d.ticketAgain(ctx, roomID, ticket, player, t)
}

// play keeps a viewer's seat; mu is held.
func (d *Door) play(h *hall, p *seat, player string) (Grant, error) {
	at := steady()
	if player != "" {
		if retry := p.play(player, at); retry > 0 {
			e := *errManyPlayers
			e.RetryAfter = retry
			return Grant{}, &e
		}
	}
	p.keep(at, viewerGrace)
	return p.claims.grant(h.facts.record.Type), nil
}

// ticketAgain opens a ticket whose seat is not at hand.
func (d *Door) ticketAgain(ctx context.Context, roomID, ticket, player string, t time.Time) (Grant, error) {
	c, err := d.readTicket(ticket, t)
	if err != nil {
		return Grant{}, err
	}
	if c.Room != roomID {
		return Grant{}, errNoTicket
	}
	var g Grant
	err = d.enter(ctx, roomID, func(h *hall) error {
		p, err := d.seatAgain(ctx, h, &c, t)
		if err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seats.setTicket(p, ticket)
		g, err = d.play(h, p, player)
		return err
	})
	if errors.Is(err, errNoRoom) {
		err = errNoTicket
	}
	return g, err
}

// Participants lists who holds a seat, newest first.
func (d *Door) Participants(ctx context.Context, roomID string, limit int, cursor string) (Page[Occupant], error) {
	q, err := listQuery(limit, cursor)
	if err != nil {
		return Page[Occupant]{}, err
	}
	var list []Occupant
	err = d.glance(ctx, roomID, func(h *hall) error {
		at := steady()
		for id, p := range h.seats.byParticipant {
			if p.held(at) && (q.Before == "" || id < q.Before) {
				list = append(list, Occupant{
					ID: id, Name: p.claims.Name, Role: p.claims.Role, ExternalID: p.claims.ExternalID,
					JoinedAt: p.since, Admission: AdmissionAdmitted,
				})
			}
		}
		return nil
	})
	if err != nil {
		return Page[Occupant]{}, err
	}
	slices.SortFunc(list, func(a, b Occupant) int { return cmp.Compare(b.ID, a.ID) })
	return newPage(list[:min(len(list), q.Limit)], q, func(o Occupant) string { return o.ID }), nil
}

// Viewers returns how many seats are taken in a room.
func (d *Door) Viewers(roomID string) int {
	h := d.knownHall(roomID)
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seats.count()
}
