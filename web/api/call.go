package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"roomcast/rooms"
	"roomcast/web/problem"
	"roomcast/web/request"
)

// access says whose credentials a call takes.
type access int

const (
	// open calls take no credential.
	open access = iota
	// byKey calls take an API key or the admin cookie.
	byKey
	// byModerator calls take, besides, a moderator's session of the room in the path.
	byModerator
	// byParticipant calls take, besides, any session of the room in the path.
	byParticipant
	// bySession calls take a session only: they are about the session itself.
	bySession
	// byCookie calls take the admin cookie only.
	byCookie
)

// answerDeadline bounds reading a request's body and writing its answer.
const answerDeadline = 30 * time.Second

// parameter is one query parameter.
type parameter struct {
	name, description string
	// schema documents it; the handler reads it by the query helpers.
	schema huma.Schema
}

// call is one operation of the API: documentation and handler in one place.
type call struct {
	id, method, path string
	tag              string
	summary          string
	description      string
	access           access
	scope            string      // Scope an API key needs; "" for none.
	query            []parameter // Everything else in the query is refused.
	body             any         // A value of the documented type; nil when the call takes no body.
	bodyOptional     bool
	patch            bool // A JSON merge patch.
	status           int
	answer           any  // A value of the documented type; nil for none.
	creates          bool // Honours Idempotency-Key, answers Location.
	etag             bool // Answers an ETag.
	preconditions    bool // Honours If-Match (changes) or If-None-Match (reads).
	codes            []string
	sameOrigin       bool // Never answers CORS.
	handle           func(*visit) (reply, error)
}

// visit is one request on its way through a call.
type visit struct {
	api    *Service
	call   *call
	r      *http.Request
	w      http.ResponseWriter
	info   *request.Info
	caller caller
	body   json.RawMessage // A JSON object, or nil when there was none.
}

func (v *visit) context() context.Context { return v.r.Context() }

// path gives an element of the path by its name.
func (v *visit) path(name string) string { return v.r.PathValue(name) }

// from is the caller as the door knows callers.
func (v *visit) from() rooms.Caller {
	c := rooms.Caller{Address: v.info.Address}
	if cookie, err := v.r.Cookie(deviceCookie); err == nil && len(cookie.Value) <= maxDeviceLength {
		c.Device = cookie.Value
	}
	return c
}

// mount registers a call with the router and the OpenAPI document.
func (s *Service) mount(api huma.API, c *call) {
	op := s.operation(api.OpenAPI(), c)
	api.OpenAPI().AddOperation(op)
	api.Adapter().Handle(op, func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		s.serve(w, r, c)
	})
}

// serve runs one request through one call.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, c *call) {
	control := http.NewResponseController(w)
	// Tests' recorders have no deadlines, and need none.
	_ = control.SetReadDeadline(time.Now().Add(answerDeadline))
	_ = control.SetWriteDeadline(time.Now().Add(answerDeadline))
	v := &visit{api: s, call: c, r: r, w: w, info: request.From(r.Context())}
	w.Header().Set("Cache-Control", "no-store")
	answer, err := v.run()
	v.crossOrigin()
	if err == nil {
		err = answer.write(v)
		if err == nil {
			return
		}
	}
	var other *statusError
	status := 0
	if errors.As(err, &other) {
		status = other.status
	}
	if ours := problem.WriteStatus(w, r, err, status); ours != nil {
		s.log.Error("a call failed", "operation", c.id, "request_id", v.info.ID, "error", ours.Error())
	}
}

func (v *visit) run() (reply, error) {
	if err := v.checkQuery(); err != nil {
		return reply{}, err
	}
	// Credentials come before the body: a stranger's megabyte is not read.
	if err := v.authenticate(); err != nil {
		return reply{}, err
	}
	if err := v.readBody(); err != nil {
		return reply{}, err
	}
	return v.call.handle(v)
}

// crossOrigin lets pages of other origins read answers that no cookie had a part in.
func (v *visit) crossOrigin() {
	if v.call.sameOrigin || v.caller.cookie {
		return
	}
	h := v.w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After, X-Request-Id")
}
