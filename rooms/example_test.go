package rooms_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"roomcast/rooms"
	"roomcast/rooms/sqlstore"
	"roomcast/secret"
)

// A room is made from a body, and entered with a token and its access code.
func Example() {
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	dir, err := os.MkdirTemp("", "roomcast")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := sqlstore.Open(ctx, dir, log)
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()
	keys, err := rooms.LoadKeys(ctx, store)
	if err != nil {
		panic(err)
	}
	registry := rooms.NewRegistry(rooms.RegistryOptions{Store: store, Keys: keys, Log: log})
	door := rooms.NewDoor(rooms.DoorOptions{Registry: registry, Store: store, Keys: keys, Log: log})

	room, _, err := registry.CreateRoom(ctx, []byte(`{"room_name": "Standup", "room_type": "meet", "room_access_code": "4711"}`),
		rooms.WriteOptions{Secrets: true})
	if err != nil {
		panic(err)
	}
	_, err = door.Join(ctx, rooms.JoinRequest{Token: room.ParticipantToken, Name: "Ann"}, rooms.Caller{})
	fmt.Println(rooms.CodeOf(err))
	code := secret.New("4711")
	joined, err := door.Join(ctx, rooms.JoinRequest{Token: room.ParticipantToken, AccessCode: &code, Name: "Ann"}, rooms.Caller{})
	fmt.Println(joined.Grant.Role, joined.Room.Status, err)
	// Output:
	// access_code_required
	// participant active <nil>
}
