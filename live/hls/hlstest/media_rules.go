package hlstest

import (
	"slices"
	"strings"
	"time"
)

// mediaSlack is how much written durations and those of the media may differ:
// both are rounded.
const mediaSlack = 2 * time.Millisecond

// CheckFragment compares a segment, or its part with that index, with its media.
// part is -1 for the whole segment. all says that every segment begins with a
// key frame.
func CheckFragment(s *Segment, part int, m *Fragment, all bool) []Finding {
	var f findings
	line, what, duration, independent, slack := s.Line, "the segment", s.Duration, all, mediaSlack
	if part >= 0 {
		p := &s.Parts[part]
		line, what, duration, independent = p.Line, "the part", p.Duration, p.Independent
		// At variable frame rates 85% of the target is met by counting a share of
		// the next frame; at constant ones no part needs that.
		if m.Longest-m.Shortest > mediaSlack {
			slack = max(slack, m.Longest)
		}
	}
	if independent && m.Samples > 0 && !m.Key {
		f.add(RuleIndependent, line, "%s says that it begins with a key frame, and does not", what)
	}
	if is := m.End - m.Start; m.Samples > 0 && (is-duration).Abs() > slack {
		f.add(RuleMediaDuration, line, "%s says %v and lasts %v", what, duration, is)
	}
	return f
}

// CheckTimeline compares the media of a segment with that of the one before.
func CheckTimeline(s *Segment, before, m *Fragment) []Finding {
	var f findings
	if s.Discontinuity || before.Samples == 0 || m.Samples == 0 {
		return nil
	}
	if off := m.Start - before.End; off.Abs() > mediaSlack {
		f.add(RuleTimeline, s.Line, "segment %d begins %v off the end of the one before", s.Number, off)
	}
	return f
}

// CheckPartsMedia compares a segment's media with those of all its parts.
func CheckPartsMedia(s *Segment, m *Fragment, parts []*Fragment) []Finding {
	var f findings
	var samples, bytes, others int
	for _, p := range parts {
		samples, bytes, others = samples+p.Samples, bytes+p.Bytes, others+p.Others
	}
	if samples != m.Samples || bytes != m.Bytes || others != m.Others {
		f.add(RulePartsMedia, s.Line, "the parts have %d and %d samples, the segment %d and %d", samples, others, m.Samples, m.Others)
	}
	return f
}

// Measured is what the playlists of a variant turned out to carry.
type Measured struct {
	// Tracks are those of all its initialization segments, the audio group's too.
	Tracks []Track
	// Peak is its rate in bits per second, as the text measures it.
	Peak float64
	// FrameRate is the largest of any segment, in pictures a second, 0 if unknown or none.
	FrameRate float64
	// Variable is whether pictures last differently long.
	Variable bool
}

// bandwidthSlack is how far above BANDWIDTH the rate may be.
const bandwidthSlack = 1.1

// frameRateSlack is how far off FRAME-RATE may be: a segment of a few pictures
// begins and ends at rounded times.
const frameRateSlack = 0.005

// CheckVariant compares what a variant says with what it is.
func CheckVariant(v *Variant, m *Measured) []Finding {
	var f findings
	if m.Peak > float64(v.Bandwidth)*bandwidthSlack {
		f.add(RuleBandwidth, v.Line, "BANDWIDTH is %d, the peak rate %.0f", v.Bandwidth, m.Peak)
	}
	missing := func(t Track) bool {
		return !slices.ContainsFunc(v.Codecs, func(c string) bool { return sameCodec(t, c) })
	}
	for _, t := range m.Tracks {
		if missing(t) {
			f.add(RuleCodecs, v.Line, "CODECS %v lacks %s", v.Codecs, t.Codec)
		}
		if t.Video && t.Width > 0 && (v.Width != t.Width || v.Height != t.Height) {
			f.add(RuleResolution, v.Line, "RESOLUTION is %dx%d, the picture %dx%d", v.Width, v.Height, t.Width, t.Height)
		}
	}
	for _, c := range v.Codecs {
		if len(m.Tracks) > 0 && !slices.ContainsFunc(m.Tracks, func(t Track) bool { return sameCodec(t, c) }) {
			f.add(RuleCodecs, v.Line, "CODECS names %s, which is not there", c)
		}
	}
	off := v.FrameRate/m.FrameRate - 1
	if m.FrameRate > 0 && v.FrameRate > 0 && (off < -frameRateSlack || off > frameRateSlack && !m.Variable) {
		f.add(RuleFrameRate, v.Line, "FRAME-RATE is %.3f, there are %.3f pictures a second", v.FrameRate, m.FrameRate)
	}
	return f
}

