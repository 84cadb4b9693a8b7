package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
)

func applyCustomer(c *Customer, members map[string]any, create bool) *body {
	b := &body{create: create}
	if _, given := members["name"]; create && !given {
		b.add("/name", "is required")
	}
	for _, key := range sortedKeys(members) {
		at, value := under("", key), members[key]
		switch key {
		case "name":
			b.text(at, value, textRule{min: 1, max: 200}, &c.Name)
		case "external_id":
			b.externalID(at, value, &c.ExternalID)
		case "customer_metadata":
			b.metadata(at, value, &c.Metadata, false)
		case "status":
			b.choice(at, value, &c.Status, StatusActive, StatusSuspended)
		case "id", "created_at", "updated_at":
			b.addCode(at, CodeReadOnly, "is set by the server")
		default:
			b.unknown(at)
		}
	}
	return b
}

func (b *body) externalID(pointer string, v any, to **string) {
	if v == nil {
		*to = nil
		return
	}
	s, err := textRule{min: 1, max: 200}.check(v)
	if err != nil {
		b.add(pointer, "%s", err)
		return
	}
	*to = &s
}

// CreateCustomer makes a customer from a body.
func (r *Registry) CreateCustomer(ctx context.Context, body json.RawMessage, w WriteOptions) (Customer, *Replay, error) {
	return create(ctx, r, w.Idempotency, func(tx Writer) (Customer, error) {
		members, err := decodeObject(body)
		if err != nil {
			return Customer{}, err
		}
		t := now()
		c := Customer{ID: r.ids.next(), Metadata: map[string]any{}, Status: StatusActive, CreatedAt: t, UpdatedAt: t, Revision: 1}
		if err := applyCustomer(&c, members, true).err(); err != nil {
			return Customer{}, err
		}
		return c, tx.CreateCustomer(ctx, c)
	})
}

// Customer returns a customer.
func (r *Registry) Customer(ctx context.Context, id string) (Customer, error) {
	c, err := r.store.Customer(ctx, id)
	return c, stored(err, "customer")
}

// Customers lists customers; limit is 1-200, 0 is 50.
func (r *Registry) Customers(ctx context.Context, limit int, cursor string) (Page[Customer], error) {
	q, err := listQuery(limit, cursor)
	if err != nil {
		return Page[Customer]{}, err
	}
	list, err := r.store.Customers(ctx, q)
	if err != nil {
		return Page[Customer]{}, err
	}
	return newPage(list, q, func(c Customer) string { return c.ID }), nil
}

// PatchCustomer applies a JSON merge patch. A customer that is suspended ends
// the sessions of its rooms.
func (r *Registry) PatchCustomer(ctx context.Context, id string, patch json.RawMessage, w WriteOptions) (Customer, error) {
	var c Customer
	err := r.store.Update(ctx, func(tx Writer) error {
		before, err := tx.Customer(ctx, id)
		if err != nil {
			return stored(err, "customer")
		}
		if err := checkIfMatch(w.IfMatch, before.ETag()); err != nil {
			return err
		}
		members, err := decodeObject(patch)
		if err != nil {
			return err
		}
		c = before
		if err := applyCustomer(&c, members, false).err(); err != nil || reflect.DeepEqual(c, before) {
			return err
		}
		c.Revision++
		c.UpdatedAt = now()
		if err := tx.UpdateCustomer(ctx, c); err != nil {
			return err
		}
		if c.Status != before.Status {
			return tx.EndSessions(ctx, "", "", id)
		}
		return nil
	})
	if err != nil {
		return Customer{}, err
	}
	r.tell(ctx, "")
	return c, nil
}

// DeleteCustomer deletes a customer that no room or subscription names.
func (r *Registry) DeleteCustomer(ctx context.Context, id string, w WriteOptions) error {
	return r.store.Update(ctx, func(tx Writer) error {
		c, err := tx.Customer(ctx, id)
		if err != nil {
			return stored(err, "customer")
		}
		if err := checkIfMatch(w.IfMatch, c.ETag()); err != nil {
			return err
		}
		used, err := tx.CustomerInUse(ctx, id)
		if err != nil {
			return err
		}
		if used {
			return refuse(CodeInUse, "rooms or subscriptions name this customer")
		}
		return tx.DeleteCustomer(ctx, id)
	})
}

func applySubscription(s *Subscription, members map[string]any, create bool) *body {
	b := &body{create: create}
	if _, given := members["name"]; create && !given {
		b.add("/name", "is required")
	}
	for _, key := range sortedKeys(members) {
		at, value := under("", key), members[key]
		switch key {
		case "name":
			b.text(at, value, textRule{min: 1, max: 200}, &s.Name)
		case "customer_id":
			b.reference(at, value, &s.CustomerID)
		case "status":
			b.choice(at, value, &s.Status, StatusActive, StatusSuspended, StatusCanceled)
		case "limits":
			b.limits(at, value, func() { s.Limits = SubscriptionLimits{} }, s.Limits.find)
		case "quotas":
			b.quotas(at, value, &s.Quotas)
		case "starts_at":
			b.time(at, value, &s.StartsAt)
		case "ends_at":
			b.time(at, value, &s.EndsAt)
		case "id", "created_at", "updated_at":
			b.addCode(at, CodeReadOnly, "is set by the server")
		default:
			b.unknown(at)
		}
	}
	if s.StartsAt != nil && s.EndsAt != nil && !s.StartsAt.Before(*s.EndsAt) {
		at := "/ends_at"
		if _, given := members["ends_at"]; !given {
			at = "/starts_at"
		}
		b.add(at, "must leave time between starts_at and ends_at")
	}
	return b
}

