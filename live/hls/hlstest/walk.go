package hlstest

import (
	"slices"
	"time"
)

// Walker looks at one media playlist as it changes.
type Walker struct {
	last    *Media
	changed time.Time // when it was first seen as it is
}

// Last is the newest playlist that was seen, nil before the first.
func (w *Walker) Last() *Media { return w.last }

// See takes the whole playlist as it is at a time, and says what is wrong with
// it by itself and after what was seen before.
func (w *Walker) See(at time.Time, text []byte) (*Media, []Finding) {
	m, found := ParseMedia(text)
	f := findings(found)
	if m.Skipped > 0 {
		f.add(RuleSkip, 0, "there is EXT-X-SKIP though none was asked for")
		return m, f
	}
	w.follow(&f, at, m)
	return m, f
}

// SeeDelta takes a delta update, which was asked for, and puts it together with
// what was seen before. The text may be a whole playlist as well.
func (w *Walker) SeeDelta(at time.Time, text []byte) (*Media, []Finding) {
	m, found := ParseMedia(text)
	f := findings(found)
	if m.Skipped == 0 {
		w.follow(&f, at, m)
		return m, f
	}
	var rest time.Duration
	for _, s := range m.Segments {
		rest += s.Duration
	}
	if rest += m.Making.length(); rest < m.Control.CanSkipUntil {
		f.add(RuleSkip, 0, "of the last %v, only %v are there", m.Control.CanSkipUntil, rest)
	}
	if !m.fill(w.last) {
		f.add(RuleSkip, 0, "more is skipped than was there before")
		return m, f
	}
	w.follow(&f, at, m)
	return m, f
}

// fill puts what a delta update skips back in; false if before does not have it.
func (m *Media) fill(before *Media) bool {
	if before == nil {
		return false
	}
	var skipped []Segment
	for n := m.MediaSequence; n < m.MediaSequence+m.Skipped; n++ {
		s := before.at(n)
		if s == nil {
			return false
		}
		skipped = append(skipped, *s)
		skipped[len(skipped)-1].Parts = nil // such old ones have none
	}
	last := skipped[len(skipped)-1]
	off := last.Discontinuities - m.DiscontinuitySequence
	for i := range m.Segments {
		m.Segments[i].fill(off, last.Map)
	}
	m.Making.fill(off, last.Map)
	m.Segments, m.Skipped = append(skipped, m.Segments...), 0
	return true
}

func (s *Segment) fill(discontinuities int, initial string) {
	s.Discontinuities += discontinuities
	if s.Map == "" {
		s.Map = initial
	}
}

// Same says what differs between two playlists that should be the same, such as
// a delta update put together and the whole.
func Same(delta, all *Media) []Finding {
	var f findings
	switch {
	case delta.MediaSequence != all.MediaSequence || len(delta.Segments) != len(all.Segments):
		f.add(RuleDelta, 0, "it has the segments from %d to %d, the whole those from %d to %d", delta.MediaSequence, delta.end(), all.MediaSequence, all.end())
		return f
	case delta.DiscontinuitySequence != all.DiscontinuitySequence || delta.Ended != all.Ended || delta.Hint != all.Hint || len(delta.Making.Parts) != len(all.Making.Parts):
		f.add(RuleDelta, 0, "what stands around the segments differs")
	}
	for i := range all.Segments {
		a, b := &delta.Segments[i], &all.Segments[i]
		if why := a.differs(b); why != "" {
			f.add(RuleDelta, a.Line, "segment %d has another %s in the whole playlist", a.Number, why)
		}
	}
	return f
}

// differs names what two states of a segment have different, but for parts.
func (s *Segment) differs(o *Segment) string {
	switch {
	case s.URI != o.URI && s.URI != "" && o.URI != "":
		return "URI"
	case s.Duration != o.Duration && s.URI != "" && o.URI != "":
		return "duration"
	case s.Map != o.Map:
		return "EXT-X-MAP"
	case !s.Date.Equal(o.Date):
		return "date"
	case s.Discontinuity != o.Discontinuity:
		return "discontinuity"
	case s.Gap != o.Gap && s.URI != "" && o.URI != "":
		return "gap"
	}
	return ""
}

// follow compares a playlist with the one before.
func (w *Walker) follow(f *findings, at time.Time, m *Media) {
	before := w.last
	w.last = m
	if before == nil {
		w.changed = at
		return
	}
	if m.equal(before) {
		if late := at.Sub(w.changed) - before.Target*3/2; !m.Ended && late > 0 {
			f.add(RuleStale, 0, "there was no update for %v, the target is %v", at.Sub(w.changed), m.Target)
			w.changed = at // said once
		}
		return
	}
	w.changed = at
	if before.Ended {
		f.add(RuleEnded, 0, "the playlist changed after its end")
		return
	}
	if before.Target != m.Target || before.PartTarget != m.PartTarget || before.Control != m.Control || before.Type != m.Type {
		f.add(RuleConstant, 0, "target durations, server control or type changed")
	}
	if f.compare(before, m) {
		f.checkRemoval(before, m)
		f.checkHint(before, m)
	}
}

