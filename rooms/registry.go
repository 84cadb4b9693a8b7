package rooms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// RegistryOptions are what a Registry needs.
type RegistryOptions struct {
	Store        Store
	ServerLimits Limits // hold for every room
	Keys         Keys
	// Outgoing says why the server may not connect to a URL that somebody names,
	// in words without the URL's credentials; nil: it may connect to any.
	Outgoing func(ctx context.Context, url string) error
	Log      *slog.Logger
}

// Registry creates, reads and changes rooms, customers, subscriptions and
// join tokens. Every body is validated here, with JSON pointers to its faults.
type Registry struct {
	store    Store
	server   Limits
	outgoing func(ctx context.Context, url string) error
	log      *slog.Logger
	ids      *ids
	answers  *answers
	events   events

	// changed is told of every commit before anybody else: a room's id, or ""
	// for what may concern all rooms. The Door sets it.
	changed func(ctx context.Context, roomID string)
}

// NewRegistry returns a registry over a store.
func NewRegistry(o RegistryOptions) *Registry {
	if o.Outgoing == nil {
		o.Outgoing = func(context.Context, string) error { return nil }
	}
	return &Registry{
		store: o.Store, server: o.ServerLimits, outgoing: o.Outgoing, log: o.Log,
		ids: &ids{}, answers: newAnswers(o.Keys.Idempotency),
		changed: func(context.Context, string) {},
	}
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

// Replay is an earlier answer, to be sent again with status 201. When the
// earlier answer was a refusal, it comes with that refusal as the error.
type Replay struct{ Body []byte }

// Page is one page of a list, newest first.
type Page[T any] struct {
	Items      []T
	NextCursor string // "" at the end
}

// Watch calls fn for every event after its commit, in order. fn must not block.
func (r *Registry) Watch(fn func(Event)) (cancel func()) { return r.events.watch(fn) }

// tell makes a committed change known.
func (r *Registry) tell(ctx context.Context, roomID string, list ...Event) {
	r.changed(context.WithoutCancel(ctx), roomID)
	r.events.emit(list...)
}

// stored turns ErrNotStored into the refusal not_found.
func stored(err error, what string) error {
	if errors.Is(err, ErrNotStored) {
		return refuse(CodeNotFound, "there is no such %s", what)
	}
	return err
}

// checkIfMatch holds a change to what its caller has seen: a list of strong
// tags, or * for anything that is there.
func checkIfMatch(header, current string) error {
	if header == "" {
		return nil
	}
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == current {
			return nil
		}
	}
	return refuse(CodePreconditionFailed, "it has changed since: read it again")
}

func limitExceeded(hit LimitHit) *Error {
	return &Error{
		Code: CodeLimitExceeded, Limit: &hit,
		Detail: fmt.Sprintf("the %s allows %s of %d", hit.Source, hit.Limit, hit.Value),
	}
}
