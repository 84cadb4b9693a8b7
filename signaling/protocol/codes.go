package protocol

// Codes of error messages that the protocol itself gives. The server adds those
// of the door (session_invalid, session_expired, banned, room_full,
// room_locked, room_suspended, not_started, not_ready, shutting_down ...), with
// the meaning they have in the REST API.
const (
	// CodeMalformedJSON: the frame is not one JSON object.
	CodeMalformedJSON = "malformed_json"
	// CodeUnknownType: there is no such message.
	CodeUnknownType = "unknown_type"
	// CodeUnknownField: the message has no such field; detail names it.
	CodeUnknownField = "unknown_field"
	// CodeValidationFailed: a field is missing or its value is not allowed; detail says which.
	CodeValidationFailed = "validation_failed"
	// CodeMessageTooLarge: over the limit of this kind of message.
	CodeMessageTooLarge = "message_too_large"
	// CodeHelloRequired: another message came before hello, or no hello in time (fatal).
	CodeHelloRequired = "hello_required"
	// CodeHelloRepeated: a second hello on one socket.
	CodeHelloRepeated = "hello_repeated"
	// CodeForbidden: the role or the room's features do not allow it.
	CodeForbidden = "forbidden"
	// CodeNotFound: there is no such participant or chat message in the room.
	CodeNotFound = "not_found"
	// CodeWrongRoomType: media is negotiated in meet rooms only.
	CodeWrongRoomType = "wrong_room_type"
	// CodeRateLimited: too many messages (fatal), or too many chat messages (not fatal).
	CodeRateLimited = "rate_limited"
	// CodeLimitExceeded: more sections, tracks or candidates than allowed.
	CodeLimitExceeded = "limit_exceeded"
	// CodeNegotiationFailed: the SDP or a candidate cannot be used; detail says why.
	CodeNegotiationFailed = "negotiation_failed"
	// CodeNotReady: a candidate before the first offer, or a room that has just ended.
	CodeNotReady = "not_ready"
	// CodeShuttingDown: the server is going down (fatal).
	CodeShuttingDown = "shutting_down"
	// CodeInternal: a fault of the server; its log has the cause.
	CodeInternal = "internal"
)

// Codes are all codes above.
func Codes() []string {
	return []string{
		CodeMalformedJSON, CodeUnknownType, CodeUnknownField, CodeValidationFailed, CodeMessageTooLarge,
		CodeHelloRequired, CodeHelloRepeated, CodeForbidden, CodeNotFound, CodeWrongRoomType, CodeRateLimited,
		CodeLimitExceeded, CodeNegotiationFailed, CodeNotReady, CodeShuttingDown, CodeInternal,
	}
}
