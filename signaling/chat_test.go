package signaling

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"roomcast/signaling/protocol"
)

// texts renders events for comparison: what was said, and what became of it.
func texts(events []protocol.ChatEvent) string {
	var list []string
	for _, e := range events {
		switch e.Kind {
		case protocol.ChatSaid:
			list = append(list, e.Message.Text)
		case protocol.ChatPinned:
			list = append(list, "+"+e.Message.Text)
		default:
			list = append(list, string(e.Kind))
		}
	}
	return strings.Join(list, " ")
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// spoken is a chat in which that many messages were said and told.
func spoken(n int) (*chat, []string) {
	c := newChat(noon.UnixMilli(), noon)
	ids := make([]string, n)
	for i := range n {
		ids[i] = c.say(protocol.ChatMessage{Text: fmt.Sprint(i)}, noon).ID
	}
	c.told = c.seq
	return c, ids
}

func TestAReaderWhoComesBackMissesNothingAndGetsNothingTwice(t *testing.T) {
	c, _ := spoken(5)
	begin := c.seq - 5
	for after := begin; after <= c.seq; after++ {
		h := c.history(after)
		if !h.Resumed || h.Seq != c.seq || int64(len(h.Events)) != c.seq-after {
			t.Errorf("after %d: %+v", after-begin, h)
		}
		for i, e := range h.Events {
			if e.Seq != after+int64(i)+1 {
				t.Errorf("after %d the event %d has seq %d", after, i, e.Seq)
			}
		}
	}
	for name, after := range map[string]int64{"nothing known": 0, "an older server": begin - 1, "a number to come": c.seq + 1} {
		if h := c.history(after); h.Resumed || len(h.Events) != 5 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	c.say(protocol.ChatMessage{Text: "untold"}, noon)
	if h := c.history(c.told); !h.Resumed || len(h.Events) != 0 || h.Seq != c.told {
		t.Errorf("what is not told yet is in %+v", h)
	}
	if h := c.history(0); h.Seq != c.told || texts(h.Events) != "0 1 2 3 4" {
		t.Errorf("what is not told yet is in %+v", h)
	}
	empty := newChat(noon.UnixMilli(), noon)
	if h := empty.history(empty.seq); !h.Resumed || len(h.Events) != 0 {
		t.Errorf("of an empty chat: %+v", h)
	}
}

func TestOneWhoMissedMoreThanIsKeptBeginsAnew(t *testing.T) {
	c, _ := spoken(protocol.MaxChatEvents + 10)
	if len(c.events) != protocol.MaxChatEvents {
		t.Fatalf("%d events are kept", len(c.events))
	}
	oldest := c.events[0].Seq
	if h := c.history(oldest - 1); !h.Resumed || len(h.Events) != protocol.MaxChatEvents {
		t.Errorf("of all that is kept, %d come", len(h.Events))
	}
	if h := c.history(oldest - 2); h.Resumed || len(h.Events) != protocol.MaxChatHistory || h.Events[0].Message.Text != fmt.Sprint(protocol.MaxChatEvents+10-protocol.MaxChatHistory) {
		t.Errorf("of more, resumed is %v and %d come", h.Resumed, len(h.Events))
	}
}

func TestTheBytesOfAChatAreBounded(t *testing.T) {
	c := newChat(noon.UnixMilli(), noon)
	long := strings.Repeat("x", 8000)
	for range 500 {
		c.say(protocol.ChatMessage{Text: long}, noon)
	}
	total := 0
	for _, e := range c.events {
		total += sizeOf(e)
	}
	if c.bytes != total || c.bytes > maxChatBytes || c.bytes < maxChatBytes-10_000 {
		t.Errorf("%d bytes are counted, %d kept", c.bytes, total)
	}
	if first, last := c.events[0].Seq, c.events[len(c.events)-1].Seq; last-first+1 != int64(len(c.events)) || last != c.seq {
		t.Errorf("the numbers have a gap: %d to %d are %d events", first, last, len(c.events))
	}
}

func TestWhatIsDeletedIsGoneFromAllThatIsKept(t *testing.T) {
	c, ids := spoken(3)
	if _, ok := c.pin(ids[1], noon); !ok {
		t.Fatal("not pinned")
	}
	if got := texts(c.events); got != "0 1 2 +1" || c.pinned == nil {
		t.Errorf("after the pin: %s", got)
	}
	before := c.seq
	if !c.forget(ids[1], noon) {
		t.Fatal("not deleted")
	}
	if got := texts(c.events); got != "0 deleted 2 unpinned deleted" || c.pinned != nil {
		t.Errorf("after the deletion: %s", got)
	}
	if e := c.events[1]; e.Deleted != ids[1] || strconv.FormatInt(e.Seq, 10) != ids[1] || e.Message != nil {
		t.Errorf("in its place stands %+v", e)
	}
	if c.seq != before+1 || c.events[4].Seq != c.seq {
		t.Errorf("the deletion has the number %d", c.events[4].Seq)
	}
	if c.forget(ids[1], noon) {
		t.Error("it is deleted twice")
	}
	for _, id := range []string{"", "x", "0", "-1", "99999999999999999999", "0" + ids[0], strconv.FormatInt(c.seq, 10), strconv.FormatInt(c.seq+1, 10)} {
		if c.find(id) != nil {
			t.Errorf("there is a message %q", id)
		}
	}
	c.told = c.seq
	if h := c.history(0); texts(h.Events) != "0 2" {
		t.Errorf("a newcomer gets %s", texts(h.Events))
	}
	total := 0
	for _, e := range c.events {
		total += sizeOf(e)
	}
	if total != c.bytes {
		t.Errorf("%d bytes are counted, %d kept", c.bytes, total)
	}
}

func TestAPinnedMessageOutlivesTheHistory(t *testing.T) {
	c, ids := spoken(1)
	c.pin(ids[0], noon)
	c.pin(ids[0], noon) // says nothing new
	if got := texts(c.events); got != "0 +0" {
		t.Errorf("the events are %s", got)
	}
	for range protocol.MaxChatEvents {
		c.say(protocol.ChatMessage{Text: "more"}, noon)
	}
	if h := c.history(0); h.Pinned == nil || h.Pinned.Text != "0" {
		t.Errorf("pinned is %+v", h.Pinned)
	}
	if !c.forget(ids[0], noon) || c.pinned != nil {
		t.Error("it cannot be deleted any more")
	}
	c.unpin(noon)
	if last := c.events[len(c.events)-1]; last.Kind != protocol.ChatDeleted {
		t.Errorf("taking down nothing is told as %s", last.Kind)
	}
}

func TestTheNextRunBeginsWithAnEmptyChatAndHigherNumbers(t *testing.T) {
	c, ids := spoken(3)
	c.pin(ids[0], noon)
	c.told = c.seq
	c.mute("eve", true, noon)
	last := c.seq
	c.clear("", noon)
	if got := texts(c.untold()); got != "unpinned" || c.seq != last+1 || c.muted("eve") {
		t.Errorf("after the run: %s, seq +%d, muted %v", got, c.seq-last, c.muted("eve"))
	}
	c.told = c.seq
	if h := c.history(0); h.Resumed || len(h.Events) != 0 || h.Pinned != nil || h.Seq != c.seq {
		t.Errorf("a newcomer gets %+v", h)
	}
	if h := c.history(last); !h.Resumed || len(h.Events) != 1 {
		t.Errorf("one who was inside gets %+v", h)
	}
}

func TestTheAPIReadsAChatInPieces(t *testing.T) {
	c, ids := spoken(7)
	c.forget(ids[3], noon)
	list, next := c.since(0, 3)
	if len(list) != 3 || list[0].Text != "4" || next != c.seq {
		t.Errorf("the last ones are %v, then %d", list, next-c.seq)
	}
	var all []string
	for seq := int64(1); ; {
		list, next := c.since(seq, 2)
		if len(list) == 0 {
			if next != c.seq {
				t.Errorf("at the end it goes on after %d", next-c.seq)
			}
			break
		}
		for _, m := range list {
			all = append(all, m.Text)
		}
		seq = next
	}
	if got := strings.Join(all, " "); got != "0 1 2 4 5 6" {
		t.Errorf("the pieces are %s", got)
	}
	if list, next := c.since(c.seq+1000, 2); len(list) != 0 || next != c.seq {
		t.Errorf("after what is to come there are %v, then %d", list, next)
	}
}

func TestSlowModeLooksAtEachOnesLastMessage(t *testing.T) {
	c := newChat(noon.UnixMilli(), noon)
	slow := 30 * time.Second
	if c.wait("eve", slow, noon) != 0 {
		t.Error("the first message has to wait")
	}
	c.spoke("eve", noon)
	if w := c.wait("eve", slow, noon.Add(10*time.Second)); w != 20*time.Second {
		t.Errorf("after 10 s eve waits %s", w)
	}
	if c.wait("bob", slow, noon) != 0 || c.wait("eve", slow, noon.Add(slow)) != 0 || c.wait("eve", 0, noon) != 0 {
		t.Error("somebody waits who need not")
	}
}

func TestTheParticipantsRememberedAreBounded(t *testing.T) {
	c := newChat(noon.UnixMilli(), noon)
	c.mute("muted", true, noon)
	for i := range 3 * maxVoices {
		c.spoke(fmt.Sprint(i), noon.Add(time.Duration(i)*time.Second))
	}
	if len(c.voices) > maxVoices || !c.muted("muted") {
		t.Errorf("%d are remembered, the muted one: %v", len(c.voices), c.muted("muted"))
	}
	for i := range 2 * maxVoices {
		c.mute("m"+fmt.Sprint(i), true, noon)
	}
	if len(c.voices) > maxVoices {
		t.Errorf("%d muted ones are remembered", len(c.voices))
	}
}
