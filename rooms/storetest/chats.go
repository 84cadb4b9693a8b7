package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"roomcast/rooms"
)

// chatEvents are events that say their number, from to to.
func chatEvents(from, to int64) (list []rooms.ChatEvent) {
	for seq := from; seq <= to; seq++ {
		list = append(list, rooms.ChatEvent{Seq: seq, Body: fmt.Appendf(nil, `{"text": "Nr. %d Ärger"}`, seq)})
	}
	return list
}

func chats(t *testing.T, s rooms.Store) {
	create(t, s, fullRoom(1), fullRoom(2))
	save := func(changes ...rooms.ChatChange) {
		t.Helper()
		update(t, s, func(ctx context.Context, tx rooms.Writer) error {
			for _, c := range changes {
				if err := tx.SaveChat(ctx, c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	holds := func(what string, room int, state string, events []rooms.ChatEvent) {
		t.Helper()
		got, err := s.Chat(t.Context(), id(room))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		same(t, what+": state", string(got.State), state)
		same(t, what+": events", got.Events, events)
	}
	holds("nothing", 1, "", nil)
	save(rooms.ChatChange{RoomID: id(1), Events: chatEvents(1<<52, 1<<52+9)},
		rooms.ChatChange{RoomID: id(2), Events: chatEvents(7, 8), State: []byte(`{"x": 1}`)})
	holds("a chat", 1, "", chatEvents(1<<52, 1<<52+9))
	holds("another", 2, `{"x": 1}`, chatEvents(7, 8))

	replaced := rooms.ChatEvent{Seq: 1<<52 + 5, Body: []byte(`{}`)}
	save(rooms.ChatChange{
		RoomID: id(1), From: 1<<52 + 4, State: []byte(`{"y": 2}`),
		Events: append([]rooms.ChatEvent{replaced}, chatEvents(1<<52+10, 1<<52+10)...),
	})
	want := chatEvents(1<<52+4, 1<<52+10)
	want[1] = replaced
	holds("what changed", 1, `{"y": 2}`, want)
	holds("the other, untouched", 2, `{"x": 1}`, chatEvents(7, 8))

	run := func(n int) {
		t.Helper()
		update(t, s, func(ctx context.Context, tx rooms.Writer) error {
			r := rooms.Run{}
			if n > 0 {
				r = rooms.Run{ID: id(n), BeganAt: base}
			}
			return tx.SetRun(ctx, id(1), r)
		})
	}
	run(50)
	holds("when a run begins", 1, `{"y": 2}`, want)
	run(50)
	holds("when a run is stored again", 1, `{"y": 2}`, want)
	run(0)
	holds("when it ends", 1, "", nil)
	ended := func(want string) {
		t.Helper()
		got, err := s.Chat(t.Context(), id(1))
		if err != nil || got.Ended != want {
			t.Errorf("it begins behind the run %q, %v, want %q", got.Ended, err, want)
		}
	}
	ended(id(50))
	err := s.Update(t.Context(), func(tx rooms.Writer) error {
		return tx.SaveChat(t.Context(), rooms.ChatChange{RoomID: id(1), Events: chatEvents(1, 1)})
	})
	if !errors.Is(err, rooms.ErrChatEnded) {
		t.Errorf("a chat of before that is saved after the end: %v", err)
	}
	save(rooms.ChatChange{RoomID: id(1), Events: chatEvents(5, 6), Ended: id(50)})
	run(51)
	holds("said between runs", 1, "", chatEvents(5, 6))
	ended(id(50))
	run(0)
	holds("when the next ends", 1, "", nil)
	ended(id(51))
	update(t, s, func(ctx context.Context, tx rooms.Writer) error { return tx.DeleteRoom(ctx, id(2)) })
	holds("of a deleted room", 2, "", nil)
}
