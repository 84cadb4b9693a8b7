package live

import (
	"time"

	"roomcast/media"
)

// State is a broadcast as the API shows it (docs/api.md, "Broadcast").
type State struct {
	State           Phase           `json:"state" enum:"waiting,preview,live,interrupted,ended"`
	Publisher       *PublisherState `json:"publisher" doc:"Who is on air, or null"`
	BackupConnected bool            `json:"backup_connected" doc:"A publisher is connected by the backup stream key, on air or standing by"`
	Tracks          []TrackState    `json:"tracks"`
	StartedAt       *time.Time      `json:"started_at"`
	InterruptedAt   *time.Time      `json:"interrupted_at"`
	Viewers         int             `json:"viewers"`
	BytesIn         int64           `json:"bytes_in" doc:"Media received in this broadcast, in bytes"`
	Warnings        []Warning       `json:"warnings"`
}

// PublisherState is who is on air.
type PublisherState struct {
	Protocol string    `json:"protocol" example:"rtmp"`
	Since    time.Time `json:"since"`
}

// TrackState is one track as it comes in. What a kind does not have is null.
type TrackState struct {
	Kind       media.Kind `json:"kind" enum:"video,audio"`
	Codec      string     `json:"codec" doc:"RFC 6381 name" example:"avc1.64001f"`
	Width      *int       `json:"width"`
	Height     *int       `json:"height"`
	FrameRate  *float64   `json:"frame_rate" doc:"Frames per second"`
	SampleRate *int       `json:"sample_rate" doc:"Hz"`
	Channels   *int       `json:"channels"`
	BitrateBps int64      `json:"bitrate_bps" doc:"Measured over the last seconds"`
}

// Warning is something a broadcaster should mend.
type Warning struct {
	Code   string `json:"code" example:"long_gop" doc:"docs/api.md lists them"`
	Detail string `json:"detail" doc:"What to do about it, for people"`
}

// Brief is the state in the answer to a join.
type Brief struct {
	State     Phase      `json:"state" enum:"waiting,preview,live,interrupted,ended"`
	StartedAt *time.Time `json:"started_at"`
	Viewers   int        `json:"viewers"`
}

// meterSeconds is how many whole seconds a rate is measured over.
const meterSeconds = 5

// meter measures a rate over the last whole seconds. Its times are how long
// something has been that began before it. It is not safe for concurrent use.
type meter struct {
	first, now  int64 // seconds, from 1 on; 0: none yet
	bytes, unit [meterSeconds + 1]int64
}

// secondOf is the second that a time is in, from 1 on.
func secondOf(at time.Duration) int64 { return int64(at/time.Second) + 1 }

// add counts a unit of n bytes; rolled says that a second has just become whole.
func (m *meter) add(at time.Duration, n int) (rolled bool) {
	s := secondOf(at)
	rolled = m.roll(s)
	i := s % int64(len(m.bytes))
	m.bytes[i] += int64(n)
	m.unit[i]++
	return rolled
}

// roll clears the seconds that have passed without a unit.
func (m *meter) roll(s int64) bool {
	if m.first == 0 {
		m.first, m.now = s, s
		return false
	}
	if s <= m.now {
		return false
	}
	for k := max(m.now+1, s-meterSeconds); k <= s; k++ {
		i := k % int64(len(m.bytes))
		m.bytes[i], m.unit[i] = 0, 0
	}
	m.now = s
	return true
}

// rate is bits and units per second over the last whole seconds; whole says
// that all of them were measured.
func (m *meter) rate(at time.Duration) (bps int64, units float64, whole bool) {
	if m.first == 0 {
		return 0, 0, false
	}
	s := secondOf(at)
	m.roll(s)
	// The first second was cut into.
	n := min(s-m.first-1, meterSeconds)
	if n <= 0 {
		i := m.now % int64(len(m.bytes))
		return m.bytes[i] * 8, float64(m.unit[i]), false
	}
	var b, u int64
	for k := s - n; k < s; k++ {
		i := k % int64(len(m.bytes))
		b += m.bytes[i]
		u += m.unit[i]
	}
	return b * 8 / n, float64(u) / float64(n), n == meterSeconds
}

// trackState describes a track with what was measured of it.
func trackState(t *media.Track, bps int64, units float64) TrackState {
	s := TrackState{Kind: t.Kind, Codec: t.CodecString(), BitrateBps: bps}
	switch t.Kind {
	case media.Video:
		s.Width, s.Height = &t.Width, &t.Height
		rate := t.FrameRate
		if rate == 0 {
			rate = units
		}
		if rate > 0 {
			s.FrameRate = &rate
		}
	case media.Audio:
		s.SampleRate, s.Channels = &t.SampleRate, &t.Channels
	}
	return s
}
