package rooms_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"roomcast/rooms"
	"roomcast/rooms/sqlstore"
)

func TestEveryStartTakesHigherNumbersForItsChats(t *testing.T) {
	h := newHouse(t)
	var last int64
	for range 3 {
		c, err := rooms.OpenChats(t.Context(), h.store)
		if err != nil {
			t.Fatal(err)
		}
		if c.First() < last+1<<32 || c.First() >= 1<<53 {
			t.Errorf("after %d the numbers begin at %d", last, c.First())
		}
		last = c.First()
	}
}

func TestChatsOfDeletedRoomsAreLeftOutOfACommit(t *testing.T) {
	h := newHouse(t)
	c, err := rooms.OpenChats(t.Context(), h.store)
	if err != nil {
		t.Fatal(err)
	}
	v := h.room(rooms.Live, "")
	said := []rooms.ChatEvent{{Seq: 7, Body: []byte(`{}`)}}
	if over, err := c.Save(t.Context(), []rooms.ChatChange{{RoomID: "gone", Events: said}, {RoomID: v.ID, Events: said}}); err != nil || len(over) > 0 {
		t.Fatal(over, err)
	}
	if stored, err := c.Chat(t.Context(), v.ID); err != nil || len(stored.Events) != 1 || stored.Events[0].Seq != 7 {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	if stored, err := c.Chat(t.Context(), "gone"); err != nil || len(stored.Events) != 0 {
		t.Errorf("of a room that is gone: %+v, %v", stored, err)
	}
}

func TestNothingOfADeletedMessageStaysInTheFile(t *testing.T) {
	h := newHouse(t)
	v := h.room(rooms.Live, "")
	dir := t.TempDir()
	store, err := sqlstore.Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	record, err := h.store.Room(t.Context(), v.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Update(t.Context(), func(tx rooms.Writer) error { return tx.CreateRoom(t.Context(), record.Room) }); err != nil {
		t.Fatal(err)
	}
	c, err := rooms.OpenChats(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"an ugly word", "x", "another ugly word"} {
		var said []rooms.ChatEvent
		for seq := range int64(200) {
			said = append(said, rooms.ChatEvent{Seq: seq, Body: []byte(text)})
		}
		change := rooms.ChatChange{RoomID: v.ID, Events: said}
		if text == "another ugly word" {
			change.State = []byte(text)
		}
		if _, err := c.Save(t.Context(), []rooms.ChatChange{change}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Save(t.Context(), []rooms.ChatChange{{RoomID: v.ID, From: 200, State: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("ugly word")) {
			t.Errorf("it is in %s", filepath.Base(name))
		}
	}
}

func TestWhatWasOnItsWayWhenARunEndedIsNotStored(t *testing.T) {
	h := newHouse(t)
	c, err := rooms.OpenChats(t.Context(), h.store)
	if err != nil {
		t.Fatal(err)
	}
	v, other := h.room(rooms.Meet, ""), h.room(rooms.Meet, "")
	said := func(roomID, ended string) rooms.ChatChange {
		return rooms.ChatChange{RoomID: roomID, Ended: ended, Events: []rooms.ChatEvent{{Seq: 7, Body: []byte(`{}`)}}}
	}
	h.mustEnter(v.ParticipantToken, "Ann")
	if over, err := c.Save(t.Context(), []rooms.ChatChange{said(v.ID, "")}); err != nil || len(over) > 0 {
		t.Fatal(over, err)
	}
	if _, err := h.door.EndRun(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	over, err := c.Save(t.Context(), []rooms.ChatChange{said(v.ID, ""), said(other.ID, "")})
	if err != nil || len(over) != 1 || over[0] != v.ID {
		t.Errorf("over are %v, %v", over, err)
	}
	stored, err := c.Chat(t.Context(), v.ID)
	if err != nil || len(stored.Events) != 0 || stored.Ended == "" {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	if told := h.seen(rooms.RunEnded); len(told) != 1 || told[0].RunID != stored.Ended {
		t.Errorf("of the end of %s is told %+v", stored.Ended, told)
	}
	if over, err := c.Save(t.Context(), []rooms.ChatChange{said(v.ID, stored.Ended)}); err != nil || len(over) > 0 {
		t.Errorf("what follows is not stored: %v, %v", over, err)
	}
}
