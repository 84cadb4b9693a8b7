package api

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"roomcast/rooms"
)

// Customer is a billed party.
type Customer struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	ExternalID *string        `json:"external_id"`
	Metadata   map[string]any `json:"customer_metadata"`
	Status     string         `json:"status" enum:"active,suspended"`
	CreatedAt  time.Time      `json:"created_at" readOnly:"true"`
	UpdatedAt  time.Time      `json:"updated_at" readOnly:"true"`
}

// Subscription is a plan that sets limits on its rooms.
type Subscription struct {
	ID         string                   `json:"id"`
	CustomerID *string                  `json:"customer_id"`
	Name       string                   `json:"name"`
	Status     string                   `json:"status" enum:"active,suspended,canceled"`
	Limits     rooms.SubscriptionLimits `json:"limits"`
	Quotas     map[string]any           `json:"quotas"`
	StartsAt   *time.Time               `json:"starts_at"`
	EndsAt     *time.Time               `json:"ends_at"`
	CreatedAt  time.Time                `json:"created_at" readOnly:"true"`
	UpdatedAt  time.Time                `json:"updated_at" readOnly:"true"`
}

func newCustomer(c rooms.Customer) Customer {
	return Customer{
		ID: c.ID, Name: c.Name, ExternalID: c.ExternalID, Metadata: orEmpty(c.Metadata), Status: c.Status,
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

func newSubscription(s rooms.Subscription) Subscription {
	return Subscription{
		ID: s.ID, CustomerID: s.CustomerID, Name: s.Name, Status: s.Status, Limits: s.Limits, Quotas: orEmpty(s.Quotas),
		StartsAt: s.StartsAt, EndsAt: s.EndsAt, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

func (s *Service) customerCalls() []*call {
	path, one := "/api/v1/customers", "/api/v1/customers/{cid}"
	registry := s.options.Registry
	answer := func(c rooms.Customer, err error) (reply, error) {
		if err != nil {
			return reply{}, err
		}
		return reply{body: newCustomer(c), etag: c.ETag()}, nil
	}
	return []*call{
		{
			id: "list-customers", method: http.MethodGet, path: path, tag: tagBilling, summary: "List customers",
			access: byKey, query: paging, status: http.StatusOK, answer: List[Customer]{}, handle: func(v *visit) (reply, error) {
				limit, cursor, err := v.page()
				if err != nil {
					return reply{}, err
				}
				page, err := registry.Customers(v.context(), limit, cursor)
				if err != nil {
					return reply{}, err
				}
				return reply{body: newList(page, newCustomer)}, nil
			},
		},
		{
			id: "create-customer", method: http.MethodPost, path: path, tag: tagBilling, summary: "Create a customer",
			access: byKey, body: CustomerCreate{}, status: http.StatusCreated, answer: Customer{}, creates: true, etag: true,
			handle: func(v *visit) (reply, error) {
				render := func(created any) (reply, error) {
					c, ok := created.(rooms.Customer)
					if !ok {
						return reply{}, errNotCreated
					}
					return reply{body: newCustomer(c), etag: c.ETag(), location: path + "/" + c.ID}, nil
				}
				return v.create(render, func(w rooms.WriteOptions) (any, *rooms.Replay, error) {
					return registry.CreateCustomer(v.context(), v.body, w)
				})
			},
		},
		{
			id: "get-customer", method: http.MethodGet, path: one, tag: tagBilling, summary: "Read a customer",
			access: byKey, status: http.StatusOK, answer: Customer{}, etag: true, preconditions: true,
			handle: func(v *visit) (reply, error) { return answer(registry.Customer(v.context(), v.path("cid"))) },
		},
		{
			id: "update-customer", method: http.MethodPatch, path: one, tag: tagBilling, summary: "Change a customer",
			description: "A JSON merge patch. Suspending a customer suspends its rooms.", access: byKey, body: CustomerPatch{}, patch: true,
			status: http.StatusOK, answer: Customer{}, etag: true, preconditions: true, handle: func(v *visit) (reply, error) {
				return answer(registry.PatchCustomer(v.context(), v.path("cid"), v.body, v.writing()))
			},
		},
		{
			id: "delete-customer", method: http.MethodDelete, path: one, tag: tagBilling, summary: "Delete a customer",
			description: "One that a room or subscription names is in use, and stays.", access: byKey, status: http.StatusNoContent,
			preconditions: true, codes: []string{rooms.CodeInUse}, handle: func(v *visit) (reply, error) {
				return reply{}, registry.DeleteCustomer(v.context(), v.path("cid"), v.writing())
			},
		},
	}
}

func (s *Service) subscriptionCalls() []*call {
	path, one := "/api/v1/subscriptions", "/api/v1/subscriptions/{sid}"
	registry := s.options.Registry
	answer := func(sub rooms.Subscription, err error) (reply, error) {
		if err != nil {
			return reply{}, err
		}
		return reply{body: newSubscription(sub), etag: sub.ETag()}, nil
	}
	return []*call{
		{
			id: "list-subscriptions", method: http.MethodGet, path: path, tag: tagBilling, summary: "List subscriptions", access: byKey,
			query:  append([]parameter{{"customer_id", "Only subscriptions of this customer", huma.Schema{Type: "string"}}}, paging...),
			status: http.StatusOK, answer: List[Subscription]{}, handle: func(v *visit) (reply, error) {
				limit, cursor, err := v.page()
				if err != nil {
					return reply{}, err
				}
				page, err := registry.Subscriptions(v.context(), v.queryText("customer_id"), limit, cursor)
				if err != nil {
					return reply{}, err
				}
				return reply{body: newList(page, newSubscription)}, nil
			},
		},
		{
			id: "create-subscription", method: http.MethodPost, path: path, tag: tagBilling, summary: "Create a subscription",
			access: byKey, body: SubscriptionCreate{}, status: http.StatusCreated, answer: Subscription{}, creates: true, etag: true,
			handle: func(v *visit) (reply, error) {
				render := func(created any) (reply, error) {
					sub, ok := created.(rooms.Subscription)
					if !ok {
						return reply{}, errNotCreated
					}
					return reply{body: newSubscription(sub), etag: sub.ETag(), location: path + "/" + sub.ID}, nil
				}
				return v.create(render, func(w rooms.WriteOptions) (any, *rooms.Replay, error) {
					return registry.CreateSubscription(v.context(), v.body, w)
				})
			},
		},
		{
			id: "get-subscription", method: http.MethodGet, path: one, tag: tagBilling, summary: "Read a subscription",
			access: byKey, status: http.StatusOK, answer: Subscription{}, etag: true, preconditions: true,
			handle: func(v *visit) (reply, error) { return answer(registry.Subscription(v.context(), v.path("sid"))) },
		},
		{
			id: "update-subscription", method: http.MethodPatch, path: one, tag: tagBilling, summary: "Change a subscription",
			description: "A JSON merge patch. A subscription that is not active, or outside starts_at to ends_at, suspends its rooms.",
			access:      byKey, body: SubscriptionPatch{}, patch: true, status: http.StatusOK, answer: Subscription{}, etag: true, preconditions: true,
			handle: func(v *visit) (reply, error) {
				return answer(registry.PatchSubscription(v.context(), v.path("sid"), v.body, v.writing()))
			},
		},
		{
			id: "delete-subscription", method: http.MethodDelete, path: one, tag: tagBilling, summary: "Delete a subscription",
			description: "One that a room names is in use, and stays.", access: byKey, status: http.StatusNoContent, preconditions: true,
			codes: []string{rooms.CodeInUse}, handle: func(v *visit) (reply, error) {
				return reply{}, registry.DeleteSubscription(v.context(), v.path("sid"), v.writing())
			},
		},
	}
}
