package api

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"roomcast/live"
	"roomcast/rooms"
)

const (
	defaultHold = 30
	maxHold     = 3600
)

func (s *Service) streamCalls() []*call {
	path := "/api/v1/rooms/{id}/stream"
	act := func(name, summary, description string, do func(*visit) error) *call {
		return &call{
			id: name + "-stream", method: http.MethodPost, path: path + "/" + name, tag: tagStream, summary: summary, description: description,
			access: byModerator, body: Nothing{}, bodyOptional: true, status: http.StatusOK, answer: live.State{},
			codes: []string{rooms.CodeWrongRoomType, rooms.CodeNotReady}, handle: func(v *visit) (reply, error) {
				if err := readFields(v.body).done(); err != nil {
					return reply{}, err
				}
				if err := v.broadcasting(); err != nil {
					return reply{}, err
				}
				if err := do(v); err != nil {
					return reply{}, err
				}
				return reply{body: v.api.options.Broadcasts.State(v.path("id"))}, nil
			},
		}
	}
	start := func(v *visit) error { return s.options.Broadcasts.Start(v.context(), v.path("id")) }
	stop := func(v *visit) error { return s.options.Broadcasts.Stop(v.context(), v.path("id")) }
	return []*call{
		{
			id: "get-stream", method: http.MethodGet, path: path, tag: tagStream, summary: "The broadcast's state",
			description: "waiting, then live (or preview until it is started), interrupted when the publisher has gone, live again within the reconnect window, else ended for 30 s.",
			access:      byModerator, status: http.StatusOK, answer: live.State{}, codes: []string{rooms.CodeWrongRoomType},
			handle: func(v *visit) (reply, error) {
				if err := v.broadcasting(); err != nil {
					return reply{}, err
				}
				return reply{body: v.api.options.Broadcasts.State(v.path("id"))}, nil
			},
		},
		{
			id: "cut-stream", method: http.MethodDelete, path: path, tag: tagStream, summary: "Cut the publisher off",
			description: "Its key is refused for hold_seconds.", access: byModerator,
			query: []parameter{{
				"hold_seconds", "How long the key is refused",
				huma.Schema{Type: "integer", Minimum: bounds(0), Maximum: bounds(maxHold), Default: defaultHold},
			}},
			status: http.StatusNoContent, codes: []string{rooms.CodeWrongRoomType}, handle: func(v *visit) (reply, error) {
				hold, err := v.number("hold_seconds", defaultHold, 0, maxHold)
				if err != nil {
					return reply{}, err
				}
				if err := v.broadcasting(); err != nil {
					return reply{}, err
				}
				return reply{}, v.api.options.Broadcasts.Cut(v.context(), v.path("id"), time.Duration(hold)*time.Second)
			},
		},
		act("start", "Go on air from the preview", "For rooms with preview_before_live.", start),
		act("stop", "End the show, keep the publisher in preview", "For rooms with preview_before_live.", stop),
	}
}

// broadcasting refuses rooms that have no broadcast.
func (v *visit) broadcasting() error {
	return v.roomOfType("only live and simulcast rooms have a broadcast", rooms.Live, rooms.Simulcast)
}
