package rooms

import (
	"context"
	"encoding/binary"
	"time"

	"roomcast/secret"
)

const (
	fileTicketVersion = 1
	// fileTicketLife is how long a download may be begun or gone on with.
	fileTicketLife = 12 * time.Hour
)

// fileOf is what a file ticket is sealed for: no play ticket, nor one of another
// room, opens as one.
func fileOf(roomID string) string { return "file of " + roomID }

// FileTicket makes the ticket that fetches one asset of a room. Made for a
// session, it is good for as long as that could be refreshed, and at most 12 h;
// for the zero session, which an API key stands behind, for 12 h.
func (d *Door) FileTicket(ctx context.Context, roomID, assetID string, session secret.Text) (secret.Text, error) {
	// To the hour, so that the same list has the same URLs for a while.
	expires := now().Add(fileTicketLife).Truncate(time.Hour)
	var holder []byte
	if !session.IsZero() {
		err := d.withSession(ctx, session, false, func(_ *hall, c *claims, _ time.Time) error {
			holder = packClaims(c)
			return nil
		})
		if err != nil {
			return secret.Text{}, err
		}
	}
	plain := binary.AppendVarint([]byte{fileTicketVersion}, expires.Unix())
	plain = binary.AppendUvarint(plain, uint64(len(assetID)))
	plain = append(append(plain, assetID...), holder...)
	return d.tickets.sealFor(plain, fileOf(roomID)), nil
}

// OpenFile returns the id of the asset that a ticket of the room fetches. What
// ends a session ends its tickets as well.
func (d *Door) OpenFile(ctx context.Context, roomID, ticket string) (assetID string, err error) {
	plain, err := d.tickets.openFor(ticket, fileOf(roomID))
	if err != nil {
		return "", err
	}
	expires, assetID, holder, err := unpackFileTicket(plain)
	if err != nil {
		return "", errNoTicket
	}
	t := now()
	if !t.Before(expires) || holder != nil && holder.tooOld(t) {
		return "", refuse(CodeSessionExpired, "the download's ticket has expired: ask for the recording again")
	}
	err = d.glance(ctx, roomID, func(h *hall) error {
		if holder == nil {
			return nil
		}
		if why := h.facts.verdict(holder, t); why != nil {
			return why
		}
		return nil
	})
	return assetID, err
}

// unpackFileTicket reads what FileTicket wrote; holder is nil for an API key's.
func unpackFileTicket(b []byte) (expires time.Time, assetID string, holder *claims, err error) {
	if len(b) == 0 || b[0] != fileTicketVersion {
		return time.Time{}, "", nil, errPacked
	}
	unix, size := binary.Varint(b[1:])
	if size <= 0 {
		return time.Time{}, "", nil, errPacked
	}
	b = b[1+size:]
	length, size := binary.Uvarint(b)
	if size <= 0 || length > uint64(len(b)-size) {
		return time.Time{}, "", nil, errPacked
	}
	assetID, b = string(b[size:size+int(length)]), b[size+int(length):]
	if len(b) == 0 {
		return time.Unix(unix, 0), assetID, nil, nil
	}
	c, err := unpackClaims(b)
	if err != nil {
		return time.Time{}, "", nil, err
	}
	return time.Unix(unix, 0), assetID, &c, nil
}
