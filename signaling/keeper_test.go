package signaling

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/rooms"
	"roomcast/signaling/protocol"
)

// shelf stands in for the store of chats.
type shelf struct {
	mu      sync.Mutex
	first   int64
	events  map[string]map[int64]string
	states  map[string]string
	ended   map[string]string // the run that ended last
	commits int
	fault   error
	slow    time.Duration
	reading func() // called between reading and answering
}

func newShelf() *shelf {
	return &shelf{first: 1 << 40, events: map[string]map[int64]string{}, states: map[string]string{}, ended: map[string]string{}}
}

func (s *shelf) First() int64 { return s.first }

func (s *shelf) Chat(_ context.Context, roomID string) (c rooms.Chat, err error) {
	s.mu.Lock()
	for _, seq := range slices.Sorted(maps.Keys(s.events[roomID])) {
		c.Events = append(c.Events, rooms.ChatEvent{Seq: seq, Body: []byte(s.events[roomID][seq])})
	}
	c.State, c.Ended = []byte(s.states[roomID]), s.ended[roomID]
	reading := s.reading
	s.mu.Unlock()
	if reading != nil {
		reading()
	}
	return c, nil
}

func (s *shelf) Save(ctx context.Context, changes []rooms.ChatChange) ([]string, error) {
	s.mu.Lock()
	slow := s.slow
	s.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return nil, s.fault
	}
	s.commits++
	var over []string
	for _, c := range changes {
		if c.Ended != s.ended[c.RoomID] {
			over = append(over, c.RoomID)
			continue
		}
		events := s.events[c.RoomID]
		if events == nil {
			events = map[int64]string{}
			s.events[c.RoomID] = events
		}
		maps.DeleteFunc(events, func(seq int64, _ string) bool { return seq < c.From })
		for _, e := range c.Events {
			events[e.Seq] = string(e.Body)
		}
		if c.State != nil {
			s.states[c.RoomID] = string(c.State)
		}
	}
	return over, nil
}

// end ends a run, as the door does before it tells.
func (s *shelf) end(roomID, runID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.events, roomID)
	delete(s.states, roomID)
	s.ended[roomID] = runID
}

// set alters the shelf.
func (s *shelf) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// text is everything of a room's chat that is stored.
func (s *shelf) text(roomID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, seq := range slices.Sorted(maps.Keys(s.events[roomID])) {
		b.WriteString(s.events[roomID][seq])
	}
	return b.String() + s.states[roomID]
}

// count is how many events of a room are stored, and by how many commits of all rooms.
func (s *shelf) count(roomID string) (events, commits int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events[roomID]), s.commits
}

// crashed is the shelf as the next start of the server finds it.
func (s *shelf) crashed() *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := newShelf()
	next.first = s.first + 1<<32
	next.states, next.ended = maps.Clone(s.states), maps.Clone(s.ended)
	for roomID, events := range s.events {
		next.events[roomID] = maps.Clone(events)
	}
	return next
}

func down(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(t, s.Shutdown(ctx))
}

