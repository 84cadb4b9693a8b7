package media

import (
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
)

const (
	// opusClock is the clock of Opus, whatever rate it was made from (RFC 7845, section 4).
	opusClock = 48000
	// opusFrameSamples is the usual packet, of 20 ms.
	opusFrameSamples = 960
	// maxOpusPacket is the most that one packet may last (RFC 6716, section 3.2.5).
	maxOpusPacket = 120 * time.Millisecond
)

// NewOpus makes an audio track of one or two channels, or up to eight in the
// order of Vorbis (RFC 7845, section 5.1.1).
func NewOpus(channels int) (*Track, error) {
	if channels < 1 || channels > 8 {
		return nil, fmt.Errorf("read Opus configuration: %d channels", channels)
	}
	return &Track{
		Kind: Audio, Codec: Opus, ClockRate: opusClock, SampleRate: opusClock,
		Channels: channels, FrameSamples: opusFrameSamples, codecString: "Opus",
	}, nil
}

// OpusDuration is how long an Opus packet lasts, by its TOC byte (RFC 6716,
// section 3.1); 0 for one that is malformed.
func OpusDuration(packet []byte) time.Duration {
	d := time.Duration(opus.PacketDuration2(packet)) * time.Second / opusClock
	if d > maxOpusPacket {
		return 0
	}
	return d
}
