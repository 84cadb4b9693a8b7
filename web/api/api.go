package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"roomcast/live"
	"roomcast/rooms"
	"roomcast/secret"
	"roomcast/signaling"
	"roomcast/signaling/protocol"
)

// Registry is what the API needs of rooms.Registry.
type Registry interface {
	CreateRoom(ctx context.Context, body json.RawMessage, w rooms.WriteOptions) (rooms.View, *rooms.Replay, error)
	Room(ctx context.Context, id string) (rooms.View, error)
	Rooms(ctx context.Context, f rooms.RoomFilter) (rooms.Page[rooms.View], error)
	PatchRoom(ctx context.Context, id string, patch json.RawMessage, w rooms.WriteOptions) (rooms.View, error)
	PutMetadata(ctx context.Context, id string, body json.RawMessage, w rooms.WriteOptions) (rooms.View, error)
	DeleteRoom(ctx context.Context, id string, w rooms.WriteOptions) error
	Regenerate(ctx context.Context, id, field string, disconnect bool) (rooms.View, error)
	ClearSecret(ctx context.Context, id, field string) (rooms.View, error)
	SetSuspended(ctx context.Context, id string, suspended bool) (rooms.View, error)

	CreateCustomer(ctx context.Context, body json.RawMessage, w rooms.WriteOptions) (rooms.Customer, *rooms.Replay, error)
	Customer(ctx context.Context, id string) (rooms.Customer, error)
	Customers(ctx context.Context, limit int, cursor string) (rooms.Page[rooms.Customer], error)
	PatchCustomer(ctx context.Context, id string, patch json.RawMessage, w rooms.WriteOptions) (rooms.Customer, error)
	DeleteCustomer(ctx context.Context, id string, w rooms.WriteOptions) error

	CreateSubscription(ctx context.Context, body json.RawMessage, w rooms.WriteOptions) (rooms.Subscription, *rooms.Replay, error)
	Subscription(ctx context.Context, id string) (rooms.Subscription, error)
	Subscriptions(ctx context.Context, customerID string, limit int, cursor string) (rooms.Page[rooms.Subscription], error)
	PatchSubscription(ctx context.Context, id string, patch json.RawMessage, w rooms.WriteOptions) (rooms.Subscription, error)
	DeleteSubscription(ctx context.Context, id string, w rooms.WriteOptions) error

	MintJoinToken(ctx context.Context, roomID string, body json.RawMessage, w rooms.WriteOptions) (rooms.JoinToken, *rooms.Replay, error)
	JoinTokens(ctx context.Context, roomID string, limit int, cursor string) (rooms.Page[rooms.JoinToken], error)
	DeleteJoinToken(ctx context.Context, roomID, id string) error

	Asset(ctx context.Context, roomID, id string) (rooms.Asset, error)
	Assets(ctx context.Context, roomID string, limit int, cursor string) (rooms.Page[rooms.Asset], error)
	AssetOnce(ctx context.Context, in *rooms.Idempotency, create func(context.Context) (rooms.Asset, error)) (rooms.Asset, *rooms.Replay, error)
}

// Door is what the API needs of rooms.Door.
type Door interface {
	Look(ctx context.Context, req rooms.LookRequest, c rooms.Caller) (rooms.Look, error)
	Join(ctx context.Context, req rooms.JoinRequest, c rooms.Caller) (rooms.Joined, error)
	Session(ctx context.Context, session secret.Text) (rooms.Grant, error)
	Describe(ctx context.Context, session secret.Text) (rooms.Joined, error)
	Refresh(ctx context.Context, session secret.Text) (rooms.Joined, error)
	Leave(ctx context.Context, session secret.Text) error
	Remove(ctx context.Context, roomID, participantID string, banAddress bool) error
	Bans(ctx context.Context, roomID string, limit int, cursor string) (rooms.Page[rooms.Ban], error)
	DeleteBan(ctx context.Context, roomID, banID string) error
	Lock(ctx context.Context, roomID string) (rooms.View, error)
	Unlock(ctx context.Context, roomID string) (rooms.View, error)
	EndRun(ctx context.Context, roomID string) (rooms.View, error)
	Participants(ctx context.Context, roomID string, limit int, cursor string) (rooms.Page[rooms.Occupant], error)
	FileTicket(ctx context.Context, roomID, assetID string, session secret.Text) (secret.Text, error)
}

// Keys checks API keys; a wrong one is a *rooms.Error with code unauthorized.
type Keys interface {
	Check(ctx context.Context, presented secret.Text) (rooms.Key, error)
}

// Broadcasts is what the API needs of the hub.
type Broadcasts interface {
	State(roomID string) live.State
	Brief(roomID string) live.Brief
	Cut(ctx context.Context, roomID string, hold time.Duration) error
	Start(ctx context.Context, roomID string) error
	Stop(ctx context.Context, roomID string) error
}