func TestAChatOutlivesTheServer(t *testing.T) {
	kept := newShelf()
	p := newPlaceWith(t, kept)
	for _, room := range []string{"l", "m"} {
		ann, bob := p.join(room+"/ann/moderator"), reading(p.join(room+"/bob/participant"))
		for _, text := range []string{"one", "two", "an ugly word", "three"} {
			ann.ask(&protocol.ChatSend{Text: text})
		}
		first, ugly := fmt.Sprint(bob.seq+1), fmt.Sprint(bob.seq+3)
		ann.ask(&protocol.ChatPin{Message: first})
		soon(t, "it is stored", func() bool { return strings.Contains(kept.text(room), "ugly") })
		ann.ask(&protocol.ChatDelete{Message: ugly})
		ann.ask(&protocol.ModeratorMute{Participant: "bob", Kinds: []protocol.MuteKind{protocol.MuteChat}})
		soon(t, "its text is deleted", func() bool { return !strings.Contains(kept.text(room), "ugly") })
		for range 6 {
			bob.next()
		}
	}
	read := p.join("l/eve/participant").welcome.Chat.Seq
	p.join("l/ann/moderator").ask(&protocol.ChatSend{Text: "the last word"})
	down(t, p.server)

	p = newPlaceWith(t, kept.crashed())
	for room, want := range map[string]string{"l": "one two three the last word", "m": "one two three"} {
		bob := p.join(room + "/bob/participant")
		chat := bob.welcome.Chat
		if chat.Resumed || texts(chat.Events) != want || chat.Pinned == nil || chat.Pinned.Text != "one" || chat.Seq < 1<<40+1<<32 {
			t.Errorf("after the restart %s reads %+v", room, chat)
		}
		if !bob.welcome.Permissions.ChatMuted {
			t.Errorf("in %s bob is not muted any more", room)
		}
		bob.refused(protocol.CodeForbidden, &protocol.ChatSend{Text: "no"})
	}
	eve := p.come("l/eve/participant", read)
	if chat := eve.welcome.Chat; !chat.Resumed || texts(chat.Events) != "the last word" || chat.Events[0].Seq != read+1 {
		t.Errorf("eve continues with %+v", chat)
	}
	again := &reader{guest: eve, seq: eve.welcome.Chat.Seq}
	p.join("l/ann/moderator").ask(&protocol.ChatSend{Text: "we go on"})
	if e := again.next(); e.Message.Text != "we go on" {
		t.Errorf("then comes %+v", e)
	}
	if chat := p.come("l/zoe/participant", read-1).welcome.Chat; !chat.Resumed || texts(chat.Events) != "deleted the last word we go on" {
		t.Errorf("over the gap in the numbers comes %+v", chat)
	}
}

func TestOneWhoKnowsMoreThanWasStoredBeginsAnew(t *testing.T) {
	kept := newShelf()
	p := newPlaceWith(t, kept)
	bob := reading(p.join("l/bob/participant"))
	bob.ask(&protocol.ChatSend{Text: "stored"})
	stored := bob.next().Seq
	soon(t, "it is stored", func() bool { return kept.text("l") != "" })
	after := kept.crashed() // and here it is killed
	bob.ask(&protocol.ChatSend{Text: "lost"})
	lost := bob.next().Seq

	p = newPlaceWith(t, after)
	_, err := p.server.Say(t.Context(), "l", "", "Station", "after it")
	must(t, err)
	begin := p.join("l/ann/moderator").welcome.Chat.Seq - 1
	for n, test := range []struct {
		after   int64
		resumed bool
		want    string
	}{
		{stored - 1, true, "stored after it"},
		{stored, true, "after it"},
		{lost, false, "stored after it"},
		{lost + 1, false, "stored after it"},
		{begin - 1, false, "stored after it"},
		{begin, true, "after it"},
		{begin + 1, true, ""},
		{begin + 2, false, "stored after it"},
	} {
		if chat := p.come("l/bob/participant", test.after).welcome.Chat; chat.Resumed != test.resumed || texts(chat.Events) != test.want {
			t.Errorf("%d: after %d: %v, %q", n, test.after, chat.Resumed, texts(chat.Events))
		}
	}
}

func TestWhatIsStoredOfARunThatEndedIsNotReadAgain(t *testing.T) {
	kept := newShelf()
	kept.events["l"] = map[int64]string{5: `{"kind": "said", "message": {"id": "5", "text": "of the run before"}}`}
	p := newPlaceWith(t, kept)
	kept.set(func() {
		kept.reading = func() {
			p.house.emit(rooms.Event{Kind: rooms.RunEnded, RoomID: "l"})
			soon(t, "the end is heard of", p.server.room("l").chatLoaded)
		}
	})
	if chat := p.join("l/bob/participant").welcome.Chat; len(chat.Events) != 0 {
		t.Errorf("bob reads %s", texts(chat.Events))
	}
	soon(t, "it is deleted", func() bool { return !strings.Contains(kept.text("l"), "before") })
}

