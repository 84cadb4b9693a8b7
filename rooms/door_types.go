package rooms

import (
	"net/netip"
	"time"

	"roomcast/secret"
)

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
	// SRTPassphrase is what SRT publishers must encrypt with; nil when the room has none.
	SRTPassphrase *secret.Text
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
