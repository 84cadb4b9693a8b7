package rooms

import (
	"context"
	"errors"
	"time"

	"roomcast/secret"
)

// ErrNotStored is returned by a Reader when there is no such thing.
var ErrNotStored = errors.New("not stored")

// Store keeps everything that survives a restart. Package storetest holds the
// suite that every implementation passes.
type Store interface {
	Reader
	// Update runs fn in one transaction that sees and is seen by no other.
	// When it returns nil, everything fn wrote is on disk; when fn returns an
	// error, nothing is, and Update returns that error. A store may run fn
	// again after a conflict, so fn changes nothing but what tx is given.
	Update(ctx context.Context, fn func(tx Writer) error) error
}

// Reader are the questions a store answers. What is not there is ErrNotStored.
type Reader interface {
	// Room returns the room with its run and plan.
	Room(ctx context.Context, id string) (Record, error)
	// RoomByCredential finds a room by one of its tokens or stream keys.
	RoomByCredential(ctx context.Context, sum Sum) (id string, kind CredentialKind, err error)
	// Rooms returns rooms newest first.
	Rooms(ctx context.Context, q RoomQuery) ([]Record, error)
	// RoomsWithRun returns the ids of all rooms with a run on.
	RoomsWithRun(ctx context.Context) ([]string, error)
	// RoomsWithPull returns the ids of all rooms with a pull source.
	RoomsWithPull(ctx context.Context) ([]string, error)
	// CountRooms returns how many rooms name the subscription.
	CountRooms(ctx context.Context, subscriptionID string) (int64, error)

	Customer(ctx context.Context, id string) (Customer, error)
	Customers(ctx context.Context, q ListQuery) ([]Customer, error)
	// CustomerInUse reports whether a room or subscription names the customer.
	CustomerInUse(ctx context.Context, id string) (bool, error)
	Subscription(ctx context.Context, id string) (Subscription, error)
	Subscriptions(ctx context.Context, q SubscriptionQuery) ([]Subscription, error)

	JoinTokenBySum(ctx context.Context, sum Sum) (JoinToken, error)
	JoinTokens(ctx context.Context, roomID string, q ListQuery) ([]JoinToken, error)

	// Bans returns the room's bans, newest first.
	Bans(ctx context.Context, roomID string) ([]Ban, error)
	// EndedSessions returns the participants and deleted join tokens of a room
	// whose sessions were ended and could otherwise still be refreshed at now.
	EndedSessions(ctx context.Context, roomID string, now time.Time) ([]string, error)

	Asset(ctx context.Context, roomID, id string) (Asset, error)
	Assets(ctx context.Context, roomID string, q ListQuery) ([]Asset, error)
	// AssetsInMaking returns those of all rooms in the state AssetInMaking.
	AssetsInMaking(ctx context.Context) ([]Asset, error)
	// AssetBytes returns the sum of the sizes of a room's assets.
	AssetBytes(ctx context.Context, roomID string) (int64, error)

	// Chat returns what is stored of a room's chat; nothing is no error.
	Chat(ctx context.Context, roomID string) (Chat, error)

	// Answer returns the kept answer for an idempotency scope, live at now.
	Answer(ctx context.Context, scope Sum, now time.Time) (Answer, error)
	APIKey(ctx context.Context, sum Sum) (Key, error)
	// Setting returns a small named value.
	Setting(ctx context.Context, name string) ([]byte, error)
}

