package ingest

import (
	"context"
	"errors"
	"log/slog"

	"roomcast/rooms"
	"roomcast/secret"
)

// Door knows who may publish; rooms.Door is the one.
type Door interface {
	// Publisher looks up a stream key, or answers a *rooms.Error.
	Publisher(ctx context.Context, key secret.Text, c rooms.Caller) (rooms.Publisher, error)
	// PublisherOf is for one whose right to publish to a room was proved
	// otherwise: a moderator's session, a source that the room itself names.
	PublisherOf(ctx context.Context, roomID string) (rooms.Publisher, error)
}

// GateOptions are what a Gate needs.
type GateOptions struct {
	Door Door
	Hub  Hub
	Log  *slog.Logger
}

// Gate is the one way in for publishers, whatever protocol they come by: from
// a key to a room, and to the hub. Who tries many wrong keys is refused with
// too_many_attempts; a right key always passes, also from the same address:
// an encoder left with an old key must not keep its neighbours off the air.
type Gate struct {
	o     GateOptions
	wrong guesses
}

// NewGate makes a gate. All doors of a server share one.
func NewGate(o GateOptions) *Gate { return &Gate{o: o} }

// Request is a broadcaster who knocks.
type Request struct {
	// Key is the stream key; not used by AdmitRoom and AdmitModerator.
	Key secret.Text
	// Protocol is shown in the broadcast's state: "rtmp", "rtmps", "rtsp", "rtsps",
	// "srt", "whip", "pull".
	Protocol string
	// Yields as in Publication.
	Yields bool
	Caller rooms.Caller
	// Close as in Publication.
	Close func(reason error)
}

// Admit lets a publisher in by its stream key, before any of its media is read.
// A refusal is a *rooms.Error, and has been logged.
func (g *Gate) Admit(ctx context.Context, r Request) (Sink, string, error) {
	who, err := g.Identify(ctx, r)
	if err != nil {
		return nil, "", err
	}
	return g.Enter(ctx, who, r)
}

// Identify is the first half of Admit: whose key it is. A door that has more
// to ask, such as a passphrase, does so before Enter, and counts a wrong answer
// with Mistake.
func (g *Gate) Identify(ctx context.Context, r Request) (rooms.Publisher, error) {
	who, err := g.o.Door.Publisher(ctx, r.Key, r.Caller)
	if rooms.CodeOf(err) == rooms.CodeNotFound {
		return rooms.Publisher{}, g.Mistake(r, err)
	}
	if err != nil {
		g.Refused(r, "", err)
	}
	return who, err
}

// Enter is the second half of Admit.
func (g *Gate) Enter(ctx context.Context, who rooms.Publisher, r Request) (Sink, string, error) {
	sink, err := g.o.Hub.Publish(ctx, Publication{Room: who, Protocol: r.Protocol, Yields: r.Yields, Close: r.Close})
	if err != nil {
		g.Refused(r, who.RoomID, err)
		return nil, "", err
	}
	return sink, who.RoomID, nil
}

// AdmitRoom lets in a publisher whose right to publish to the room was proved
// otherwise.
func (g *Gate) AdmitRoom(ctx context.Context, roomID string, r Request) (Sink, error) {
	who, err := g.o.Door.PublisherOf(ctx, roomID)
	if err != nil {
		g.Refused(r, roomID, err)
		return nil, err
	}
	sink, _, err := g.Enter(ctx, who, r)
	return sink, err
}

// AdmitModerator lets a moderator publish to the room of the session.
func (g *Gate) AdmitModerator(ctx context.Context, grant rooms.Grant, r Request) (Sink, error) {
	if grant.Role != rooms.Moderator {
		err := &rooms.Error{Code: rooms.CodeForbidden, Detail: "only a moderator may publish"}
		g.Refused(r, grant.RoomID, err)
		return nil, err
	}
	return g.AdmitRoom(ctx, grant.RoomID, r)
}

// Mistake counts a wrong key or passphrase and answers what to refuse with: the
// refusal itself, or too_many_attempts once there were many from one address.
func (g *Gate) Mistake(r Request, refusal error) error {
	retry, count := g.wrong.add(r.Caller.Address)
	if retry == 0 {
		g.Refused(r, "", refusal)
		return refusal
	}
	err := &rooms.Error{Code: rooms.CodeTooManyAttempts, Detail: "too many wrong stream keys: wait", RetryAfter: retry}
	if count == maxGuesses+1 { // a line for each would be a way to fill the disk
		g.Refused(r, "", err)
	}
	return err
}

// Refused logs a refusal, without anything secret; a door that refuses for a
// reason of its own says so here too. roomID is "" if it is not known.
func (g *Gate) Refused(r Request, roomID string, err error) {
	log := g.o.Log.With("protocol", r.Protocol, "remote", r.Caller.Address)
	if roomID != "" {
		log = log.With("room", roomID)
	}
	var e *rooms.Error
	if errors.As(err, &e) {
		log.Info("publisher refused", "code", e.Code, "detail", e.Detail)
		return
	}
	if !errors.Is(err, context.Canceled) {
		log.Error("admit publisher", "error", err)
	}
}
