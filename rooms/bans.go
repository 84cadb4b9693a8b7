package rooms

import (
	"context"
	"slices"
)

// Remove ends a participant's session and bans them for the run, or the next
// when none is on: session, external id and device, and with banAddress also
// their address.
func (d *Door) Remove(ctx context.Context, roomID, participantID string, banAddress bool) error {
	return d.enter(ctx, roomID, func(h *hall) error {
		t := now()
		h.mu.Lock()
		p := h.seats.find(participantID, steady())
		if p == nil {
			h.mu.Unlock()
			return refuse(CodeNotFound, "there is no such participant in the room")
		}
		b := Ban{
			ID: d.ids.next(), RoomID: roomID, RunID: h.facts.record.Run.ID, ParticipantID: participantID,
			Name: p.claims.Name, Role: p.claims.Role, ExternalID: p.claims.ExternalID, Device: p.claims.Device, CreatedAt: t,
		}
		if banAddress && p.address.IsValid() {
			b.Address = Line(p.address).String()
		}
		h.mu.Unlock()
		err := d.update(ctx, h, func(tx Writer) error {
			if err := tx.CreateBan(ctx, b); err != nil {
				return err
			}
			return tx.EndSession(ctx, roomID, participantID, t.Add(sessionReach))
		})
		if err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.facts.bans = slices.Insert(h.facts.bans, 0, b)
		h.facts.ended[participantID] = struct{}{}
		d.reconcile(h, t)
		return nil
	})
}

// Bans lists a room's bans, newest first.
func (d *Door) Bans(ctx context.Context, roomID string, limit int, cursor string) (Page[Ban], error) {
	q, err := listQuery(limit, cursor)
	if err != nil {
		return Page[Ban]{}, err
	}
	var list []Ban
	err = d.glance(ctx, roomID, func(h *hall) error {
		for _, b := range h.facts.bans {
			if (q.Before == "" || b.ID < q.Before) && len(list) < q.Limit {
				list = append(list, b)
			}
		}
		return nil
	})
	if err != nil {
		return Page[Ban]{}, err
	}
	return newPage(list, q, func(b Ban) string { return b.ID }), nil
}

// DeleteBan lifts a ban: they may join again, as somebody new.
func (d *Door) DeleteBan(ctx context.Context, roomID, banID string) error {
	return d.enter(ctx, roomID, func(h *hall) error {
		err := d.store.Update(ctx, func(tx Writer) error { return tx.DeleteBan(ctx, roomID, banID) })
		if err != nil {
			return stored(err, "ban")
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.facts.bans = slices.DeleteFunc(h.facts.bans, func(b Ban) bool { return b.ID == banID })
		return nil
	})
}