// Writer changes things within a transaction, and reads what it has changed.
// Changing what is not there is ErrNotStored.
type Writer interface {
	Reader

	CreateRoom(ctx context.Context, room Room) error
	UpdateRoom(ctx context.Context, room Room) error
	// DeleteRoom also deletes its run, join tokens, bans, ended sessions,
	// assets and chat.
	DeleteRoom(ctx context.Context, id string) error
	// EndSessions raises the session epoch of the room, or of all rooms that
	// name the subscription or the customer; empty ids select nothing.
	EndSessions(ctx context.Context, roomID, subscriptionID, customerID string) error
	// SetRoomsCustomer gives the rooms of a subscription its customer, which is
	// a change of each (their revisions rise).
	SetRoomsCustomer(ctx context.Context, subscriptionID string, customerID *string) error
	// SetRun stores the run of a room; ending one deletes the bans that hold
	// for it and what was said in it, starting one gives it the bans that wait for the next.
	SetRun(ctx context.Context, roomID string, run Run) error

	CreateCustomer(ctx context.Context, c Customer) error
	UpdateCustomer(ctx context.Context, c Customer) error
	DeleteCustomer(ctx context.Context, id string) error
	CreateSubscription(ctx context.Context, s Subscription) error
	UpdateSubscription(ctx context.Context, s Subscription) error
	DeleteSubscription(ctx context.Context, id string) error

	CreateJoinToken(ctx context.Context, t JoinToken, sum Sum) error
	// UseJoinToken counts one use; used is false when none is left.
	UseJoinToken(ctx context.Context, id string) (used bool, err error)
	DeleteJoinToken(ctx context.Context, roomID, id string) error

	CreateBan(ctx context.Context, b Ban) error
	DeleteBan(ctx context.Context, roomID, id string) error
	// EndSession ends the sessions of a participant, or of a join token, until
	// none could be refreshed anyway.
	EndSession(ctx context.Context, roomID, id string, until time.Time) error

	CreateAsset(ctx context.Context, a Asset) error
	// UpdateAsset stores all of an asset but its kind and the time it was made.
	UpdateAsset(ctx context.Context, a Asset) error
	DeleteAsset(ctx context.Context, roomID, id string) error

	// SaveChat stores what changed in a room's chat; ErrChatEnded if its run has ended.
	SaveChat(ctx context.Context, c ChatChange) error

	CreateAnswer(ctx context.Context, a Answer) error
	SetAPIKey(ctx context.Context, key Key, sum Sum) error
	SetSetting(ctx context.Context, name string, value []byte) error
	// Prune deletes answers and ended sessions that are over at now.
	Prune(ctx context.Context, now time.Time) error
}

// Sum is the SHA-256 of a credential: what a store looks it up by.
type Sum [32]byte

// CredentialKind says which credential of a room a Sum was of.
type CredentialKind string

// The credentials a room is found by.
const (
	KindModeratorToken   CredentialKind = "moderator_token"
	KindParticipantToken CredentialKind = "participant_token"
	KindStreamKey        CredentialKind = "stream_key"
	KindBackupStreamKey  CredentialKind = "backup_stream_key"
)

// Credentials returns the sums a store must find the room by.
func (r Room) Credentials() map[CredentialKind]Sum {
	out := map[CredentialKind]Sum{
		KindModeratorToken:   SumOf(r.ModeratorToken),
		KindParticipantToken: SumOf(r.ParticipantToken),
	}
	if r.StreamKey != nil {
		out[KindStreamKey] = SumOf(*r.StreamKey)
	}
	if r.BackupStreamKey != nil {
		out[KindBackupStreamKey] = SumOf(*r.BackupStreamKey)
	}
	return out
}

// ListQuery selects a page: up to Limit things with ids below Before.
type ListQuery struct {
	Before string // "" starts at the newest
	Limit  int
}

// RoomQuery selects a page of rooms; empty fields select all.
type RoomQuery struct {
	ListQuery
	Type           Type
	CustomerID     string
	SubscriptionID string
	Status         string    // as it is at Now
	Search         string    // in name, description or id, in any case
	Now            time.Time // for plans that begin or end
}

// SubscriptionQuery selects a page of subscriptions.
type SubscriptionQuery struct {
	ListQuery
	CustomerID string
}

// JoinToken is a minted door to a room. The token itself is kept nowhere.
type JoinToken struct {
	ID         string
	RoomID     string
	Name       string // "" when the joiner chooses
	Role       Role
	ExternalID string // "" for none
	ExpiresAt  *time.Time
	MaxUses    *int64
	Uses       int64
	CreatedAt  time.Time

	Token secret.Text // only in the answer that mints it
}

// Ban keeps somebody out of a room for a run.
type Ban struct {
	ID            string
	RoomID        string
	RunID         string // "" until the next run begins
	ParticipantID string
	Name          string // as removed, for the list
	Role          Role   // as removed
	ExternalID    string // "" for none
	Device        string // "" for none
	Address       string // a prefix in CIDR form, "" for none
	CreatedAt     time.Time
}

// Answer is a kept answer to a request with an Idempotency-Key.
type Answer struct {
	Scope     Sum // of key, method, path and Idempotency-Key
	BodySum   Sum // of the request's body
	Sealed    []byte
	ExpiresAt time.Time
}