func TestTheEndOfARunReachesTheStoreWithNobodyThere(t *testing.T) {
	kept := newShelf()
	p := newPlaceWith(t, kept)
	_, err := p.server.Say(t.Context(), "l", "", "Station", "soon")
	must(t, err)
	soon(t, "it is stored", func() bool { return kept.text("l") != "" })
	p.house.emit(rooms.Event{Kind: rooms.RunEnded, RoomID: "l"})
	soon(t, "it is deleted", func() bool { return !strings.Contains(kept.text("l"), "soon") })
	soon(t, "nothing is in memory", func() bool {
		p.server.mu.Lock()
		defer p.server.mu.Unlock()
		return len(p.server.chats) == 0
	})
	if chat := p.join("l/bob/participant").welcome.Chat; len(chat.Events) != 0 || chat.Seq <= kept.first {
		t.Errorf("bob reads %+v", chat)
	}
}

func TestASaveUnderWayWhenARunEndsBringsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, h := newShelf(), newHouse()
		h.add("l", rooms.Live, nil)
		s := NewServer(Options{Door: h, Registry: h, Chats: kept})
		say := func(text string) {
			t.Helper()
			_, err := s.Say(t.Context(), "l", "", "Station", text)
			must(t, err)
		}
		kept.set(func() { kept.slow = 500 * time.Millisecond })
		say("of the run before")
		time.Sleep(100 * time.Millisecond) // it is on its way
		kept.end("l", "run")
		time.Sleep(time.Second)
		if text := kept.text("l"); text != "" {
			t.Errorf("after the end %s is stored", text)
		}
		h.emit(rooms.Event{Kind: rooms.RunEnded, RoomID: "l", RunID: "run"})
		say("of the next")
		time.Sleep(5 * time.Second)
		if text := kept.text("l"); strings.Contains(text, "before") || !strings.Contains(text, "next") {
			t.Errorf("stored is %s", text)
		}
		down(t, s)
	})
}

func TestWhatModeratorsDoIsStoredBeforeTheyAreAnswered(t *testing.T) {
	kept := newShelf()
	p := newPlaceWith(t, kept)
	ann, bob := p.join("l/ann/moderator"), reading(p.join("l/bob/participant"))
	for _, text := range []string{"one", "an ugly word", "another ugly word"} {
		ann.ask(&protocol.ChatSend{Text: text})
	}
	soon(t, "it is stored", func() bool { return strings.Contains(kept.text("l"), "another ugly") })
	kept.set(func() { kept.slow = 20 * time.Millisecond })
	look := func(what string, holds func(text string) bool) {
		t.Helper()
		if text := kept.crashed().text("l"); !holds(text) {
			t.Errorf("%s: after a crash there is %s", what, text)
		}
	}
	id := func(n int64) string { return fmt.Sprint(bob.seq + n) }
	ann.ask(&protocol.ChatDelete{Message: id(2)})
	look("deleted", func(text string) bool { return strings.Count(text, "ugly") == 1 })
	must(t, p.server.DeleteMessage(t.Context(), "l", id(3)))
	look("deleted by a call", func(text string) bool { return !strings.Contains(text, "ugly") })
	ann.ask(&protocol.ChatPin{Message: id(1)})
	look("pinned", func(text string) bool { return strings.Contains(text, `"pinned":{`) })
	ann.ask(&protocol.ChatUnpin{})
	look("taken down", func(text string) bool { return strings.Contains(text, `"pinned":null`) })
	ann.ask(&protocol.ModeratorMute{Participant: "bob", Kinds: []protocol.MuteKind{protocol.MuteChat}})
	look("muted", func(text string) bool { return strings.Contains(text, `"muted":["bob"]`) })
	must(t, p.server.UnmuteChat(t.Context(), "l", "bob"))
	look("let again by a call", func(text string) bool { return strings.Contains(text, `"muted":[]`) })
	must(t, p.server.Mute(t.Context(), "l", "bob", []string{"chat"}))
	look("muted by a call", func(text string) bool { return strings.Contains(text, `"muted":["bob"]`) })

	kept.set(func() { kept.fault = errors.New("disk full") })
	if err := p.server.DeleteMessage(t.Context(), "l", id(1)); err == nil {
		t.Error("what is not stored is answered as done")
	}
	kept.set(func() { kept.fault = nil })
	soon(t, "it is tried again", func() bool { return !strings.Contains(kept.text("l"), `"one"`) })
}

