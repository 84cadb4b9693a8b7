package api

import (
	"net/http"
	"time"

	"roomcast/live"
	"roomcast/rooms"
	"roomcast/secret"
)

const (
	// deviceCookie recognises a browser at the door, for bans.
	deviceCookie     = "roomcast_device"
	deviceCookieLife = 180 * 24 * time.Hour
	maxDeviceLength  = 256
	// maxToken bounds tokens, room ids and codes as they come in; what is longer is none of ours.
	maxToken = 512
	maxName  = 1024
)

// DoorRequest asks about a door.
type DoorRequest struct {
	Token  string `json:"token,omitempty" doc:"Of /join/{token}; either this or room_id"`
	RoomID string `json:"room_id,omitempty" doc:"Of /rooms/{id}"`
}

// DoorAnswer says what a door asks for.
type DoorAnswer struct {
	RoomType rooms.Type        `json:"room_type" enum:"meet,live,simulcast,video"`
	Role     string            `json:"role" enum:"moderator,participant,by_code"`
	Code     string            `json:"code" enum:"none,optional,required"`
	StartsAt *time.Time        `json:"starts_at"`
	Room     *rooms.PublicRoom `json:"room" doc:"Null while a code is required"`
}

// JoinRequest asks to be let in.
type JoinRequest struct {
	Token      string `json:"token,omitempty" doc:"Of /join/{token}; either this or room_id"`
	RoomID     string `json:"room_id,omitempty" doc:"Of /rooms/{id}"`
	AccessCode string `json:"access_code,omitempty" writeOnly:"true"`
	Name       string `json:"name,omitempty" maxLength:"64" doc:"Needed in a meet room"`
	Session    string `json:"session,omitempty" writeOnly:"true" doc:"An old one, to get seat and identity back"`
}

// JoinAnswer is what a joined participant holds.
type JoinAnswer struct {
	Session       string           `json:"session" doc:"Bearer credential for an hour; never put it into a URL"`
	ExpiresAt     time.Time        `json:"expires_at"`
	ParticipantID string           `json:"participant_id"`
	Role          rooms.Role       `json:"role" enum:"moderator,participant"`
	Name          string           `json:"name"`
	Admission     string           `json:"admission" enum:"admitted,waiting"`
	Room          rooms.PublicRoom `json:"room"`
	Stream        *live.Brief      `json:"stream" doc:"live and simulcast, else null"`
	Endpoints     Endpoints        `json:"endpoints"`
	ICEServers    []ICEServer      `json:"ice_servers" nullable:"false"`
}

// Endpoints are the URLs that this participant uses, whole; only those this room type and role have.
type Endpoints struct {
	Signaling string `json:"signaling" format:"uri" doc:"The WebSocket"`
	HLS       string `json:"hls,omitempty" format:"uri" doc:"live: the multivariant playlist"`
	Poster    string `json:"poster,omitempty" format:"uri" doc:"live: a picture of what is on air, renewed every 10 s; 404 when there is none"`
	DVR       string `json:"dvr,omitempty" format:"uri" doc:"live: the multivariant playlist of the rewind window, if the room has one"`
	Preview   string `json:"preview,omitempty" format:"uri" doc:"live: the multivariant playlist of what is sent before the show, for moderators; 503 not_ready when there is none"`
	WHIP      string `json:"whip,omitempty" format:"uri" doc:"live, simulcast: where a moderator publishes by WebRTC, with the session as Bearer credential"`
	RTSP      string `json:"rtsp,omitempty" format:"uri" doc:"live: for tools such as VLC, while RTSP is on"`
	RTMP      string `json:"rtmp,omitempty" format:"uri" doc:"live: the same, while RTMP is on"`
}