func sameCodec(t Track, name string) bool {
	name = strings.ToLower(name)
	if strings.HasSuffix(t.Codec, ".") {
		return strings.HasPrefix(name, t.Codec)
	}
	return name == t.Codec
}

// Peak is the peak segment bit rate (4.1): the largest of segments that follow
// each other and last between half and one and a half target durations together,
// in bits per second. sizes are bytes by segment number.
func Peak(m *Media, sizes map[int]int) (rate float64) {
	for i := range m.Segments {
		var d time.Duration
		size := 0
		for _, s := range m.Segments[i:] {
			n, known := sizes[s.Number]
			if !known || s.Gap {
				break
			}
			d, size = d+s.Duration, size+n
			if d > m.Target*3/2 {
				break
			}
			if d >= m.Target/2 {
				rate = max(rate, float64(size)*8/d.Seconds())
			}
		}
	}
	return rate
}

// alignSlack is how far apart the boundaries of renditions may be: sound cannot
// be cut where pictures are.
const alignSlack = 100 * time.Millisecond

// CheckAligned compares a rendition's playlist with that of another one.
func CheckAligned(m, other *Media) []Finding {
	var f findings
	if m.Target != other.Target {
		f.add(RuleAligned, 0, "the target duration is %v, that of another rendition %v", m.Target, other.Target)
	}
	for i := range m.Segments {
		s := &m.Segments[i]
		o := other.at(s.Number)
		if o == nil {
			continue
		}
		switch {
		case s.Discontinuities != o.Discontinuities:
			f.add(RuleAligned, s.Line, "segment %d comes after %d discontinuities, in another rendition after %d", s.Number, s.Discontinuities, o.Discontinuities)
		case s.Date.Sub(o.Date).Abs() > alignSlack:
			f.add(RuleAligned, s.Line, "segment %d begins %v later than in another rendition", s.Number, s.Date.Sub(o.Date))
		case (s.Duration - o.Duration).Abs() > alignSlack:
			f.add(RuleAligned, s.Line, "segment %d lasts %v, in another rendition %v", s.Number, s.Duration, o.Duration)
		}
	}
	return f
}

// position is the last segment and part of a playlist, as reports name them;
// part is -1 where there are no parts.
func (m *Media) position() (number, part int) {
	if n := len(m.Making.Parts); n > 0 {
		return m.Making.Number, n - 1
	}
	number = m.end()
	if s := m.at(number); s != nil && m.PartTarget > 0 {
		return number, len(s.Parts) - 1
	}
	return number, -1
}

// CheckReport compares a report with the playlist that it is about, as that was
// seen before the report was asked for and after.
func CheckReport(r *Report, before, after *Media) []Finding {
	var f findings
	least, _ := before.position()
	most, part := after.position()
	switch {
	case r.LastMSN < least-1 || r.LastMSN > most:
		f.add(RuleReport, r.Line, "LAST-MSN is %d, that playlist was at %d and is at %d", r.LastMSN, least, most)
	case r.LastPart < 0 && after.PartTarget > 0 && len(after.Making.Parts) > 0:
		f.add(RuleReport, r.Line, "LAST-PART is missing for a playlist with parts")
	case r.LastMSN == most && part >= 0 && r.LastPart > part:
		f.add(RuleReport, r.Line, "LAST-PART is %d, that playlist is at %d", r.LastPart, part)
	}
	return f
}
