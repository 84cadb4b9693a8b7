package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"roomcast/secret"
)

// RoomFilter selects rooms; empty fields select all.
type RoomFilter struct {
	Type, CustomerID, SubscriptionID, Status, Q string
	Limit                                       int // 1-200, 0 is 50
	Cursor                                      string
}

// maxSearch bounds RoomFilter.Q, in bytes.
const maxSearch = 400

func (r *Registry) view(rec Record) View { return resolve(rec, r.server, now()) }

// CreateRoom makes a room from a body.
func (r *Registry) CreateRoom(ctx context.Context, body json.RawMessage, w WriteOptions) (View, *Replay, error) {
	misled := r.misled(ctx, body)
	made, replay, err := create(ctx, r, w.Idempotency, func(tx Writer) (View, error) {
		members, err := decodeObject(body)
		if err != nil {
			return View{}, err
		}
		if err := mayWriteCodes(members, w); err != nil {
			return View{}, err
		}
		t := now()
		room := Room{
			ID: r.ids.next(), Features: map[string]any{}, Metadata: map[string]any{},
			ModeratorToken: newToken(), ParticipantToken: newToken(),
			CreatedAt: t, UpdatedAt: t, Revision: 1,
		}
		b := applyRoom(&room, members, true)
		if err := r.settlePlan(ctx, tx, b, Room{}, &room, members); err != nil {
			return View{}, err
		}
		if misled != nil {
			return View{}, misled
		}
		if room.Type.Broadcasts() {
			key := newToken()
			room.StreamKey = &key
		}
		if err := tx.CreateRoom(ctx, room); err != nil {
			return View{}, err
		}
		return r.reread(ctx, tx, room.ID)
	})
	if err == nil && replay == nil {
		r.tell(ctx, made.ID, Event{Kind: RoomUpdated, RoomID: made.ID})
	}
	return made, replay, err
}

// misled refuses the pull source that a body names if the server may not
// connect to it. It asks the network, so it is called outside of transactions,
// and what it says counts only once all else in the body is right.
func (r *Registry) misled(ctx context.Context, body json.RawMessage) error {
	var named struct {
		PullSource *struct{ URL string } `json:"pull_source"`
	}
	if json.Unmarshal(body, &named) != nil || named.PullSource == nil || named.PullSource.URL == "" {
		return nil //nolint:nilerr // what is malformed is refused as such
	}
	why := r.outgoing(ctx, named.PullSource.URL)
	if why == nil {
		return nil
	}
	var f faults
	f.addCode("/pull_source/url", CodeAddressNotAllowed, "must not be connected to: %s", why)
	return f.err()
}

func mayWriteCodes(members map[string]any, w WriteOptions) error {
	if !w.Secrets && writesCodes(members) {
		return refuse(CodeForbidden, "this key may not write access codes: it lacks the scope %s", ScopeSecrets)
	}
	return nil
}

// settlePlan checks the customer and subscription that a room is being given,
// then all faults of the body, then the subscription's max_rooms.
func (r *Registry) settlePlan(ctx context.Context, tx Reader, b *body, before Room, room *Room, members map[string]any) error {
	_, customerGiven := members["customer_id"]
	var plan *Subscription
	switch {
	case room.SubscriptionID != nil && (customerGiven || !sameText(before.SubscriptionID, room.SubscriptionID)):
		s, err := tx.Subscription(ctx, *room.SubscriptionID)
		if errors.Is(err, ErrNotStored) {
			b.add("/subscription_id", "names no subscription")
			break
		}
		if err != nil {
			return err
		}
		plan = &s
		if customerGiven && !sameText(room.CustomerID, s.CustomerID) {
			b.add("/customer_id", "follows from the subscription, which has another customer")
		}
		room.CustomerID = s.CustomerID
	case room.SubscriptionID == nil && before.SubscriptionID != nil && !customerGiven:
		room.CustomerID = nil
	}
	if plan == nil && room.CustomerID != nil && customerGiven {
		if _, err := tx.Customer(ctx, *room.CustomerID); errors.Is(err, ErrNotStored) {
			b.add("/customer_id", "names no customer")
		} else if err != nil {
			return err
		}
	}
	if err := b.err(); err != nil {
		return err
	}
	if plan == nil || plan.Limits.MaxRooms == nil || sameText(before.SubscriptionID, room.SubscriptionID) {
		return nil
	}
	count, err := tx.CountRooms(ctx, plan.ID)
	if err != nil {
		return err
	}
	if count >= *plan.Limits.MaxRooms {
		return limitExceeded(LimitHit{"max_rooms", *plan.Limits.MaxRooms, SourceSubscription})
	}
	return nil
}

