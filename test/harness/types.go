package harness

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// Room is what tests read of a room.
type Room struct {
	ID                    string                     `json:"id"`
	Name                  string                     `json:"room_name"`
	Type                  string                     `json:"room_type"`
	Description           string                     `json:"room_description"`
	ModeratorToken        string                     `json:"moderator_token"`
	ParticipantToken      string                     `json:"participant_token"`
	RoomAccessCode        *string                    `json:"room_access_code"`
	ParticipantAccessCode *string                    `json:"participant_access_code"`
	ModeratorAccessCode   *string                    `json:"moderator_access_code"`
	Features              map[string]any             `json:"room_features"`
	Metadata              map[string]json.RawMessage `json:"room_metadata"`
	Limits                map[string]any             `json:"limits"`
	Settings              struct {
		Features     map[string]any    `json:"features"`
		Limits       map[string]any    `json:"limits"`
		LimitSources map[string]string `json:"limit_sources"`
	} `json:"room_settings"`
	CustomerID      *string               `json:"customer_id"`
	SubscriptionID  *string               `json:"subscription_id"`
	Status          string                `json:"status"`
	Locked          bool                  `json:"locked"`
	StartsAt        *time.Time            `json:"starts_at"`
	StreamKey       *string               `json:"stream_key"`
	BackupStreamKey *string               `json:"backup_stream_key"`
	SRTPassphrase   *string               `json:"srt_passphrase"`
	PullSource      map[string]any        `json:"pull_source"`
	ModeratorURL    string                `json:"moderator_url"`
	ParticipantURL  string                `json:"participant_url"`
	RoomURL         *string               `json:"room_url"`
	IngestURLs      map[string]IngestURLs `json:"ingest_urls"`
	CreatedAt       time.Time             `json:"created_at"`
	UpdatedAt       time.Time             `json:"updated_at"`
}

// IngestURLs is where an encoder publishes by one protocol.
type IngestURLs struct {
	URL       string `json:"url"`
	StreamKey string `json:"stream_key"`
	Bearer    string `json:"bearer"`
}

// Joined is the answer of the join call.
type Joined struct {
	Session       string         `json:"session"`
	ExpiresAt     time.Time      `json:"expires_at"`
	ParticipantID string         `json:"participant_id"`
	Role          string         `json:"role"`
	Name          string         `json:"name"`
	Admission     string         `json:"admission"`
	Room          map[string]any `json:"room"`
	Stream        *struct {
		State     string     `json:"state"`
		StartedAt *time.Time `json:"started_at"`
		Viewers   int        `json:"viewers"`
	} `json:"stream"`
	Endpoints  map[string]string `json:"endpoints"`
	ICEServers []any             `json:"ice_servers"`
}

// Stream is the state of a broadcast.
type Stream struct {
	State     string `json:"state"`
	Publisher *struct {
		Protocol string    `json:"protocol"`
		Since    time.Time `json:"since"`
	} `json:"publisher"`
	BackupConnected bool `json:"backup_connected"`
	Tracks          []struct {
		Kind       string  `json:"kind"`
		Codec      string  `json:"codec"`
		Width      int     `json:"width"`
		Height     int     `json:"height"`
		FrameRate  float64 `json:"frame_rate"`
		SampleRate int     `json:"sample_rate"`
		Channels   int     `json:"channels"`
		BitrateBps int64   `json:"bitrate_bps"`
	} `json:"tracks"`
	StartedAt     *time.Time `json:"started_at"`
	InterruptedAt *time.Time `json:"interrupted_at"`
	Viewers       int        `json:"viewers"`
	BytesIn       int64      `json:"bytes_in"`
	Warnings      []struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"warnings"`
}

// Warns reports whether the broadcaster is warned of something.
func (s Stream) Warns(code string) bool {
	for _, w := range s.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// Fields is a JSON object to be sent.
type Fields map[string]any

// CreateRoom makes a room of the given type with some more fields.
func (s *Server) CreateRoom(t testing.TB, roomType string, more Fields) Room {
	t.Helper()
	body := Fields{"room_name": "Room of " + t.Name(), "room_type": roomType}
	for name, value := range more {
		body[name] = value
	}
	var room Room
	s.API().Want(t, http.MethodPost, "/api/v1/rooms", body, http.StatusCreated, &room)
	return room
}

// Room reads a room.
func (s *Server) Room(t testing.TB, id string) Room {
	t.Helper()
	var room Room
	s.API().Want(t, http.MethodGet, "/api/v1/rooms/"+id, nil, http.StatusOK, &room)
	return room
}

// Patch changes a room.
func (s *Server) Patch(t testing.TB, id string, change Fields) Room {
	t.Helper()
	var room Room
	s.API().Want(t, http.MethodPatch, "/api/v1/rooms/"+id, change, http.StatusOK, &room)
	return room
}

// Join comes in as a stranger, with the body of the join call.
func (s *Server) Join(t testing.TB, body Fields) Joined {
	t.Helper()
	var joined Joined
	s.Stranger().Want(t, http.MethodPost, "/api/v1/join", body, http.StatusOK, &joined)
	return joined
}

// Enter comes in by a token under a name.
func (s *Server) Enter(t testing.TB, token, name string) Joined {
	t.Helper()
	return s.Join(t, Fields{"token": token, "name": name})
}

// Stream reads the state of a room's broadcast.
func (s *Server) Stream(t testing.TB, roomID string) Stream {
	t.Helper()
	var state Stream
	s.API().Want(t, http.MethodGet, "/api/v1/rooms/"+roomID+"/stream", nil, http.StatusOK, &state)
	return state
}
