package signaling

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"roomcast/sfu"
	"roomcast/signaling/protocol"
)

func TestTheLimitsOfPageProtocolAndMediaAreTheSame(t *testing.T) {
	for name, pair := range map[string][2]int{
		"sections":    {protocol.MaxSections, sfu.MaxSections},
		"audio slots": {protocol.MaxAudioSlots, sfu.MaxAudioSlots},
		"video slots": {protocol.MaxVideoSlots, sfu.MaxVideoSlots},
		"candidates":  {protocol.MaxCandidates, sfu.MaxCandidates},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: protocol says %d, sfu %d", name, pair[0], pair[1])
		}
	}
	page, err := os.ReadFile("PROTOCOL.md")
	must(t, err)
	for _, line := range []string{
		fmt.Sprintf("| frame | %d KiB; messages other than `offer`, and the first frame, %d KiB |", protocol.MaxMessageBytes>>10, protocol.MaxSmallMessageBytes>>10),
		fmt.Sprintf("| messages | %d a second, %d at once |", protocol.MessagesPerSecond, protocol.MessageBurst),
		fmt.Sprintf("| chat | %d in 10 seconds; %d characters each; %d events, %d MiB kept for each room |",
			protocol.ChatsPerTenSeconds, protocol.MaxChatChars, protocol.MaxChatEvents, maxChatBytes>>20),
		fmt.Sprintf("The server keeps the last %d events, at most %d MiB", protocol.MaxChatEvents, maxChatBytes>>20),
		fmt.Sprintf("at most every %d ms", protocol.ChatInterval.Milliseconds()),
		fmt.Sprintf("| sections in an offer | %d; published tracks %d, audio slots %d, video slots %d ",
			protocol.MaxSections, protocol.MaxTracks, protocol.MaxAudioSlots, protocol.MaxVideoSlots),
		fmt.Sprintf("| candidates | %d for each offer, and %[1]d within it |", protocol.MaxCandidates),
		fmt.Sprintf("| tiles in a view | %d |", protocol.MaxTiles),
		fmt.Sprintf("every %d s and closes a socket that was silent for %d s", int(protocol.PingInterval.Seconds()), int(protocol.PongTimeout.Seconds())),
		fmt.Sprintf("over %d messages or %d MiB wait for it, or one took over %d s", maxQueuedFrames, maxQueuedBytes>>20, int(writeTimeout.Seconds())),
		fmt.Sprintf("at most %d; `participants_total`", protocol.MaxPresence),
		fmt.Sprintf("oldest first, at most %d, ", protocol.MaxChatHistory),
		fmt.Sprintf("Within %d seconds", int(protocol.ResumeWindow.Seconds())),
	} {
		if !strings.Contains(string(page), line) {
			t.Errorf("PROTOCOL.md does not say %q", line)
		}
	}
}
