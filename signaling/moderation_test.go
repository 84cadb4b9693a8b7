package signaling

import (
	"testing"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

func TestAParticipantWhoSendsModeratorsMessagesIsRefused(t *testing.T) {
	p := newPlace(t)
	ann, bob := p.join("m/ann/moderator"), p.join("m/bob/participant")
	for _, m := range []protocol.ClientMessage{
		&protocol.ModeratorMute{Participant: "ann", Kinds: []protocol.MuteKind{protocol.MuteAudio}},
		&protocol.Remove{Participant: "ann"}, &protocol.Lock{}, &protocol.Unlock{}, &protocol.End{},
		&protocol.ModeratorUnmute{Participant: "bob", Kinds: []protocol.MuteKind{protocol.MuteChat}},
		&protocol.ChatDelete{Message: "1"}, &protocol.ChatPin{Message: "1"}, &protocol.ChatUnpin{},
		&protocol.Hand{Participant: "ann"},
	} {
		bob.refused(protocol.CodeForbidden, m)
	}
	ann.ask(&protocol.Ping{})
	for _, m := range told(ann) {
		switch m.(type) {
		case *protocol.Joined:
		default:
			t.Errorf("ann was told %T", m)
		}
	}
}

func TestARemovedParticipantStaysOut(t *testing.T) {
	p := newPlace(t)
	ann, bob := p.join("m/ann/moderator"), p.join("m/bob/participant")
	ann.refused(protocol.CodeNotFound, &protocol.Remove{Participant: "nobody"})
	ann.refused(protocol.CodeValidationFailed, &protocol.Remove{Participant: "ann"})
	ann.ask(&protocol.Remove{Participant: "bob", BanAddress: true})
	closed := bob.gone()
	if ended, ok := closed.Last.(*protocol.Ended); closed.Code != protocol.CloseEnded || !ok || ended.Code != protocol.EndedRemoved {
		t.Errorf("closed with %d after %+v", closed.Code, closed.Last)
	}
	hear(ann, func(l *protocol.Left) bool { return l.Participant == "bob" && l.Reason == protocol.LeftRemoved })
	_, _, err := p.try("m/bob/participant", bob.welcome.Resume)
	if codeOf(err) != rooms.CodeBanned {
		t.Errorf("coming back gives %v", err)
	}
}

func TestLockAndEndReachEverybody(t *testing.T) {
	p := newPlace(t)
	ann, bob := p.join("m/ann/moderator"), p.join("m/bob/participant")
	ann.ask(&protocol.Lock{})
	hear(bob, func(u *protocol.RoomUpdated) bool { return u.Locked })
	if w := p.join("m/eve/moderator").welcome; !w.Locked {
		t.Error("the welcome does not say that the room is locked")
	}
	ann.ask(&protocol.Unlock{})
	hear(bob, func(u *protocol.RoomUpdated) bool { return !u.Locked })
	ann.ask(&protocol.End{})
	for _, g := range []*guest{ann, bob} {
		if ended, ok := g.gone().Last.(*protocol.Ended); !ok || ended.Code != protocol.EndedByModerator {
			t.Errorf("%s was not told of the end", g.id)
		}
	}
}

func TestAModeratorsMuteHolds(t *testing.T) {
	p := newPlace(t)
	ann, bob := p.join("m/ann/moderator"), p.join("m/bob/participant")
	ann.refused(protocol.CodeNotFound, &protocol.ModeratorMute{Participant: "nobody", Kinds: []protocol.MuteKind{protocol.MuteAudio}})
	ann.ask(&protocol.ModeratorMute{Participant: "bob", Kinds: []protocol.MuteKind{protocol.MuteAudio, protocol.MuteScreen}})
	m := hear[*protocol.Muted](bob, nil)
	if len(m.Sources) != 3 {
		t.Errorf("muted are %v", m.Sources)
	}
	r := p.server.room("m")
	r.mu.Lock()
	silent := r.members["bob"].silenced(protocol.Microphone)
	r.mu.Unlock()
	if !silent {
		t.Error("the microphone is heard")
	}
	if err := p.server.Mute(t.Context(), "m", "bob", []string{"video"}); err != nil {
		t.Error(err)
	}
	hear[*protocol.Muted](bob, nil)
	if err := p.server.Mute(t.Context(), "m", "nobody", []string{"video"}); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("muting nobody gives %v", err)
	}
	if err := p.server.Mute(t.Context(), "m", "bob", []string{"smell"}); rooms.CodeOf(err) != rooms.CodeValidationFailed {
		t.Errorf("muting a smell gives %v", err)
	}
}
