package signaling

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// next waits for the next event of the chat.
func (r *reader) next() protocol.ChatEvent {
	r.t.Helper()
	for len(r.waiting) == 0 {
		r.waiting = hear[*protocol.Chat](r.guest, nil).Events
	}
	e := r.waiting[0]
	r.waiting = r.waiting[1:]
	if e.Seq != r.seq+1 {
		r.t.Errorf("%s: after the event %d comes %d", r.id, r.seq, e.Seq)
	}
	r.seq = e.Seq
	return e
}

// reader reads a guest's chat and checks that its numbers have no gap.
type reader struct {
	*guest
	seq     int64
	waiting []protocol.ChatEvent
}

func reading(g *guest) *reader { return &reader{guest: g, seq: g.welcome.Chat.Seq} }

func TestChatReachesAllAndIsKeptForThoseWhoComeLater(t *testing.T) {
	p := newPlace(t)
	ann, bob := reading(p.join("m/ann/moderator")), reading(p.join("m/bob/participant"))
	bob.ask(&protocol.ChatSend{Text: "Hello"})
	for _, g := range []*reader{ann, bob} {
		e := g.next()
		m := e.Message
		if e.Kind != protocol.ChatSaid || m.Text != "Hello" || m.Participant != "bob" || m.Name != "Name of bob" || m.ID != fmt.Sprint(e.Seq) || m.At.IsZero() {
			t.Errorf("%s got %+v", g.id, e)
		}
	}
	eve := p.join("m/eve/participant")
	if chat := eve.welcome.Chat; texts(chat.Events) != "Hello" || chat.Resumed || chat.Seq != bob.seq {
		t.Errorf("eve's history is %+v", chat)
	}
	var err error
	for range protocol.ChatsPerTenSeconds + 1 {
		if _, err = bob.try(&protocol.ChatSend{Text: "again"}); err != nil {
			break
		}
	}
	if r, ok := refusedBy(err); !ok || r.Code != protocol.CodeRateLimited || r.RetryAfter <= 0 {
		t.Errorf("many messages give %v", err)
	}
	p.house.change("m", rooms.RoomUpdated, func(v *rooms.View) { v.Settings.Features.ParticipantsChat = false }) // never fails
	hear(eve, func(u *protocol.RoomUpdated) bool { return !u.Permissions.Chat && !u.Permissions.ChatMuted })
	eve.refused(protocol.CodeForbidden, &protocol.ChatSend{Text: "no"})
	ann.ask(&protocol.ChatSend{Text: "moderators may"})
}

func TestABusyRoomTellsInBatchesAndEveryoneTheSame(t *testing.T) {
	p := newPlace(t)
	var all []*reader
	for _, id := range []string{"a", "b", "c"} {
		all = append(all, reading(p.join("l/"+id+"/participant")))
	}
	const each = 9
	for i := range each {
		for _, g := range all {
			g.ask(&protocol.ChatSend{Text: fmt.Sprint(i)})
		}
	}
	late := p.join("l/late/participant") // comes in the midst of a batch
	all = append(all, &reader{guest: late, seq: late.welcome.Chat.Seq})
	all[0].ask(&protocol.ChatSend{Text: "end"})
	want := texts(late.welcome.Chat.Events)
	for _, g := range all {
		for e := g.next(); e.Message.Text != "end"; e = g.next() {
			if g.guest == late {
				want += " " + e.Message.Text
			}
		}
	}
	if n := len(want); n != 2*3*each-1 {
		t.Errorf("the latecomer read %q", want)
	}
}

