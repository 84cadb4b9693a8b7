package api

import (
	"net/http"
	"strings"

	"roomcast/rooms"
)

func (s *Service) actionCalls() []*call {
	action := func(name, summary, description string, who access, do func(*visit) (rooms.View, error)) *call {
		return &call{
			id: name + "-room", method: http.MethodPost, path: "/api/v1/rooms/{id}/" + name, tag: tagRuns,
			summary: summary, description: description, access: who, body: Nothing{}, bodyOptional: true,
			status: http.StatusOK, answer: Room{},
			handle: func(v *visit) (reply, error) {
				if err := readFields(v.body).done(); err != nil {
					return reply{}, err
				}
				return v.room(do(v))
			},
		}
	}
	end := func(v *visit) (rooms.View, error) { return s.options.Door.EndRun(v.context(), v.path("id")) }
	lock := func(v *visit) (rooms.View, error) { return s.options.Door.Lock(v.context(), v.path("id")) }
	unlock := func(v *visit) (rooms.View, error) { return s.options.Door.Unlock(v.context(), v.path("id")) }
	suspend := func(on bool) func(*visit) (rooms.View, error) {
		return func(v *visit) (rooms.View, error) {
			return s.options.Registry.SetSuspended(v.context(), v.path("id"), on)
		}
	}
	return []*call{
		action("end", "End the run", "Everybody inside is told and disconnected; joins and publishers are refused for 30 s. The room stays. "+
			projectionNote, byModerator, end),
		action("lock", "Lock the room", "No new participants for the run, or the next one if none is on; moderators still get in. "+projectionNote, byModerator, lock),
		action("unlock", "Unlock the room", projectionNote, byModerator, unlock),
		action("suspend", "Suspend the room", "Those inside are told and disconnected; the door answers room_suspended.", byKey, suspend(true)),
		action("resume", "Lift the room's own suspension", "A suspension by its subscription or customer stays.", byKey, suspend(false)),
	}
}

const projectionNote = "A moderator's session gets the room's public projection as answer, an API key the room."

// Nothing is the body of an action that needs none: absent, or an empty object.
type Nothing struct{}

func dashed(name string) string { return strings.ReplaceAll(name, "_", "-") }
