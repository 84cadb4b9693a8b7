package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// Chats is what signaling asks of the store that its chats outlive a restart in.
type Chats interface {
	// First is a number above all that were given in chats before this start.
	First() int64
	// Chat returns what is stored of a room's chat, which may be nothing.
	Chat(ctx context.Context, roomID string) (rooms.Chat, error)
	// Save stores changes of several chats by one commit, but of those whose run
	// has ended, whose rooms it returns.
	Save(ctx context.Context, changes []rooms.ChatChange) (over []string, err error)
}

const (
	// saveInterval is the shortest time between two commits of chats, and about
	// what a crash loses.
	saveInterval = time.Second
	// maxSaveBytes of events are copied for one commit; what is more comes in the
	// next, at once.
	maxSaveBytes = 8 << 20
	// lastSave is how long the last commit may take when the server goes down.
	lastSave = 5 * time.Second
)

// keeper stores the chats, what is said behind the telling, what moderators do
// before they are answered. One commit is made at a time. It knows which rooms' chats have
// something that is not stored, and copies it out of the chats themselves when
// it is their turn. So a slow disk costs no memory beside the chats' own bounds:
// what a chat has dropped meanwhile is never written.
type keeper struct {
	store Chats
	wake  chan struct{} // capacity 1
	turn  chan struct{} // capacity 1: held by the one who commits

	mu    sync.Mutex
	rooms map[string]struct{} // whose chat changed
}

func newKeeper(store Chats) *keeper {
	return &keeper{store: store, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1), rooms: map[string]struct{}{}}
}

// note says that a room's chat changed. A server without a store has no keeper.
func (k *keeper) note(roomID string) {
	if k == nil {
		return
	}
	k.mu.Lock()
	k.rooms[roomID] = struct{}{}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// changed are the rooms whose chats changed since it was asked last.
func (k *keeper) changed() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := slices.Collect(maps.Keys(k.rooms))
	clear(k.rooms)
	return list
}

// unsaved says what of a chat is not stored, or not as it is now.
type unsaved struct {
	after  int64 // events with higher numbers
	state  bool  // what is pinned, who is muted
	saving bool  // a part is on its way
}

// replaced notes that an event is another one now. All behind it is stored once
// more: moderators delete seldom, and one number is all there is to remember.
func (u *unsaved) replaced(seq int64) { u.after = min(u.after, seq-1) }

// chatState is what is stored of a chat beside its events.
type chatState struct {
	Pinned *protocol.ChatMessage `json:"pinned"`
	Muted  []string              `json:"muted"`
}

// part is what of a chat is on its way to the store.
type part struct {
	roomID string
	chat   *chat
	after  int64 // the chat's unsaved.after before
	from   int64
	events []protocol.ChatEvent
	state  *chatState // nil: as it is stored
	ended  string
	bytes  int
}

// idle reports whether the store has the chat as it is.
func (c *chat) idle() bool { return !c.unsaved.state && !c.unsaved.saving && c.seq == c.unsaved.after }

// take copies what is not stored.
func (c *chat) take(roomID string) part {
	p := part{roomID: roomID, chat: c, after: c.unsaved.after, from: c.seq + 1, ended: c.ended}
	if len(c.events) > 0 {
		p.from = c.events[0].Seq
	}
	p.events = slices.Clone(c.events[c.index(c.unsaved.after):]) // messages never change
	for _, e := range p.events {
		p.bytes += sizeOf(e)
	}
	if c.unsaved.state {
		p.state = &chatState{Pinned: c.pinned, Muted: []string{}}
		for participant, v := range c.voices {
			if v.muted {
				p.state.Muted = append(p.state.Muted, participant)
			}
		}
	}
	c.unsaved = unsaved{after: c.seq, saving: true}
	return p
}

// saved undoes take where the store has not taken the part.
func (c *chat) saved(p part, stored bool) {
	c.unsaved.saving = false
	if !stored {
		c.unsaved.after = min(c.unsaved.after, p.after)
		c.unsaved.state = c.unsaved.state || p.state != nil
	}
}

// change renders a part for the store.
func (p part) change() (rooms.ChatChange, error) {
	c := rooms.ChatChange{RoomID: p.roomID, From: p.from, Ended: p.ended, Events: make([]rooms.ChatEvent, len(p.events))}
	for i, e := range p.events {
		body, err := json.Marshal(e)
		if err != nil {
			return c, fmt.Errorf("render a chat event: %w", err)
		}
		c.Events[i] = rooms.ChatEvent{Seq: e.Seq, Body: body}
	}
	if p.state != nil {
		var err error
		if c.State, err = json.Marshal(p.state); err != nil {
			return c, fmt.Errorf("render the state of a chat: %w", err)
		}
	}
	return c, nil
}

// keepChats stores what changes in chats until the server shuts down.
func (s *Server) keepChats() {
	failing := false
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.keeper.wake:
		}
		err := s.saveChats(s.ctx)
		if err != nil && s.ctx.Err() == nil && !failing {
			s.log.Error("chats are not stored, and tried again every second", "error", err)
		}
		failing = err != nil
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(saveInterval):
		}
	}
}