func TestOneWhoComesBackContinuesByNumber(t *testing.T) {
	p := newPlace(t)
	ann, bob := p.join("l/ann/moderator"), reading(p.join("l/bob/participant"))
	ann.ask(&protocol.ChatSend{Text: "one"})
	bob.next()
	bob.Close()
	ann.ask(&protocol.ChatSend{Text: "two"})
	id := fmt.Sprint(bob.seq + 1)
	ann.ask(&protocol.ChatSend{Text: "three"})
	ann.ask(&protocol.ChatDelete{Message: id})
	hear(ann, func(c *protocol.Chat) bool { return c.Events[len(c.Events)-1].Kind == protocol.ChatDeleted })
	again := p.come("l/bob/participant", bob.seq)
	if chat := again.welcome.Chat; !chat.Resumed || texts(chat.Events) != "deleted three deleted" || chat.Events[0].Seq != bob.seq+1 || chat.Seq != bob.seq+3 {
		t.Errorf("bob continues with %+v", chat)
	}
	if chat := p.come("l/bob/participant", 7).welcome.Chat; chat.Resumed || texts(chat.Events) != "one three" {
		t.Errorf("with a number of another server: %+v", chat)
	}
}

func TestAChatOutlivesTheRoomInMotionButNotTheRun(t *testing.T) {
	p := newPlace(t, func(s *Server) { s.grace = time.Millisecond })
	empty := func() {
		t.Helper()
		soon(t, "nobody is in the room", func() bool { return p.server.room("l") == nil })
	}
	ann := p.join("l/ann/participant")
	ann.ask(&protocol.ChatSend{Text: "Hello"})
	ann.Close()
	empty()
	said, err := p.server.Say(t.Context(), "l", "", "Station", "We begin at eight")
	must(t, err)
	_, err = p.server.Pin(t.Context(), "l", said.ID)
	must(t, err)
	if s, err := p.server.Say(t.Context(), "none", "", "Station", "x"); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("in no room: %v, %v", s, err)
	}
	bob := p.join("l/bob/participant")
	if chat := bob.welcome.Chat; texts(chat.Events) != "Hello We begin at eight" || chat.Pinned == nil || chat.Pinned.Participant != "" || chat.Pinned.Role != protocol.RoleModerator {
		t.Errorf("bob's history is %+v", chat)
	}
	p.house.emit(rooms.Event{Kind: rooms.RunEnded, RoomID: "l"})
	read := reading(bob)
	if e := read.next(); e.Kind != protocol.ChatUnpinned {
		t.Errorf("with the run ends %+v", e)
	}
	if chat := p.join("l/eve/participant").welcome.Chat; len(chat.Events) != 0 || chat.Pinned != nil || chat.Seq != read.seq {
		t.Errorf("eve's history is %+v", chat)
	}
	bob.ask(&protocol.ChatSend{Text: "again"})
	for _, m := range p.server.all("l") {
		m.sock.Load().close(protocol.CloseTryAgain)
	}
	empty()
	p.house.emit(rooms.Event{Kind: rooms.RunEnded, RoomID: "l"})
	p.server.mu.Lock()
	kept := len(p.server.chats)
	p.server.mu.Unlock()
	if kept != 0 {
		t.Errorf("%d chats are kept", kept)
	}
}

func (s *Server) all(roomID string) []*member { return s.room(roomID).all() }

// come joins as one who knows the chat up to a number.
func (p *place) come(session string, after int64) *guest {
	p.t.Helper()
	return p.dial(session, "", after)
}

