package srt

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	srt "github.com/datarhei/gosrt"
)

const (
	// minMTU leaves room for one packet of a transport stream.
	minMTU = 188 + srt.SRT_HEADER_SIZE + srt.UDP_HEADER_SIZE
	// maxLatency is how much of a stream a peer may have us hold back.
	maxLatency = 10 * time.Second
)

// handshakes looks at the handshakes that come in. The library makes buffers of
// whatever size a peer names and tells nobody; only its log has the numbers. So
// this is a log, read where it is written: in the goroutine that accepts. It
// keeps numbers, never the text, which has the streamid in it.
type handshakes struct{ last offer }

// offer is what a peer asks for in its handshake.
type offer struct {
	known               bool
	mtu                 int
	receiving, sendings time.Duration // latencies
}

var _ srt.Logger = (*handshakes)(nil)

// HasTopic implements srt.Logger: nothing else is wanted.
func (*handshakes) HasTopic(string) bool { return false }

// Listen implements srt.Logger; nobody does.
func (*handshakes) Listen() <-chan srt.Log { return nil }

// Close implements srt.Logger.
func (*handshakes) Close() {}

// Print implements srt.Logger. Other goroutines call it too, of other topics.
func (h *handshakes) Print(topic string, _ uint32, _ int, message func() string) {
	if topic == "handshake:recv:cif" {
		h.last = readOffer(message())
	}
}

// readOffer reads the library's description of a handshake. The streamid comes
// last in it, so what a peer writes there is not taken for a number.
func readOffer(text string) (o offer) {
	numbers := map[string]int{}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "SIDExt") {
			break
		}
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		_, value, _ = strings.Cut(value, "(")
		value = strings.TrimRight(value, "ms)")
		if n, err := strconv.ParseUint(value, 10, 31); err == nil {
			numbers[name] = int(n)
		}
	}
	mtu, a := numbers["maxTransmissionUnitSize"]
	receiving, b := numbers["recvTSBPDDelay"]
	sending, c := numbers["sendTSBPDDelay"]
	return offer{
		known: a && b && c, mtu: mtu,
		receiving: time.Duration(receiving) * time.Millisecond, sendings: time.Duration(sending) * time.Millisecond,
	}
}

// check refuses what would cost too much.
func (o offer) check() error {
	switch {
	case !o.known:
		return fmt.Errorf("incomplete handshake")
	case o.mtu < minMTU || o.mtu > srt.MAX_MSS_SIZE:
		return fmt.Errorf("packets of %d bytes", o.mtu)
	case o.receiving > maxLatency || o.sendings > maxLatency:
		return fmt.Errorf("a latency over %v", maxLatency)
	}
	return nil
}
