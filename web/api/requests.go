package api

import (
	"time"

	"roomcast/rooms"
)

// The types in this file document the bodies that package rooms reads and validates; nothing is decoded into them.

// RoomFields are the fields of a room that may be written.
type RoomFields struct {
	Description           *string        `json:"room_description,omitempty" nullable:"false"`
	RoomAccessCode        *string        `json:"room_access_code,omitempty" nullable:"true" minLength:"1" maxLength:"64" doc:"Needs the scope rooms:secrets"`
	ParticipantAccessCode *string        `json:"participant_access_code,omitempty" nullable:"true" minLength:"1" maxLength:"64" doc:"Needs the scope rooms:secrets"`
	ModeratorAccessCode   *string        `json:"moderator_access_code,omitempty" nullable:"true" minLength:"1" maxLength:"64" doc:"Needs the scope rooms:secrets"`
	Features              *FeatureFields `json:"room_features,omitempty" null:"true"`
	Metadata              map[string]any `json:"room_metadata,omitempty" doc:"At most 64 KiB and 128 keys; strings, numbers, booleans or null, nothing nested"`
	Limits                *rooms.Limits  `json:"limits,omitempty" null:"true"`
	SubscriptionID        *string        `json:"subscription_id,omitempty" nullable:"true"`
	StartsAt              *time.Time     `json:"starts_at,omitempty" nullable:"true"`
	PullSource            *PullFields    `json:"pull_source,omitempty" null:"true" doc:"live and simulcast: an RTSP camera; null for none"`
}

// RoomCreate is the body that makes a room.
type RoomCreate struct {
	Name string `json:"room_name" minLength:"1" maxLength:"200" example:"Business Meeting"`
	Type string `json:"room_type" enum:"meet,live,simulcast,video"`
	RoomFields
}

// RoomPatch is the merge patch of a room.
type RoomPatch struct {
	Name *string `json:"room_name,omitempty" nullable:"false" minLength:"1" maxLength:"200" example:"Board Meeting"`
	RoomFields
}

// PullFields name the camera a room fetches.
type PullFields struct {
	URL       string `json:"url" writeOnly:"true" example:"rtsp://user:password@camera.example.com/stream"`
	Transport string `json:"transport,omitempty" enum:"auto,tcp,udp" default:"auto"`
}

// FeatureFields are the switches of a room. Which a room has depends on its type; null sets one back to its default.
type FeatureFields struct {
	Chat                   *bool     `json:"chat,omitempty" nullable:"true" default:"true"`
	Public                 *bool     `json:"public,omitempty" nullable:"true" default:"false" doc:"The room URL admits participants without a code if there is no participants' code"`
	EmbedOrigins           *[]string `json:"embed_origins,omitempty" maxItems:"20" doc:"Each exactly scheme://host[:port]"`
	WaitingRoom            *bool     `json:"waiting_room,omitempty" nullable:"true" default:"false" doc:"meet"`
	Recording              *bool     `json:"recording,omitempty" nullable:"true" default:"false" doc:"meet, live, simulcast"`
	MuteOnJoin             *bool     `json:"mute_on_join,omitempty" nullable:"true" default:"false" doc:"meet"`
	ParticipantsAudio      *bool     `json:"participants_audio,omitempty" nullable:"true" default:"true" doc:"meet"`
	ParticipantsVideo      *bool     `json:"participants_video,omitempty" nullable:"true" default:"true" doc:"meet"`
	ParticipantsScreen     *bool     `json:"participants_screen,omitempty" nullable:"true" default:"true" doc:"meet"`
	ParticipantsChat       *bool     `json:"participants_chat,omitempty" nullable:"true" default:"true" doc:"meet"`
	VideoCodec             *string   `json:"video_codec,omitempty" nullable:"true" enum:"vp8,h264,vp9,av1" default:"vp8" doc:"meet"`
	E2EE                   *bool     `json:"e2ee,omitempty" nullable:"true" default:"false" doc:"meet"`
	PreviewBeforeLive      *bool     `json:"preview_before_live,omitempty" nullable:"true" default:"false" doc:"live, simulcast"`
	ReconnectWindowSeconds *int64    `json:"reconnect_window_seconds,omitempty" nullable:"true" minimum:"0" maximum:"600" default:"60" doc:"live, simulcast"`
	OfflineImage           *string   `json:"offline_image,omitempty" nullable:"true" doc:"live, simulcast"`
	LowLatency             *bool     `json:"low_latency,omitempty" nullable:"true" default:"true" doc:"live"`
	WebRTCPlayback         *bool     `json:"webrtc_playback,omitempty" nullable:"true" default:"true" doc:"live"`
	DVRWindowSeconds       *int64    `json:"dvr_window_seconds,omitempty" nullable:"true" minimum:"0" maximum:"43200" default:"7200" doc:"live"`
	Transcode              any       `json:"transcode,omitempty" doc:"live, video: off, auto, or a list of heights"`
	SlowModeSeconds        *int64    `json:"slow_mode_seconds,omitempty" nullable:"true" minimum:"0" default:"0" doc:"live"`
	Download               *bool     `json:"download,omitempty" nullable:"true" default:"false" doc:"video"`
}

// CustomerFields are the fields of a customer that may be written, besides its name.
type CustomerFields struct {
	ExternalID *string        `json:"external_id,omitempty" nullable:"true"`
	Metadata   map[string]any `json:"customer_metadata,omitempty"`
	Status     string         `json:"status,omitempty" enum:"active,suspended" default:"active"`
}

// CustomerCreate is the body that makes a customer.
type CustomerCreate struct {
	Name string `json:"name" minLength:"1" maxLength:"200" example:"Example Ltd"`
	CustomerFields
}

// CustomerPatch is the merge patch of a customer.
type CustomerPatch struct {
	Name *string `json:"name,omitempty" nullable:"false" minLength:"1" maxLength:"200"`
	CustomerFields
}

// SubscriptionFields are the fields of a subscription that may be written, besides its name.
type SubscriptionFields struct {
	CustomerID *string                   `json:"customer_id,omitempty" nullable:"true"`
	Status     string                    `json:"status,omitempty" enum:"active,suspended,canceled" default:"active"`
	Limits     *rooms.SubscriptionLimits `json:"limits,omitempty" null:"true"`
	Quotas     map[string]any            `json:"quotas,omitempty"`
	StartsAt   *time.Time                `json:"starts_at,omitempty" nullable:"true"`
	EndsAt     *time.Time                `json:"ends_at,omitempty" nullable:"true"`
}

// SubscriptionCreate is the body that makes a subscription.
type SubscriptionCreate struct {
	Name string `json:"name" minLength:"1" maxLength:"200" example:"Team plan"`
	SubscriptionFields
}

// SubscriptionPatch is the merge patch of a subscription.
type SubscriptionPatch struct {
	Name *string `json:"name,omitempty" nullable:"false" minLength:"1" maxLength:"200"`
	SubscriptionFields
}
