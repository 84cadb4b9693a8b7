package mpegts

import (
	"fmt"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/substructs"
	"golang.org/x/text/language"

	"roomcast/media"
	"roomcast/rooms"
)

// lead is how far from zero the clock begins, so that nothing is before it.
const lead = 10 * time.Second

// Muxer writes the units of one format as a transport stream. It is used by
// one goroutine.
type Muxer struct {
	w      *mpegts.Writer
	tracks map[*media.Track]*mpegts.Track
	base   time.Duration
	begun  bool
	nals   [][]byte
}

// NewMuxer makes a muxer that writes to w, packet by packet (of 188 bytes). It
// is refused with codec_not_supported when a track cannot be carried.
func NewMuxer(w io.Writer, f *media.Format) (*Muxer, error) {
	m := &Muxer{w: &mpegts.Writer{W: w}, tracks: make(map[*media.Track]*mpegts.Track, len(f.Tracks))}
	for _, t := range f.Tracks {
		c, err := codec(t)
		if err != nil {
			return nil, err
		}
		out := &mpegts.Track{Codec: c}
		if tag, err := language.Parse(t.Language); err == nil {
			base, _ := tag.Base()
			out.Language = base.ISO3()
		}
		m.tracks[t] = out
		m.w.Tracks = append(m.w.Tracks, out)
	}
	if err := m.w.Initialize(); err != nil {
		return nil, fmt.Errorf("write transport stream: %w", err)
	}
	return m, nil
}

// codec describes a track to the library.
func codec(t *media.Track) (codecs.Codec, error) {
	switch t.Codec {
	case media.H264:
		return &codecs.H264{}, nil
	case media.H265:
		return &codecs.H265{}, nil
	case media.AAC:
		c := &codecs.MPEG4Audio{}
		if err := c.Unmarshal(t.AudioConfig); err != nil {
			return nil, fmt.Errorf("write transport stream: %w", err)
		}
		return c, nil
	case media.Opus:
		return &codecs.Opus{Desc: &substructs.OpusAudioDescriptor{ChannelConfigCode: uint8(t.Channels)}}, nil
	}
	return nil, &rooms.Error{Code: rooms.CodeCodecNotSupported, Detail: fmt.Sprintf("a transport stream carries no %s; watch by RTSP or RTMP", t.Codec)}
}

// Write writes a unit. Units of other tracks than the format's are left out.
func (m *Muxer) Write(u *media.Unit) error {
	t := m.tracks[u.Track]
	if t == nil {
		return nil
	}
	if !m.begun {
		m.begun, m.base = true, u.DTS-lead
	}
	pts, dts := ticks(u.PTS-m.base), ticks(u.DTS-m.base)
	var err error
	switch u.Track.Codec {
	case media.H264:
		if m.collect(u, u.Track.SPS, u.Track.PPS) {
			err = m.w.WriteH264(t, pts, dts, m.nals)
		}
	case media.H265:
		if m.collect(u, u.Track.VPS, u.Track.SPS, u.Track.PPS) {
			err = m.w.WriteH265(t, pts, dts, m.nals)
		}
	case media.AAC:
		err = m.w.WriteMPEG4Audio(t, pts, [][]byte{u.Payload})
	case media.Opus:
		err = m.w.WriteOpus(t, pts, [][]byte{u.Payload})
	}
	if err != nil {
		return fmt.Errorf("write transport stream: %w", err)
	}
	return nil
}

// collect gathers the NAL units of a picture, with the parameter sets before a
// key frame. False if there are none.
func (m *Muxer) collect(u *media.Unit, sets ...[]byte) bool {
	m.nals = m.nals[:0]
	if u.Key {
		m.nals = append(m.nals, sets...)
	}
	for nal := range media.NALs(u.Payload) {
		if len(nal) > 0 {
			m.nals = append(m.nals, nal)
		}
	}
	return len(m.nals) > 0
}

// ticks is a time in 90000ths of a second.
func ticks(d time.Duration) int64 {
	d = max(d, 0)
	return int64(d/time.Second)*90000 + int64(d%time.Second)*90000/int64(time.Second)
}
