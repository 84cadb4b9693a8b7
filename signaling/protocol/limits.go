package protocol

import "time"

// Limits of the protocol. They are the same for every server of this version
// and stand in PROTOCOL.md and in the generated TypeScript types.
const (
	// MaxMessageBytes is the longest frame of any kind; a longer one closes the socket with CloseTooBig.
	MaxMessageBytes = 256 << 10
	// MaxSmallMessageBytes is the longest frame of a message that is not an offer.
	MaxSmallMessageBytes = 32 << 10
	// MaxIDChars is the longest id a client may give a message.
	MaxIDChars = 64
	// MaxSections is how many media sections one offer may hold, rejected ones included.
	MaxSections = 48
	// MaxTracks is how many sections of one offer may be published, each with another source.
	MaxTracks = 4
	// MaxAudioSlots is how many receive-only audio sections are served; further ones stay silent.
	MaxAudioSlots = 6
	// MaxVideoSlots is how many receive-only video sections are served; further ones stay empty.
	MaxVideoSlots = 25
	// MaxCandidates is how many candidates a client may send for one offer.
	MaxCandidates = 64
	// MaxTiles is how many tiles one view message may ask for.
	MaxTiles = 64
	// MaxChatChars is the longest chat text, counted in Unicode code points.
	MaxChatChars = 2000
	// MaxChatHistory is how many earlier chat messages a welcome brings to one who has none of them.
	MaxChatHistory = 100
	// MaxChatEvents is how many chat events of a room are kept; one who missed more begins anew.
	MaxChatEvents = 2000
	// MaxPresence is how many participants a welcome lists; participants_total counts all.
	MaxPresence = 500
	// MessagesPerSecond is how many messages a client may send in the long run.
	MessagesPerSecond = 20
	// MessageBurst is how many messages a client may send at once.
	MessageBurst = 100
	// ChatsPerTenSeconds is how many chat messages a client may send in the long run; as many at once.
	ChatsPerTenSeconds = 10
)

// Times of the protocol.
const (
	// HelloTimeout is how long a socket may stay without a hello.
	HelloTimeout = 5 * time.Second
	// ResumeWindow is how long a participant whose socket broke keeps seat, place and media.
	ResumeWindow = 15 * time.Second
	// PingInterval is how often the server sends a WebSocket ping.
	PingInterval = 15 * time.Second
	// PongTimeout is how long a socket may be silent, pongs included.
	PongTimeout = 40 * time.Second
	// ChatInterval is the shortest time between two chat messages of a room: what is said meanwhile comes together.
	ChatInterval = 250 * time.Millisecond
	// SpeakingInterval is the shortest time between two speaking messages.
	SpeakingInterval = 300 * time.Millisecond
)

// Close codes. For a refusal (an error that ends the socket) the code is
// CloseRefused plus the HTTP status that contract codes have.
const (
	// CloseNormal follows a leave.
	CloseNormal = 1000
	// CloseUnsupported follows a binary frame.
	CloseUnsupported = 1003
	// ClosePolicy follows a broken rule of the protocol: no hello, too many messages.
	ClosePolicy = 1008
	// CloseTooBig follows a frame over MaxMessageBytes.
	CloseTooBig = 1009
	// CloseInternal follows a fault of the server.
	CloseInternal = 1011
	// CloseRestart follows a reconnect message: the server is going down.
	CloseRestart = 1012
	// CloseTryAgain follows a socket that took its messages too slowly.
	CloseTryAgain = 1013
	// CloseRefused is the base of refusals: 4401 is a refused session, 4409 a full room.
	CloseRefused = 4000
	// CloseEnded follows an ended message.
	CloseEnded = 4410
)