// equal reports whether nothing changed between two playlists.
func (m *Media) equal(o *Media) bool {
	if m.Target != o.Target || m.PartTarget != o.PartTarget || m.Control != o.Control || m.Type != o.Type || m.Ended != o.Ended ||
		m.MediaSequence != o.MediaSequence || m.DiscontinuitySequence != o.DiscontinuitySequence || m.Hint != o.Hint || len(m.Segments) != len(o.Segments) {
		return false
	}
	same := func(a, b *Segment) bool {
		return a.URI == b.URI && a.differs(b) == "" && len(a.Parts) == len(b.Parts) && isBegin(a.Parts, b.Parts)
	}
	for i := range m.Segments {
		if !same(&m.Segments[i], &o.Segments[i]) {
			return false
		}
	}
	return same(&m.Making, &o.Making)
}

// isBegin reports whether a list of parts begins with another.
func isBegin(parts, begin []Part) bool {
	return len(parts) >= len(begin) && slices.EqualFunc(parts[:len(begin)], begin, func(a, b Part) bool {
		a.Line, b.Line = 0, 0
		return a == b
	})
}

// compare looks at what both playlists list; false when the segments cannot be
// told from each other any more.
func (f *findings) compare(before, m *Media) bool {
	if m.MediaSequence < before.MediaSequence {
		f.add(RuleMediaSequence, 0, "EXT-X-MEDIA-SEQUENCE goes from %d back to %d", before.MediaSequence, m.MediaSequence)
		return false
	}
	if rule, why := misplaced(before, m); rule != "" {
		f.add(rule, 0, "%s", why)
		return false
	}
	for i := range before.Segments {
		old := &before.Segments[i]
		if s := m.at(old.Number); s != nil {
			f.compareSegment(old, s)
		}
	}
	if old := &before.Making; len(old.Parts) > 0 {
		s := m.at(old.Number)
		if s == nil && m.Making.Number == old.Number {
			s = &m.Making
		}
		switch {
		case s != nil:
			f.compareSegment(old, s)
		case m.end() < old.Number:
			f.add(RuleChanged, 0, "the parts of segment %d are gone", old.Number)
		}
	}
	return true
}

func (f *findings) compareSegment(old, s *Segment) {
	if why := old.differs(s); why != "" {
		f.add(RuleChanged, s.Line, "segment %d has another %s", s.Number, why)
	}
	if old.Discontinuities != s.Discontinuities {
		f.add(RuleDiscontinuitySequence, s.Line, "segment %d comes after %d discontinuities and came after %d", s.Number, s.Discontinuities, old.Discontinuities)
	}
	if (len(s.Parts) > 0 || s.URI == "") && !isBegin(s.Parts, old.Parts) {
		f.add(RuleChanged, s.Line, "the parts of segment %d changed", s.Number)
	}
}

// misplaced says why the segments of two playlists do not fit to each other by
// their numbers: something else was removed than the first ones, or the number
// of the first one is wrong.
func misplaced(before, m *Media) (rule Rule, why string) {
	removed := m.MediaSequence - before.MediaSequence
	if removed > len(before.Segments) {
		return "", "" // they have nothing in common
	}
	was, is := uris(before.Segments), uris(m.Segments)
	if fits(was[removed:], is) && !slices.ContainsFunc(was[:removed], func(uri string) bool { return slices.Contains(is, uri) }) {
		return "", ""
	}
	for n := range was {
		if n != removed && fits(was[n:], is) {
			return RuleMediaSequence, "EXT-X-MEDIA-SEQUENCE does not count what was removed"
		}
	}
	was = was[removed:]
	var kept []string
	hole := len(is) < len(was)
	for i, uri := range was {
		if slices.Contains(is, uri) {
			hole = hole || len(kept) < i
			kept = append(kept, uri)
		}
	}
	if hole && fits(kept, is) {
		return RuleRemoved, "a segment was removed that is not the first"
	}
	return "", "" // what changed is told of each segment
}

// fits reports whether a list of segments begins with what was listed before.
func fits(was, is []string) bool { return len(is) >= len(was) && slices.Equal(was, is[:len(was)]) }

func uris(list []Segment) []string {
	all := make([]string, len(list))
	for i := range list {
		all[i] = list[i].URI
	}
	return all
}

func (f *findings) checkRemoval(before, m *Media) {
	if m.MediaSequence == before.MediaSequence || m.Ended {
		return
	}
	left := m.Making.length()
	for i := range m.Segments {
		left += m.Segments[i].Duration
	}
	if left < 3*m.Target {
		f.add(RuleWindow, 0, "%v are left, the target is %v", left, m.Target)
	}
}

// checkHint compares the part that was announced with the one that came.
func (f *findings) checkHint(before, m *Media) {
	if before.Hint == "" {
		return
	}
	number, have := before.end()+1, len(before.Making.Parts)
	for ; ; number, have = number+1, 0 {
		s := m.at(number)
		if s == nil && m.Making.Number == number {
			s = &m.Making
		}
		switch {
		case s == nil, s.URI != "" && len(s.Parts) == 0:
			return // nothing came yet, or its parts are not listed any more
		case len(s.Parts) <= have:
			continue // the segment ended without another part
		}
		if p := s.Parts[have]; p.URI != before.Hint {
			f.add(RuleHint, p.Line, "%s was announced, %s came", before.Hint, p.URI)
		}
		return
	}
}
