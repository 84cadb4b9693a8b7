package rooms

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The codes of every refusal, as docs/api.md lists them. Their HTTP status is
// the business of web/api.
const (
	CodeMalformedJSON      = "malformed_json"
	CodeUnauthorized       = "unauthorized"
	CodeAccessCodeRequired = "access_code_required"
	CodeAccessCodeInvalid  = "access_code_invalid"
	CodeSessionInvalid     = "session_invalid"
	CodeSessionExpired     = "session_expired"
	CodeForbidden          = "forbidden"
	CodeBanned             = "banned"
	CodeRoomLocked         = "room_locked"
	CodeRoomSuspended      = "room_suspended"
	CodeOriginNotAllowed   = "origin_not_allowed"
	CodeLimitExceeded      = "limit_exceeded"
	CodeQuotaExceeded      = "quota_exceeded"
	CodeNotFound           = "not_found"
	CodeTokenUnknown       = "token_unknown"
	CodeRoomFull           = "room_full"
	CodeNotStarted         = "not_started"
	CodeWrongRoomType      = "wrong_room_type"
	CodePublisherConflict  = "publisher_conflict"
	CodeInUse              = "in_use"
	CodeNotReady           = "not_ready"
	CodeOffsetMismatch     = "offset_mismatch"
	CodePreconditionFailed = "precondition_failed"
	CodeBodyTooLarge       = "body_too_large"
	CodeUnsupportedMedia   = "unsupported_media_type"
	CodeValidationFailed   = "validation_failed"
	CodeUnknownField       = "unknown_field"
	CodeReadOnly           = "read_only"
	CodeRoomTypeImmutable  = "room_type_immutable"
	CodeCodesEqual         = "codes_equal"
	CodeNestedMetadata     = "nested_metadata"
	CodeAddressNotAllowed  = "address_not_allowed"
	CodeCodecNotSupported  = "codec_not_supported"
	CodeIdempotencyReused  = "idempotency_key_reused"
	CodeTooManyAttempts    = "too_many_attempts"
	CodeRateLimited        = "rate_limited"
	CodeShuttingDown       = "shutting_down"
	CodeOverloaded         = "overloaded"
)

// Error is every refusal: a stable code for programs, a detail for people that
// never holds a secret, and what the code promises beside them.
type Error struct {
	Code       string        // one of the Code constants
	Detail     string        // one sentence for people; never a secret
	Faults     []Fault       // what is wrong in a body, field by field
	Limit      *LimitHit     // with limit_exceeded, quota_exceeded and room_full
	StartsAt   *time.Time    // with not_started
	RetryAfter time.Duration // with 429 and 503; zero: not known
}

// Fault is one thing wrong in a body.
type Fault struct {
	Pointer string `json:"pointer"` // RFC 6901 JSON pointer into the body; "" is the body itself
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// LimitHit says which limit refused, its value, and whose it is.
type LimitHit struct {
	Limit  string `json:"limit"`
	Value  int64  `json:"value"`
	Source string `json:"source"` // room, subscription or server
}

// Error implements error.
func (e *Error) Error() string {
	if len(e.Faults) == 0 {
		return e.Code + ": " + e.Detail
	}
	var b strings.Builder
	b.WriteString(e.Code)
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "; %s: %s", f.Pointer, f.Detail)
	}
	return b.String()
}

// CodeOf returns the code of the *Error in err's chain, or "" when there is none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// refuse makes an Error with a code and a detail.
func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}
