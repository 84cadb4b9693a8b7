package rooms

import (
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"roomcast/secret"
)

const (
	sessionAudience = "roomcast"
	sessionKind     = "session"
	maxSessionBytes = 8 << 10
)

// sessionToken is the JSON of a session. Kind tells it apart from whatever else
// may be signed one day.
type sessionToken struct {
	jwt.RegisteredClaims        // aud, sub (the participant), iat, exp
	Kind                 string `json:"kind"`
	Room                 string `json:"room"`
	Role                 Role   `json:"role"`
	Name                 string `json:"name,omitempty"`
	ExternalID           string `json:"ext,omitempty"`
	Via                  via    `json:"via"`
	JoinToken            string `json:"jtk,omitempty"`
	DoorEpoch            int64  `json:"dep"`
	SessionEpoch         int64  `json:"sep"`
	Device               string `json:"dev,omitempty"`
	Run                  string `json:"run,omitempty"`
	JoinedAt             int64  `json:"join"` // microseconds since 1970
}

// sessions signs and reads sessions: JWTs, HS256 and nothing else.
type sessions struct {
	key    []byte
	parser *jwt.Parser
}

func newSessions(key secret.Text) *sessions {
	return &sessions{
		key: []byte(key.Reveal()),
		// Times are checked in read: a refresh takes an expired session.
		parser: jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithoutClaimsValidation()),
	}
}

// sign makes a session that lasts an hour, but never longer than it could be
// refreshed.
func (s *sessions) sign(c *claims, now time.Time) (secret.Text, time.Time, error) {
	expires := now.Add(sessionLife)
	if last := c.JoinedAt.Add(sessionReach); last.Before(expires) {
		expires = last
	}
	expires = expires.Truncate(time.Second)
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, &sessionToken{
		RegisteredClaims: jwt.RegisteredClaims{
			Audience: jwt.ClaimStrings{sessionAudience}, Subject: c.Participant,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Kind: sessionKind, Room: c.Room, Role: c.Role, Name: c.Name, ExternalID: c.ExternalID, Via: c.Via,
		JoinToken: c.JoinToken, DoorEpoch: c.DoorEpoch, SessionEpoch: c.SessionEpoch, Device: c.Device, Run: c.Run, JoinedAt: c.JoinedAt.UnixMicro(),
	}).SignedString(s.key)
	if err != nil {
		return secret.Text{}, time.Time{}, err
	}
	return secret.New(signed), expires, nil
}

var errNoSession = refuse(CodeSessionInvalid, "this is no session of this server")

// read returns the claims of a session that this server signed, and its end.
// Expired sessions are read too when they may be: for a refresh, or a join.
func (s *sessions) read(session secret.Text, expiredToo bool, now time.Time) (claims, time.Time, error) {
	text := session.Reveal()
	if text == "" || len(text) > maxSessionBytes {
		return claims{}, time.Time{}, errNoSession
	}
	var t sessionToken
	if _, err := s.parser.ParseWithClaims(text, &t, func(*jwt.Token) (any, error) { return s.key, nil }); err != nil {
		return claims{}, time.Time{}, errNoSession
	}
	if t.Kind != sessionKind || !slices.Contains(t.Audience, sessionAudience) || t.ExpiresAt == nil || t.Subject == "" || t.Room == "" {
		return claims{}, time.Time{}, errNoSession
	}
	c := claims{
		Room: t.Room, Participant: t.Subject, Role: t.Role, Name: t.Name, ExternalID: t.ExternalID, Via: t.Via, JoinToken: t.JoinToken,
		DoorEpoch: t.DoorEpoch, SessionEpoch: t.SessionEpoch, Device: t.Device, Run: t.Run, JoinedAt: time.UnixMicro(t.JoinedAt).UTC(),
	}
	if c.tooOld(now) || !expiredToo && !now.Before(t.ExpiresAt.Time) {
		return claims{}, time.Time{}, refuse(CodeSessionExpired, "the session has expired")
	}
	return c, t.ExpiresAt.UTC(), nil
}
