package protocol

import "time"

// Room is the public projection of a room: all that somebody inside sees of it.
type Room struct {
	ID          string `json:"id"`
	Name        string `json:"room_name"`
	Type        string `json:"room_type"`
	Description string `json:"room_description"`
	// Status is idle, active or suspended.
	Status   string     `json:"status"`
	StartsAt *time.Time `json:"starts_at"`
	// Features are the resolved features of the room's type.
	Features map[string]any `json:"features"`
}
