package api_test

import (
	"strings"
	"testing"
)

func TestThePublishingAddressesAreForModeratorsToo(t *testing.T) {
	h := newHouse(t, nil)
	room, other := h.room(`{"room_name":"x","room_type":"live"}`), h.room(`{"room_name":"y","room_type":"live"}`)
	path := "/api/v1/rooms/" + room.str("id") + "/stream/ingest"
	moderator := "Bearer " + h.join(room.str("moderator_token"), `,"name":"Mo"`).str("session")
	viewer := "Bearer " + h.join(room.str("participant_token"), "").str("session")
	stranger := "Bearer " + h.join(other.str("moderator_token"), `,"name":"Eve"`).str("session")

	for name, credential := range map[string]string{"a key": "Bearer " + adminKey, "a moderator": moderator} {
		a := h.ask("GET", path, "", "Authorization", credential)
		if a.status != 200 || !strings.Contains(a.text, room.str("stream_key")) {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
		if strings.Contains(a.text, room.str("moderator_token")) {
			t.Errorf("%s also reads the doors' tokens", name)
		}
	}
	for name, credential := range map[string]string{"a viewer": viewer, "another room's moderator": stranger} {
		if a := h.ask("GET", path, "", "Authorization", credential); a.status != 403 || a.code() != "forbidden" {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	meet := h.room(`{"room_name":"z","room_type":"meet"}`)
	if a := h.ask("GET", "/api/v1/rooms/"+meet.str("id")+"/stream/ingest", "", "Authorization", "Bearer "+adminKey); a.status != 409 || a.code() != "wrong_room_type" {
		t.Errorf("a meeting: %d %s", a.status, a.text)
	}
}
