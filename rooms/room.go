package rooms

import (
	"net/url"
	"time"

	"roomcast/secret"
)

// Type is what a room is for; it never changes.
type Type string

// The room types.
const (
	Meet      Type = "meet"
	Live      Type = "live"
	Simulcast Type = "simulcast"
	Video     Type = "video"
)

// Valid reports whether t is one of the four types.
func (t Type) Valid() bool { return t == Meet || t == Live || t == Simulcast || t == Video }

// Broadcasts reports whether a publisher, not a participant, makes the room's run.
func (t Type) Broadcasts() bool { return t == Live || t == Simulcast }

// Role is what a participant may do.
type Role string

// The roles.
const (
	Moderator   Role = "moderator"
	Participant Role = "participant"
)

// Room is what is stored of a room. Times are UTC with microseconds; a nil
// pointer is the API's null.
type Room struct {
	ID          string
	Name        string
	Type        Type
	Description string

	ModeratorToken, ParticipantToken                           secret.Text
	RoomAccessCode, ParticipantAccessCode, ModeratorAccessCode *secret.Text

	Features map[string]any // as set, nothing resolved; numbers are json.Number
	Metadata map[string]any // numbers are json.Number, exactly as sent
	Limits   Limits         // the room's own

	CustomerID, SubscriptionID *string
	Suspended                  bool // by its own suspend call only
	StartsAt                   *time.Time

	StreamKey, BackupStreamKey, SRTPassphrase *secret.Text // live and simulcast
	PullSource                                *PullSource

	// Epochs end sessions; see Claims. They are not part of the ETag.
	Epochs Epochs

	CreatedAt, UpdatedAt time.Time
	Revision             int64 // rises with each change of what the ETag covers
}

// Epochs are counters that a session carries from its join and that are
// compared when it is used.
type Epochs struct {
	Session        int64 // every session below it has ended (suspension)
	Moderator      int64 // which moderator token is the current one
	ModeratorMin   int64 // sessions by a moderator token below it have ended
	Participant    int64 // which participant token is the current one
	ParticipantMin int64 // sessions by a participant token below it have ended
}

// PullSource is an RTSP camera that the server fetches.
type PullSource struct {
	URL       secret.Text // may hold credentials
	Transport string      // auto, tcp or udp
}

// ShownURL is the address without its credentials.
func (p PullSource) ShownURL() string {
	u, err := url.Parse(p.URL.Reveal())
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// Run is the state of a room in use. The zero value is a room nobody is in.
type Run struct {
	ID          string     // "" when no run is on
	BeganAt     time.Time  // zero when no run is on
	Locked      bool       // holds for the run, or the next one when none is on
	RefuseUntil *time.Time // after an end: arrivals are refused until then
}

// On reports whether a run is on.
func (r Run) On() bool { return r.ID != "" }

// Plan is what a room's subscription and customer say about it.
type Plan struct {
	SubscriptionID     string // "" when the room has none
	SubscriptionStatus string
	Limits             SubscriptionLimits
	StartsAt, EndsAt   *time.Time
	CustomerStatus     string // "" when the room has no customer
}

// Active reports whether the plan lets its rooms run at now.
func (p Plan) Active(now time.Time) bool {
	if p.CustomerStatus != "" && p.CustomerStatus != StatusActive {
		return false
	}
	if p.SubscriptionID == "" {
		return true
	}
	return p.SubscriptionStatus == StatusActive && within(p.StartsAt, p.EndsAt, now)
}

// within reports whether now is in [start, end), nil ends being open.
func within(start, end *time.Time, now time.Time) bool {
	return (start == nil || !now.Before(*start)) && (end == nil || now.Before(*end))
}

// Record is a room as the store returns it: with its run and its plan.
type Record struct {
	Room
	Run  Run
	Plan Plan
}

// The statuses of rooms, customers and subscriptions.
const (
	StatusIdle      = "idle"
	StatusActive    = "active"
	StatusSuspended = "suspended"
	StatusCanceled  = "canceled"
)