// Stage is what the API needs of the signaling server: what goes on in a meeting, and every room's chat.
type Stage interface {
	Publishing(roomID, participantID string) Publishing
	// Mute is refused with not_found when the participant is not there; UnmuteChat too.
	Mute(ctx context.Context, roomID, participantID string, kinds []string) error
	UnmuteChat(ctx context.Context, roomID, participantID string) error
	ChatMuted(roomID, participantID string) bool
	Chat(ctx context.Context, roomID string, seq int64, limit int) (signaling.ChatPage, error)
	Say(ctx context.Context, roomID, participantID, name, text string) (protocol.ChatMessage, error)
	// DeleteMessage and Pin are refused with not_found when the message is not kept.
	DeleteMessage(ctx context.Context, roomID, messageID string) error
	Pin(ctx context.Context, roomID, messageID string) (protocol.ChatMessage, error)
	Unpin(ctx context.Context, roomID string) error
}

// Options are what the API works with.
type Options struct {
	Registry   Registry
	Door       Door
	Keys       Keys
	Vault      Vault
	Broadcasts Broadcasts
	Recordings Recordings
	Stage      Stage
	// PublicURL is what the URLs in answers begin with; nil takes each request's own scheme and host.
	PublicURL *url.URL
	// Listeners tells which doors for encoders are open, and on which ports; nil is none.
	Listeners  func() Listeners
	ICEServers []ICEServer
	// Missing names what is not up yet, for /readyz; nil is none.
	Missing func() []string
	Log     *slog.Logger
}

const (
	// Wrong keys at the login, per address: what the contract says.
	wrongLoginLimit = 10
	// Wrong API keys, per address. More than at the login: programs behind one address share it.
	wrongKeyLimit  = 600
	attemptsWindow = 5 * time.Minute
)

// Service is the API.
type Service struct {
	options     Options
	log         *slog.Logger
	logins      logins
	loginTurn   sync.Mutex // held while a key is tried at the login
	wrongLogins *attempts
	wrongKeys   *attempts
	document    []byte // OpenAPI, set by Register.
	docs        *docsPage
}

// New makes the API; Register mounts it. It reads the admin logins that an earlier process kept.
func New(ctx context.Context, o Options) (*Service, error) {
	s := newService(o)
	if err := s.logins.load(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func newService(o Options) *Service {
	if o.Listeners == nil {
		o.Listeners = func() Listeners { return Listeners{} }
	}
	if o.Missing == nil {
		o.Missing = func() []string { return nil }
	}
	return &Service{
		options: o, log: o.Log, logins: logins{vault: o.Vault},
		wrongLogins: newAttempts(wrongLoginLimit, attemptsWindow), wrongKeys: newAttempts(wrongKeyLimit, attemptsWindow),
	}
}

// Register mounts every call on a multiplexer, with the OpenAPI document and the page that shows it.
func (s *Service) Register(mux *http.ServeMux) error {
	api := humago.New(mux, humaConfig())
	for _, c := range s.calls() {
		s.mount(api, c)
	}
	settleNulls(api.OpenAPI().Components.Schemas)
	document, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	s.document = document
	if s.docs, err = newDocsPage(api.OpenAPI()); err != nil {
		return err
	}
	mux.HandleFunc("GET /api/v1/openapi.json", s.serveDocument)
	s.docs.register(mux)
	return nil
}

// calls are all operations.
func (s *Service) calls() []*call {
	var all []*call
	for _, some := range [][]*call{
		s.roomCalls(), s.secretCalls(), s.actionCalls(), s.participantCalls(), s.chatCalls(), s.joinTokenCalls(), s.streamCalls(), s.recordingCalls(), s.ingestCalls(),
		s.doorCalls(), s.customerCalls(), s.subscriptionCalls(), s.adminCalls(), s.healthCalls(),
	} {
		all = append(all, some...)
	}
	return all
}

// humaConfig turns off what huma would serve by itself.
func humaConfig() huma.Config {
	return huma.Config{OpenAPI: newDocument(), Formats: huma.DefaultFormats, DefaultFormat: "application/json"}
}

// OpenAPI gives the OpenAPI 3.1 document of the API, as /api/v1/openapi.json serves it.
func OpenAPI() ([]byte, error) {
	s := newService(Options{Log: slog.New(slog.DiscardHandler)})
	if err := s.Register(http.NewServeMux()); err != nil {
		return nil, err
	}
	return s.document, nil
}

func (s *Service) serveDocument(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "no-cache")
	if r.Method != http.MethodHead {
		_, _ = w.Write(s.document) // The caller may have gone.
	}
}
