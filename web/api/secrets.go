package api

import (
	"net/http"

	"roomcast/rooms"
)

// secretFields are the secrets that are made anew by call, in the order of the documentation.
var secretFields = []struct {
	name, summary string
	clears        bool // May be null again.
}{
	{"moderator_token", "Regenerate the moderator URL", false},
	{"participant_token", "Regenerate the participant URL", false},
	{"stream_key", "Regenerate the stream key", false},
	{"backup_stream_key", "Make or regenerate the backup stream key", true},
	{"srt_passphrase", "Make or regenerate the SRT passphrase", true},
}

// Regenerate is the body of a regeneration.
type Regenerate struct {
	Disconnect bool `json:"disconnect,omitempty" doc:"Also end those who came by the old one; a publisher is cut off"`
}

func (s *Service) secretCalls() []*call {
	var calls []*call
	for _, field := range secretFields {
		path := "/api/v1/rooms/{id}/" + field.name
		calls = append(calls, &call{
			id: "regenerate-" + dashed(field.name), method: http.MethodPost, path: path + "/regenerate", tag: tagSecrets,
			summary: field.summary, description: "The old one stops working at once.",
			access: byKey, scope: rooms.ScopeSecrets, body: Regenerate{}, bodyOptional: true,
			status: http.StatusOK, answer: Room{}, etag: true, codes: []string{rooms.CodeWrongRoomType},
			handle: func(v *visit) (reply, error) {
				f := readFields(v.body)
				disconnect := f.boolean("disconnect")
				if err := f.done(); err != nil {
					return reply{}, err
				}
				return v.room(v.api.options.Registry.Regenerate(v.context(), v.path("id"), field.name, disconnect))
			},
		})
		if !field.clears {
			continue
		}
		calls = append(calls, &call{
			id: "clear-" + dashed(field.name), method: http.MethodDelete, path: path, tag: tagSecrets,
			summary: "Make " + field.name + " null again", access: byKey, scope: rooms.ScopeSecrets,
			status: http.StatusNoContent, codes: []string{rooms.CodeWrongRoomType},
			handle: func(v *visit) (reply, error) {
				_, err := v.api.options.Registry.ClearSecret(v.context(), v.path("id"), field.name)
				return reply{}, err
			},
		})
	}
	return calls
}
