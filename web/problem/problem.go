package problem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"roomcast/rooms"
)

// ContentType is the media type of every refusal (RFC 9457 section 3).
const ContentType = "application/problem+json"

// Codes of refusals that only the HTTP doors make; the others are package rooms'.
const (
	// CodeInternal is a fault of ours; status 500.
	CodeInternal = "internal"
	// CodeMethodNotAllowed is a known path asked with another method; status 405 with Allow.
	CodeMethodNotAllowed = "method_not_allowed"
	// CodeMalformedSDP is a body of WHIP that is no SDP, or no SDP fragment; status 400.
	CodeMalformedSDP = "malformed_sdp"
	// CodePreconditionRequired is a change that must name what it is to change, in If-Match; status 428.
	CodePreconditionRequired = "precondition_required"
)

// Fault is one fault in a request body or query: a JSON pointer (RFC 6901), a code and words.
type Fault struct {
	Pointer string `json:"pointer" doc:"JSON pointer (RFC 6901) to the fault; for query parameters ?name" example:"/room_name"`
	Code    string `json:"code" example:"unknown_field"`
	Detail  string `json:"detail"`
}

// Problem is the body of every refusal.
type Problem struct {
	Type     string     `json:"type" format:"uri-reference" doc:"Where this kind of problem is explained" example:"/api/docs#error-validation_failed"`
	Title    string     `json:"title" doc:"The kind of problem in words, the same for each occurrence"`
	Status   int        `json:"status" doc:"The HTTP status again"`
	Detail   string     `json:"detail" doc:"What happened this time and what would be right"`
	Code     string     `json:"code" doc:"What programs decide by" example:"validation_failed"`
	Errors   []Fault    `json:"errors,omitempty" nullable:"false" doc:"For bodies: each fault"`
	Limit    string     `json:"limit,omitempty" doc:"For limit_exceeded, quota_exceeded and room_full: which limit"`
	Value    *int64     `json:"value,omitempty" doc:"For limit_exceeded, quota_exceeded and room_full: its value"`
	Source   string     `json:"source,omitempty" enum:"room,subscription,server" doc:"For limit_exceeded, quota_exceeded and room_full: whose limit it is"`
	StartsAt *time.Time `json:"starts_at,omitempty" doc:"For not_started: when the room opens"`
}

// kind is what a code stands for.
type kind struct {
	status int
	title  string
}

var kinds = map[string]kind{
	"malformed_json":         {http.StatusBadRequest, "The body is not well-formed JSON"},
	CodeMalformedSDP:         {http.StatusBadRequest, "The body is not well-formed SDP"},
	"unauthorized":           {http.StatusUnauthorized, "A valid API key is needed"},
	"access_code_required":   {http.StatusUnauthorized, "This door asks for a code"},
	"access_code_invalid":    {http.StatusUnauthorized, "The code is not right"},
	"session_invalid":        {http.StatusUnauthorized, "The session is not valid"},
	"session_expired":        {http.StatusUnauthorized, "The session has expired"},
	"forbidden":              {http.StatusForbidden, "Not allowed with this credential"},
	"banned":                 {http.StatusForbidden, "Removed from this room"},
	"room_locked":            {http.StatusForbidden, "The room is locked"},
	"room_suspended":         {http.StatusForbidden, "The room is suspended"},
	"origin_not_allowed":     {http.StatusForbidden, "Not allowed from this origin"},
	"limit_exceeded":         {http.StatusForbidden, "A limit is reached"},
	"quota_exceeded":         {http.StatusForbidden, "A quota is used up"},
	"not_found":              {http.StatusNotFound, "Not found"},
	"token_unknown":          {http.StatusNotFound, "This link is not valid"},
	CodeMethodNotAllowed:     {http.StatusMethodNotAllowed, "This path does not take this method"},
	"room_full":              {http.StatusConflict, "The room is full"},
	"not_started":            {http.StatusConflict, "The room has not opened yet"},
	"wrong_room_type":        {http.StatusConflict, "Not for this type of room"},
	"publisher_conflict":     {http.StatusConflict, "Another publisher is on air"},
	"in_use":                 {http.StatusConflict, "Still in use"},
	"not_ready":              {http.StatusConflict, "Not ready yet"},
	"offset_mismatch":        {http.StatusConflict, "The offset does not match"},
	"precondition_failed":    {http.StatusPreconditionFailed, "Changed since it was read"},
	CodePreconditionRequired: {http.StatusPreconditionRequired, "If-Match is needed"},
	"body_too_large":         {http.StatusRequestEntityTooLarge, "The body is too large"},
	"unsupported_media_type": {http.StatusUnsupportedMediaType, "This media type is not read here"},
	"validation_failed":      {http.StatusUnprocessableEntity, "The request is not valid"},
	"unknown_field":          {http.StatusUnprocessableEntity, "A field is not known"},
	"read_only":              {http.StatusUnprocessableEntity, "A field is read-only"},
	"room_type_immutable":    {http.StatusUnprocessableEntity, "A room keeps its type for life"},
	"codes_equal":            {http.StatusUnprocessableEntity, "Moderators' and participants' codes must differ"},
	"nested_metadata":        {http.StatusUnprocessableEntity, "Metadata values cannot be nested"},
	"address_not_allowed":    {http.StatusUnprocessableEntity, "This address is not allowed"},
	"codec_not_supported":    {http.StatusUnprocessableEntity, "This codec is not supported"},
	"idempotency_key_reused": {http.StatusUnprocessableEntity, "The Idempotency-Key was used for another request"},
	"too_many_attempts":      {http.StatusTooManyRequests, "Too many wrong attempts"},
	"rate_limited":           {http.StatusTooManyRequests, "Too many requests"},
	"shutting_down":          {http.StatusServiceUnavailable, "The server is shutting down"},
	"overloaded":             {http.StatusServiceUnavailable, "The server is overloaded"},
	CodeInternal:             {http.StatusInternalServerError, "Something went wrong on our side"},
}

