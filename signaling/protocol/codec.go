package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// ClientMessage is a message a client sends: a pointer to one of the types in client.go.
type ClientMessage interface{ clientHead() *ClientHead }

// ServerMessage is a message a server sends: a pointer to one of the types in server.go.
type ServerMessage interface{ serverHead() *ServerHead }

func (h *ClientHead) clientHead() *ClientHead { return h }
func (h *ServerHead) serverHead() *ServerHead { return h }

// Entry is one message type and the kind it has on the wire.
type Entry struct {
	Kind Kind
	// Type is the message's struct type.
	Type reflect.Type
}

var clientEntries = []Entry{
	entry[Hello]("hello"),
	entry[Offer]("offer"),
	entry[Candidate]("candidate"),
	entry[Mute]("mute"),
	entry[View]("view"),
	entry[ChatSend]("chat"),
	entry[ChatDelete]("chat_delete"),
	entry[ChatPin]("chat_pin"),
	entry[ChatUnpin]("chat_unpin"),
	entry[Hand]("hand"),
	entry[ModeratorMute]("moderator_mute"),
	entry[ModeratorUnmute]("moderator_unmute"),
	entry[Remove]("remove"),
	entry[Lock]("lock"),
	entry[Unlock]("unlock"),
	entry[End]("end"),
	entry[Leave]("leave"),
	entry[Ping]("ping"),
}

var serverEntries = []Entry{
	entry[Welcome]("welcome"),
	entry[Answer]("answer"),
	entry[Slots]("slots"),
	entry[Joined]("joined"),
	entry[Left]("left"),
	entry[Updated]("updated"),
	entry[Count]("count"),
	entry[Speaking]("speaking"),
	entry[Chat]("chat"),
	entry[Muted]("muted"),
	entry[RoomUpdated]("room"),
	entry[BroadcastChanged]("broadcast"),
	entry[Warning]("warning"),
	entry[MediaLost]("media_lost"),
	entry[OK]("ok"),
	entry[Pong]("pong"),
	entry[Error]("error"),
	entry[Ended]("ended"),
	entry[Reconnect]("reconnect"),
}

func entry[T any](k Kind) Entry { return Entry{k, reflect.TypeFor[T]()} }

// ClientEntries lists every message a client may send.
func ClientEntries() []Entry { return clientEntries }

// ServerEntries lists every message a server may send.
func ServerEntries() []Entry { return serverEntries }

var (
	clientTypes = byKind(clientEntries)
	serverTypes = byKind(serverEntries)
	kinds       = byType(clientEntries, serverEntries)
)

func byKind(entries []Entry) map[Kind]reflect.Type {
	m := make(map[Kind]reflect.Type, len(entries))
	for _, e := range entries {
		m[e.Kind] = e.Type
	}
	return m
}

func byType(lists ...[]Entry) map[reflect.Type]Kind {
	m := make(map[reflect.Type]Kind)
	for _, list := range lists {
		for _, e := range list {
			m[e.Type] = e.Kind
		}
	}
	return m
}

// KindOf returns the kind a message has on the wire.
func KindOf(m any) Kind {
	t := reflect.TypeOf(m)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return kinds[t]
}

// IDOf returns the id a client gave its message, "" for none.
func IDOf(m ClientMessage) string { return m.clientHead().ID }

// Asking gives m an id, so that it is answered, and returns it.
func Asking(m ClientMessage, id string) ClientMessage {
	m.clientHead().ID = id
	return m
}

// ReOf returns the id of the client's message that m answers, "" for none.
func ReOf(m ServerMessage) string { return m.serverHead().Re }

// Answering makes m the answer to the client's message with that id, and returns it.
func Answering(m ServerMessage, id string) ServerMessage {
	m.serverHead().Re = id
	return m
}

// Fault is a message that cannot be read. Code is one of the Code constants.
type Fault struct {
	Code, Detail string
	// ID is the message's id where it could be read, for the error's re.
	ID string
}