// ICEServer is a STUN or TURN server, as RTCPeerConnection takes it.
type ICEServer struct {
	URLs       []string `json:"urls" nullable:"false"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

func (s *Service) doorCalls() []*call {
	return []*call{
		{
			id: "look-at-door", method: http.MethodPost, path: "/api/v1/door", tag: tagDoor, summary: "What a door asks for",
			description: "Takes no seat.", access: open, body: DoorRequest{}, status: http.StatusOK, answer: DoorAnswer{},
			codes: []string{rooms.CodeTokenUnknown, rooms.CodeRoomSuspended, rooms.CodeTooManyAttempts, rooms.CodeRateLimited}, handle: look,
		},
		{
			id: "join", method: http.MethodPost, path: "/api/v1/join", tag: tagDoor, summary: "Join a room",
			description: "Takes a seat; free again if unused for 15 s. Idempotency-Key is not read here.", access: open, body: JoinRequest{},
			status: http.StatusOK, answer: JoinAnswer{}, codes: []string{
				rooms.CodeTokenUnknown, rooms.CodeAccessCodeRequired, rooms.CodeAccessCodeInvalid, rooms.CodeBanned, rooms.CodeRoomLocked,
				rooms.CodeRoomSuspended, rooms.CodeRoomFull, rooms.CodeNotStarted, rooms.CodeNotReady, rooms.CodeTooManyAttempts, rooms.CodeRateLimited,
			}, handle: join,
		},
		{
			id: "get-session", method: http.MethodGet, path: "/api/v1/session", tag: tagDoor, summary: "The join's answer again",
			access: bySession, status: http.StatusOK, answer: JoinAnswer{}, codes: sessionCodes, handle: func(v *visit) (reply, error) {
				return v.joined(v.api.options.Door.Describe(v.context(), v.caller.session))
			},
		},
		{
			id: "refresh-session", method: http.MethodPost, path: "/api/v1/session/refresh", tag: tagDoor, summary: "Renew a session",
			description: "Also when it has expired, until 24 h after the join, unless it was ended.", access: bySession,
			body: Nothing{}, bodyOptional: true, status: http.StatusOK, answer: JoinAnswer{}, codes: sessionCodes,
			handle: func(v *visit) (reply, error) {
				if err := readFields(v.body).done(); err != nil {
					return reply{}, err
				}
				return v.joined(v.api.options.Door.Refresh(v.context(), v.caller.session))
			},
		},
		{
			id: "leave", method: http.MethodDelete, path: "/api/v1/session", tag: tagDoor, summary: "Leave", access: bySession,
			description: "Ends the session and frees the seat.", status: http.StatusNoContent, codes: sessionCodes,
			handle: func(v *visit) (reply, error) {
				return reply{}, v.api.options.Door.Leave(v.context(), v.caller.session)
			},
		},
	}
}

var sessionCodes = []string{rooms.CodeSessionInvalid, rooms.CodeSessionExpired, rooms.CodeBanned, rooms.CodeRoomSuspended}

// doorOf reads which door a body names: a token or a room id, one of the two.
func doorOf(f *fields) (token secret.Text, roomID string) {
	token, byToken := f.hidden("token", maxToken)
	roomID, byRoom := f.text("room_id", maxToken)
	if byToken == byRoom && len(f.faults) == 0 {
		f.fault("", "name either token or room_id")
	}
	return token, roomID
}

func look(v *visit) (reply, error) {
	f := readFields(v.body)
	token, roomID := doorOf(f)
	if err := f.done(); err != nil {
		return reply{}, err
	}
	seen, err := v.api.options.Door.Look(v.context(), rooms.LookRequest{Token: token, RoomID: roomID}, v.from())
	if err != nil {
		return reply{}, err
	}
	return reply{body: DoorAnswer{RoomType: seen.RoomType, Role: seen.Role, Code: seen.Code, StartsAt: seen.StartsAt, Room: seen.Room}}, nil
}

func join(v *visit) (reply, error) {
	f := readFields(v.body)
	request := rooms.JoinRequest{}
	request.Token, request.RoomID = doorOf(f)
	if code, given := f.hidden("access_code", maxToken); given {
		request.AccessCode = &code
	}
	request.Name, _ = f.text("name", maxName)
	request.Session, _ = f.hidden("session", maxCredential)
	if err := f.done(); err != nil {
		return reply{}, err
	}
	joined, err := v.api.options.Door.Join(v.context(), request, v.from())
	if err == nil && joined.Device != "" {
		v.setDeviceCookie(joined.Device)
	}
	return v.joined(joined, err)
}

// joined renders what a participant holds.
func (v *visit) joined(j rooms.Joined, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	base := v.api.base(v.info)
	answer := JoinAnswer{
		Session: j.Session.Reveal(), ExpiresAt: j.ExpiresAt, ParticipantID: j.Grant.ParticipantID, Role: j.Grant.Role, Name: j.Grant.Name,
		Admission: j.Admission, Room: j.Room.Public(), Endpoints: Endpoints{Signaling: base.signaling()}, ICEServers: v.api.options.ICEServers,
	}
	if answer.ICEServers == nil {
		answer.ICEServers = []ICEServer{}
	}
	if j.Grant.RoomType.Broadcasts() {
		brief := v.api.options.Broadcasts.Brief(j.Grant.RoomID)
		answer.Stream = &brief
		if j.Grant.Role == rooms.Moderator && v.api.options.Listeners().WHIP {
			answer.Endpoints.WHIP = base.whip(j.Grant.RoomID)
		}
	}
	if j.Grant.RoomType == rooms.Live {
		answer.Endpoints.HLS = base.playback(j.Grant.RoomID, j.Ticket, "index.m3u8")
		answer.Endpoints.Poster = base.playback(j.Grant.RoomID, j.Ticket, "poster.jpg")
		if j.Room.Settings.Features.DVRWindowSeconds > 0 {
			answer.Endpoints.DVR = base.playback(j.Grant.RoomID, j.Ticket, "dvr.m3u8")
		}
		if j.Grant.Role == rooms.Moderator {
			answer.Endpoints.Preview = base.playback(j.Grant.RoomID, j.Ticket, "preview.m3u8")
		}
		on := v.api.options.Listeners()
		if on.RTSPPort != 0 {
			answer.Endpoints.RTSP = "rtsp://" + base.withPort(on.RTSPPort, 0) + "/play/" + j.Ticket.Reveal()
		}
		if server := base.rtmp(on); server != "" {
			answer.Endpoints.RTMP = server + "/play/" + j.Ticket.Reveal()
		}
	}
	return reply{body: answer}, nil
}

// setDeviceCookie lets the door recognise this browser. Over HTTPS it works in frames of other sites too, apart per
// site; over plain HTTP browsers allow no such cookie, so it is an ordinary one.
func (v *visit) setDeviceCookie(value string) {
	cookie := &http.Cookie{
		Name: deviceCookie, Value: value, Path: "/", MaxAge: int(deviceCookieLife / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if v.info.Secure() {
		cookie.Secure, cookie.SameSite, cookie.Partitioned = true, http.SameSiteNoneMode, true
	}
	http.SetCookie(v.w, cookie)
}
