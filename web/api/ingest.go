package api

import (
	"net/http"

	"roomcast/rooms"
)

// Ingest is what an encoder of a room is set to.
type Ingest struct {
	IngestURLs      *IngestURLs `json:"ingest_urls" doc:"Only doors that are open"`
	BackupStreamKey *string     `json:"backup_stream_key"`
	SRTPassphrase   *string     `json:"srt_passphrase"`
}

// ingestCalls let those who run a broadcast read where to send it: a moderator's session reads no rooms.
func (s *Service) ingestCalls() []*call {
	return []*call{{
		id: "get-stream-ingest", method: http.MethodGet, path: "/api/v1/rooms/{id}/stream/ingest", tag: tagStream,
		summary:     "The publishing addresses",
		description: "What an encoder is set to, as the room itself has it; for the room's moderators too, who may publish by their session anyway.",
		access:      byModerator, scope: rooms.ScopeSecrets, status: http.StatusOK, answer: Ingest{}, codes: []string{rooms.CodeWrongRoomType},
		handle: func(v *visit) (reply, error) {
			if err := v.broadcasting(); err != nil {
				return reply{}, err
			}
			view, err := v.api.options.Registry.Room(v.context(), v.path("id"))
			if err != nil {
				return reply{}, err
			}
			return reply{body: Ingest{
				IngestURLs: s.ingestURLs(view, v.api.base(v.info)), BackupStreamKey: reveal(view.BackupStreamKey), SRTPassphrase: reveal(view.SRTPassphrase),
			}}, nil
		},
	}}
}