// Error implements error.
func (f *Fault) Error() string { return f.Code + ": " + f.Detail }

// EncodeClient renders a client's message as one frame, its type filled in.
// The session of a Hello is revealed here and nowhere else.
func EncodeClient(m ClientMessage) ([]byte, error) {
	m.clientHead().Type = KindOf(m)
	return encode(m)
}

// EncodeServer renders a server's message as one frame, its type filled in.
func EncodeServer(m ServerMessage) ([]byte, error) {
	m.serverHead().Type = KindOf(m)
	return encode(m)
}

func encode(m any) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s message: %w", KindOf(m), err)
	}
	return b, nil
}

// MarshalJSON reveals the session: hello is the one message that carries it.
func (h Hello) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ClientHead
		Session   string `json:"session"`
		Resume    string `json:"resume,omitempty"`
		ChatAfter int64  `json:"chat_after,omitempty"`
	}{h.ClientHead, h.Session.Reveal(), h.Resume, h.ChatAfter})
}

// ReadClient reads one frame of a client and checks all that can be checked
// without knowing the room. The error is always a *Fault.
func ReadClient(frame []byte) (ClientMessage, error) {
	m, err := read(frame, clientTypes)
	if err != nil {
		return nil, err
	}
	cm := m.(ClientMessage)
	head := cm.clientHead()
	if head.Type != "offer" && len(frame) > MaxSmallMessageBytes {
		return nil, &Fault{
			Code: CodeMessageTooLarge, ID: head.ID,
			Detail: fmt.Sprintf("a %s message is at most %d bytes", head.Type, MaxSmallMessageBytes),
		}
	}
	if utf8.RuneCountInString(head.ID) > MaxIDChars {
		return nil, &Fault{Code: CodeValidationFailed, Detail: fmt.Sprintf("id is longer than %d characters", MaxIDChars)}
	}
	if detail := validate(cm); detail != "" {
		return nil, &Fault{Code: CodeValidationFailed, Detail: detail, ID: head.ID}
	}
	return cm, nil
}

// ReadServer reads one frame of a server. The error is always a *Fault.
func ReadServer(frame []byte) (ServerMessage, error) {
	m, err := read(frame, serverTypes)
	if err != nil {
		return nil, err
	}
	return m.(ServerMessage), nil
}

func read(frame []byte, types map[Kind]reflect.Type) (any, error) {
	var head struct {
		Type *Kind `json:"type"`
		ID   any   `json:"id"`
	}
	if err := json.Unmarshal(frame, &head); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) && wrongType.Field == "type" {
			return nil, &Fault{Code: CodeValidationFailed, Detail: "type must be a string"}
		}
		return nil, &Fault{Code: CodeMalformedJSON, Detail: "the frame is not one JSON object"}
	}
	id, _ := head.ID.(string)
	if utf8.RuneCountInString(id) > MaxIDChars {
		id = ""
	}
	if head.Type == nil {
		return nil, &Fault{Code: CodeValidationFailed, Detail: "type is missing", ID: id}
	}
	t, ok := types[*head.Type]
	if !ok {
		return nil, &Fault{Code: CodeUnknownType, Detail: fmt.Sprintf("there is no message %q", clip(string(*head.Type))), ID: id}
	}
	m := reflect.New(t).Interface()
	f := exact(frame, t)
	if f == nil {
		err := json.Unmarshal(frame, m)
		if err == nil {
			return m, nil
		}
		f = fault(*head.Type, err)
	}
	f.ID = id
	return nil, f
}

func fault(kind Kind, err error) *Fault {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return &Fault{
			Code:   CodeValidationFailed,
			Detail: fmt.Sprintf("field %q of a %s message cannot be a %s", wrongType.Field, kind, wrongType.Value),
		}
	}
	return &Fault{Code: CodeMalformedJSON, Detail: fmt.Sprintf("the %s message cannot be read", kind)}
}

// clip bounds what of a frame is repeated in an error.
func clip(s string) string {
	const most = 64
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
