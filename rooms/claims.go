package rooms

import (
	"net/netip"
	"time"
)

// claims are what a session or ticket proves: who joined what, how, and when.
type claims struct {
	Room         string
	Participant  string
	Role         Role
	Name         string
	ExternalID   string
	Via          via
	JoinToken    string    // id of the join token they came by, or ""
	DoorEpoch    int64     // of the token they came by, at the join
	SessionEpoch int64     // of the room, at the join
	Device       string    // deviceSum of the door's cookie at the join
	Run          string    // of a meeting: its sessions end with it
	JoinedAt     time.Time // of this join; a session can be refreshed for 24 h after it
}

func (c *claims) grant(t Type) Grant {
	return Grant{
		ParticipantID: c.Participant, RoomID: c.Room, RoomType: t, Role: c.Role,
		Name: c.Name, ExternalID: c.ExternalID, JoinedAt: c.JoinedAt,
	}
}

// tooOld reports that the session can be refreshed no more.
func (c *claims) tooOld(now time.Time) bool { return !now.Before(c.JoinedAt.Add(sessionReach)) }

// facts are what the door knows of a room, as it was loaded.
type facts struct {
	record   Record
	settings Settings
	bans     []Ban
	ended    map[string]struct{} // participants and join tokens whose sessions ended
	gone     bool                // the room was deleted
}

func (f *facts) suspended(now time.Time) bool {
	return f.record.Suspended || !f.record.Plan.Active(now)
}

// verdict says why claims that were true at the join are good no more; nil when
// they are. Their age is for the caller to judge.
func (f *facts) verdict(c *claims, now time.Time) *Error {
	epochs := &f.record.Epochs
	switch {
	case f.gone:
		return refuse(CodeSessionInvalid, "the room is gone")
	case f.banned(ban{participant: c.Participant, externalID: c.ExternalID}):
		return refuse(CodeBanned, "a moderator has removed you")
	case f.suspended(now):
		return refuse(CodeRoomSuspended, "the room is suspended")
	case c.SessionEpoch < epochs.Session:
		return refuse(CodeSessionInvalid, "the session ended when the room was suspended")
	case f.hasEnded(c.Participant), c.JoinToken != "" && f.hasEnded(c.JoinToken):
		return refuse(CodeSessionInvalid, "the session was ended")
	case c.Via == viaModeratorToken && c.DoorEpoch < epochs.ModeratorMin,
		c.Via == viaParticipantToken && c.DoorEpoch < epochs.ParticipantMin:
		return refuse(CodeSessionInvalid, "the session ended when its token was regenerated")
	case f.record.Type == Meet && c.Run != f.record.Run.ID:
		return refuse(CodeSessionInvalid, "the session ended with its meeting")
	}
	return nil
}

func (f *facts) hasEnded(id string) bool {
	_, ok := f.ended[id]
	return ok
}

// ban is somebody looked for among the bans; empty fields match nothing.
type ban struct {
	participant, externalID, device string
	address                         netip.Addr
	role                            Role // of a newcomer; "" for a session
}

// banned reports whether a ban holds for somebody. A participant's device and
// address do not keep a moderator out: who has the moderator URL is trusted
// with removals, and often tries them out in one browser.
func (f *facts) banned(who ban) bool {
	for i := range f.bans {
		b := &f.bans[i]
		switch {
		case who.participant != "" && b.ParticipantID == who.participant,
			who.externalID != "" && b.ExternalID == who.externalID:
			return true
		case who.role == Moderator && b.Role != Moderator:
			continue
		case who.device != "" && b.Device == who.device, b.Address != "" && inPrefix(b.Address, who.address):
			return true
		}
	}
	return false
}

func inPrefix(prefix string, a netip.Addr) bool {
	p, err := netip.ParsePrefix(prefix)
	return err == nil && a.IsValid() && p.Contains(a.Unmap())
}
