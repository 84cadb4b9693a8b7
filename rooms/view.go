package rooms

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"roomcast/secret"
)

// Settings are what the server really runs a room with.
type Settings struct {
	Features     Features          `json:"features"`
	Limits       Limits            `json:"limits"`
	LimitSources map[string]string `json:"limit_sources"`
}

// View is a room with what follows from its run, plan and configuration.
type View struct {
	Room
	Status   string // idle, active or suspended
	Locked   bool
	Settings Settings
}

// PublicRoom is all that a joined participant or an embed ever sees of a room.
type PublicRoom struct {
	ID          string         `json:"id"`
	Name        string         `json:"room_name"`
	Type        Type           `json:"room_type" enum:"meet,live,simulcast,video"`
	Description string         `json:"room_description"`
	Status      string         `json:"status" enum:"idle,active,suspended"`
	StartsAt    *time.Time     `json:"starts_at"`
	Features    map[string]any `json:"features" doc:"Resolved features, without embed_origins"`
}

// Public returns the public projection.
func (v View) Public() PublicRoom {
	features := v.Settings.Features.Map()
	delete(features, "embed_origins")
	return PublicRoom{
		ID: v.ID, Name: v.Name, Type: v.Type, Description: v.Description,
		Status: v.Status, StartsAt: v.StartsAt, Features: features,
	}
}

// HasRoomURL reports whether the room URL admits anybody at all.
func (v View) HasRoomURL() bool {
	rules := v.roomURLRules()
	return rules.participantCode != nil || rules.moderatorCode != nil || rules.open
}

// ETag covers what is stored of the room and what is resolved from it, but not
// its status or lock: joining a room does not invalidate an edit of it.
func (v View) ETag() string {
	settings, err := json.Marshal(v.Settings)
	if err != nil { // cannot be: plain values only
		settings = nil
	}
	return etag(v.ID, v.Revision, settings)
}

func etag(id string, revision int64, more []byte) string {
	h := sha256.New()
	h.Write([]byte(id + "/" + strconv.FormatInt(revision, 10) + "/"))
	h.Write(more)
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12]) + `"`
}

// resolve makes the view of a record as it is at now.
func resolve(rec Record, server Limits, now time.Time) View {
	limits, sources := resolveLimits(rec.Limits, rec.Plan.Limits.Limits, server)
	v := View{
		Room:   rec.Room,
		Status: StatusIdle,
		Locked: rec.Run.Locked,
		Settings: Settings{
			Features:     resolveFeatures(rec.Type, rec.Features),
			Limits:       limits,
			LimitSources: sources,
		},
	}
	switch {
	case rec.Suspended || !rec.Plan.Active(now):
		v.Status = StatusSuspended
	case rec.Run.On():
		v.Status = StatusActive
	}
	return v
}

// urlRules say whom the room URL admits.
type urlRules struct {
	participantCode *secret.Text // makes a participant
	moderatorCode   *secret.Text // makes a moderator
	open            bool         // no code makes a participant
}

// minURLModeratorCode is how long a moderator's code must be to count at the
// room URL, where everybody may guess.
const minURLModeratorCode = 8

func (r Room) participantsCode() *secret.Text {
	if r.ParticipantAccessCode != nil {
		return r.ParticipantAccessCode
	}
	return r.RoomAccessCode
}

func (v View) roomURLRules() urlRules {
	rules := urlRules{participantCode: v.participantsCode()}
	if c := v.ModeratorAccessCode; c != nil && utf8.RuneCountInString(c.Reveal()) >= minURLModeratorCode {
		rules.moderatorCode = c
	}
	rules.open = v.Settings.Features.Public && rules.participantCode == nil
	return rules
}
