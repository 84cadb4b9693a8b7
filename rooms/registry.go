package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
)

// RegistryOptions are what a Registry needs.
type RegistryOptions struct {
	Store        Store
	ServerLimits Limits // hold for every room
	Keys         Keys
	Log          *slog.Logger
}

// Registry creates, reads and changes rooms, customers, subscriptions and
// join tokens. Every body is validated here, with JSON pointers to its faults.
type Registry struct {
	store  Store
	server Limits
	log    *slog.Logger
	ids    *ids
	events events
}

// NewRegistry returns a registry over a store.
func NewRegistry(o RegistryOptions) *Registry {
	return &Registry{store: o.Store, server: o.ServerLimits, log: o.Log, ids: &ids{}}
}

// WriteOptions are the circumstances of a change.
type WriteOptions struct {
	IfMatch     string       // "" or the If-Match header
	Secrets     bool         // the caller has the scope rooms:secrets
	Idempotency *Idempotency // nil without an Idempotency-Key
}

// Idempotency makes a create repeatable.
type Idempotency struct {
	Scope   string   // key id, method, path and Idempotency-Key, joined
	BodySum [32]byte // SHA-256 of the body as received
	// Render makes the body of the answer from the created View, Customer,
	// Subscription or JoinToken; it is kept with the create's own commit.
	Render func(created any) ([]byte, error)
}

// Replay is an earlier answer, to be sent again with status 201.
type Replay struct{ Body []byte }

// Page is one page of a list, newest first.
type Page[T any] struct {
	Items      []T
	NextCursor string // "" at the end
}

// RoomFilter selects rooms; empty fields select all.
type RoomFilter struct {
	Type, CustomerID, SubscriptionID, Status, Q string
	Limit                                       int // 1-200, 0 is 50
	Cursor                                      string
}

var errSoon = errors.New("being built")

// CreateRoom makes a room from a body.
func (r *Registry) CreateRoom(ctx context.Context, body json.RawMessage, w WriteOptions) (View, *Replay, error) {
	return View{}, nil, errSoon
}

// Room returns a room.
func (r *Registry) Room(ctx context.Context, id string) (View, error) { return View{}, errSoon }

// Rooms lists rooms.
func (r *Registry) Rooms(ctx context.Context, f RoomFilter) (Page[View], error) {
	return Page[View]{}, errSoon
}

// PatchRoom applies a JSON merge patch.
func (r *Registry) PatchRoom(ctx context.Context, id string, patch json.RawMessage, w WriteOptions) (View, error) {
	return View{}, errSoon
}

// PutMetadata replaces all metadata and keeps nulls.
func (r *Registry) PutMetadata(ctx context.Context, id string, body json.RawMessage, w WriteOptions) (View, error) {
	return View{}, errSoon
}

// DeleteRoom deletes a room; those inside are disconnected.
func (r *Registry) DeleteRoom(ctx context.Context, id string, w WriteOptions) error { return errSoon }

// Regenerate makes a new moderator_token, participant_token, stream_key,
// backup_stream_key or srt_passphrase; disconnect ends those who came by an
// earlier one.
func (r *Registry) Regenerate(ctx context.Context, id, field string, disconnect bool) (View, error) {
	return View{}, errSoon
}

// ClearSecret makes backup_stream_key or srt_passphrase null.
func (r *Registry) ClearSecret(ctx context.Context, id, field string) (View, error) {
	return View{}, errSoon
}

// SetSuspended suspends a room or lifts its own suspension.
func (r *Registry) SetSuspended(ctx context.Context, id string, suspended bool) (View, error) {
	return View{}, errSoon
}

// CreateCustomer makes a customer from a body.
func (r *Registry) CreateCustomer(ctx context.Context, body json.RawMessage, w WriteOptions) (Customer, *Replay, error) {
	return Customer{}, nil, errSoon
}

// Customer returns a customer.
func (r *Registry) Customer(ctx context.Context, id string) (Customer, error) {
	return Customer{}, errSoon
}

// Customers lists customers; limit is 1-200, 0 is 50.
func (r *Registry) Customers(ctx context.Context, limit int, cursor string) (Page[Customer], error) {
	return Page[Customer]{}, errSoon
}

// PatchCustomer applies a JSON merge patch.
func (r *Registry) PatchCustomer(ctx context.Context, id string, patch json.RawMessage, w WriteOptions) (Customer, error) {
	return Customer{}, errSoon
}

// DeleteCustomer deletes a customer that no room or subscription names.
func (r *Registry) DeleteCustomer(ctx context.Context, id string, w WriteOptions) error {
	return errSoon
}

// CreateSubscription makes a subscription from a body.
func (r *Registry) CreateSubscription(ctx context.Context, body json.RawMessage, w WriteOptions) (Subscription, *Replay, error) {
	return Subscription{}, nil, errSoon
}

// Subscription returns a subscription.
func (r *Registry) Subscription(ctx context.Context, id string) (Subscription, error) {
	return Subscription{}, errSoon
}

// Subscriptions lists subscriptions, of one customer unless customerID is "".
func (r *Registry) Subscriptions(ctx context.Context, customerID string, limit int, cursor string) (Page[Subscription], error) {
	return Page[Subscription]{}, errSoon
}

// PatchSubscription applies a JSON merge patch.
func (r *Registry) PatchSubscription(ctx context.Context, id string, patch json.RawMessage, w WriteOptions) (Subscription, error) {
	return Subscription{}, errSoon
}

// DeleteSubscription deletes a subscription that no room names.
func (r *Registry) DeleteSubscription(ctx context.Context, id string, w WriteOptions) error {
	return errSoon
}

// MintJoinToken makes a join token; its Token is in this answer only.
func (r *Registry) MintJoinToken(ctx context.Context, roomID string, body json.RawMessage, w WriteOptions) (JoinToken, *Replay, error) {
	return JoinToken{}, nil, errSoon
}

// JoinTokens lists the join tokens of a room.
func (r *Registry) JoinTokens(ctx context.Context, roomID string, limit int, cursor string) (Page[JoinToken], error) {
	return Page[JoinToken]{}, errSoon
}

// DeleteJoinToken deletes a join token and ends the sessions it made.
func (r *Registry) DeleteJoinToken(ctx context.Context, roomID, id string) error { return errSoon }

// Watch calls fn for every event after its commit, in order. fn must not block.
func (r *Registry) Watch(fn func(Event)) (cancel func()) { return r.events.watch(fn) }
