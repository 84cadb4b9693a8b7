package rooms

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"roomcast/secret"
)

// DoorOptions are what a Door needs.
type DoorOptions struct {
	Registry *Registry
	Store    Store
	Keys     Keys
	Log      *slog.Logger
}

// Door decides who gets in: by token, room URL, session, ticket or stream key.
// It holds the seats and keeps the time of the runs.
type Door struct {
	registry *Registry
	store    Store
	log      *slog.Logger
}

// NewDoor returns a door; Run keeps its time.
func NewDoor(o DoorOptions) *Door {
	return &Door{registry: o.Registry, store: o.Store, log: o.Log}
}

// Caller is who knocks.
type Caller struct {
	Address netip.Addr // the client's, proxies taken off
	Device  string     // the door's cookie, "" for none
}

// LookRequest names a door: a token, or a room id for the room URL.
type LookRequest struct {
	Token  secret.Text
	RoomID string
}

// Look is what a door says of itself before anybody joins.
type Look struct {
	RoomType Type
	Role     string // moderator, participant or by_code
	Code     string // none, optional or required
	StartsAt *time.Time
	Room     *PublicRoom // nil while a code is required
}

// JoinRequest is an attempt to get in.
type JoinRequest struct {
	Token      secret.Text
	RoomID     string
	AccessCode *secret.Text
	Name       string
	Session    secret.Text // an old one, to get seat and identity back
}

// The admissions.
const (
	AdmissionAdmitted = "admitted"
	AdmissionWaiting  = "waiting"
)

// Joined is the answer to a join.
type Joined struct {
	Session   secret.Text
	ExpiresAt time.Time
	Grant     Grant
	Admission string      // admitted or waiting
	Ticket    secret.Text // empty in meet
	Room      View
	Device    string // to be set as the door's cookie; "" leaves it alone
}

// Grant is who a valid session or ticket is.
type Grant struct {
	ParticipantID string
	RoomID        string
	RoomType      Type
	Role          Role
	Name          string
	ExternalID    string
	JoinedAt      time.Time
}

// Publisher is what a stream key opens.
type Publisher struct {
	RoomID   string
	RoomType Type
	Backup   bool // by the backup stream key
	Settings Settings
}

// Occupant is a participant or moderator who holds a seat.
type Occupant struct {
	ID         string
	Name       string
	Role       Role
	ExternalID string
	JoinedAt   time.Time
	Admission  string
}

// Run keeps time until ctx ends: seats, empty runs, durations, plans.
func (d *Door) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Look describes a door without taking a seat.
func (d *Door) Look(ctx context.Context, req LookRequest, c Caller) (Look, error) {
	return Look{}, errSoon
}

// Join lets somebody in.
func (d *Door) Join(ctx context.Context, req JoinRequest, c Caller) (Joined, error) {
	return Joined{}, errSoon
}

// Session returns who a session is, or why it is none; it changes no seat.
func (d *Door) Session(ctx context.Context, session secret.Text) (Grant, error) {
	return Grant{}, errSoon
}

// Describe gives the join's answer again.
func (d *Door) Describe(ctx context.Context, session secret.Text) (Joined, error) {
	return Joined{}, errSoon
}

// Refresh renews a session, also an expired one, until 24 h after its join.
func (d *Door) Refresh(ctx context.Context, session secret.Text) (Joined, error) {
	return Joined{}, errSoon
}

// Leave ends a session and frees its seat.
func (d *Door) Leave(ctx context.Context, session secret.Text) error { return errSoon }

// Connect holds the session's seat, taking one again if it was freed, until
// release is called; release may be called more than once.
func (d *Door) Connect(ctx context.Context, session secret.Text) (g Grant, release func(), err error) {
	return Grant{}, func() {}, errSoon
}

// Ticket admits a playlist request and keeps its seat for a minute. player
// tells the players on one ticket apart; "" is the multivariant playlist.
func (d *Door) Ticket(ctx context.Context, roomID, ticket, player string) (Grant, error) {
	return Grant{}, errSoon
}

// Publisher admits a publisher by stream key or backup stream key.
func (d *Door) Publisher(ctx context.Context, key secret.Text, c Caller) (Publisher, error) {
	return Publisher{}, errSoon
}

// Remove ends a participant's session and bans them for the run.
func (d *Door) Remove(ctx context.Context, roomID, participantID string, banAddress bool) error {
	return errSoon
}

// Bans lists a room's bans, newest first.
func (d *Door) Bans(ctx context.Context, roomID string, limit int, cursor string) (Page[Ban], error) {
	return Page[Ban]{}, errSoon
}

// DeleteBan lifts a ban.
func (d *Door) DeleteBan(ctx context.Context, roomID, banID string) error { return errSoon }

// Lock keeps new participants out for the run, or the next when none is on.
func (d *Door) Lock(ctx context.Context, roomID string) (View, error) { return View{}, errSoon }

// Unlock undoes Lock.
func (d *Door) Unlock(ctx context.Context, roomID string) (View, error) { return View{}, errSoon }

// EndRun ends the run; arrivals are refused for 30 s. Without a run it does nothing.
func (d *Door) EndRun(ctx context.Context, roomID string) (View, error) { return View{}, errSoon }

// BeginRun is the arrival of a publisher. It continues a run that is on, and
// is refused (not_ready) within 30 s of an end.
func (d *Door) BeginRun(ctx context.Context, roomID string) error { return errSoon }

// FinishRun ends a broadcast room's run because its publisher did not return;
// reason is one of the Ended constants.
func (d *Door) FinishRun(ctx context.Context, roomID, reason string) error { return errSoon }

// Participants lists who holds a seat, newest first.
func (d *Door) Participants(ctx context.Context, roomID string, limit int, cursor string) (Page[Occupant], error) {
	return Page[Occupant]{}, errSoon
}

// Viewers returns how many seats are taken in a room.
func (d *Door) Viewers(roomID string) int { return 0 }
