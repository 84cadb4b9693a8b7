package signaling

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"time"

	"roomcast/signaling/protocol"
)

// Bounds of what is kept of a room's chat, and of all rooms' together.
const (
	maxChatBytes = 1 << 20
	// eventOverhead is what an event takes beside its texts.
	eventOverhead = 200
	// maxVoices bounds how many participants' slow mode and mutes are remembered.
	maxVoices = 10_000
	// maxChats is how many rooms' chats are kept; beyond, those that nobody used for the longest time go.
	maxChats = 10_000
	// staleChat is when a chat that belongs to no run and where nobody is any more counts as over.
	staleChat = time.Hour
)

// chat is a room's line of chat events: numbered, bounded, and kept while the
// run goes on, also when nobody is there. It knows no sockets. The room in
// motion guards it by its mutex, the server's by its own while there is none.
type chat struct {
	// events are oldest first. Their numbers have a gap only where the server was
	// started anew: numbers there may have been given to events that are lost.
	events []protocol.ChatEvent
	bytes  int
	seq    int64 // of the last event
	told   int64 // of the last event that those inside were told; welcomes end there too
	pinned *protocol.ChatMessage
	voices map[string]*voice // by participant
	used   time.Time         // the last event

	loading sync.Mutex // held by the one who reads what is stored; taken before the guard
	loaded  bool       // what is stored is here; there is nothing but numbers before
	unsaved unsaved
	ended   string // the run that ended last: the chat begins behind it
}

// voice is what is remembered of a participant who writes.
type voice struct {
	last  time.Time // their last message
	muted bool
}

// newChat begins a chat whose numbers follow seq, which is above all that
// clients may know of the room.
func newChat(seq int64, now time.Time) *chat {
	return &chat{voices: map[string]*voice{}, used: now, seq: seq, told: seq, unsaved: unsaved{after: seq}}
}

// add appends an event with the next number, and drops what is kept too long.
func (c *chat) add(e protocol.ChatEvent, now time.Time) {
	c.seq++
	e.Seq = c.seq
	c.used = now
	c.events = append(c.events, e)
	c.bytes += sizeOf(e)
	c.trim()
}

// trim drops the oldest events above the bounds.
func (c *chat) trim() {
	drop := 0
	for len(c.events)-drop > protocol.MaxChatEvents || c.bytes > maxChatBytes {
		c.bytes -= sizeOf(c.events[drop])
		drop++
	}
	c.events = slices.Delete(c.events, 0, drop)
}

func sizeOf(e protocol.ChatEvent) int {
	if e.Message == nil {
		return eventOverhead
	}
	return eventOverhead + len(e.Message.Text) + len(e.Message.Name)
}

// say adds a message; its id is given here.
func (c *chat) say(m protocol.ChatMessage, now time.Time) protocol.ChatMessage {
	m.ID, m.At = strconv.FormatInt(c.seq+1, 10), now.UTC()
	c.add(protocol.ChatEvent{Kind: protocol.ChatSaid, Message: &m}, now)
	return m
}

// find returns a message that is kept, nil if there is none with that id.
func (c *chat) find(id string) *protocol.ChatMessage {
	if c.pinned != nil && c.pinned.ID == id {
		return c.pinned
	}
	seq, err := strconv.ParseInt(id, 10, 64)
	if err != nil || seq <= 0 {
		return nil
	}
	i := c.index(seq - 1)
	if i == len(c.events) || c.events[i].Kind != protocol.ChatSaid || c.events[i].Message.ID != id {
		return nil
	}
	return c.events[i].Message
}

// forget deletes a message: from now on nothing that is kept has its text. It
// reports false if there is no such message.
func (c *chat) forget(id string, now time.Time) bool {
	if c.find(id) == nil {
		return false
	}
	for i := range c.events {
		e := &c.events[i]
		if e.Message == nil || e.Message.ID != id {
			continue
		}
		c.bytes -= sizeOf(*e)
		// Another value: batches on their way may still hold this one.
		gone := protocol.ChatEvent{Seq: e.Seq, Kind: protocol.ChatUnpinned}
		if e.Kind == protocol.ChatSaid {
			gone.Kind, gone.Deleted = protocol.ChatDeleted, id
		}
		*e = gone
		c.bytes += sizeOf(gone)
		c.unsaved.replaced(gone.Seq)
	}
	if c.pinned != nil && c.pinned.ID == id {
		c.pinned = nil
		c.unsaved.state = true
	}
	c.add(protocol.ChatEvent{Kind: protocol.ChatDeleted, Deleted: id}, now)
	return true
}

// pin pins a message that is kept, in place of another; false if there is none with that id.
func (c *chat) pin(id string, now time.Time) (protocol.ChatMessage, bool) {
	m := c.find(id)
	if m == nil {
		return protocol.ChatMessage{}, false
	}
	if c.pinned == nil || c.pinned.ID != id {
		c.pinned = m
		c.unsaved.state = true
		c.add(protocol.ChatEvent{Kind: protocol.ChatPinned, Message: m}, now)
	}
	return *m, true
}

// unpin takes the pinned message down, if there is one.
func (c *chat) unpin(now time.Time) {
	if c.pinned != nil {
		c.pinned = nil
		c.unsaved.state = true
		c.add(protocol.ChatEvent{Kind: protocol.ChatUnpinned}, now)
	}
}

// clear begins the chat of another run: what was said, pinned and muted is
// over, the numbers go on. What is stored and was not loaded is over, too. ended
// is the run that ended last.
func (c *chat) clear(ended string, now time.Time) {
	c.ended = ended
	c.loaded = true
	c.unsaved.state = true
	c.unpin(now)
	keep := c.untold() // those inside are still to be told
	c.events = slices.Clone(keep)
	c.bytes = 0
	for _, e := range c.events {
		c.bytes += sizeOf(e)
	}
	clear(c.voices)
}

