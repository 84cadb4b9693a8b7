package live

import (
	"fmt"
	"strings"
	"time"

	"roomcast/ingest"
	"roomcast/media"
)

const (
	// noKeyFrame is how long there may be no key frame, and longGOP how far apart
	// they may be, before a broadcaster is warned.
	noKeyFrame = 8 * time.Second
	longGOP    = 5 * time.Second
	// averageSeconds is about what a bitrate is compared with, acquainted how
	// long it must be known for that.
	averageSeconds, acquainted = 30, 15
	// fallenTo and slowedTo are the shares of bitrate and frame rate below which
	// something is wrong, when it lasts for persistent seconds.
	fallenTo, slowedTo = 0.5, 0.8
	persistent         = 3
	// leastAverage is the bitrate below which nothing falls, in bits per second.
	leastAverage = 200_000
	// audioStopped is how long sound may be missing beside pictures, audioHole
	// how large a hole is worth a word, and holeTold how long that is said.
	audioStopped = 2 * time.Second
	audioHole    = 150 * time.Millisecond
	holeTold     = 20 * time.Second
)

// health is what is known of how well a publisher sends.
type health struct {
	since     time.Time // when these tracks began
	lastKey   time.Time
	longest   time.Duration // between the last two key frames
	reordered bool

	average         float64 // bits per second
	seconds         int     // that it is made of
	now             float64
	fellFrom        float64
	falling, slow   int // for how many seconds
	rate, declared  float64
	lastAudio, hole time.Time
	audioEnd        time.Duration // where the sound should go on, on the publisher's timeline
}

// see notes a sample.
func (h *health) see(in ingest.Sample, now time.Time) {
	if in.Track.Kind == media.Audio {
		h.hear(in, now)
		return
	}
	h.reordered = h.reordered || in.PTS > in.DTS
	if in.Key {
		if !h.lastKey.IsZero() {
			h.longest = now.Sub(h.lastKey)
		}
		h.lastKey = now
	}
}

func (h *health) hear(in ingest.Sample, now time.Time) {
	d := time.Duration(in.Track.FrameSamples) * time.Second / time.Duration(max(in.Track.ClockRate, 1))
	if in.Track.Codec == media.Opus {
		d = media.OpusDuration(in.Payload)
	}
	if !h.lastAudio.IsZero() && !in.Jump && in.DTS-h.audioEnd > audioHole {
		h.hole = now
	}
	h.lastAudio, h.audioEnd = now, in.DTS+d
}

// second looks at the last seconds, once in each.
func (h *health) second(f *media.Format, meters map[*media.Track]*meter, at time.Duration, bps int64, whole bool) {
	if !whole {
		return
	}
	h.now = float64(bps)
	h.falling = counted(h.falling, h.seconds >= acquainted && h.average > leastAverage && h.now < fallenTo*h.average)
	if h.falling == 0 {
		h.fellFrom = h.average
	}
	h.seconds++
	h.average += (h.now - h.average) / float64(min(h.seconds, averageSeconds))
	v := f.Find(media.Video)
	if v == nil || meters[v] == nil {
		return
	}
	_, rate, known := meters[v].rate(at)
	h.rate, h.declared = rate, v.FrameRate
	h.slow = counted(h.slow, known && v.FrameRate > 0 && rate < slowedTo*v.FrameRate)
}

// counted is n one larger if something goes on, else 0.
func counted(n int, goesOn bool) int {
	if goesOn {
		return n + 1
	}
	return 0
}

// warnings are what the broadcaster should mend, in plain words.
func (s *Session) warnings(now time.Time) (ws []Warning) {
	video, audio := s.format.Find(media.Video), s.format.Find(media.Audio)
	if video == nil {
		ws = append(ws, Warning{"no_video", "No picture comes in."})
	}
	if audio == nil {
		ws = append(ws, Warning{"no_audio", "No sound comes in."})
	}
	if video != nil {
		ws = append(ws, s.health.ofPictures(now)...)
	}
	if audio != nil {
		ws = append(ws, s.health.ofSound(now)...)
	}
	h := &s.health
	if h.falling >= persistent {
		ws = append(ws, Warning{"bitrate_falling", fmt.Sprintf(
			"The bitrate fell from %s to %s. If the picture is not just still, the encoder's line is too weak: choose a lower bitrate.",
			megabits(h.fellFrom), megabits(h.now))})
	}
	for _, t := range s.format.Tracks {
		if text := notEverywhere[t.Codec]; text != "" {
			ws = append(ws, Warning{"codec_not_everywhere", text})
		}
	}
	if s.publication.Room.Backup {
		ws = append(ws, Warning{"backup_on_air", "The backup encoder is on air: the main one is not connected, or silent."})
	}
	return ws
}

func (h *health) ofPictures(now time.Time) (ws []Warning) {
	last := h.lastKey
	if last.IsZero() {
		last = h.since
	}
	switch open := now.Sub(last); {
	case open > noKeyFrame && open > h.longest+time.Second:
		ws = append(ws, Warning{"no_key_frame", fmt.Sprintf(
			"No key frame for %.0f s: new viewers have to wait for one. Set the encoder's key frame interval to 2 s.", open.Seconds())})
	case h.longest > longGOP:
		ws = append(ws, Warning{"long_gop", fmt.Sprintf(
			"Key frames are %.0f s apart: viewers wait when they join or change quality. Set the encoder's key frame interval to 2 s.", h.longest.Seconds())})
	}
	if h.reordered {
		ws = append(ws, Warning{"b_frames", "The encoder sends B-frames; without them the delay is shorter, and WebRTC can play it."})
	}
	if h.slow >= persistent {
		ws = append(ws, Warning{"frame_rate_unsteady", fmt.Sprintf(
			"Only %.0f of %.0f pictures a second come in: the encoder's computer or line cannot keep up. Choose a lower resolution or frame rate.", h.rate, h.declared)})
	}
	return ws
}

func (h *health) ofSound(now time.Time) []Warning {
	switch {
	case h.lastAudio.IsZero() && now.Sub(h.since) > audioStopped:
		return []Warning{{"audio_gap", "The encoder announced sound, but none comes in."}}
	case !h.lastAudio.IsZero() && now.Sub(h.lastAudio) > audioStopped:
		return []Warning{{"audio_gap", fmt.Sprintf("No sound for %.0f s.", now.Sub(h.lastAudio).Seconds())}}
	case !h.hole.IsZero() && now.Sub(h.hole) < holeTold:
		return []Warning{{"audio_gap", "The sound has holes: the encoder's computer or line cannot keep up."}}
	}
	return nil
}

// notEverywhere says who cannot play a codec.
var notEverywhere = map[media.Codec]string{
	media.H265: "H.265 does not play in Firefox, nor in other browsers on older machines. H.264 plays everywhere.",
	media.AV1:  "AV1 does not play in Safari on older Apple devices, nor smoothly on older machines. H.264 plays everywhere.",
	media.VP9:  "VP9 does not play in Safari on older Apple devices. H.264 plays everywhere.",
}

func megabits(bps float64) string { return fmt.Sprintf("%.1f Mb/s", bps/1e6) }

// codesOf are the codes of warnings, to see whether they changed.
func codesOf(ws []Warning) string {
	var b strings.Builder
	for _, w := range ws {
		b.WriteString(w.Code)
		b.WriteByte(' ')
	}
	return b.String()
}
