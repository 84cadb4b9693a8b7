package rooms

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"roomcast/secret"
)

// errUnknownToken never says which of many reasons it is.
var errUnknownToken = refuse(CodeTokenUnknown, "this address opens no room")

// knock is a door of a room that somebody stands at.
type knock struct {
	room   string
	via    via
	minted JoinToken // of viaJoinToken
}

// locate finds the door that a token or a room id names.
func (d *Door) locate(ctx context.Context, token secret.Text, roomID string, t time.Time) (knock, error) {
	switch {
	case token.IsZero() == (roomID == ""):
		var f faults
		f.add("", "must have either token or room_id")
		return knock{}, f.err()
	case token.IsZero():
		if !ValidID(roomID) {
			return knock{}, errUnknownToken
		}
		return knock{room: roomID, via: viaRoomURL}, nil
	}
	sum := SumOf(token)
	id, kind, err := d.store.RoomByCredential(ctx, sum)
	switch {
	case err == nil && kind == KindModeratorToken:
		return knock{room: id, via: viaModeratorToken}, nil
	case err == nil && kind == KindParticipantToken:
		return knock{room: id, via: viaParticipantToken}, nil
	case err == nil:
		return knock{}, errUnknownToken
	case !errors.Is(err, ErrNotStored):
		return knock{}, err
	}
	minted, err := d.store.JoinTokenBySum(ctx, sum)
	switch {
	case errors.Is(err, ErrNotStored), err == nil && minted.ExpiresAt != nil && !t.Before(*minted.ExpiresAt):
		return knock{}, errUnknownToken
	case err != nil:
		return knock{}, err
	}
	return knock{room: minted.RoomID, via: viaJoinToken, minted: minted}, nil
}

// usedUp reports a join token that makes no new sessions.
func (t *JoinToken) usedUp() bool { return t.MaxUses != nil && t.Uses >= *t.MaxUses }

// unknownRoom makes a deleted room look like an unknown token.
func unknownRoom(err error) error {
	if errors.Is(err, errNoRoom) {
		return errUnknownToken
	}
	return err
}

func notStarted(startsAt time.Time) *Error {
	e := refuse(CodeNotStarted, "the room has not started yet")
	e.StartsAt = &startsAt
	return e
}

// Look describes a door without taking a seat.
func (d *Door) Look(ctx context.Context, req LookRequest, _ Caller) (Look, error) {
	k, err := d.locate(ctx, req.Token, req.RoomID, now())
	if err != nil {
		return Look{}, err
	}
	if k.via == viaJoinToken && k.minted.usedUp() {
		return Look{}, errUnknownToken
	}
	var look Look
	err = d.glance(ctx, k.room, func(h *hall) error {
		v := d.registry.view(h.facts.record)
		a := asks(v, k.via, k.minted.Role)
		switch {
		case a.closed():
			return errUnknownToken
		case v.Status == StatusSuspended:
			return errSuspended
		}
		look = Look{RoomType: v.Type, Role: a.role(k.via), Code: a.code(), StartsAt: v.StartsAt}
		if look.Code != codeRequired {
			public := v.Public()
			look.Room = &public
		}
		return nil
	})
	return look, unknownRoom(err)
}

var errSuspended = refuse(CodeRoomSuspended, "the room is suspended")

// Join lets somebody in.
func (d *Door) Join(ctx context.Context, req JoinRequest, caller Caller) (Joined, error) {
	if err := d.attempts.join(caller, steady()); err != nil {
		return Joined{}, err
	}
	k, err := d.locate(ctx, req.Token, req.RoomID, now())
	if err != nil {
		return Joined{}, err
	}
	var joined Joined
	err = d.enter(ctx, k.room, func(h *hall) (err error) {
		joined, err = d.join(ctx, h, k, req, caller)
		return err
	})
	return joined, unknownRoom(err)
}

