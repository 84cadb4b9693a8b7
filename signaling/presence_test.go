package signaling

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"roomcast/live"
	"roomcast/rooms"
	"roomcast/signaling/client"
	"roomcast/signaling/protocol"
)

func refusedBy(err error) (r *client.Refused, ok bool) {
	ok = errors.As(err, &r)
	return r, ok
}

func closedBy(err error) (c *client.Closed, ok bool) {
	ok = errors.As(err, &c)
	return c, ok
}

func TestThoseInAMeetingSeeEachOther(t *testing.T) {
	p := newPlace(t)
	ann := p.join("m/ann/moderator")
	if w := ann.welcome; w.You.ID != "ann" || w.You.Role != protocol.RoleModerator || w.Room.ID != "m" || w.Presence != protocol.PresenceList ||
		len(w.Participants) != 0 || w.ParticipantsTotal != 1 || w.Resume == "" || w.Resumed || w.Broadcast != nil || !w.Permissions.Moderate {
		t.Errorf("ann's welcome is %+v", w)
	}
	bob := p.join("m/bob/participant")
	if w := bob.welcome; len(w.Participants) != 1 || w.Participants[0].ID != "ann" || w.ParticipantsTotal != 2 || w.Permissions.Moderate {
		t.Errorf("bob's welcome is %+v", w)
	}
	joined := hear[*protocol.Joined](ann, nil)
	want := protocol.Participant{
		ID: "bob", Name: "Name of bob", Role: protocol.RoleParticipant, JoinedAt: time.Unix(1_700_000_000, 0).UTC(), Tracks: []protocol.Track{},
	}
	if diff := cmp.Diff(want, joined.Participant); diff != "" {
		t.Error(diff)
	}
	bob.ask(&protocol.Hand{Raised: true})
	hear(ann, func(u *protocol.Updated) bool { return u.Participant.ID == "bob" && u.Participant.Hand })
	bob.refused(protocol.CodeForbidden, &protocol.Hand{Participant: "ann"})
	ann.ask(&protocol.Hand{Participant: "bob"})
	hear(bob, func(u *protocol.Updated) bool { return u.Participant.ID == "bob" && !u.Participant.Hand })
	ann.refused(protocol.CodeNotFound, &protocol.Hand{Participant: "nobody"})
	if _, ok := bob.ask(&protocol.Ping{}).(*protocol.Pong); !ok {
		t.Error("a ping is not answered by pong")
	}
	bob.ask(&protocol.Leave{})
	if closed := bob.gone(); closed.Code != protocol.CloseNormal {
		t.Errorf("after leave the socket closes with %d", closed.Code)
	}
	hear(ann, func(l *protocol.Left) bool { return l.Participant == "bob" && l.Reason == protocol.LeftByChoice })
	if _, _, err := p.try("m/bob/participant", ""); codeOf(err) != rooms.CodeSessionInvalid {
		t.Errorf("after leave the session gives %v", err)
	}
}

func TestInALiveRoomTheOthersAreOnlyCounted(t *testing.T) {
	p := newPlace(t)
	one := p.join("l/one/participant")
	if w := one.welcome; w.Presence != protocol.PresenceCount || w.Broadcast == nil || w.Broadcast.State != "waiting" {
		t.Errorf("the welcome is %+v", w)
	}
	two := p.join("l/two/participant")
	if w := two.welcome; len(w.Participants) != 0 || w.ParticipantsTotal != 2 {
		t.Errorf("the second welcome is %+v", w)
	}
	if c := hear[*protocol.Count](one, nil); c.ParticipantsTotal != 2 {
		t.Errorf("the count is %d", c.ParticipantsTotal)
	}
	started := time.Now().UTC().Truncate(time.Second)
	p.air.turn("l", live.Brief{State: live.Live, StartedAt: &started, Viewers: 2})
	b := hear[*protocol.BroadcastChanged](one, nil).Broadcast
	if b.State != "live" || b.StartedAt == nil || !b.StartedAt.Equal(started) || b.Viewers != 2 {
		t.Errorf("the broadcast is %+v", b)
	}
	one.ask(&protocol.ChatSend{Text: "first"})
	hear[*protocol.Chat](two, nil)
	for _, m := range []protocol.ClientMessage{
		&protocol.Offer{SDP: "v=0"}, &protocol.Candidate{}, &protocol.View{}, &protocol.Hand{Raised: true},
		&protocol.Mute{Sources: []protocol.Source{protocol.Camera}},
	} {
		one.refused(protocol.CodeWrongRoomType, m)
	}
}

func TestABrokenSocketLosesNothingWithinTheWindow(t *testing.T) {
	p := newPlace(t)
	ann, bob := p.join("m/ann/moderator"), p.join("m/bob/participant")
	bob.ask(&protocol.Mute{Sources: []protocol.Source{protocol.Microphone}, Muted: true})
	bob.Close()
	soon(t, "bob's socket is gone", func() bool { return p.house.open() == 1 })
	again := p.rejoin("m/bob/participant", bob.welcome.Resume)
	if w := again.welcome; w.Resumed || w.ParticipantsTotal != 2 {
		t.Errorf("without a PeerConnection the welcome is %+v", w)
	}
	ann.ask(&protocol.Ping{})
	for _, m := range told(ann) {
		if _, left := m.(*protocol.Left); left {
			t.Error("ann was told that bob left")
		}
	}
}