// load takes what was stored: events that have numbers below all that are to come.
func (c *chat) load(events []protocol.ChatEvent, pinned *protocol.ChatMessage, muted []string, ended string) {
	c.loaded, c.ended = true, ended
	c.events = events
	for _, e := range events {
		c.bytes += sizeOf(e)
		if e.Kind == protocol.ChatSaid {
			c.used = e.Message.At
		}
	}
	c.trim()
	c.pinned = pinned
	for _, participant := range muted {
		c.voices[participant] = &voice{muted: true}
	}
}

// untold are the events that those inside were not told yet.
func (c *chat) untold() []protocol.ChatEvent { return c.events[c.index(c.told):] }

// pressing reports whether what is untold is too much to wait.
func (c *chat) pressing() bool {
	bytes := 0
	for _, e := range c.untold() {
		bytes += sizeOf(e)
	}
	return bytes >= maxUntoldBytes
}

// empty reports whether there is nothing worth keeping.
func (c *chat) empty() bool {
	said := func(e protocol.ChatEvent) bool { return e.Kind == protocol.ChatSaid }
	return c.pinned == nil && len(c.voices) == 0 && !slices.ContainsFunc(c.events, said)
}

// index is where the events after seq begin.
func (c *chat) index(seq int64) int {
	i, found := slices.BinarySearchFunc(c.events, seq, func(e protocol.ChatEvent, seq int64) int { return cmp.Compare(e.Seq, seq) })
	if found {
		i++
	}
	return i
}

// continues reports whether all that followed the event after is kept: it is
// the last one told, or it or the one behind it is among those told and kept.
func (c *chat) continues(after int64) bool {
	if after >= c.told {
		return after == c.told
	}
	i := c.index(after)
	return i > 0 && c.events[i-1].Seq == after || i < len(c.events) && c.events[i].Seq == after+1
}

// history is what a welcome says: the events that were told after the client's
// last one, or, where that is not known or too long ago, the last messages. What
// is not told yet follows for everybody.
func (c *chat) history(after int64) protocol.ChatHistory {
	h := protocol.ChatHistory{Seq: c.told, Events: []protocol.ChatEvent{}, Pinned: c.pinned}
	told := c.events[:c.index(c.told)]
	if c.continues(after) {
		h.Resumed = true
		h.Events = append(h.Events, told[c.index(after):]...)
		return h
	}
	h.Events = append(h.Events, lastSaid(told, protocol.MaxChatHistory)...)
	return h
}

// lastSaid are the last messages of events, oldest first.
func lastSaid(events []protocol.ChatEvent, most int) []protocol.ChatEvent {
	said := make([]protocol.ChatEvent, 0, min(most, len(events)))
	for _, e := range slices.Backward(events) {
		if len(said) == most {
			break
		}
		if e.Kind == protocol.ChatSaid {
			said = append(said, e)
		}
	}
	slices.Reverse(said)
	return said
}

// since returns at most limit messages after seq, oldest first, and the seq to
// ask with for those that follow. Without seq it begins with the last ones.
func (c *chat) since(seq int64, limit int) (messages []protocol.ChatMessage, next int64) {
	messages = []protocol.ChatMessage{}
	if seq <= 0 {
		for _, e := range lastSaid(c.events, limit) {
			messages = append(messages, *e.Message)
		}
		return messages, c.seq
	}
	for _, e := range c.events[c.index(seq):] {
		if e.Kind != protocol.ChatSaid {
			continue
		}
		if len(messages) == limit {
			break
		}
		messages = append(messages, *e.Message)
		next = e.Seq
	}
	if len(messages) < limit {
		next = c.seq
	}
	return messages, next
}

// wait returns how long a participant still has to be silent in slow mode.
func (c *chat) wait(participant string, slow time.Duration, now time.Time) time.Duration {
	v := c.voices[participant]
	if v == nil || slow <= 0 {
		return 0
	}
	return max(0, v.last.Add(slow).Sub(now))
}

// spoke notes when a participant wrote.
func (c *chat) spoke(participant string, now time.Time) { c.voice(participant, now).last = now }

// muted reports whether a moderator keeps a participant from writing.
func (c *chat) muted(participant string) bool {
	v := c.voices[participant]
	return v != nil && v.muted
}

// mute keeps a participant from writing, or lets them again.
func (c *chat) mute(participant string, muted bool, now time.Time) {
	c.voice(participant, now).muted = muted
	c.unsaved.state = true
}

// voice returns what is remembered of a participant. When too much is, those
// who fell silent the longest ago are forgotten, muted ones last.
func (c *chat) voice(participant string, now time.Time) *voice {
	v := c.voices[participant]
	if v != nil {
		return v
	}
	if len(c.voices) >= maxVoices {
		c.forgetVoices(now)
	}
	v = &voice{}
	c.voices[participant] = v
	return v
}

// forgetVoices makes room for a tenth: first those whom no slow mode holds any
// more, then whoever comes.
func (c *chat) forgetVoices(now time.Time) {
	longest := now.Add(-time.Hour) // the largest slow_mode_seconds
	for id, v := range c.voices {
		if !v.muted && v.last.Before(longest) {
			delete(c.voices, id)
		}
	}
	for _, muted := range []bool{false, true} {
		for id, v := range c.voices {
			if len(c.voices) <= maxVoices*9/10 {
				return
			}
			if v.muted == muted {
				delete(c.voices, id)
				c.unsaved.state = c.unsaved.state || muted
			}
		}
	}
}
