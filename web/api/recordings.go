package api

import (
	"context"
	"net/http"
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

// Recordings is what the API needs of the library of recordings and clips.
type Recordings interface {
	Clip(ctx context.Context, roomID string, d time.Duration, title string) (rooms.Asset, error)
	Delete(ctx context.Context, roomID, id string) error
}

// The length of a clip in seconds.
const (
	defaultClip = 30
	minClip     = 5
	maxClip     = 300
)

// maxTitle bounds a title in bytes; the registry counts its characters.
const maxTitle = 1024

// Recording is a file of a broadcast: all of a show, or a clip of it.
type Recording struct {
	ID              string           `json:"id"`
	RoomID          string           `json:"room_id"`
	Kind            rooms.AssetKind  `json:"kind" enum:"recording,clip"`
	Title           string           `json:"title"`
	State           rooms.AssetState `json:"state" enum:"recording,ready,failed"`
	StartedAt       time.Time        `json:"started_at"`
	DurationSeconds float64          `json:"duration_seconds" doc:"So far, while it is being recorded"`
	SizeBytes       int64            `json:"size_bytes" doc:"So far, while it is being recorded"`
	DownloadURL     *string          `json:"download_url" format:"uri" doc:"Fragmented MP4, with ranges, for 12 h; null unless ready"`
	Error           *string          `json:"error" doc:"Why it is shorter than the show, or failed"`
}

// ClipCreate is the body of a clip's making.
type ClipCreate struct {
	Seconds int    `json:"seconds,omitempty" minimum:"5" maximum:"300" default:"30" doc:"How far it reaches back, at least; it begins where a segment does"`
	Title   string `json:"title,omitempty" maxLength:"200"`
}

func (s *Service) recordingCalls() []*call {
	path := "/api/v1/rooms/{id}/recordings"
	return []*call{
		{
			id: "list-recordings", method: http.MethodGet, path: path, tag: tagRecordings, summary: "List a room's recordings and clips",
			access: byModerator, query: paging, status: http.StatusOK, answer: List[Recording]{}, handle: listRecordings,
		},
		{
			id: "get-recording", method: http.MethodGet, path: path + "/{rid}", tag: tagRecordings, summary: "A recording or clip",
			access: byModerator, status: http.StatusOK, answer: Recording{}, etag: true, preconditions: true, handle: func(v *visit) (reply, error) {
				a, err := v.api.options.Registry.Asset(v.context(), v.path("id"), v.path("rid"))
				if err != nil {
					return reply{}, err
				}
				return v.recording(a)
			},
		},
		{
			id: "delete-recording", method: http.MethodDelete, path: path + "/{rid}", tag: tagRecordings, summary: "Delete a recording or clip",
			description: "One that is still being recorded is in_use.", access: byModerator, status: http.StatusNoContent,
			codes: []string{rooms.CodeInUse}, handle: func(v *visit) (reply, error) {
				return reply{}, v.api.options.Recordings.Delete(v.context(), v.path("id"), v.path("rid"))
			},
		},
		{
			id: "create-clip", method: http.MethodPost, path: "/api/v1/rooms/{id}/clips", tag: tagRecordings, summary: "Keep the last seconds of a broadcast",
			description: "Out of the rewind window or, in a room without one, out of what live viewers see, which is some 10 s. Nothing is decoded: a clip begins where a segment does, and not before a change of codecs.",
			access:      byModerator, body: ClipCreate{}, bodyOptional: true, status: http.StatusCreated, answer: Recording{}, creates: true, etag: true,
			codes: []string{rooms.CodeWrongRoomType, rooms.CodeNotReady, rooms.CodeLimitExceeded}, handle: createClip,
		},
	}
}

func listRecordings(v *visit) (reply, error) {
	limit, cursor, err := v.page()
	if err != nil {
		return reply{}, err
	}
	page, err := v.api.options.Registry.Assets(v.context(), v.path("id"), limit, cursor)
	if err != nil {
		return reply{}, err
	}
	var failure error
	list := newList(page, func(a rooms.Asset) Recording {
		r, err := v.newRecording(a)
		if err != nil {
			failure = err
		}
		return r
	})
	return reply{body: list}, failure
}

func createClip(v *visit) (reply, error) {
	f := readFields(v.body)
	seconds := f.whole("seconds", defaultClip, minClip, maxClip)
	title, given := f.text("title", maxTitle)
	if given {
		var err error
		if title, err = rooms.CheckTitle(title); err != nil {
			f.fault(pointer("title"), err.Error())
		}
	}
	if err := f.done(); err != nil {
		return reply{}, err
	}
	if err := v.broadcasting(); err != nil {
		return reply{}, err
	}
	room := v.path("id")
	render := func(created any) (reply, error) {
		a, ok := created.(rooms.Asset)
		if !ok {
			return reply{}, errNotCreated
		}
		answer, err := v.recording(a)
		answer.location = "/api/v1/rooms/" + room + "/recordings/" + a.ID
		return answer, err
	}
	return v.create(render, func(w rooms.WriteOptions) (any, *rooms.Replay, error) {
		return v.api.options.Registry.AssetOnce(v.context(), w.Idempotency, func(ctx context.Context) (rooms.Asset, error) {
			return v.api.options.Recordings.Clip(ctx, room, time.Duration(seconds)*time.Second, title)
		})
	})
}

// recording answers one.
func (v *visit) recording(a rooms.Asset) (reply, error) {
	r, err := v.newRecording(a)
	return reply{body: r, etag: a.ETag()}, err
}

// newRecording renders a recording, with a ticket of the caller's to fetch it.
func (v *visit) newRecording(a rooms.Asset) (Recording, error) {
	out := Recording{
		ID: a.ID, RoomID: a.RoomID, Kind: a.Kind, Title: a.Title, State: a.State, StartedAt: a.StartedAt,
		DurationSeconds: a.Duration.Seconds(), SizeBytes: a.Size, Error: orNull(a.Fault),
	}
	if a.State != rooms.AssetReady {
		return out, nil
	}
	var session secret.Text
	if !v.caller.admin {
		session = v.caller.session
	}
	ticket, err := v.api.options.Door.FileTicket(v.context(), a.RoomID, a.ID, session)
	if err != nil {
		return out, err
	}
	url := v.api.base(v.info).download(a.RoomID, ticket, string(a.Kind))
	out.DownloadURL = &url
	return out, nil
}