func TestAModeratorPinsDeletesAndMutesInTheChat(t *testing.T) {
	p := newPlace(t)
	ann, bob := reading(p.join("l/ann/moderator")), reading(p.join("l/bob/participant"))
	bob.ask(&protocol.ChatSend{Text: "<b>https://example.org</b>"})
	first := ann.next().Message
	ann.ask(&protocol.ChatPin{Message: first.ID})
	bob.next()
	if e := bob.next(); e.Kind != protocol.ChatPinned || e.Message.Text != "<b>https://example.org</b>" {
		t.Errorf("bob was told %+v", e)
	}
	ann.ask(&protocol.ChatUnpin{})
	if e := bob.next(); e.Kind != protocol.ChatUnpinned || e.Message != nil {
		t.Errorf("bob was told %+v", e)
	}
	ann.ask(&protocol.ChatDelete{Message: first.ID})
	if e := bob.next(); e.Kind != protocol.ChatDeleted || e.Deleted != first.ID {
		t.Errorf("bob was told %+v", e)
	}
	ann.refused(protocol.CodeNotFound, &protocol.ChatDelete{Message: first.ID})
	ann.refused(protocol.CodeNotFound, &protocol.ChatPin{Message: first.ID})

	ann.refused(protocol.CodeNotFound, &protocol.ModeratorUnmute{Participant: "nobody", Kinds: []protocol.MuteKind{protocol.MuteChat}})
	ann.refused(protocol.CodeValidationFailed, &protocol.ModeratorUnmute{Participant: "bob", Kinds: []protocol.MuteKind{protocol.MuteAudio}})
	ann.ask(&protocol.ModeratorMute{Participant: "bob", Kinds: []protocol.MuteKind{protocol.MuteChat}})
	hear(bob.guest, func(u *protocol.RoomUpdated) bool { return !u.Permissions.Chat && u.Permissions.ChatMuted })
	bob.refused(protocol.CodeForbidden, &protocol.ChatSend{Text: "no"})
	if !p.server.ChatMuted("l", "bob") || p.server.ChatMuted("l", "ann") || p.server.ChatMuted("none", "ann") {
		t.Error("the API sees otherwise who is muted")
	}
	if w := p.join("l/bob/participant").welcome; !w.Permissions.ChatMuted {
		t.Error("who comes back is not muted any more")
	}
	must(t, p.server.UnmuteChat(t.Context(), "l", "bob"))
	if err := p.server.UnmuteChat(t.Context(), "l", "nobody"); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("nobody is let write again: %v", err)
	}
	p.join("l/bob/participant").ask(&protocol.ChatSend{Text: "again"})
}

func TestSlowModeSaysHowLongAndSparesModerators(t *testing.T) {
	p := newPlace(t)
	p.house.add("slow", rooms.Live, func(f *rooms.Features) { f.SlowModeSeconds = 30 })
	ann, bob := p.join("slow/ann/moderator"), p.join("slow/bob/participant")
	if seconds := bob.welcome.Room.Features["slow_mode_seconds"]; fmt.Sprint(seconds) != "30" {
		t.Errorf("the room says %v seconds", seconds)
	}
	for range 3 {
		ann.ask(&protocol.ChatSend{Text: "moderators may"})
	}
	bob.ask(&protocol.ChatSend{Text: "one"})
	_, err := bob.try(&protocol.ChatSend{Text: "two"})
	r, ok := refusedBy(err)
	if !ok || r.Code != protocol.CodeRateLimited || r.RetryAfter < 20*time.Second || r.RetryAfter > 30*time.Second || r.Detail == "" {
		t.Errorf("the second gives %v", err)
	}
	_, err = p.join("slow/bob/participant").try(&protocol.ChatSend{Text: "two"})
	if codeOf(err) != protocol.CodeRateLimited {
		t.Errorf("another socket gives %v", err)
	}
}

func TestTheTimeBetweenBatchesIsAQuarterOfASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{chats: map[string]*chat{}, rooms: map[string]*room{}}
		r := &room{server: s, id: "x", members: map[string]*member{}, chat: newChat(1000, time.Now())}
		sock := &socket{out: newQueue()}
		m := &member{id: "m"}
		m.sock.Store(sock)
		r.members["m"] = m
		say := func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.say(protocol.ChatMessage{Text: "x"})
		}
		batches := func(want int) {
			t.Helper()
			synctest.Wait()
			if frames, _ := sock.out.take(); len(frames) != want {
				t.Errorf("%d batches came, want %d", len(frames), want)
			}
		}
		say()
		batches(1) // at once
		say()
		say()
		batches(0)
		time.Sleep(protocol.ChatInterval)
		batches(1)
		time.Sleep(protocol.ChatInterval)
		batches(0)
		say()
		batches(1) // quiet again
		for range maxUntoldBytes/(eventOverhead+1) + 1 {
			say()
		}
		batches(1) // too much to wait
		time.Sleep(protocol.ChatInterval)
		batches(0)
	})
}