// A message costs what it does in memory: nothing of the store.
func BenchmarkSay(b *testing.B) {
	h := newHouse()
	h.add("l", rooms.Live, nil)
	s := NewServer(Options{Door: h, Registry: h, Chats: newShelf()})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Say(b.Context(), "l", "", "Station", "hello"); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := s.Shutdown(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func TestAStoredChatThatCannotBeReadKeepsNobodyOut(t *testing.T) {
	for _, body := range []string{"x", `{"kind": "said"}`} {
		kept := newShelf()
		kept.events["l"] = map[int64]string{5: body}
		bob := newPlaceWith(t, kept).join("l/bob/participant")
		bob.ask(&protocol.ChatSend{Text: "hello"})
	}
}

// keptServer runs fn beside a server without sockets.
func keptServer(t *testing.T, kept *shelf, fn func(say func(text string))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.add("l", rooms.Live, nil)
		s := NewServer(Options{Door: h, Registry: h, Chats: kept})
		fn(func(text string) {
			_, err := s.Say(t.Context(), "l", "", "Station", text)
			must(t, err)
		})
		down(t, s)
	})
}

func TestABusyChatIsStoredOnceASecond(t *testing.T) {
	kept := newShelf()
	kept.slow = 70 * time.Millisecond // longer than the time between messages
	keptServer(t, kept, func(say func(string)) {
		for i := range 200 {
			say(fmt.Sprintf("<%d>", i))
			time.Sleep(50 * time.Millisecond)
		}
		if _, commits := kept.count("l"); commits < 10 || commits > 11 {
			t.Errorf("200 messages in 10 s are %d commits", commits)
		}
		if !strings.Contains(kept.text("l"), "179") {
			t.Error("what was said a second ago is not stored")
		}
		say("the end")
	})
	if n, _ := kept.count("l"); n != 201 || !strings.Contains(kept.text("l"), "the end") {
		t.Errorf("at the end %d are stored", n)
	}
}

func TestASlowDiskDelaysNobodyAndTheNewestAreStored(t *testing.T) {
	kept := newShelf()
	kept.slow = 30 * time.Second
	keptServer(t, kept, func(say func(string)) {
		began := time.Now()
		for i := range 3 * protocol.MaxChatEvents {
			say(fmt.Sprintf("<%d>", i))
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %s", took)
		}
		time.Sleep(2 * time.Minute)
		text := kept.text("l")
		if n, _ := kept.count("l"); n != protocol.MaxChatEvents || strings.Contains(text, "\\u003c0\\u003e") || !strings.Contains(text, "5999") {
			t.Errorf("%d are stored", n)
		}
	})
}

func TestADiskThatFailedGetsAllThatIsKept(t *testing.T) {
	kept := newShelf()
	kept.fault = errors.New("disk full")
	keptServer(t, kept, func(say func(string)) {
		for range 5 {
			say("x")
			time.Sleep(time.Second)
		}
		kept.set(func() { kept.fault = nil })
		time.Sleep(2 * time.Second)
		if n, _ := kept.count("l"); n != 5 {
			t.Errorf("%d are stored", n)
		}
	})
}

func TestWhatIsStoredOfAChatIsCountedAndBounded(t *testing.T) {
	c := newChat(1<<40, noon)
	var events []protocol.ChatEvent
	for i := range int64(protocol.MaxChatEvents + 5) {
		events = append(events, protocol.ChatEvent{Seq: i + 1, Kind: protocol.ChatSaid, Message: &protocol.ChatMessage{ID: fmt.Sprint(i + 1), Text: "x", At: noon.Add(-time.Hour)}})
	}
	c.load(events, nil, []string{"eve"}, "")
	if len(c.events) != protocol.MaxChatEvents || c.bytes != protocol.MaxChatEvents*(eventOverhead+1) || !c.muted("eve") || !c.used.Equal(noon.Add(-time.Hour)) {
		t.Errorf("%d events of %d bytes are kept", len(c.events), c.bytes)
	}
	if !c.idle() || c.find("5") != nil || c.find("6") == nil || c.find(fmt.Sprint(1<<40)) != nil || !c.forget("6", noon) || c.idle() {
		t.Error("a message that was stored is not found or deleted")
	}
}