func sameText(a, b *string) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

func (r *Registry) reread(ctx context.Context, tx Reader, id string) (View, error) {
	rec, err := tx.Room(ctx, id)
	if err != nil {
		return View{}, stored(err, "room")
	}
	return r.view(rec), nil
}

// Room returns a room.
func (r *Registry) Room(ctx context.Context, id string) (View, error) {
	return r.reread(ctx, r.store, id)
}

// RoomsWithPull returns the ids of all rooms with a pull source.
func (r *Registry) RoomsWithPull(ctx context.Context) ([]string, error) {
	return r.store.RoomsWithPull(ctx)
}

// Rooms lists rooms.
func (r *Registry) Rooms(ctx context.Context, f RoomFilter) (Page[View], error) {
	q, err := listQuery(f.Limit, f.Cursor)
	if err != nil {
		return Page[View]{}, err
	}
	switch {
	case f.Type != "" && !Type(f.Type).Valid():
		return Page[View]{}, refuse(CodeValidationFailed, "room_type must be meet, live, simulcast or video")
	case f.Status != "" && f.Status != StatusIdle && f.Status != StatusActive && f.Status != StatusSuspended:
		return Page[View]{}, refuse(CodeValidationFailed, "status must be idle, active or suspended")
	case len(f.Q) > maxSearch:
		return Page[View]{}, refuse(CodeValidationFailed, "q must have at most %d bytes", maxSearch)
	}
	records, err := r.store.Rooms(ctx, RoomQuery{
		ListQuery: q, Type: Type(f.Type), CustomerID: f.CustomerID, SubscriptionID: f.SubscriptionID,
		Status: f.Status, Search: f.Q, Now: now(),
	})
	if err != nil {
		return Page[View]{}, err
	}
	views := make([]View, len(records))
	for i, rec := range records {
		views[i] = r.view(rec)
	}
	return newPage(views, q, func(v View) string { return v.ID }), nil
}

// changeRoom runs change on a stored room in a transaction. A change that
// changes nothing is not stored; one of what the ETag covers is a revision.
func (r *Registry) changeRoom(ctx context.Context, id string, change func(tx Writer, room *Room, v View) error) (View, bool, error) {
	var after View
	changed := false
	err := r.store.Update(ctx, func(tx Writer) error {
		before, err := r.reread(ctx, tx, id)
		if err != nil {
			return err
		}
		room := before.Room
		if err := change(tx, &room, before); err != nil {
			return err
		}
		if changed = !reflect.DeepEqual(room, before.Room); !changed {
			after = before
			return nil
		}
		if !sameButUnseen(before.Room, room) {
			room.Revision++
			room.UpdatedAt = now()
		}
		if err := tx.UpdateRoom(ctx, room); err != nil {
			return err
		}
		after, err = r.reread(ctx, tx, id)
		return err
	})
	return after, changed, err
}

// sameButUnseen reports whether two rooms differ at most in what the ETag does
// not cover: suspension is a status, epochs are nobody's business.
func sameButUnseen(a, b Room) bool {
	a.Suspended, a.Epochs = b.Suspended, b.Epochs
	return reflect.DeepEqual(a, b)
}

// PatchRoom applies a JSON merge patch.
func (r *Registry) PatchRoom(ctx context.Context, id string, patch json.RawMessage, w WriteOptions) (View, error) {
	misled := r.misled(ctx, patch)
	v, changed, err := r.changeRoom(ctx, id, func(tx Writer, room *Room, before View) error {
		if err := checkIfMatch(w.IfMatch, before.ETag()); err != nil {
			return err
		}
		members, err := decodeObject(patch)
		if err != nil {
			return err
		}
		if err := mayWriteCodes(members, w); err != nil {
			return err
		}
		b := applyRoom(room, members, false)
		if err := r.settlePlan(ctx, tx, b, before.Room, room, members); err != nil {
			return err
		}
		if misled != nil {
			return misled
		}
		if !sameText(before.SubscriptionID, room.SubscriptionID) || !sameText(before.CustomerID, room.CustomerID) {
			return endIfSuspended(ctx, tx, before, room)
		}
		return nil
	})
	if err != nil {
		return View{}, err
	}
	if changed {
		r.tell(ctx, id, Event{Kind: RoomUpdated, RoomID: id})
	}
	return v, nil
}

// endIfSuspended ends the sessions of a room that moves from or to a plan that
// is not active: suspension ends sessions, and for good.
func endIfSuspended(ctx context.Context, tx Writer, before View, room *Room) error {
	if err := tx.UpdateRoom(ctx, *room); err != nil {
		return err
	}
	rec, err := tx.Room(ctx, room.ID)
	if err != nil {
		return err
	}
	if before.Status == StatusSuspended || !rec.Plan.Active(now()) {
		room.Epochs.Session++
	}
	return nil
}

