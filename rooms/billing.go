package rooms

import "time"

// Customer is a billed party.
type Customer struct {
	ID         string
	Name       string
	ExternalID *string
	Metadata   map[string]any // numbers are json.Number, exactly as sent
	Status     string         // active or suspended

	CreatedAt, UpdatedAt time.Time
	Revision             int64
}

// ETag covers the whole customer.
func (c Customer) ETag() string { return etag(c.ID, c.Revision, nil) }

// Subscription is a plan that sets limits on its rooms.
type Subscription struct {
	ID         string
	CustomerID *string
	Name       string
	Status     string // active, suspended or canceled
	Limits     SubscriptionLimits
	Quotas     map[string]any // kept for the issue that counts usage; values are json.Number or nil

	StartsAt, EndsAt     *time.Time
	CreatedAt, UpdatedAt time.Time
	Revision             int64
}

// ETag covers the whole subscription.
func (s Subscription) ETag() string { return etag(s.ID, s.Revision, nil) }
