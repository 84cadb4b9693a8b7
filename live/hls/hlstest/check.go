package hlstest

import "time"

// Tolerances: durations are written with five decimals or so, dates to the
// millisecond.
const (
	durationSlack = 100 * time.Microsecond
	dateSlack     = 2 * time.Millisecond
)

// check asserts what holds for a media playlist by itself.
func (r *mediaReader) check(lines []line) {
	m := r.m
	r.checkVersion(m.Version, lines)
	if m.Target == 0 {
		r.add(RuleTargetNeeded, 0, "there is no EXT-X-TARGETDURATION above 0")
		return
	}
	for i := range m.Segments {
		s := &m.Segments[i]
		if s.Duration.Round(time.Second) > m.Target {
			r.add(RuleSegmentDuration, s.Line, "the segment lasts %v, the target is %v", s.Duration, m.Target)
		}
		r.checkMap(s)
		if i > 0 {
			r.checkDate(&m.Segments[i-1], s)
		}
	}
	if len(m.Making.Parts) > 0 {
		r.checkMap(&m.Making)
		if n := len(m.Segments); n > 0 {
			r.checkDate(&m.Segments[n-1], &m.Making)
		}
	}
	r.checkParts()
	r.checkControl()
	if m.Ended && (len(m.Making.Parts) > 0 || len(r.hints) > 0) {
		r.add(RuleEnd, 0, "the playlist has ended and announces more")
	}
}

func (r *mediaReader) checkMap(s *Segment) {
	uri := s.URI
	if uri == "" && len(s.Parts) > 0 {
		uri = s.Parts[0].URI
	}
	if isMP4(uri) && s.Map == "" && !s.Gap && r.m.Skipped == 0 {
		r.add(RuleMapNeeded, s.Line, "%s has no EXT-X-MAP", uri)
	}
}

func (r *mediaReader) checkDate(before, s *Segment) {
	if s.Discontinuity || before.Date.IsZero() || s.Date.IsZero() {
		return
	}
	// A rendition that stopped in the midst of a segment goes on with gaps where
	// the others do.
	if off := s.Date.Sub(before.Date.Add(before.Duration)); off < -dateSlack || off > dateSlack && !s.Gap {
		r.add(RuleDateTime, s.Line, "the date is %v off the segment before", off)
	}
}

func (r *mediaReader) checkParts() {
	m := r.m
	var parts int
	after := m.Making.length() // from a segment's end to the playlist's
	var longest time.Duration
	for i := range m.Segments {
		longest = max(longest, m.Segments[i].Duration)
	}
	for i := len(m.Segments) - 1; i >= 0; i-- {
		s := &m.Segments[i]
		parts += len(s.Parts)
		if m.PartTarget > 0 {
			r.checkPartLengths(s.Parts)
		}
		if len(s.Parts) > 0 {
			r.checkSum(s)
			if after > 3*m.Target+longest {
				r.add(RulePartsOld, s.Line, "parts are listed %v before the end", after)
			}
		}
		after += s.Duration
	}
	parts += len(m.Making.Parts)
	if m.PartTarget > 0 {
		r.checkPartLengths(m.Making.Parts)
	} else if parts > 0 {
		r.add(RulePartInf, 0, "there are parts and no EXT-X-PART-INF")
	}
}

// length is what the parts of a segment last.
func (s *Segment) length() (d time.Duration) {
	for _, p := range s.Parts {
		d += p.Duration
	}
	return d
}

func (r *mediaReader) checkSum(s *Segment) {
	slack := durationSlack + time.Duration(len(s.Parts))*20*time.Microsecond
	if sum := s.length(); (sum - s.Duration).Abs() > slack {
		r.add(RulePartsSum, s.Line, "the parts last %v, the segment %v", sum, s.Duration)
	}
}

// checkPartLengths checks the parts of a segment. The last one may be as short
// as it likes: of a segment in the making it may turn out to be the last one.
func (r *mediaReader) checkPartLengths(parts []Part) {
	target := r.m.PartTarget
	for i, p := range parts {
		if p.Duration > target {
			r.add(RulePartLong, p.Line, "the part lasts %v, the target is %v", p.Duration, target)
		}
		if p.Duration < target*85/100-durationSlack && !p.Gap && i < len(parts)-1 {
			r.add(RulePartShort, p.Line, "the part lasts %v, 85%% of the target is %v", p.Duration, target*85/100)
		}
	}
}

func (r *mediaReader) checkControl() {
	m, c := r.m, r.m.Control
	if c.HoldBack > 0 && c.HoldBack < 3*m.Target {
		r.add(RuleHoldBack, 0, "HOLD-BACK is %v, the target %v", c.HoldBack, m.Target)
	}
	if m.PartTarget > 0 && c.PartHolds < 3*m.PartTarget-durationSlack {
		r.add(RulePartHoldBack, 0, "PART-HOLD-BACK is %v, the part target %v", c.PartHolds, m.PartTarget)
	}
	if c.CanSkipUntil > 0 && c.CanSkipUntil < 6*m.Target {
		r.add(RuleSkipUntil, 0, "CAN-SKIP-UNTIL is %v, the target %v", c.CanSkipUntil, m.Target)
	}
	if m.Skipped > 0 && c.CanSkipUntil == 0 {
		r.add(RuleSkip, 0, "there is EXT-X-SKIP and no CAN-SKIP-UNTIL")
	}
}