// told returns what a guest was told until now.
func told(g *guest) (all []protocol.ServerMessage) {
	for {
		select {
		case m := <-g.Messages():
			all = append(all, m)
		default:
			return all
		}
	}
}

func TestWhoStaysAwayIsGone(t *testing.T) {
	p := newPlace(t, func(s *Server) { s.grace = 30 * time.Millisecond })
	ann, bob := p.join("m/ann/moderator"), p.join("m/bob/participant")
	bob.Close()
	hear(ann, func(l *protocol.Left) bool { return l.Participant == "bob" && l.Reason == protocol.LeftGone })
	ann.Close()
	soon(t, "the room in motion has ended", func() bool { return p.server.room("m") == nil })
}

func TestASecondSocketTakesOver(t *testing.T) {
	p := newPlace(t)
	first := p.join("m/ann/moderator")
	second := p.join("m/ann/moderator")
	closed := first.gone()
	if ended, ok := closed.Last.(*protocol.Ended); closed.Code != protocol.CloseEnded || !ok || ended.Code != protocol.EndedReplaced {
		t.Errorf("the first was closed with %d after %+v", closed.Code, closed.Last)
	}
	second.ask(&protocol.Ping{})
	if second.welcome.ParticipantsTotal != 1 {
		t.Errorf("there are %d", second.welcome.ParticipantsTotal)
	}
}

func TestShutdownTellsSocketsToReconnect(t *testing.T) {
	p := newPlace(t)
	ann := p.join("m/ann/moderator")
	must(t, p.server.Shutdown(t.Context()))
	closed := ann.gone()
	if again, ok := closed.Last.(*protocol.Reconnect); closed.Code != protocol.CloseRestart || !ok || again.AfterMs <= 0 {
		t.Errorf("closed with %d after %+v", closed.Code, closed.Last)
	}
	if _, _, err := p.try("m/ann/moderator", ""); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("afterwards a socket gives %v", err)
	}
	if n := p.house.open(); n != 0 {
		t.Errorf("%d seats are still held", n)
	}
}

func TestNewsOfTheRoomReachThoseInside(t *testing.T) {
	type end struct {
		event rooms.Event
		code  protocol.EndedCode
	}
	ends := map[string]end{
		"a deleted room":           {rooms.Event{Kind: rooms.RoomDeleted}, protocol.EndedRoomDeleted},
		"a suspended room":         {rooms.Event{Kind: rooms.RoomSuspended}, protocol.EndedRoomSuspended},
		"an ended run":             {rooms.Event{Kind: rooms.RunEnded, Detail: rooms.EndedByCall}, protocol.EndedByModerator},
		"the longest duration":     {rooms.Event{Kind: rooms.RunEnded, Detail: rooms.EndedDuration}, protocol.EndedMaxDuration},
		"a removed participant":    {rooms.Event{Kind: rooms.SessionEnded, ParticipantID: "ann", Code: rooms.CodeBanned}, protocol.EndedRemoved},
		"a regenerated token":      {rooms.Event{Kind: rooms.SessionEnded, ParticipantID: "ann", Code: rooms.CodeSessionInvalid}, protocol.EndedSession},
		"a session of a lost room": {rooms.Event{Kind: rooms.SessionEnded, ParticipantID: "ann", Code: rooms.CodeNotFound}, protocol.EndedRoomDeleted},
	}
	for name, tt := range ends {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			ann := p.join("m/ann/participant")
			tt.event.RoomID = "m"
			p.house.emit(tt.event)
			closed := ann.gone()
			if ended, ok := closed.Last.(*protocol.Ended); closed.Code != protocol.CloseEnded || !ok || ended.Code != tt.code || ended.Detail == "" {
				t.Errorf("closed with %d after %+v", closed.Code, closed.Last)
			}
			soon(t, "the room in motion has ended", func() bool { return p.server.room("m") == nil })
		})
	}
	t.Run("the end of a run leaves the viewers of a live room where they are", func(t *testing.T) {
		p := newPlace(t)
		one := p.join("l/one/participant")
		p.house.emit(rooms.Event{Kind: rooms.RunEnded, RoomID: "l", Detail: rooms.EndedByCall})
		hear[*protocol.RoomUpdated](one, nil)
		one.ask(&protocol.Ping{})
	})
	t.Run("a warning of the end", func(t *testing.T) {
		p := newPlace(t)
		ann := p.join("m/ann/participant")
		p.house.emit(rooms.Event{Kind: rooms.DurationWarning, RoomID: "m", Remaining: 5 * time.Minute})
		if w := hear[*protocol.Warning](ann, nil); w.RemainingSeconds != 300 {
			t.Errorf("it says %d seconds", w.RemainingSeconds)
		}
	})
}

func TestTheWelcomeListsTheLongestHereFirst(t *testing.T) {
	p := newPlace(t)
	for _, id := range []string{"c", "a", "b"} {
		p.join("m/" + id + "/participant")
	}
	w := p.join("m/z/participant").welcome
	var ids []string
	for _, one := range w.Participants {
		ids = append(ids, one.ID)
	}
	if !slices.Equal(ids, []string{"a", "b", "c"}) { // all joined at the same moment
		t.Errorf("the order is %v", ids)
	}
}
