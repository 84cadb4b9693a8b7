package signaling

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"roomcast/rooms"
	"roomcast/sfu"
	"roomcast/signaling/protocol"
)

// refusal is why a message, or with a close code a socket, is refused.
type refusal struct {
	code, detail string
	retryAfter   time.Duration
	closeCode    int // 0: the socket stays open
}

// Error implements error.
func (r *refusal) Error() string { return r.code + ": " + r.detail }

func refuse(code, detail string) error { return &refusal{code: code, detail: detail} }

var errInternal = &refusal{code: protocol.CodeInternal, detail: "a fault of the server"}

// tooSoon refuses what may be tried again after wait, and says how long that is.
func tooSoon(wait time.Duration, rule string, arguments ...any) error {
	wait = max(wait, time.Millisecond)
	return &refusal{
		code: protocol.CodeRateLimited, retryAfter: wait,
		detail: fmt.Sprintf(rule, arguments...) + fmt.Sprintf("; wait %.1f seconds", math.Ceil(wait.Seconds()*10)/10),
	}
}

// doorStatus is the HTTP status of the door's codes in the REST API; a refused
// hello closes with 4000 more.
var doorStatus = map[string]int{
	rooms.CodeSessionInvalid:  http.StatusUnauthorized,
	rooms.CodeSessionExpired:  http.StatusUnauthorized,
	rooms.CodeUnauthorized:    http.StatusUnauthorized,
	rooms.CodeForbidden:       http.StatusForbidden,
	rooms.CodeBanned:          http.StatusForbidden,
	rooms.CodeRoomLocked:      http.StatusForbidden,
	rooms.CodeRoomSuspended:   http.StatusForbidden,
	rooms.CodeLimitExceeded:   http.StatusForbidden,
	rooms.CodeNotFound:        http.StatusNotFound,
	rooms.CodeTokenUnknown:    http.StatusNotFound,
	rooms.CodeRoomFull:        http.StatusConflict,
	rooms.CodeNotStarted:      http.StatusConflict,
	rooms.CodeNotReady:        http.StatusConflict,
	rooms.CodeTooManyAttempts: http.StatusTooManyRequests,
	rooms.CodeRateLimited:     http.StatusTooManyRequests,
	rooms.CodeShuttingDown:    http.StatusServiceUnavailable,
	rooms.CodeOverloaded:      http.StatusServiceUnavailable,
}

// asRefusal turns any error into what the client is told; what is not its
// fault becomes internal, and known is false.
func asRefusal(err error) (r *refusal, known bool) {
	if errors.As(err, &r) {
		return r, true
	}
	var door *rooms.Error
	if errors.As(err, &door) {
		return &refusal{code: door.Code, detail: door.Detail, retryAfter: door.RetryAfter}, true
	}
	var fault *protocol.Fault
	if errors.As(err, &fault) {
		return &refusal{code: fault.Code, detail: fault.Detail}, true
	}
	var media *sfu.Refusal
	if errors.As(err, &media) {
		code := protocol.CodeNegotiationFailed
		if media.TooMuch {
			code = protocol.CodeLimitExceeded
		}
		return &refusal{code: code, detail: media.Detail}, true
	}
	switch {
	case errors.Is(err, sfu.ErrNoConnection):
		return &refusal{code: protocol.CodeNotReady, detail: "an offer comes before its candidates"}, true
	case errors.Is(err, sfu.ErrClosed), errors.Is(err, context.Canceled):
		return &refusal{code: protocol.CodeNotReady, detail: "the meeting is just ending"}, true
	}
	return errInternal, false
}

// refusedHello is the refusal of a socket whose hello was not accepted.
func refusedHello(err error) (r *refusal, known bool) {
	r, known = asRefusal(err)
	fatal := *r
	fatal.closeCode = protocol.CloseInternal
	if known {
		status, ok := doorStatus[r.code]
		if !ok {
			status = http.StatusForbidden
		}
		fatal.closeCode = protocol.CloseRefused + status
	}
	return &fatal, known
}

// message renders the refusal of the client's message with that id.
func (r *refusal) message(id string) *protocol.Error {
	return &protocol.Error{
		ServerHead: protocol.ServerHead{Re: id},
		Code:       r.code, Detail: r.detail, RetryAfterMs: r.retryAfter.Milliseconds(), Fatal: r.closeCode != 0,
	}
}
