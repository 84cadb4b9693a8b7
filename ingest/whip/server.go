package whip

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"

	"roomcast/ingest"
	"roomcast/rooms"
	"roomcast/rtcport"
	"roomcast/secret"
)

// Codes of refusals that only this door makes; the others are package rooms'.
const (
	// CodeMalformed is a body that is no SDP.
	CodeMalformed = "malformed_sdp"
	// CodePreconditionRequired is a PATCH without If-Match.
	CodePreconditionRequired = "precondition_required"
)

// Gate admits publishers; ingest.Gate is the one.
type Gate interface {
	// Identify tells whose stream key it is, or answers a *rooms.Error.
	Identify(ctx context.Context, r ingest.Request) (rooms.Publisher, error)
	// Enter lets in whom Identify found.
	Enter(ctx context.Context, who rooms.Publisher, r ingest.Request) (ingest.Sink, string, error)
	// AdmitModerator lets a moderator publish to the room of the session.
	AdmitModerator(ctx context.Context, grant rooms.Grant, r ingest.Request) (ingest.Sink, error)
}

// Options are what a Server needs, and its bounds; a zero bound takes the default.
type Options struct {
	Port *rtcport.Port
	Gate Gate
	Log  *slog.Logger

	// MaxResources and MaxPerAddress bound resources, in all [1000] and per client
	// address (IPv6: /64) [50]; MaxPerRoom bounds those of one room [4].
	MaxResources, MaxPerAddress, MaxPerRoom int
}

func (o Options) withDefaults() Options {
	if o.MaxResources <= 0 {
		o.MaxResources = 1000
	}
	if o.MaxPerAddress <= 0 {
		o.MaxPerAddress = 50
	}
	if o.MaxPerRoom <= 0 {
		o.MaxPerRoom = 4
	}
	return o
}

// Credential is what a publisher came with: a stream key, or a moderator's
// session, which web has verified.
type Credential struct {
	Key       secret.Text
	Moderator *rooms.Grant
}

// owns reports whether c is the credential that another request came with. A
// session may have been renewed meanwhile: its participant counts.
func (c Credential) owns(other Credential) bool {
	if c.Moderator != nil || other.Moderator != nil {
		return c.Moderator != nil && other.Moderator != nil && c.Moderator.RoomID == other.Moderator.RoomID &&
			c.Moderator.ParticipantID == other.Moderator.ParticipantID
	}
	return c.Key.Equal(other.Key.Reveal())
}

// Offer is a POST.
type Offer struct {
	RoomID     string
	Credential Credential
	Caller     rooms.Caller
	SDP        []byte
}

// Answer is what is answered to an offer, or to an ICE restart.
type Answer struct {
	// Resource names the resource under the room's endpoint; it cannot be guessed.
	Resource string
	// ETag names its present ICE session, quotes included.
	ETag string
	// Body is an SDP answer, or the SDP fragment of an ICE restart; nil for nothing.
	Body []byte
}

// Change is a PATCH of a resource, or its DELETE.
type Change struct {
	RoomID, Resource string
	Credential       Credential
	// IfMatch is the header's value, "" for none.
	IfMatch string
	// Fragment is an SDP fragment (RFC 8840).
	Fragment []byte
}

// Server keeps the resources. Its methods are safe for concurrent use.
type Server struct {
	o Options

	mu        sync.Mutex
	closed    bool
	resources map[string]*resource
	opening   int // being made
	per       map[netip.Prefix]int
	perRoom   map[string]int
	group     sync.WaitGroup // added to under mu while not closed
	// ended are the newest resources that the house refused in the end, so that
	// their clients learn why and do not simply come again.
	ended []ending
}

// ending is why a resource is no more.
type ending struct {
	id, room   string
	credential Credential
	why        *rooms.Error
}

// maxEnded is how many endings are remembered.
const maxEnded = 256

// NewServer makes a server without resources.
func NewServer(o Options) *Server {
	return &Server{
		o: o.withDefaults(), resources: map[string]*resource{},
		per: map[netip.Prefix]int{}, perRoom: map[string]int{},
	}
}

var errShutdown = &rooms.Error{Code: rooms.CodeShuttingDown, Detail: "the server is shutting down"}

// Publish answers an offer with a new resource. A refusal is a *rooms.Error.
func (s *Server) Publish(ctx context.Context, o Offer) (Answer, error) {
	r := &resource{server: s, room: o.RoomID, credential: o.Credential, line: rooms.Line(o.Caller.Address), done: make(chan struct{})}
	if err := s.reserve(r); err != nil {
		return Answer{}, err
	}
	answer, err := r.open(ctx, o)
	if err != nil {
		s.release(r, nil)
		return Answer{}, err
	}
	return answer, nil
}

