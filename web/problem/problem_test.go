package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"roomcast/rooms"
	"roomcast/web/problem"
)

func TestRefusalsAreProblems(t *testing.T) {
	opens := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		err        error
		status     int
		want       string // Of the body, beside type, title, status and code.
		retryAfter string
	}{
		"a plain refusal":                     {&rooms.Error{Code: rooms.CodeNotFound, Detail: "no room"}, 404, `"detail":"no room"`, ""},
		"a wrapped refusal":                   {fmt.Errorf("read room: %w", &rooms.Error{Code: rooms.CodeBanned, Detail: "gone"}), 403, `"detail":"gone"`, ""},
		"a refusal without detail has title":  {&rooms.Error{Code: rooms.CodeBanned}, 403, `"detail":"Removed from this room"`, ""},
		"a limit says which, what, and whose": {&rooms.Error{Code: rooms.CodeRoomFull, Limit: &rooms.LimitHit{Limit: "max_participants", Value: 0, Source: "room"}}, 409, `"limit":"max_participants","value":0,"source":"room"`, ""},
		"a countdown says until when":         {&rooms.Error{Code: rooms.CodeNotStarted, StartsAt: &opens}, 409, `"starts_at":"2099-01-01T00:00:00Z"`, ""},
		"faults are listed":                   {&rooms.Error{Code: rooms.CodeUnknownField, Faults: []rooms.Fault{{Pointer: "/a", Code: "unknown_field", Detail: "d"}}}, 422, `"errors":[{"pointer":"/a","code":"unknown_field","detail":"d"}]`, ""},
		"a wait is rounded up":                {&rooms.Error{Code: rooms.CodeRateLimited, RetryAfter: 1200 * time.Millisecond}, 429, `"code":"rate_limited"`, "2"},
		"429 always says how long":            {&rooms.Error{Code: rooms.CodeTooManyAttempts}, 429, `"code":"too_many_attempts"`, "1"},
		"503 always says how long":            {&rooms.Error{Code: rooms.CodeOverloaded}, 503, `"code":"overloaded"`, "1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("ETag", `"x"`)
			if err := problem.Write(w, httptest.NewRequest("GET", "/", nil), tt.err); err != nil {
				t.Errorf("a refusal was given back: %v", err)
			}
			var p problem.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.status || p.Status != tt.status || p.Title == "" || p.Type != "/api/docs#error-"+p.Code || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w.Header().Get("Retry-After") != tt.retryAfter || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("ETag") != "" {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}

func TestEveryCodeOfRoomsHasAStatusAndATitle(t *testing.T) {
	kinds := problem.Kinds()
	for _, code := range []string{
		rooms.CodeMalformedJSON, rooms.CodeUnauthorized, rooms.CodeAccessCodeRequired, rooms.CodeAccessCodeInvalid, rooms.CodeSessionInvalid,
		rooms.CodeSessionExpired, rooms.CodeForbidden, rooms.CodeBanned, rooms.CodeRoomLocked, rooms.CodeRoomSuspended, rooms.CodeOriginNotAllowed,
		rooms.CodeLimitExceeded, rooms.CodeQuotaExceeded, rooms.CodeNotFound, rooms.CodeTokenUnknown, rooms.CodeRoomFull, rooms.CodeNotStarted,
		rooms.CodeWrongRoomType, rooms.CodePublisherConflict, rooms.CodeInUse, rooms.CodeNotReady, rooms.CodeOffsetMismatch, rooms.CodePreconditionFailed,
		rooms.CodeBodyTooLarge, rooms.CodeUnsupportedMedia, rooms.CodeValidationFailed, rooms.CodeUnknownField, rooms.CodeReadOnly,
		rooms.CodeRoomTypeImmutable, rooms.CodeCodesEqual, rooms.CodeNestedMetadata, rooms.CodeAddressNotAllowed, rooms.CodeCodecNotSupported,
		rooms.CodeIdempotencyReused, rooms.CodeTooManyAttempts, rooms.CodeRateLimited, rooms.CodeShuttingDown, rooms.CodeOverloaded,
	} {
		if k, ok := kinds[code]; !ok || k.Status < 400 || k.Title == "" {
			t.Errorf("%s: %+v", code, k)
		}
	}
}

func TestOurOwnFaultsShowNothing(t *testing.T) {
	w := httptest.NewRecorder()
	fault := errors.New("open /canary/path: no such file")
	if err := problem.Write(w, httptest.NewRequest("GET", "/", nil), fault); !errors.Is(err, fault) {
		t.Errorf("given back %v", err)
	}
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "canary") || !strings.Contains(w.Body.String(), `"code":"internal"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestACallerWhoHasGoneIsNoFaultOfOurs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	if err := problem.Write(w, r, fmt.Errorf("read rooms: %w", context.Canceled)); err != nil || w.Body.Len() != 0 {
		t.Errorf("%v, %d bytes", err, w.Body.Len())
	}
}

func TestNotReadyHasAnotherStatusWhereMediaAreAskedFor(t *testing.T) {
	w := httptest.NewRecorder()
	_ = problem.WriteStatus(w, httptest.NewRequest("GET", "/", nil), &rooms.Error{Code: rooms.CodeNotReady}, 503)
	if w.Code != 503 || !strings.Contains(w.Body.String(), `"status":503`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
