package rooms

import (
	"context"
	"encoding/json"
)

func applyJoinToken(t *JoinToken, members map[string]any) *body {
	b := &body{create: true}
	for _, key := range sortedKeys(members) {
		at, value := under("", key), members[key]
		switch key {
		case "name":
			b.optional(at, value, &t.Name, checkDisplayName)
		case "role":
			role := string(t.Role)
			b.choice(at, value, &role, string(Moderator), string(Participant))
			t.Role = Role(role)
		case "external_id":
			b.optional(at, value, &t.ExternalID, textRule{min: 1, max: 200}.check)
		case "expires_at":
			b.time(at, value, &t.ExpiresAt)
			if t.ExpiresAt != nil && !t.ExpiresAt.After(now()) {
				b.add(at, "must be in the future")
			}
		case "max_uses":
			t.MaxUses = nil
			if value == nil {
				continue
			}
			n, err := wholeNumber(value)
			if err != nil || n < 1 || n > maxLimit {
				b.add(at, "must be null or a whole number from 1")
				continue
			}
			t.MaxUses = &n
		case "id", "uses", "token", "url", "created_at", "room_id":
			b.addCode(at, CodeReadOnly, "is set by the server")
		default:
			b.unknown(at)
		}
	}
	return b
}

// optional applies a text that null leaves empty.
func (b *body) optional(pointer string, v any, to *string, check func(any) (string, error)) {
	if v == nil {
		*to = ""
		return
	}
	s, err := check(v)
	if err != nil {
		b.add(pointer, "%s", err)
		return
	}
	*to = s
}

// MintJoinToken makes a join token, a participant's unless the body says
// otherwise; its Token is in this answer only.
func (r *Registry) MintJoinToken(ctx context.Context, roomID string, body json.RawMessage, w WriteOptions) (JoinToken, *Replay, error) {
	return create(ctx, r, w.Idempotency, func(tx Writer) (JoinToken, error) {
		if _, err := tx.Room(ctx, roomID); err != nil {
			return JoinToken{}, stored(err, "room")
		}
		members, err := decodeObject(body)
		if err != nil {
			return JoinToken{}, err
		}
		t := JoinToken{ID: r.ids.next(), RoomID: roomID, Role: Participant, CreatedAt: now(), Token: newToken()}
		if err := applyJoinToken(&t, members).err(); err != nil {
			return JoinToken{}, err
		}
		return t, tx.CreateJoinToken(ctx, t, SumOf(t.Token))
	})
}

// JoinTokens lists the join tokens of a room.
func (r *Registry) JoinTokens(ctx context.Context, roomID string, limit int, cursor string) (Page[JoinToken], error) {
	q, err := listQuery(limit, cursor)
	if err != nil {
		return Page[JoinToken]{}, err
	}
	if _, err := r.store.Room(ctx, roomID); err != nil {
		return Page[JoinToken]{}, stored(err, "room")
	}
	list, err := r.store.JoinTokens(ctx, roomID, q)
	if err != nil {
		return Page[JoinToken]{}, err
	}
	return newPage(list, q, func(t JoinToken) string { return t.ID }), nil
}

// DeleteJoinToken deletes a join token and ends the sessions it made.
func (r *Registry) DeleteJoinToken(ctx context.Context, roomID, id string) error {
	err := r.store.Update(ctx, func(tx Writer) error {
		if err := tx.DeleteJoinToken(ctx, roomID, id); err != nil {
			return stored(err, "join token")
		}
		return tx.EndSession(ctx, roomID, id, now().Add(sessionReach))
	})
	if err != nil {
		return err
	}
	r.tell(ctx, roomID)
	return nil
}
