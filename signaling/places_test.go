package signaling

import (
	"testing"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

func TestOnlyAsManyPublishAsTheRoomAllows(t *testing.T) {
	p := newPlace(t)
	one := int64(1)
	_, err := p.house.change("m", rooms.RoomUpdated, func(v *rooms.View) { v.Settings.Limits.MaxPublishers = &one })
	must(t, err)
	ada := p.perform("m/ada/participant", 1, protocol.Microphone)
	bob := p.perform("m/bob/moderator", 1, protocol.Microphone, protocol.Camera)
	hear(bob.guest, func(u *protocol.Updated) bool {
		return u.Participant.ID == "bob" && len(u.Participant.Tracks) == 2 && u.Participant.Tracks[0].Muted && u.Participant.Tracks[1].Muted
	})
	bob.refused(protocol.CodeLimitExceeded, &protocol.Mute{Sources: []protocol.Source{protocol.Microphone}, Muted: false})
	ada.ask(&protocol.Mute{Sources: []protocol.Source{protocol.Microphone}, Muted: true})
	bob.ask(&protocol.Mute{Sources: []protocol.Source{protocol.Microphone}, Muted: false})
	ada.refused(protocol.CodeLimitExceeded, &protocol.Mute{Sources: []protocol.Source{protocol.Microphone}, Muted: false})
	bob.ask(&protocol.Mute{Sources: []protocol.Source{protocol.Camera}, Muted: false})
	bob.ask(&protocol.Leave{})
	hear(ada.guest, func(l *protocol.Left) bool { return l.Participant == "bob" })
	ada.ask(&protocol.Mute{Sources: []protocol.Source{protocol.Microphone}, Muted: false})
}
