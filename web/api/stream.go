package api

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"roomcast/rooms"
)

const (
	defaultHold = 30
	maxHold     = 3600
)

// Broadcast is the state of a room's broadcast.
type Broadcast struct {
	State           string              `json:"state" enum:"waiting,preview,live,interrupted,ended"`
	Publisher       *BroadcastPublisher `json:"publisher" doc:"Null while nobody publishes"`
	BackupConnected bool                `json:"backup_connected"`
	Tracks          []BroadcastTrack    `json:"tracks" nullable:"false"`
	StartedAt       *time.Time          `json:"started_at"`
	InterruptedAt   *time.Time          `json:"interrupted_at"`
	Viewers         int                 `json:"viewers"`
	BytesIn         int64               `json:"bytes_in"`
	Warnings        []BroadcastWarning  `json:"warnings" nullable:"false"`
}

// BroadcastPublisher is who publishes, and by what.
type BroadcastPublisher struct {
	Protocol string    `json:"protocol" example:"rtmp"`
	Since    time.Time `json:"since"`
}

// BroadcastTrack is one track of a broadcast.
type BroadcastTrack struct {
	Kind       string  `json:"kind" enum:"video,audio"`
	Codec      string  `json:"codec"`
	Width      int     `json:"width"`
	Height     int     `json:"height"`
	FrameRate  float64 `json:"frame_rate"`
	SampleRate int     `json:"sample_rate"`
	Channels   int     `json:"channels"`
	BitrateBps int64   `json:"bitrate_bps"`
}

// BroadcastWarning is something about the source that spoils the broadcast.
type BroadcastWarning struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// BroadcastBrief is what a viewer is told.
type BroadcastBrief struct {
	State     string     `json:"state" enum:"waiting,preview,live,interrupted,ended"`
	StartedAt *time.Time `json:"started_at"`
	Viewers   int        `json:"viewers"`
}

func (s *Service) streamCalls() []*call {
	path := "/api/v1/rooms/{id}/stream"
	act := func(name, summary, description string, do func(*visit) error) *call {
		return &call{
			id: name + "-stream", method: http.MethodPost, path: path + "/" + name, tag: tagStream, summary: summary, description: description,
			access: byModerator, body: Nothing{}, bodyOptional: true, status: http.StatusOK, answer: Broadcast{},
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
			access:      byModerator, status: http.StatusOK, answer: Broadcast{}, codes: []string{rooms.CodeWrongRoomType},
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
