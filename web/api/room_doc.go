package api

import (
	"time"

	"roomcast/rooms"
	"roomcast/secret"
)

// Room is a room as API keys see it.
type Room struct {
	ID          string         `json:"id" doc:"URL-safe, sorts by time"`
	Name        string         `json:"room_name"`
	Type        rooms.Type     `json:"room_type" enum:"meet,live,simulcast,video"`
	Description string         `json:"room_description"`
	Features    map[string]any `json:"room_features" doc:"As set; what holds stands in room_settings"`
	Metadata    map[string]any `json:"room_metadata" doc:"Numbers exactly as sent"`
	Limits      rooms.Limits   `json:"limits" doc:"The room's own; what holds stands in room_settings"`
	Settings    RoomSettings   `json:"room_settings" readOnly:"true" doc:"What the server runs the room with"`

	CustomerID     *string    `json:"customer_id"`
	SubscriptionID *string    `json:"subscription_id"`
	Status         string     `json:"status" readOnly:"true" enum:"idle,active,suspended"`
	Locked         bool       `json:"locked" readOnly:"true"`
	StartsAt       *time.Time `json:"starts_at"`

	PullSource *PullSource `json:"pull_source"`
	// The secrets are absent, never null, for a key without the scope rooms:secrets.
	*RoomSecrets

	CreatedAt time.Time `json:"created_at" readOnly:"true"`
	UpdatedAt time.Time `json:"updated_at" readOnly:"true"`
}

// RoomSettings is what the server really runs a room with.
type RoomSettings struct {
	Features     map[string]any    `json:"features" doc:"Each feature of the room's type; one that has not come yet stands at its off value"`
	Limits       rooms.Limits      `json:"limits" doc:"The smallest of room, subscription and server"`
	LimitSources map[string]string `json:"limit_sources" doc:"Whose each limit is: room, subscription or server"`
}

// PullSource is the camera a room fetches, without its credentials.
type PullSource struct {
	URL       string `json:"url" format:"uri" doc:"Shown without credentials"`
	Transport string `json:"transport" enum:"auto,tcp,udp"`
}

// RoomSecrets are the fields that need the scope rooms:secrets.
type RoomSecrets struct {
	ModeratorToken        string      `json:"moderator_token" required:"false"`
	ParticipantToken      string      `json:"participant_token" required:"false"`
	RoomAccessCode        *string     `json:"room_access_code" required:"false"`
	ParticipantAccessCode *string     `json:"participant_access_code" required:"false"`
	ModeratorAccessCode   *string     `json:"moderator_access_code" required:"false"`
	StreamKey             *string     `json:"stream_key" required:"false" doc:"live and simulcast"`
	BackupStreamKey       *string     `json:"backup_stream_key" required:"false"`
	SRTPassphrase         *string     `json:"srt_passphrase" required:"false"`
	ModeratorURL          string      `json:"moderator_url" required:"false" format:"uri"`
	ParticipantURL        string      `json:"participant_url" required:"false" format:"uri"`
	RoomURL               *string     `json:"room_url" required:"false" doc:"Null when the room URL admits nobody"`
	IngestURLs            *IngestURLs `json:"ingest_urls" required:"false" doc:"live and simulcast, else null; only listeners that are on"`
}

// IngestURLs are the addresses an encoder publishes to.
type IngestURLs struct {
	RTMP *RTMPIngest `json:"rtmp,omitempty"`
	RTSP *RTSPIngest `json:"rtsp,omitempty"`
	SRT  *SRTIngest  `json:"srt,omitempty"`
	WHIP *WHIPIngest `json:"whip,omitempty"`
}

// WHIPIngest is an address as WHIP encoders ask for it: endpoint and bearer token.
type WHIPIngest struct {
	URL    string `json:"url" format:"uri"`
	Bearer string `json:"bearer" doc:"The stream key"`
}

// RTMPIngest is an address as encoders ask for it: server and stream key.
type RTMPIngest struct {
	URL       string `json:"url" example:"rtmp://live.example.com/live"`
	StreamKey string `json:"stream_key"`
}

// SRTIngest is the whole address, stream key and passphrase included.
type SRTIngest struct {
	URL string `json:"url" example:"srt://live.example.com:8890?streamid=publish:KEY"`
}

// RTSPIngest is the whole address, stream key included.
type RTSPIngest struct {
	URL string `json:"url" example:"rtsp://live.example.com:8554/live/..."`
}

// newRoom renders a view for a caller who asked by base.
func (s *Service) newRoom(view rooms.View, base baseURL, secrets bool) Room {
	r := Room{
		ID: view.ID, Name: view.Name, Type: view.Type, Description: view.Description,
		Features: orEmpty(view.Features), Metadata: orEmpty(view.Metadata), Limits: view.Limits,
		Settings: RoomSettings{
			Features: view.Settings.Features.Map(), Limits: view.Settings.Limits, LimitSources: view.Settings.LimitSources,
		},
		CustomerID: view.CustomerID, SubscriptionID: view.SubscriptionID,
		Status: view.Status, Locked: view.Locked, StartsAt: view.StartsAt,
		CreatedAt: view.CreatedAt, UpdatedAt: view.UpdatedAt,
	}
	if p := view.PullSource; p != nil {
		r.PullSource = &PullSource{URL: p.ShownURL(), Transport: p.Transport}
	}
	if secrets {
		r.RoomSecrets = s.roomSecrets(view, base)
	}
	return r
}

// roomSecrets is where a room's secrets leave: to callers with rooms:secrets, and nobody else.
func (s *Service) roomSecrets(view rooms.View, base baseURL) *RoomSecrets {
	out := &RoomSecrets{
		ModeratorToken:        view.ModeratorToken.Reveal(),
		ParticipantToken:      view.ParticipantToken.Reveal(),
		RoomAccessCode:        reveal(view.RoomAccessCode),
		ParticipantAccessCode: reveal(view.ParticipantAccessCode),
		ModeratorAccessCode:   reveal(view.ModeratorAccessCode),
		StreamKey:             reveal(view.StreamKey),
		BackupStreamKey:       reveal(view.BackupStreamKey),
		SRTPassphrase:         reveal(view.SRTPassphrase),
		ModeratorURL:          base.join(view.ModeratorToken),
		ParticipantURL:        base.join(view.ParticipantToken),
		IngestURLs:            s.ingestURLs(view, base),
	}
	if view.HasRoomURL() {
		u := base.room(view.ID)
		out.RoomURL = &u
	}
	return out
}

func reveal(t *secret.Text) *string {
	if t == nil {
		return nil
	}
	s := t.Reveal()
	return &s
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
