package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"roomcast/rooms"
)

var roomTypes = []any{"meet", "live", "simulcast", "video"}

func (s *Service) roomCalls() []*call {
	one := "/api/v1/rooms/{id}"
	return []*call{
		{
			id: "list-rooms", method: http.MethodGet, path: "/api/v1/rooms", tag: tagRooms,
			summary: "List rooms", access: byKey, status: http.StatusOK, answer: List[Room]{}, handle: listRooms,
			query: append([]parameter{
				{"room_type", "Only rooms of this type", huma.Schema{Type: "string", Enum: roomTypes}},
				{"customer_id", "Only rooms of this customer", huma.Schema{Type: "string"}},
				{"subscription_id", "Only rooms of this subscription", huma.Schema{Type: "string"}},
				{"status", "Only rooms with this status", huma.Schema{Type: "string", Enum: []any{"idle", "active", "suspended"}}},
				{"q", "Only rooms whose name, description or id contains this, in any case", huma.Schema{Type: "string"}},
			}, paging...),
		},
		{
			id: "create-room", method: http.MethodPost, path: "/api/v1/rooms", tag: tagRooms,
			summary: "Create a room", access: byKey, body: RoomCreate{}, status: http.StatusCreated, answer: Room{},
			creates: true, etag: true, handle: createRoom,
			codes: []string{rooms.CodeLimitExceeded, rooms.CodeCodesEqual, rooms.CodeNestedMetadata, rooms.CodeAddressNotAllowed},
		},
		{
			id: "get-room", method: http.MethodGet, path: one, tag: tagRooms,
			summary: "Read a room", access: byKey, status: http.StatusOK, answer: Room{}, etag: true, preconditions: true,
			handle: func(v *visit) (reply, error) { return v.room(v.api.options.Registry.Room(v.context(), v.path("id"))) },
		},
		{
			id: "update-room", method: http.MethodPatch, path: one, tag: tagRooms,
			summary: "Change a room", access: byKey, body: RoomPatch{}, patch: true,
			description: "A JSON merge patch (RFC 7396). In room_metadata, null deletes a key.",
			status:      http.StatusOK, answer: Room{}, etag: true, preconditions: true,
			codes: []string{
				rooms.CodeRoomTypeImmutable, rooms.CodeReadOnly, rooms.CodeCodesEqual, rooms.CodeNestedMetadata, rooms.CodeLimitExceeded,
				rooms.CodeAddressNotAllowed,
			},
			handle: func(v *visit) (reply, error) {
				return v.room(v.api.options.Registry.PatchRoom(v.context(), v.path("id"), v.body, v.writing()))
			},
		},
		{
			id: "delete-room", method: http.MethodDelete, path: one, tag: tagRooms,
			summary: "Delete a room", access: byKey, status: http.StatusNoContent, preconditions: true,
			description: "Everybody inside is told and disconnected, and every URL of the room stops working.",
			handle: func(v *visit) (reply, error) {
				return reply{}, v.api.options.Registry.DeleteRoom(v.context(), v.path("id"), v.writing())
			},
		},
		{
			id: "replace-room-metadata", method: http.MethodPut, path: one + "/room_metadata", tag: tagRooms,
			summary: "Replace all metadata of a room", access: byKey, body: map[string]any{}, status: http.StatusOK, answer: Room{},
			description: "At most 128 keys and 64 KiB; values are strings, numbers, booleans or null, which is kept. Numbers come back exactly as sent.",
			etag:        true, preconditions: true, codes: []string{rooms.CodeNestedMetadata},
			handle: func(v *visit) (reply, error) {
				return v.room(v.api.options.Registry.PutMetadata(v.context(), v.path("id"), v.body, v.writing()))
			},
		},
	}
}

func listRooms(v *visit) (reply, error) {
	limit, cursor, err := v.page()
	if err != nil {
		return reply{}, err
	}
	kind, err := v.choice("room_type", "meet", "live", "simulcast", "video")
	if err != nil {
		return reply{}, err
	}
	status, err := v.choice("status", rooms.StatusIdle, rooms.StatusActive, rooms.StatusSuspended)
	if err != nil {
		return reply{}, err
	}
	search := v.queryText("q")
	if len(search) > maxSearch {
		return reply{}, badParameter("q", "is too long")
	}
	page, err := v.api.options.Registry.Rooms(v.context(), rooms.RoomFilter{
		Type: kind, CustomerID: v.queryText("customer_id"), SubscriptionID: v.queryText("subscription_id"), Status: status, Q: search,
		Limit: limit, Cursor: cursor,
	})
	if err != nil {
		return reply{}, err
	}
	base := v.api.base(v.info)
	return reply{body: newList(page, func(view rooms.View) Room { return v.api.newRoom(view, base, v.caller.secrets) })}, nil
}

func createRoom(v *visit) (reply, error) {
	base := v.api.base(v.info)
	render := func(created any) (reply, error) {
		view, ok := created.(rooms.View)
		if !ok {
			return reply{}, errNotCreated
		}
		return reply{body: v.api.newRoom(view, base, v.caller.secrets), etag: view.ETag(), location: "/api/v1/rooms/" + view.ID}, nil
	}
	return v.create(render, func(w rooms.WriteOptions) (any, *rooms.Replay, error) {
		return v.api.options.Registry.CreateRoom(v.context(), v.body, w)
	})
}

// room answers a room: whole to API keys, the public projection to a moderator's session.
func (v *visit) room(view rooms.View, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	if !v.caller.admin {
		return reply{body: view.Public()}, nil
	}
	return reply{body: v.api.newRoom(view, v.api.base(v.info), v.caller.secrets), etag: view.ETag()}, nil
}
