package rooms

import "roomcast/secret"

// via is the way somebody came in.
type via string

const (
	viaModeratorToken   via = "moderator_token"
	viaParticipantToken via = "participant_token"
	viaRoomURL          via = "room_url"
	viaJoinToken        via = "join_token"
)

// What a Look says of the code.
const (
	codeNone     = "none"
	codeOptional = "optional"
	codeRequired = "required"
)

// roleByCode is what a Look says when the code decides.
const roleByCode = "by_code"

// ask is what one door of one room asks for, and whom it makes.
type ask struct {
	moderator   *secret.Text // this code makes a moderator
	participant *secret.Text // this code makes a participant
	open        Role         // whom it makes without a code; "" for nobody
}

// asks returns what a door asks; minted is the role of a join token.
func asks(v View, door via, minted Role) ask {
	switch door {
	case viaModeratorToken:
		if v.ModeratorAccessCode == nil {
			return ask{open: Moderator}
		}
		return ask{moderator: v.ModeratorAccessCode}
	case viaParticipantToken:
		if code := v.participantsCode(); code != nil {
			return ask{participant: code}
		}
		return ask{open: Participant}
	case viaJoinToken:
		return ask{open: minted}
	}
	rules := v.roomURLRules()
	a := ask{moderator: rules.moderatorCode, participant: rules.participantCode}
	if rules.open {
		a.open = Participant
	}
	return a
}

// closed reports a door that admits nobody: a room without room URL.
func (a ask) closed() bool { return !a.hasCodes() && a.open == "" }

func (a ask) hasCodes() bool { return a.moderator != nil || a.participant != nil }

// code says whether the door asks for a code.
func (a ask) code() string {
	switch {
	case !a.hasCodes():
		return codeNone
	case a.open != "":
		return codeOptional
	}
	return codeRequired
}

// role says whom the door makes.
func (a ask) role(door via) string {
	switch {
	case !a.hasCodes():
		return string(a.open)
	case door == viaRoomURL:
		return roleByCode
	case a.moderator != nil:
		return string(Moderator)
	}
	return string(Participant)
}

// match returns the role that a code gives, "" when it is wrong. Every code is
// compared, in constant time, whichever is right.
func (a ask) match(code string) Role {
	moderator := a.moderator != nil && a.moderator.Equal(code)
	participant := a.participant != nil && a.participant.Equal(code)
	switch {
	case moderator:
		return Moderator
	case participant:
		return Participant
	}
	return ""
}
