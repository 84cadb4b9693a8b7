package api

import (
	"net/http"
	"strings"

	"roomcast/rooms"
)

// Health answers the probes.
type Health struct {
	Status string `json:"status" enum:"ok,ready"`
}

func (s *Service) healthCalls() []*call {
	return []*call{
		{
			id: "healthz", method: http.MethodGet, path: "/healthz", tag: tagOperations, summary: "The process lives",
			access: open, status: http.StatusOK, answer: Health{},
			handle: func(*visit) (reply, error) { return reply{body: Health{Status: "ok"}}, nil },
		},
		{
			id: "readyz", method: http.MethodGet, path: "/readyz", tag: tagOperations, summary: "Every listener is up",
			access: open, status: http.StatusOK, answer: Health{}, codes: []string{rooms.CodeOverloaded},
			handle: func(v *visit) (reply, error) {
				if missing := v.api.options.Missing(); len(missing) > 0 {
					return reply{}, unready(missing)
				}
				return reply{body: Health{Status: "ready"}}, nil
			},
		},
	}
}

// unready is the refusal of a server that is still starting.
func unready(missing []string) error {
	return &statusError{
		status: http.StatusServiceUnavailable,
		err:    &rooms.Error{Code: rooms.CodeNotReady, Detail: "not up yet: " + strings.Join(missing, ", "), RetryAfter: 1e9},
	}
}

// statusError gives a refusal another status than its code's own.
type statusError struct {
	status int
	err    *rooms.Error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }
