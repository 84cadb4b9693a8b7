package acceptance

import (
	"context"
	"net/http"
	"testing"
	"time"

	"roomcast/secret"
	"roomcast/signaling/client"
	"roomcast/signaling/protocol"
	"roomcast/test/harness"
)

// reader reads a room's chat and checks that its numbers have no gap.
type reader struct {
	t *testing.T
	*client.Client
	seq     int64
	waiting []protocol.ChatEvent
}

func readChat(t *testing.T, joined harness.Joined, after int64) (*reader, *protocol.Welcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, welcome, err := client.Dial(ctx, client.Options{URL: joined.Endpoints["signaling"], Session: secret.New(joined.Session), ChatAfter: after})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	r := &reader{t: t, Client: c, seq: welcome.Chat.Seq}
	if welcome.Chat.Resumed {
		r.seq, r.waiting = after, welcome.Chat.Events
	}
	return r, welcome
}

// next waits for the next event.
func (r *reader) next() protocol.ChatEvent {
	r.t.Helper()
	timeout := time.After(10 * time.Second)
	for len(r.waiting) == 0 {
		select {
		case m, open := <-r.Messages():
			if !open {
				r.t.Fatalf("the connection ended: %v", r.Err())
			}
			if chat, ok := m.(*protocol.Chat); ok {
				r.waiting = chat.Events
			}
		case <-timeout:
			r.t.Fatal("nothing more came")
		}
	}
	e := r.waiting[0]
	r.waiting = r.waiting[1:]
	if e.Seq != r.seq+1 {
		r.t.Errorf("after the event %d comes %d", r.seq, e.Seq)
	}
	r.seq = e.Seq
	return e
}

func (r *reader) say(text string) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	_, err := r.Call(ctx, &protocol.ChatSend{Text: text})
	return err
}

func TestAChatIsKeptInOrderByTheOperator(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{"room_features": harness.Fields{"slow_mode_seconds": 600}})
	path := "/api/v1/rooms/" + room.ID
	if now := room.Settings.Features["slow_mode_seconds"]; now != float64(600) {
		t.Errorf("the room says %v", now)
	}
	type message struct{ ID, Text string }
	var opening message
	s.API().Want(t, http.MethodPost, path+"/chat", harness.Fields{"text": "We begin at eight"}, http.StatusCreated, &opening)
	s.API().Want(t, http.MethodPut, path+"/chat/pinned", harness.Fields{"message_id": opening.ID}, http.StatusOK, nil)

	joined := s.Enter(t, room.ParticipantToken, "Eve")
	eve, welcome := readChat(t, joined, 0)
	if chat := welcome.Chat; len(chat.Events) != 1 || chat.Pinned == nil || chat.Pinned.Text != "We begin at eight" {
		t.Fatalf("eve is told %+v", chat)
	}
	if err := eve.say("Hello"); err != nil {
		t.Fatal(err)
	}
	hello := eve.next()
	if err := eve.say("again"); err == nil {
		t.Error("slow mode lets a second message pass")
	}
	s.API().Want(t, http.MethodDelete, path+"/chat/"+hello.Message.ID, nil, http.StatusNoContent, nil)
	if e := eve.next(); e.Kind != protocol.ChatDeleted || e.Deleted != hello.Message.ID {
		t.Errorf("of the deletion comes %+v", e)
	}
	eve.Close()
	s.API().Want(t, http.MethodPost, path+"/chat", harness.Fields{"text": "Welcome"}, http.StatusCreated, nil)
	eve, welcome = readChat(t, joined, eve.seq)
	if e := eve.next(); !welcome.Chat.Resumed || e.Message == nil || e.Message.Text != "Welcome" {
		t.Errorf("coming back, eve is told %+v after %+v", e, welcome.Chat)
	}
	s.API().Want(t, http.MethodPost, path+"/participants/"+joined.ParticipantID+"/mute", harness.Fields{"kinds": []string{"chat"}}, http.StatusOK, nil)
	if err := eve.say("still here"); err == nil {
		t.Error("who is muted writes")
	}
	var page struct{ Items []message }
	s.API().Want(t, http.MethodGet, path+"/chat", nil, http.StatusOK, &page)
	if len(page.Items) != 2 || page.Items[1].Text != "Welcome" {
		t.Errorf("the operator reads %+v", page.Items)
	}
}