// settleCustomer checks that the customer a subscription names is there, and
// then all faults of the body.
func settleCustomer(ctx context.Context, tx Reader, b *body, s Subscription) error {
	if s.CustomerID != nil {
		if _, err := tx.Customer(ctx, *s.CustomerID); errors.Is(err, ErrNotStored) {
			b.add("/customer_id", "names no customer")
		} else if err != nil {
			return err
		}
	}
	return b.err()
}

// CreateSubscription makes a subscription from a body.
func (r *Registry) CreateSubscription(ctx context.Context, body json.RawMessage, w WriteOptions) (Subscription, *Replay, error) {
	return create(ctx, r, w.Idempotency, func(tx Writer) (Subscription, error) {
		members, err := decodeObject(body)
		if err != nil {
			return Subscription{}, err
		}
		t := now()
		s := Subscription{ID: r.ids.next(), Status: StatusActive, Quotas: map[string]any{}, CreatedAt: t, UpdatedAt: t, Revision: 1}
		if err := settleCustomer(ctx, tx, applySubscription(&s, members, true), s); err != nil {
			return Subscription{}, err
		}
		return s, tx.CreateSubscription(ctx, s)
	})
}

// Subscription returns a subscription.
func (r *Registry) Subscription(ctx context.Context, id string) (Subscription, error) {
	s, err := r.store.Subscription(ctx, id)
	return s, stored(err, "subscription")
}

// Subscriptions lists subscriptions, of one customer unless customerID is "".
func (r *Registry) Subscriptions(ctx context.Context, customerID string, limit int, cursor string) (Page[Subscription], error) {
	q, err := listQuery(limit, cursor)
	if err != nil {
		return Page[Subscription]{}, err
	}
	list, err := r.store.Subscriptions(ctx, SubscriptionQuery{ListQuery: q, CustomerID: customerID})
	if err != nil {
		return Page[Subscription]{}, err
	}
	return newPage(list, q, func(s Subscription) string { return s.ID }), nil
}

// active reports whether the subscription itself lets its rooms run.
func (s Subscription) active() bool {
	return s.Status == StatusActive && within(s.StartsAt, s.EndsAt, now())
}

// PatchSubscription applies a JSON merge patch. Rooms follow to another
// customer; when it was or becomes not active, the sessions of its rooms end.
func (r *Registry) PatchSubscription(ctx context.Context, id string, patch json.RawMessage, w WriteOptions) (Subscription, error) {
	var s Subscription
	err := r.store.Update(ctx, func(tx Writer) error {
		before, err := tx.Subscription(ctx, id)
		if err != nil {
			return stored(err, "subscription")
		}
		if err := checkIfMatch(w.IfMatch, before.ETag()); err != nil {
			return err
		}
		members, err := decodeObject(patch)
		if err != nil {
			return err
		}
		s = before
		b := applySubscription(&s, members, false)
		if err := settleCustomer(ctx, tx, b, s); err != nil || reflect.DeepEqual(s, before) {
			return err
		}
		s.Revision++
		s.UpdatedAt = now()
		if err := tx.UpdateSubscription(ctx, s); err != nil {
			return err
		}
		moved := !sameText(s.CustomerID, before.CustomerID)
		if moved {
			if err := tx.SetRoomsCustomer(ctx, id, s.CustomerID); err != nil {
				return err
			}
		}
		if moved || !before.active() || !s.active() {
			return r.endPlanSessions(ctx, tx, before, s)
		}
		return nil
	})
	if err != nil {
		return Subscription{}, err
	}
	r.tell(ctx, "")
	return s, nil
}

// endPlanSessions ends the sessions of a subscription's rooms when it, or one
// of the customers it belonged and belongs to, is not active.
func (r *Registry) endPlanSessions(ctx context.Context, tx Writer, before, after Subscription) error {
	end := !before.active() || !after.active()
	for _, id := range []*string{before.CustomerID, after.CustomerID} {
		if id == nil {
			continue
		}
		c, err := tx.Customer(ctx, *id)
		if err != nil {
			return err
		}
		end = end || c.Status != StatusActive
	}
	if !end {
		return nil
	}
	return tx.EndSessions(ctx, "", after.ID, "")
}

// DeleteSubscription deletes a subscription that no room names.
func (r *Registry) DeleteSubscription(ctx context.Context, id string, w WriteOptions) error {
	return r.store.Update(ctx, func(tx Writer) error {
		s, err := tx.Subscription(ctx, id)
		if err != nil {
			return stored(err, "subscription")
		}
		if err := checkIfMatch(w.IfMatch, s.ETag()); err != nil {
			return err
		}
		n, err := tx.CountRooms(ctx, id)
		if err != nil {
			return err
		}
		if n > 0 {
			return refuse(CodeInUse, "rooms name this subscription")
		}
		return tx.DeleteSubscription(ctx, id)
	})
}
