package acceptance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"roomcast/signaling/protocol"
	"roomcast/test/harness"
)

// said lists the messages among events.
func said(events []protocol.ChatEvent) string {
	var list []string
	for _, e := range events {
		if e.Kind == protocol.ChatSaid {
			list = append(list, e.Message.Text)
		}
	}
	return strings.Join(list, ", ")
}

func TestARestartLeavesAChatAsItWas(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	for _, kind := range []string{"live", "meet"} {
		room := s.CreateRoom(t, kind, nil)
		path := "/api/v1/rooms/" + room.ID
		type message struct{ ID, Text string }
		write := func(text string) (m message) {
			t.Helper()
			s.API().Want(t, http.MethodPost, path+"/chat", harness.Fields{"text": text}, http.StatusCreated, &m)
			return m
		}
		joined, muted := s.Enter(t, room.ParticipantToken, "Eve"), s.Enter(t, room.ParticipantToken, "Bob")
		eve, _ := readChat(t, joined, 0)
		bob, _ := readChat(t, muted, 0)
		pinned, ugly := write("We begin at eight"), write("An ugly word")
		s.API().Want(t, http.MethodPut, path+"/chat/pinned", harness.Fields{"message_id": pinned.ID}, http.StatusOK, nil)
		s.API().Want(t, http.MethodDelete, path+"/chat/"+ugly.ID, nil, http.StatusNoContent, nil)
		s.API().Want(t, http.MethodPost, path+"/participants/"+muted.ParticipantID+"/mute", harness.Fields{"kinds": []string{"chat"}}, http.StatusOK, nil)
		if err := eve.say("Hello"); err != nil {
			t.Fatal(err)
		}
		for e := eve.next(); e.Message == nil || e.Message.Text != "Hello"; e = eve.next() {
		}
		known := eve.seq
		eve.Close()
		write("while eve is away")
		s.Stop() // writes what it has

		s.Restart()
		eve, welcome := readChat(t, joined, known)
		if chat := welcome.Chat; !chat.Resumed || said(chat.Events) != "while eve is away" || len(chat.Events) != 1 || chat.Events[0].Seq != known+1 {
			t.Errorf("%s: after a stop eve continues with %+v", kind, chat)
		}
		eve.waiting, eve.seq = nil, welcome.Chat.Seq
		write("on air again")
		if e := eve.next(); e.Message == nil || e.Message.Text != "on air again" {
			t.Errorf("%s: then comes %+v", kind, e)
		}
		time.Sleep(2500 * time.Millisecond) // more than a kill may lose
		s.Kill()
		bob.Close()

		s.Restart()
		bob, welcome = readChat(t, muted, 0)
		if chat := welcome.Chat; said(chat.Events) != "We begin at eight, Hello, while eve is away, on air again" || chat.Pinned == nil || chat.Pinned.Text != "We begin at eight" {
			t.Errorf("%s: after a kill bob is told %+v", kind, chat)
		}
		if !welcome.Permissions.ChatMuted || bob.say("no") == nil {
			t.Errorf("%s: who was muted writes", kind)
		}
		var page struct {
			Items  []message
			Pinned *message
		}
		s.API().Want(t, http.MethodGet, path+"/chat", nil, http.StatusOK, &page)
		if len(page.Items) != 4 || page.Pinned == nil || page.Pinned.ID != pinned.ID {
			t.Errorf("%s: the operator reads %+v", kind, page)
		}
		s.API().Want(t, http.MethodDelete, path+"/chat/"+pinned.ID, nil, http.StatusNoContent, nil)
		s.Kill() // at once: what is answered is stored
		s.Restart()
		page.Pinned = nil
		s.API().Want(t, http.MethodGet, path+"/chat", nil, http.StatusOK, &page)
		if len(page.Items) != 3 || page.Pinned != nil {
			t.Errorf("%s: after a deletion and a kill the operator reads %+v", kind, page)
		}

		eve, _ = readChat(t, joined, 0)
		write("told, and lost by a kill at once")
		unwritten := eve.next().Seq
		s.Kill()
		s.Restart()
		write("after it")
		_, welcome = readChat(t, joined, unwritten)
		// It may just have been written; a true must then be a right one.
		if chat := welcome.Chat; chat.Resumed && said(chat.Events) != "after it" {
			t.Errorf("%s: eve, who may know more than the server, is told %+v", kind, chat)
		}
		if kind == "meet" { // the run's end ends it; a broadcast room has none here
			write("on its way to the store when the run ends")
			s.API().Want(t, http.MethodPost, path+"/end", nil, http.StatusOK, nil)
			s.Kill()
			s.Restart()
			s.API().Want(t, http.MethodGet, path+"/chat", nil, http.StatusOK, &page)
			if len(page.Items) != 0 || page.Pinned != nil {
				t.Errorf("after the run's end the operator reads %+v", page)
			}
		}
	}
}