// join is the whole way in, in the order that tells a stranger least; op is
// held, so the facts stand still.
func (d *Door) join(ctx context.Context, h *hall, k knock, req JoinRequest, caller Caller) (Joined, error) {
	t := now()
	f := &h.facts
	v := d.registry.view(f.record)
	a := asks(v, k.via, k.minted.Role)
	switch {
	case a.closed():
		return Joined{}, errUnknownToken
	case v.Status == StatusSuspended:
		return Joined{}, errSuspended
	}
	role, err := d.checkCode(a, k, req.AccessCode, caller)
	if err != nil {
		return Joined{}, err
	}
	device, made := deviceOf(caller)
	old, back, err := d.oldSession(f, k, req.Session, role, t)
	if err != nil {
		return Joined{}, err
	}
	c := claims{
		Room: k.room, Participant: old.Participant, Role: role, ExternalID: k.minted.ExternalID,
		Via: k.via, JoinToken: k.minted.ID, DoorEpoch: doorEpoch(v.Epochs, k.via), SessionEpoch: v.Epochs.Session,
		Device: deviceSum(device), JoinedAt: t,
	}
	if back && c.ExternalID == "" {
		c.ExternalID = old.ExternalID
	}
	if !back {
		c.Participant = d.ids.next()
	}
	if f.banned(ban{externalID: c.ExternalID, device: c.Device, address: caller.Address, role: role}) {
		return Joined{}, refuse(CodeBanned, "a moderator has removed you")
	}
	sameToken := back && old.JoinToken == k.minted.ID
	if k.via == viaJoinToken && k.minted.usedUp() && !sameToken {
		return Joined{}, errUnknownToken
	}
	if c.Name, err = joinName(v.Type, k.minted.Name, req.Name, old.Name, back); err != nil {
		return Joined{}, err
	}
	if err := mayEnter(&f.record, role, back, t); err != nil {
		return Joined{}, err
	}
	var use func(tx Writer) error
	if k.via == viaJoinToken && !sameToken {
		use = func(tx Writer) error { return useToken(ctx, tx, k.minted.ID) }
	}
	p, err := d.arrive(ctx, h, c, caller.Address, use)
	if err != nil {
		return Joined{}, err
	}
	h.mu.Lock()
	c.Run = p.claims.Run
	p.claims, p.players, p.address = c, [maxPlayers]player{}, caller.Address
	p.keep(steady(), seatGrace)
	h.mu.Unlock()
	joined, err := d.answer(h, &c, t)
	if made {
		joined.Device = device
	}
	return joined, err
}

func useToken(ctx context.Context, tx Writer, id string) error {
	used, err := tx.UseJoinToken(ctx, id)
	if err == nil && !used {
		return errUnknownToken
	}
	return err
}

func (d *Door) checkCode(a ask, k knock, code *secret.Text, caller Caller) (Role, error) {
	if !a.hasCodes() {
		return a.open, nil
	}
	if code != nil && !code.IsZero() {
		return d.attempts.code(caller, k.room, k.via, steady(), func() Role { return a.match(code.Reveal()) })
	}
	if err := d.attempts.blocked(caller, k.room, k.via, steady()); err != nil {
		return "", err
	}
	if a.open == "" {
		return "", refuse(CodeAccessCodeRequired, "this door asks for an access code")
	}
	return a.open, nil
}

// oldSession reads the session somebody comes back with. One that is not
// theirs to come back with counts as none, except that a banned one stays
// banned.
func (d *Door) oldSession(f *facts, k knock, session secret.Text, role Role, t time.Time) (old claims, back bool, err error) {
	if session.IsZero() {
		return claims{}, false, nil
	}
	old, _, unreadable := d.sessions.read(session, true, t)
	if unreadable != nil || old.Room != k.room {
		return claims{}, false, nil //nolint:nilerr // an unreadable session is none
	}
	if why := f.verdict(&old, t); why != nil {
		if why.Code == CodeBanned {
			return claims{}, false, why
		}
		return claims{}, false, nil
	}
	if old.Role != role || k.minted.ExternalID != "" && k.minted.ExternalID != old.ExternalID {
		return claims{}, false, nil
	}
	return old, true, nil
}