// PutMetadata replaces all metadata and keeps nulls.
func (r *Registry) PutMetadata(ctx context.Context, id string, object json.RawMessage, w WriteOptions) (View, error) {
	v, changed, err := r.changeRoom(ctx, id, func(_ Writer, room *Room, before View) error {
		if err := checkIfMatch(w.IfMatch, before.ETag()); err != nil {
			return err
		}
		members, err := decodeObject(object)
		if err != nil {
			return err
		}
		var b body
		b.metadata("", members, &room.Metadata, true)
		return b.err()
	})
	if err != nil {
		return View{}, err
	}
	if changed {
		r.tell(ctx, id, Event{Kind: RoomUpdated, RoomID: id})
	}
	return v, nil
}

// DeleteRoom deletes a room; those inside are disconnected.
func (r *Registry) DeleteRoom(ctx context.Context, id string, w WriteOptions) error {
	err := r.store.Update(ctx, func(tx Writer) error {
		before, err := r.reread(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := checkIfMatch(w.IfMatch, before.ETag()); err != nil {
			return err
		}
		return stored(tx.DeleteRoom(ctx, id), "room")
	})
	if err != nil {
		return err
	}
	r.tell(ctx, id, Event{Kind: RoomDeleted, RoomID: id})
	return nil
}

// SetSuspended suspends a room, which ends its sessions, or lifts its own
// suspension.
func (r *Registry) SetSuspended(ctx context.Context, id string, suspended bool) (View, error) {
	v, changed, err := r.changeRoom(ctx, id, func(_ Writer, room *Room, _ View) error {
		if suspended && !room.Suspended {
			room.Epochs.Session++
		}
		room.Suspended = suspended
		return nil
	})
	if err != nil {
		return View{}, err
	}
	if changed {
		r.tell(ctx, id, Event{Kind: RoomUpdated, RoomID: id})
	}
	return v, nil
}

// Regenerate makes a new moderator_token, participant_token, stream_key,
// backup_stream_key or srt_passphrase; disconnect ends those who came by an
// earlier one.
func (r *Registry) Regenerate(ctx context.Context, id, field string, disconnect bool) (View, error) {
	made := newToken()
	return r.changeSecret(ctx, id, field, disconnect, func(room *Room) error {
		epoch := &room.Epochs
		switch field {
		case "moderator_token":
			room.ModeratorToken = made
			epoch.Moderator++
			if disconnect {
				epoch.ModeratorMin = epoch.Moderator
			}
			return nil
		case "participant_token":
			room.ParticipantToken = made
			epoch.Participant++
			if disconnect {
				epoch.ParticipantMin = epoch.Participant
			}
			return nil
		}
		to, err := broadcastSecret(room, field)
		if err != nil {
			return err
		}
		*to = &made
		return nil
	})
}

// ClearSecret makes backup_stream_key or srt_passphrase null; a publisher that
// came by it is cut off.
func (r *Registry) ClearSecret(ctx context.Context, id, field string) (View, error) {
	return r.changeSecret(ctx, id, field, true, func(room *Room) error {
		to, err := broadcastSecret(room, field)
		if err != nil {
			return err
		}
		if field == "stream_key" {
			return refuse(CodeNotFound, "the stream key is always there: regenerate it")
		}
		*to = nil
		return nil
	})
}

func broadcastSecret(room *Room, field string) (**secret.Text, error) {
	var to **secret.Text
	switch field {
	case "stream_key":
		to = &room.StreamKey
	case "backup_stream_key":
		to = &room.BackupStreamKey
	case "srt_passphrase":
		to = &room.SRTPassphrase
	default:
		return nil, refuse(CodeNotFound, "a room has no secret of that name")
	}
	if !room.Type.Broadcasts() {
		return nil, refuse(CodeWrongRoomType, "only live and simulcast rooms have stream keys")
	}
	return to, nil
}

func (r *Registry) changeSecret(ctx context.Context, id, field string, disconnect bool, change func(*Room) error) (View, error) {
	v, changed, err := r.changeRoom(ctx, id, func(_ Writer, room *Room, _ View) error { return change(room) })
	if err != nil {
		return View{}, err
	}
	if changed {
		r.tell(ctx, id, Event{Kind: RoomUpdated, RoomID: id},
			Event{Kind: SecretChanged, RoomID: id, Field: field, Disconnect: disconnect})
	}
	return v, nil
}
