package rooms

import (
	"strings"

	"roomcast/secret"
)

// readOnlyFields are the fields of a room that no body may set.
var readOnlyFields = map[string]bool{
	"id": true, "moderator_token": true, "participant_token": true, "room_settings": true,
	"status": true, "locked": true, "stream_key": true, "backup_stream_key": true, "srt_passphrase": true,
	"moderator_url": true, "participant_url": true, "room_url": true, "ingest_urls": true,
	"created_at": true, "updated_at": true,
}

// applyRoom applies a create or a merge patch. Whether the customer and
// subscription it names are there is for the transaction to see.
func applyRoom(room *Room, members map[string]any, create bool) *body {
	b := &body{create: create}
	if create {
		b.roomType(members, room)
		if _, given := members["room_name"]; !given {
			b.add("/room_name", "is required")
		}
	}
	for _, key := range sortedKeys(members) {
		b.roomField(room, key, members[key])
	}
	b.codesDiffer(room, members)
	return b
}

// roomType comes first: what features there are depends on it.
func (b *body) roomType(members map[string]any, room *Room) {
	value, given := members["room_type"]
	if !given {
		b.add("/room_type", "is required: meet, live, simulcast or video")
		return
	}
	t, _ := value.(string)
	if !Type(t).Valid() {
		b.add("/room_type", "must be meet, live, simulcast or video")
		return
	}
	room.Type = Type(t)
}

func (b *body) roomField(room *Room, key string, value any) {
	at := under("", key)
	switch key {
	case "room_name":
		b.text(at, value, textRule{min: 1, max: 200}, &room.Name)
	case "room_type":
		if !b.create {
			b.addCode(at, CodeRoomTypeImmutable, "a room keeps its type: make another room")
		}
	case "room_description":
		b.text(at, value, textRule{max: 10_000, multiline: true}, &room.Description)
	case "room_access_code":
		b.code(at, value, &room.RoomAccessCode)
	case "participant_access_code":
		b.code(at, value, &room.ParticipantAccessCode)
	case "moderator_access_code":
		b.code(at, value, &room.ModeratorAccessCode)
	case "room_features":
		if room.Type.Valid() {
			b.features(at, value, room.Type, &room.Features)
		}
	case "room_metadata":
		b.metadata(at, value, &room.Metadata, false)
	case "limits":
		b.limits(at, value, func() { room.Limits = Limits{} }, room.Limits.find)
	case "customer_id":
		b.reference(at, value, &room.CustomerID)
	case "subscription_id":
		b.reference(at, value, &room.SubscriptionID)
	case "starts_at":
		b.time(at, value, &room.StartsAt)
	case "pull_source":
		if value != nil && room.Type.Valid() && !room.Type.Broadcasts() {
			b.add(at, "is for live and simulcast rooms")
			return
		}
		b.pullSource(at, value, &room.PullSource)
	default:
		if readOnlyFields[key] {
			b.addCode(at, CodeReadOnly, "is set by the server")
			return
		}
		b.unknown(at)
	}
}

// codesDiffer refuses a moderator's code that participants know. The fault is
// at a code the body has: the stored ones were different.
func (b *body) codesDiffer(room *Room, members map[string]any) {
	equal := func(a, other *secret.Text) bool {
		return a != nil && other != nil && a.Equal(other.Reveal())
	}
	for _, other := range []struct {
		name string
		code *secret.Text
	}{{"participant_access_code", room.ParticipantAccessCode}, {"room_access_code", room.RoomAccessCode}} {
		if !equal(room.ModeratorAccessCode, other.code) {
			continue
		}
		at := "moderator_access_code"
		if _, given := members[at]; !given {
			at = other.name
		}
		b.addCode(under("", at), CodeCodesEqual, "the moderators' code must differ from the participants' code")
		return
	}
}

// writesCodes reports whether a body names an access code.
func writesCodes(members map[string]any) bool {
	for key := range members {
		if strings.HasSuffix(key, "_access_code") {
			return true
		}
	}
	return false
}