// saveChats stores what changed until now; what changes meanwhile waits for the
// next time.
func (s *Server) saveChats(ctx context.Context) error {
	for left := s.keeper.changed(); len(left) > 0; {
		var err error
		if left, err = s.saveSome(ctx, left); err != nil {
			for _, roomID := range left {
				s.keeper.note(roomID)
			}
			return err
		}
	}
	return nil
}

// saveNow stores what changed in a room's chat, so that a moderator's act that
// is answered outlives whatever comes. Most often one commit is all there is to
// wait for; behind one under way, it takes all that waits in the room along.
func (s *Server) saveNow(ctx context.Context, roomID string) error {
	if s.keeper == nil {
		return nil
	}
	_, err := s.saveSome(ctx, []string{roomID})
	return err
}

// saveSome stores what changed in some rooms' chats, as much as one commit may
// hold, and says which rooms are left.
func (s *Server) saveSome(ctx context.Context, roomIDs []string) (left []string, err error) {
	select {
	case s.keeper.turn <- struct{}{}:
		defer func() { <-s.keeper.turn }()
	case <-ctx.Done():
		return roomIDs, ctx.Err()
	}
	parts, left := s.takeParts(roomIDs)
	if len(parts) == 0 {
		return left, nil
	}
	over, err := s.save(ctx, parts)
	for _, p := range parts {
		// One whose run has ended is cleared as soon as that is heard of, and stored then.
		s.saved(p, err == nil && !slices.Contains(over, p.roomID))
	}
	return left, err
}

func (s *Server) save(ctx context.Context, parts []part) (over []string, err error) {
	changes := make([]rooms.ChatChange, len(parts))
	for i, p := range parts {
		if changes[i], err = p.change(); err != nil {
			return nil, err
		}
	}
	if over, err = s.o.Chats.Save(ctx, changes); err != nil {
		return nil, fmt.Errorf("store chats: %w", err)
	}
	return over, nil
}

// takeParts takes what is not stored of the rooms' chats, as much as one commit
// may hold, and says which rooms are left.
func (s *Server) takeParts(roomIDs []string) (parts []part, left []string) {
	bytes := 0
	for i, roomID := range roomIDs {
		if bytes >= maxSaveBytes {
			return parts, roomIDs[i:]
		}
		s.guarded(roomID, func(c *chat) {
			if !c.idle() {
				p := c.take(roomID)
				parts = append(parts, p)
				bytes += p.bytes
			}
		})
	}
	return parts, nil
}

// saved notes what became of a part; what is not stored waits again.
func (s *Server) saved(p part, stored bool) {
	s.guarded(p.roomID, func(c *chat) {
		if c != p.chat { // given up meanwhile, and read anew
			return
		}
		c.saved(p, stored)
		if !stored {
			s.keeper.note(p.roomID)
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetChat(p.roomID)
}

// guarded calls fn with a room's chat, if it is in memory, under what guards it.
// A room that is busy telling holds up nobody else here: it is kept in motion,
// and waited for without the server's mutex.
func (s *Server) guarded(roomID string, fn func(*chat)) {
	s.mu.Lock()
	r := s.rooms[roomID]
	if r == nil {
		defer s.mu.Unlock()
		if c := s.chats[roomID]; c != nil {
			fn(c)
		}
		return
	}
	r.pins++
	s.mu.Unlock()
	defer s.unpin(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	fn(r.chat)
}

// loadChat has what is stored of the room's chat in memory when it returns nil.
// No lock may be held; the room is pinned.
func (s *Server) loadChat(ctx context.Context, r *room) error {
	if s.keeper == nil || r.chatLoaded() {
		return nil
	}
	r.chat.loading.Lock() // whoever comes meanwhile waits for the first
	defer r.chat.loading.Unlock()
	if r.chatLoaded() {
		return nil
	}
	stored, err := s.o.Chats.Chat(ctx, r.id)
	if err != nil {
		return fmt.Errorf("read the chat: %w", err)
	}
	events, state, err := readChat(stored)
	if err != nil {
		s.log.Error("a stored chat cannot be read, the room begins another", "room", r.id, "error", err)
		events, state = nil, chatState{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.chat.loaded { // else its run ended meanwhile
		r.chat.load(events, state.Pinned, state.Muted, stored.Ended)
	}
	return nil
}

func (r *room) chatLoaded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.chat.loaded
}

var errStoredChat = errors.New("an event without its message")

// readChat is what was stored by part.change.
func readChat(stored rooms.Chat) (events []protocol.ChatEvent, state chatState, err error) {
	events = make([]protocol.ChatEvent, len(stored.Events))
	for i, e := range stored.Events {
		if err := json.Unmarshal(e.Body, &events[i]); err != nil {
			return nil, state, fmt.Errorf("read event %d: %w", e.Seq, err)
		}
		events[i].Seq = e.Seq
		if kind := events[i].Kind; events[i].Message == nil && (kind == protocol.ChatSaid || kind == protocol.ChatPinned) {
			return nil, state, fmt.Errorf("read event %d: %w", e.Seq, errStoredChat)
		}
	}
	if len(stored.State) > 0 {
		if err := json.Unmarshal(stored.State, &state); err != nil {
			return nil, state, fmt.Errorf("read the state: %w", err)
		}
	}
	return events, state, nil
}
