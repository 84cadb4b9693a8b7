package sqlstore

import (
	"context"
	"fmt"

	"roomcast/rooms"
)

const customerColumnNames = "id, name, external_id, metadata, status, created_at, updated_at, revision"

func customerColumns(c *rooms.Customer) []any {
	return []any{
		&c.ID, &c.Name, &c.ExternalID,
		jsonColumn{&c.Metadata},
		&c.Status,
		timeColumn{&c.CreatedAt},
		timeColumn{&c.UpdatedAt},
		&c.Revision,
	}
}

func scanCustomer(row scanner) (c rooms.Customer, err error) {
	err = row.Scan(customerColumns(&c)...)
	return c, err
}

// Customer implements rooms.Reader.
func (q queries) Customer(ctx context.Context, id string) (rooms.Customer, error) {
	c, err := scanCustomer(q.db.QueryRowContext(ctx, "SELECT "+customerColumnNames+" FROM customers WHERE id = ?", id))
	if err != nil {
		return rooms.Customer{}, notStored("read a customer", err)
	}
	return c, nil
}

// Customers implements rooms.Reader.
func (q queries) Customers(ctx context.Context, f rooms.ListQuery) ([]rooms.Customer, error) {
	var where conditions
	where.before("id", f)
	return list(ctx, q.db, "list customers", scanCustomer,
		"SELECT "+customerColumnNames+" FROM customers"+where.page("id"), where.withLimit(f.Limit)...)
}

// CustomerInUse implements rooms.Reader.
func (q queries) CustomerInUse(ctx context.Context, id string) (used bool, err error) {
	err = q.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM rooms WHERE customer_id = ?)
		OR EXISTS (SELECT 1 FROM subscriptions WHERE customer_id = ?)`, id, id).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("look for uses of a customer: %w", err)
	}
	return used, nil
}

// CreateCustomer implements rooms.Writer.
func (q queries) CreateCustomer(ctx context.Context, c rooms.Customer) error {
	return q.exec(ctx, "create a customer",
		"INSERT INTO customers ("+customerColumnNames+") VALUES ("+marks(columnCount(customerColumnNames))+")", customerColumns(&c)...)
}

// UpdateCustomer implements rooms.Writer.
func (q queries) UpdateCustomer(ctx context.Context, c rooms.Customer) error {
	return q.change(ctx, "update a customer",
		"UPDATE customers SET "+sets(customerColumnNames)+" WHERE id = ?", append(customerColumns(&c), c.ID)...)
}

// DeleteCustomer implements rooms.Writer.
func (q queries) DeleteCustomer(ctx context.Context, id string) error {
	return q.change(ctx, "delete a customer", "DELETE FROM customers WHERE id = ?", id)
}

const subscriptionColumnNames = `id, customer_id, name, status, limits, quotas, starts_at, ends_at, created_at, updated_at, revision`

func subscriptionColumns(s *rooms.Subscription) []any {
	return []any{
		&s.ID, &s.CustomerID, &s.Name, &s.Status,
		jsonColumn{&s.Limits},
		jsonColumn{&s.Quotas},
		optionalTime{&s.StartsAt},
		optionalTime{&s.EndsAt},
		timeColumn{&s.CreatedAt},
		timeColumn{&s.UpdatedAt},
		&s.Revision,
	}
}

func scanSubscription(row scanner) (s rooms.Subscription, err error) {
	err = row.Scan(subscriptionColumns(&s)...)
	return s, err
}

// Subscription implements rooms.Reader.
func (q queries) Subscription(ctx context.Context, id string) (rooms.Subscription, error) {
	s, err := scanSubscription(q.db.QueryRowContext(ctx, "SELECT "+subscriptionColumnNames+" FROM subscriptions WHERE id = ?", id))
	if err != nil {
		return rooms.Subscription{}, notStored("read a subscription", err)
	}
	return s, nil
}

// Subscriptions implements rooms.Reader.
func (q queries) Subscriptions(ctx context.Context, f rooms.SubscriptionQuery) ([]rooms.Subscription, error) {
	var where conditions
	where.before("id", f.ListQuery)
	where.equal("customer_id", f.CustomerID)
	return list(ctx, q.db, "list subscriptions", scanSubscription,
		"SELECT "+subscriptionColumnNames+" FROM subscriptions"+where.page("id"), where.withLimit(f.Limit)...)
}

// CreateSubscription implements rooms.Writer.
func (q queries) CreateSubscription(ctx context.Context, s rooms.Subscription) error {
	return q.exec(ctx, "create a subscription",
		"INSERT INTO subscriptions ("+subscriptionColumnNames+") VALUES ("+marks(columnCount(subscriptionColumnNames))+")", subscriptionColumns(&s)...)
}

// UpdateSubscription implements rooms.Writer.
func (q queries) UpdateSubscription(ctx context.Context, s rooms.Subscription) error {
	return q.change(ctx, "update a subscription",
		"UPDATE subscriptions SET "+sets(subscriptionColumnNames)+" WHERE id = ?", append(subscriptionColumns(&s), s.ID)...)
}

// DeleteSubscription implements rooms.Writer.
func (q queries) DeleteSubscription(ctx context.Context, id string) error {
	return q.change(ctx, "delete a subscription", "DELETE FROM subscriptions WHERE id = ?", id)
}