// mayEnter holds participants back before the start and from a locked room;
// who comes back is no newcomer.
func mayEnter(rec *Record, role Role, back bool, t time.Time) error {
	if role != Moderator && rec.StartsAt != nil && t.Before(*rec.StartsAt) {
		return notStarted(*rec.StartsAt)
	}
	if err := refused(rec.Run, t); err != nil {
		return err
	}
	if role != Moderator && rec.Run.Locked && !back {
		return refuse(CodeRoomLocked, "the room is locked")
	}
	return nil
}

// refused is not_ready shortly after a run was ended. More than the longest hold
// ahead, the clock was set back meanwhile, and nobody knows how long it has been:
// then it is over.
func refused(run Run, t time.Time) error {
	if run.On() || run.RefuseUntil == nil {
		return nil
	}
	left := run.RefuseUntil.Sub(t)
	if left <= 0 || left > endHold {
		return nil
	}
	e := refuse(CodeNotReady, "the room has just been ended")
	e.RetryAfter = left
	return e
}

// joinName settles a name: a minted one wins, then the given, then the old.
func joinName(t Type, minted, given, old string, back bool) (string, error) {
	var f faults
	switch {
	case minted != "":
		return minted, nil
	case strings.TrimSpace(given) != "":
		name, err := checkDisplayName(given)
		if err != nil {
			f.add("/name", "%s", err)
			return "", f.err()
		}
		return name, nil
	case back:
		return old, nil
	case t == Meet:
		f.add("/name", "is required")
		return "", f.err()
	}
	n, err := rand.Int(rand.Reader, big.NewInt(9000))
	if err != nil {
		return "", fmt.Errorf("make a guest's name: %w", err)
	}
	return fmt.Sprintf("Guest %d", 1000+n.Int64()), nil
}

func doorEpoch(e Epochs, door via) int64 {
	switch door {
	case viaModeratorToken:
		return e.Moderator
	case viaParticipantToken:
		return e.Participant
	}
	return 0
}

// deviceOf returns the door's cookie, or makes one.
func deviceOf(c Caller) (device string, made bool) {
	if b, err := base64.RawURLEncoding.DecodeString(c.Device); err == nil && len(b) == deviceBytes {
		return c.Device, false
	}
	return randomText(deviceBytes), true
}

const deviceBytes = 18

// deviceSum stands for a device in sessions and bans: it says nothing of the
// cookie, which scripts cannot read.
func deviceSum(device string) string {
	sum := sha256.Sum256([]byte("roomcast device " + device))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// arrive seats somebody and begins the run of a meet or video room; use, unless
// nil, is stored by the same commit. op is held.
func (d *Door) arrive(ctx context.Context, h *hall, c claims, address netip.Addr, use func(tx Writer) error) (*seat, error) {
	at := steady()
	h.mu.Lock()
	had := h.seats.find(c.Participant, at) != nil
	p, full := d.takeSeat(h, c, address, at)
	run := h.facts.record.Run
	h.mu.Unlock()
	if full != nil && full.Code == CodeLimitExceeded {
		d.sweepAll(at)
		h.mu.Lock()
		p, full = d.takeSeat(h, c, address, at)
		h.mu.Unlock()
	}
	if full != nil {
		return nil, full
	}
	begin := !run.On() && !h.facts.record.Type.Broadcasts()
	if err := d.storeArrival(ctx, h, begin, use); err != nil {
		h.mu.Lock()
		if !had {
			d.freeSeat(h, p, at)
		}
		h.mu.Unlock()
		return nil, err
	}
	if h.facts.record.Type == Meet {
		h.mu.Lock()
		p.claims.Run = h.facts.record.Run.ID
		h.mu.Unlock()
	}
	return p, nil
}

func (d *Door) storeArrival(ctx context.Context, h *hall, begin bool, use func(tx Writer) error) error {
	if begin {
		if err := refused(h.facts.record.Run, now()); err != nil {
			return err
		}
		return d.beginRun(ctx, h, use)
	}
	if use == nil {
		return nil
	}
	return d.update(ctx, h, use)
}
