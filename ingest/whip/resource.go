package whip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"roomcast/ingest"
	"roomcast/rooms"
)

// protocol is how the broadcast's state names what comes in here.
const protocol = "whip"

// resource is one WHIP session (RFC 9725).
type resource struct {
	server     *Server
	room       string
	credential Credential
	line       netip.Prefix
	done       chan struct{} // closed when nothing of it runs any more

	// Set before the resource is kept.
	id   string
	kept bool // under the server's lock
	// seated says that it counts as one of its room's; under the server's lock.
	seated bool
	conn   *connection

	mu         sync.Mutex // one change at a time
	etag       string
	ufrag      string // the client's, of the present ICE session
	candidates int
}

// open makes the connection, lets the publisher in, and begins to carry media.
func (r *resource) open(ctx context.Context, o Offer) (Answer, error) {
	s := r.server
	knock := ingest.Request{Key: o.Credential.Key, Protocol: protocol, Caller: o.Caller}
	who, err := r.identify(ctx, knock)
	if err != nil {
		return Answer{}, err
	}
	if err := s.seat(r); err != nil {
		return Answer{}, err
	}
	offer, err := readOffer(o.SDP)
	if err != nil {
		return Answer{}, err
	}
	text, err := offer.text()
	if err != nil {
		return Answer{}, err
	}
	log := s.o.Log.With("room", r.room, "protocol", protocol, "remote", o.Caller.Address)
	c, err := newConnection(s.o.Port.Settings(), offer, log)
	if err != nil {
		return Answer{}, err
	}
	r.conn, r.ufrag, r.etag = c, offer.ufrag, newETag()
	answer, err := c.negotiate(ctx, text)
	if err != nil {
		c.close()
		return Answer{}, err
	}
	knock.Close = func(reason error) { c.end(reason) }
	sink, err := r.enter(ctx, who, knock)
	if err != nil {
		c.close()
		return Answer{}, err
	}
	if err := s.keep(r); err != nil {
		sink.Close()
		c.close()
		return Answer{}, err
	}
	log.Info("publisher admitted", "video", offer.video.name(), "audio", offer.audio.name())
	go r.run(sink)
	return Answer{Resource: r.id, ETag: r.etag, Body: []byte(answer)}, nil
}

// identify checks the credential before anything else is done.
func (r *resource) identify(ctx context.Context, knock ingest.Request) (rooms.Publisher, error) {
	if m := r.credential.Moderator; m != nil {
		switch {
		case m.RoomID != r.room:
			return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeForbidden, Detail: "the session is another room's"}
		case m.Role != rooms.Moderator:
			return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeForbidden, Detail: "only a moderator may publish"}
		case !m.RoomType.Broadcasts():
			return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeWrongRoomType, Detail: "only live and simulcast rooms take a publisher"}
		}
		return rooms.Publisher{}, nil
	}
	who, err := r.server.o.Gate.Identify(ctx, knock)
	switch {
	case rooms.CodeOf(err) == rooms.CodeNotFound:
		return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeUnauthorized, Detail: "the stream key is not valid"}
	case err != nil:
		return rooms.Publisher{}, err
	case who.RoomID != r.room:
		return rooms.Publisher{}, &rooms.Error{Code: rooms.CodeForbidden, Detail: "the stream key is another room's"}
	}
	return who, nil
}

func (r *resource) enter(ctx context.Context, who rooms.Publisher, knock ingest.Request) (ingest.Sink, error) {
	if m := r.credential.Moderator; m != nil {
		return r.server.o.Gate.AdmitModerator(ctx, *m, knock)
	}
	sink, _, err := r.server.o.Gate.Enter(ctx, who, knock)
	return sink, err
}

// run carries media until the connection ends, and clears away.
func (r *resource) run(sink ingest.Sink) {
	began := time.Now()
	err := r.carry(sink)
	sink.Close()
	r.conn.close()
	args := []any{"reason", reason(err), "after", time.Since(began).Round(time.Millisecond), "overrun_packets", r.conn.overrun.Load()}
	if refused(err) {
		args = append(args, "detail", err.Error())
	}
	r.conn.log.Info("publisher left", args...)
	r.server.release(r, err)
	close(r.done)
}

// carry runs the connection. A panic in a parser ends the publisher that caused
// it, not the server.
func (r *resource) carry(sink ingest.Sink) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.conn.log.Error("publisher's packet panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	return r.conn.run(sink)
}

var errPanicked = errors.New("a packet could not be parsed")

// patch applies a fragment. Candidates are counted and not used: an ICE-lite
// agent answers checks wherever they come from.
func (r *resource) patch(ctx context.Context, change Change) (Answer, error) {
	f, err := parseFragment(change.Fragment)
	if err != nil {
		return Answer{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.precondition(change.IfMatch); err != nil {
		return Answer{}, err
	}
	if f.ufrag != "" && f.ufrag != r.ufrag {
		return r.restart(ctx, f)
	}
	if r.candidates += f.candidates; r.candidates > maxCandidates {
		return Answer{}, unprocessable(rooms.CodeValidationFailed, "more than %d candidates in one ICE session", maxCandidates)
	}
	return Answer{Resource: r.id, ETag: r.etag}, nil
}

// precondition reads If-Match: a list of entity tags, or "*" (RFC 9110, section 13.1.1).
func (r *resource) precondition(header string) error {
	if header == "" {
		return &rooms.Error{Code: CodePreconditionRequired, Detail: `send If-Match with the resource's ETag, or "*" to restart ICE`}
	}
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == r.etag {
			return nil
		}
	}
	return &rooms.Error{Code: rooms.CodePreconditionFailed, Detail: "the ICE session is another one by now"}
}

// restart begins another ICE session; DTLS and media go on.
func (r *resource) restart(ctx context.Context, f fragment) (Answer, error) {
	if f.password == "" {
		return Answer{}, unprocessable(CodeMalformed, "a=ice-ufrag comes without a=ice-pwd")
	}
	text, err := r.conn.offer.restarted(f.ufrag, f.password)
	if err != nil {
		return Answer{}, err
	}
	answer, err := r.conn.negotiate(ctx, text)
	if err != nil {
		return Answer{}, err
	}
	r.ufrag, r.etag, r.candidates = f.ufrag, newETag(), f.candidates
	r.conn.log.Debug("ICE restarted")
	return Answer{Resource: r.id, ETag: r.etag, Body: writeFragment(answer)}, nil
}

func newETag() string { return `"` + random() + `"` }

// name is the section's codec for the log.
func (s *section) name() string {
	if s == nil {
		return "none"
	}
	return string(s.codec)
}