// Patch takes candidates, for which it answers nothing, or restarts ICE, for
// which it answers our side of it. A refusal is a *rooms.Error.
func (s *Server) Patch(ctx context.Context, c Change) (Answer, error) {
	r, err := s.find(c)
	if err != nil {
		return Answer{}, err
	}
	return r.patch(ctx, c)
}

// Delete ends a resource, and returns when its publisher is off the air.
func (s *Server) Delete(ctx context.Context, c Change) error {
	r, err := s.find(c)
	if err != nil {
		return err
	}
	r.conn.end(errLeft)
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	return nil
}

// RoomEvent ends what a moderator publishes whose session has ended.
func (s *Server) RoomEvent(e rooms.Event) {
	if e.Kind != rooms.SessionEnded {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.resources {
		if m := r.credential.Moderator; m != nil && r.room == e.RoomID && m.ParticipantID == e.ParticipantID {
			r.conn.end(&rooms.Error{Code: rooms.CodeSessionInvalid, Detail: "the session has ended"})
		}
	}
}

// Close ends every resource; it returns when nothing of them runs any more.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for _, r := range s.resources {
		r.conn.end(errShutdown)
	}
	s.mu.Unlock()
	s.group.Wait()
}

// find looks a resource up; only who made it learns why it is no more.
func (s *Server) find(c Change) (*resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.resources[c.Resource]
	switch {
	case r == nil || r.room != c.RoomID:
		for _, e := range s.ended {
			if e.id == c.Resource && e.room == c.RoomID && e.credential.owns(c.Credential) {
				return nil, e.why
			}
		}
		return nil, &rooms.Error{Code: rooms.CodeNotFound, Detail: "there is no such WHIP resource, or not any more"}
	case !r.credential.owns(c.Credential):
		return nil, &rooms.Error{Code: rooms.CodeForbidden, Detail: "only the credential that made the resource may change it"}
	}
	return r, nil
}

// reserve counts a resource that is to be made.
func (s *Server) reserve(r *resource) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errShutdown
	case len(s.resources)+s.opening >= s.o.MaxResources:
		return &rooms.Error{Code: rooms.CodeOverloaded, Detail: "too many publishers are connected by WHIP"}
	case s.per[r.line] >= s.o.MaxPerAddress:
		return &rooms.Error{Code: rooms.CodeRateLimited, Detail: "too many WHIP publishers from this address"}
	}
	s.opening++
	s.per[r.line]++
	s.group.Add(1)
	return nil
}

// seat counts a resource as one of its room's, once its credential is known to
// be right: nobody else takes the room's places.
func (s *Server) seat(r *resource) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perRoom[r.room] >= s.o.MaxPerRoom {
		return &rooms.Error{Code: rooms.CodePublisherConflict, Detail: "too many WHIP publishers of this room"}
	}
	r.seated = true
	s.perRoom[r.room]++
	return nil
}

// keep gives a resource its name, once its connection is there.
func (s *Server) keep(r *resource) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errShutdown
	}
	s.opening--
	r.id, r.kept = random(), true
	s.resources[r.id] = r
	return nil
}

// release takes back what reserve, seat and keep counted; reason is why the resource ended, if it had begun.
func (s *Server) release(r *resource, reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.kept {
		delete(s.resources, r.id)
		var why *rooms.Error
		if errors.As(reason, &why) {
			if len(s.ended) >= maxEnded {
				s.ended = slices.Delete(s.ended, 0, 1)
			}
			s.ended = append(s.ended, ending{id: r.id, room: r.room, credential: r.credential, why: why})
		}
	} else {
		s.opening--
	}
	if s.per[r.line]--; s.per[r.line] == 0 {
		delete(s.per, r.line)
	}
	if r.seated {
		if s.perRoom[r.room]--; s.perRoom[r.room] == 0 {
			delete(s.perRoom, r.room)
		}
	}
	s.group.Done()
}

// random is 128 bits that nobody guesses, fit for a URL.
func random() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never returns an error
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// reason says in a word why a connection ended.
func reason(err error) string {
	if code := rooms.CodeOf(err); code != "" {
		return code
	}
	for _, known := range []error{errLeft, errDisconnected, errNoMedia} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "sent away"
}