// Kinds gives every code with its status and title, for the documentation.
func Kinds() map[string]Problem {
	all := make(map[string]Problem, len(kinds))
	for code, k := range kinds {
		all[code] = Problem{Code: code, Status: k.status, Title: k.title, Type: typeOf(code)}
	}
	return all
}

func typeOf(code string) string { return "/api/docs#error-" + code }

// Of turns an error into the problem it is answered as, and how long the caller should wait (zero: not said).
func Of(err error) (Problem, time.Duration) {
	var refusal *rooms.Error
	if !errors.As(err, &refusal) {
		k := kinds[CodeInternal]
		return Problem{
			Type: typeOf(CodeInternal), Title: k.title, Status: k.status, Code: CodeInternal,
			Detail: "the log has the reason under this answer's X-Request-Id",
		}, 0
	}
	k, known := kinds[refusal.Code]
	if !known {
		k = kind{http.StatusUnprocessableEntity, "The request is not valid"}
	}
	p := Problem{
		Type: typeOf(refusal.Code), Title: k.title, Status: k.status, Code: refusal.Code,
		Detail: refusal.Detail, StartsAt: refusal.StartsAt,
	}
	if p.Detail == "" {
		p.Detail = k.title
	}
	for _, f := range refusal.Faults {
		p.Errors = append(p.Errors, Fault{Pointer: f.Pointer, Code: f.Code, Detail: f.Detail})
	}
	if hit := refusal.Limit; hit != nil {
		value := hit.Value
		p.Limit, p.Value, p.Source = hit.Limit, &value, hit.Source
	}
	wait := refusal.RetryAfter
	if wait <= 0 && (k.status == http.StatusTooManyRequests || k.status == http.StatusServiceUnavailable) {
		wait = time.Second
	}
	return p, wait
}

// Write answers with the problem that err is. It returns err when it is ours to look into (status 500), nil when it
// is a refusal, or when the caller has gone.
func Write(w http.ResponseWriter, r *http.Request, err error) error {
	return WriteStatus(w, r, err, 0)
}

// WriteStatus is Write with another status than the code's own, for not_ready, which is 503 where media are asked
// for. Zero means the code's own.
func WriteStatus(w http.ResponseWriter, r *http.Request, err error, status int) error {
	p, wait := Of(err)
	if status != 0 && p.Code != CodeInternal {
		p.Status = status
	}
	if p.Code == CodeInternal && callerGone(r, err) {
		// Nobody reads this answer; it only gives the access log a status.
		w.WriteHeader(statusClientGone)
		return nil
	}
	body, _ := json.Marshal(p) // Strings, numbers and a time: cannot be refused.
	h := w.Header()
	for _, name := range []string{"ETag", "Location", "Last-Modified", "Content-Encoding", "Content-Length"} {
		h.Del(name)
	}
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
	if p.Status == http.StatusUnauthorized && p.Code == "unauthorized" {
		h.Set("WWW-Authenticate", `Bearer realm="roomcast"`)
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = bytes.NewReader(append(body, '\n')).WriteTo(w) // The caller may have gone; nothing is left to do.
	}
	if p.Code == CodeInternal {
		return err
	}
	return nil
}

// callerGone reports whether an error is only that the caller did not wait.
func callerGone(r *http.Request, err error) bool {
	return errors.Is(err, context.Canceled) && r.Context().Err() != nil
}

// statusClientGone is nginx's number for a caller that closed before the answer.
const statusClientGone = 499
