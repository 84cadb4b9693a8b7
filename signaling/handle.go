package signaling

import (
	"fmt"
	"slices"
	"time"

	"roomcast/rooms"
	"roomcast/sfu"
	"roomcast/signaling/protocol"
)

// handle carries one message out. It returns the answer the message has, if it
// has one of its own.
func (v *visit) handle(m protocol.ClientMessage) (protocol.ServerMessage, error) {
	switch m := m.(type) {
	case *protocol.Hello:
		return nil, refuse(protocol.CodeHelloRepeated, "this socket has said hello")
	case *protocol.Ping:
		return &protocol.Pong{}, nil
	case *protocol.Leave:
		return nil, v.leave()
	case *protocol.ChatSend:
		return nil, v.chat(m.Text)
	case *protocol.Hand:
		return nil, v.raise(m)
	case *protocol.Offer:
		return v.offer(m)
	case *protocol.Candidate:
		return nil, v.candidate(m)
	case *protocol.Mute:
		return nil, v.mute(m)
	case *protocol.View:
		return nil, v.view(m)
	default:
		return nil, v.moderate(m)
	}
}

func (v *visit) leave() error {
	v.room.remove(v.member, protocol.LeftByChoice, nil)
	if err := v.server.o.Door.Leave(v.server.ctx, v.session); err != nil && rooms.CodeOf(err) == "" {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

func (v *visit) chat(text string) error {
	v.room.mu.Lock()
	defer v.room.mu.Unlock()
	return v.room.speak(v.member, text)
}

func (v *visit) raise(h *protocol.Hand) error {
	r := v.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isMeet() {
		return refuse(protocol.CodeWrongRoomType, "hands are raised in meet rooms only")
	}
	m := v.member
	if h.Participant != "" && h.Participant != m.id {
		if !m.permissions.Moderate {
			return refuse(protocol.CodeForbidden, "only moderators lower the hands of others")
		}
		if m = r.members[h.Participant]; m == nil {
			return refuse(protocol.CodeNotFound, "there is no such participant")
		}
	}
	if m.hand != h.Raised {
		m.hand = h.Raised
		r.changed(m)
	}
	return nil
}

// media returns the member's place in the meeting, or why there is none.
func (v *visit) media() (*sfu.Peer, error) {
	if v.member.peer != nil {
		return v.member.peer, nil
	}
	if v.member.grant.RoomType != rooms.Meet {
		return nil, refuse(protocol.CodeWrongRoomType, "media is negotiated in meet rooms only")
	}
	return nil, refuse(protocol.CodeNotReady, "this server has no media ports")
}

func (v *visit) offer(o *protocol.Offer) (protocol.ServerMessage, error) {
	peer, err := v.media()
	if err != nil {
		return nil, err
	}
	if !v.member.offerRate.Allow() {
		return nil, &refusal{
			code: protocol.CodeRateLimited, retryAfter: time.Second / offersPerSecond,
			detail: fmt.Sprintf("at most %d offers a second", offersPerSecond),
		}
	}
	r := v.room
	tracks := make([]sfu.Track, len(o.Tracks))
	sources := make([]protocol.Source, len(o.Tracks))
	r.mu.Lock()
	for i, t := range o.Tracks {
		if !v.member.permitted(t.Source) {
			r.mu.Unlock()
			return nil, refuse(protocol.CodeForbidden, fmt.Sprintf("you may not publish a %s in this room", t.Source))
		}
		tracks[i] = sfu.Track{Mid: t.Mid, Source: sfu.Source(t.Source), Audio: t.Source.Audio()}
		sources[i] = t.Source
	}
	v.member.takePlace(r, sources)
	r.mu.Unlock()
	answer, err := peer.Offer(v.server.ctx, o.SDP, tracks)
	r.mu.Lock()
	defer r.mu.Unlock()
	v.member.beginning = false
	if err != nil {
		if !peer.Connected() {
			r.publishes(v.member, nil)
		}
		return nil, err
	}
	r.publishes(v.member, sources)
	return &protocol.Answer{SDP: answer}, nil
}

func (v *visit) candidate(c *protocol.Candidate) error {
	peer, err := v.media()
	if err != nil {
		return err
	}
	return peer.Candidate(c.Candidate, c.Mid, c.MLineIndex)
}

func (v *visit) mute(msg *protocol.Mute) error {
	if _, err := v.media(); err != nil {
		return err
	}
	r, m := v.room, v.member
	r.mu.Lock()
	defer r.mu.Unlock()
	if !msg.Muted {
		for _, source := range msg.Sources {
			if !m.permitted(source) {
				return refuse(protocol.CodeForbidden, fmt.Sprintf("you may not publish a %s in this room", source))
			}
		}
		if m.wouldSend(msg.Sources) && !r.hasPlace(m) {
			return refuse(protocol.CodeLimitExceeded, fmt.Sprintf("%d send already, max_publishers allows no more", *r.view.Settings.Limits.MaxPublishers))
		}
	}
	before := m.tracks()
	for _, source := range msg.Sources {
		m.muted[source] = msg.Muted
	}
	m.enforce()
	if !slices.Equal(before, m.tracks()) {
		r.changed(m)
	}
	return nil
}

func (v *visit) view(msg *protocol.View) error {
	peer, err := v.media()
	if err != nil {
		return err
	}
	tiles := make([]sfu.Tile, len(msg.Tiles))
	for i, t := range msg.Tiles {
		if t.Participant == v.member.id {
			return refuse(protocol.CodeValidationFailed, fmt.Sprintf("tiles[%d] is your own video", i))
		}
		tiles[i] = sfu.Tile{Peer: t.Participant, Source: sfu.Source(t.Source), Width: t.Width, Height: t.Height}
	}
	peer.View(tiles)
	return nil
}

func (v *visit) moderateChat(m protocol.ClientMessage) error {
	v.room.mu.Lock()
	defer v.room.mu.Unlock()
	switch m := m.(type) {
	case *protocol.ChatDelete:
		return v.room.deleteMessage(m.Message)
	case *protocol.ChatPin:
		_, err := v.room.pinMessage(m.Message)
		return err
	default:
		v.room.unpinMessage()
		return nil
	}
}

// moderate carries out what only moderators may do. The door acts, and the
// room hears of it as of any other event.
func (v *visit) moderate(m protocol.ClientMessage) error {
	if v.member.grant.Role != rooms.Moderator {
		return refuse(protocol.CodeForbidden, "only moderators may do that")
	}
	ctx, door, id := v.server.ctx, v.server.o.Door, v.room.id
	var err error
	switch m := m.(type) {
	case *protocol.ModeratorMute:
		if !v.room.muteOther(m.Participant, m.Kinds) {
			return refuse(protocol.CodeNotFound, "there is no such participant")
		}
		err = v.server.saveNow(ctx, id)
	case *protocol.ModeratorUnmute:
		if !v.room.unmuteOther(m.Participant) {
			return refuse(protocol.CodeNotFound, "there is no such participant")
		}
		err = v.server.saveNow(ctx, id)
	case *protocol.ChatDelete, *protocol.ChatPin, *protocol.ChatUnpin:
		if err = v.moderateChat(m); err == nil {
			err = v.server.saveNow(ctx, id)
		}
	case *protocol.Remove:
		if m.Participant == v.member.id {
			return refuse(protocol.CodeValidationFailed, "nobody removes themselves: leave instead")
		}
		err = door.Remove(ctx, id, m.Participant, m.BanAddress)
	case *protocol.Lock:
		_, err = door.Lock(ctx, id)
	case *protocol.Unlock:
		_, err = door.Unlock(ctx, id)
	case *protocol.End:
		_, err = door.EndRun(ctx, id)
	default:
		return fmt.Errorf("message %s has no handler", protocol.KindOf(m))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", protocol.KindOf(m), err)
	}
	return nil
}
