package hlstest

import (
	"path"
	"strconv"
	"strings"
	"time"
)

// Media is a media playlist.
type Media struct {
	Version int
	// Target is the target duration, PartTarget that of parts, 0 without.
	Target, PartTarget time.Duration
	// MediaSequence and DiscontinuitySequence are the numbers of the first segment.
	MediaSequence, DiscontinuitySequence int
	Control                              Control
	// IndependentSegments is whether every segment says to begin with a key frame.
	IndependentSegments bool
	Type                string // EVENT, VOD or ""
	Ended               bool
	// Skipped is how many segments a delta update leaves out at its beginning.
	Skipped int
	// Segments are the complete ones.
	Segments []Segment
	// Making is the one after them, of which there are only parts, if any.
	Making Segment
	// Hint is the URI of the announced part, "" for none.
	Hint    string
	Reports []Report
}

// Control is EXT-X-SERVER-CONTROL; durations that are absent are 0.
type Control struct {
	CanBlockReload                    bool
	CanSkipUntil, HoldBack, PartHolds time.Duration
}

// Segment is one media segment.
type Segment struct {
	// Line is where its URI stands; where its first part does, for one in the making.
	Line int
	// Number is its media sequence number, Discontinuities its discontinuity sequence number.
	Number, Discontinuities int
	URI                     string
	Duration                time.Duration
	// Map is the URI of its EXT-X-MAP.
	Map string
	// Date is its EXT-X-PROGRAM-DATE-TIME; zero without.
	Date               time.Time
	Discontinuity, Gap bool
	Parts              []Part
}

// Part is one partial segment.
type Part struct {
	Line             int
	URI              string
	Duration         time.Duration
	Independent, Gap bool
}

// Report is an EXT-X-RENDITION-REPORT.
type Report struct {
	Line     int
	URI      string
	LastMSN  int
	LastPart int // -1 without
}

// end is the number of the last segment that is listed, complete or not.
func (m *Media) end() int { return m.MediaSequence + m.Skipped + len(m.Segments) - 1 }

// at returns the segment with a number, nil if it is not listed.
func (m *Media) at(number int) *Segment {
	i := number - m.MediaSequence - m.Skipped
	if i < 0 || i >= len(m.Segments) {
		return nil
	}
	return &m.Segments[i]
}

// ParseMedia reads a media playlist and checks it by itself. What is wrong may
// be missing from the playlist that it returns.
func ParseMedia(text []byte) (*Media, []Finding) {
	r := &mediaReader{m: &Media{}}
	lines := r.read(text, inMedia)
	for _, l := range lines {
		r.take(l)
	}
	r.finish()
	if len(lines) > 0 {
		r.check(lines)
	}
	return r.m, r.findings
}

// mediaReader puts a media playlist together.
type mediaReader struct {
	findings
	m *Media

	next            Segment // of which tags were read
	extinf          bool    // there was an EXTINF for it
	tagLine         int     // its last tag
	mapURI          string
	discontinuities int // that were read
	hints           map[string]bool
	begun           bool // there was a segment or a tag of one
}

func (r *mediaReader) take(l line) {
	switch l.tag {
	case "":
		r.segment(l)
	case "EXT-X-VERSION":
		r.m.Version = number(l.value)
	case "EXT-X-TARGETDURATION":
		r.m.Target = time.Duration(min(number(l.value), maxSeconds)) * time.Second
	case "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE":
		switch {
		case r.begun:
			r.add(RuleTagPlace, l.number, "%s comes after the first segment", l.tag)
		case l.tag == "EXT-X-MEDIA-SEQUENCE":
			r.m.MediaSequence = number(l.value)
		default:
			r.m.DiscontinuitySequence = number(l.value)
		}
	case "EXT-X-PLAYLIST-TYPE":
		r.m.Type = l.value
	case "EXT-X-ENDLIST":
		r.m.Ended = true
	case "EXT-X-INDEPENDENT-SEGMENTS":
		r.m.IndependentSegments = true
	case "EXT-X-PART-INF":
		r.m.PartTarget = l.attributes.seconds("PART-TARGET")
	case "EXT-X-SERVER-CONTROL":
		a := l.attributes
		r.m.Control = Control{
			CanBlockReload: a.yes("CAN-BLOCK-RELOAD"), CanSkipUntil: a.seconds("CAN-SKIP-UNTIL"),
			HoldBack: a.seconds("HOLD-BACK"), PartHolds: a.seconds("PART-HOLD-BACK"),
		}
	case "EXT-X-SKIP":
		if r.begun {
			r.add(RuleTagPlace, l.number, "EXT-X-SKIP comes after the first segment")
		}
		r.m.Skipped = l.attributes.number("SKIPPED-SEGMENTS")
		r.begun = true
	case "EXT-X-PRELOAD-HINT":
		r.hint(l)
	case "EXT-X-RENDITION-REPORT":
		report := Report{Line: l.number, URI: l.attributes["URI"], LastMSN: l.attributes.number("LAST-MSN"), LastPart: -1}
		if _, ok := l.attributes["LAST-PART"]; ok {
			report.LastPart = l.attributes.number("LAST-PART")
		}
		r.m.Reports = append(r.m.Reports, report)
	default:
		r.segmentTag(l)
	}
}

func number(s string) int { return attributes{"": s}.number("") }

func (r *mediaReader) hint(l line) {
	kind := l.attributes["TYPE"]
	if r.hints[kind] {
		r.add(RuleHintOnce, l.number, "there is another hint of type %s", kind)
		return
	}
	if r.hints == nil {
		r.hints = map[string]bool{}
	}
	r.hints[kind] = true
	if kind == "PART" {
		r.m.Hint = l.attributes["URI"]
	}
}

// segmentTag reads a tag of the next segment.
func (r *mediaReader) segmentTag(l line) {
	switch l.tag {
	case "EXTINF":
		d, title, ok := strings.Cut(l.value, ",")
		duration, err := readSeconds(d)
		if !ok || err != nil || duration == 0 && title == "" && d == "" {
			r.add(RuleTagValue, l.number, "EXTINF cannot be %q", l.value)
		}
		if r.extinf {
			r.add(RuleTagPlace, l.number, "there is no URI after the EXTINF before")
		}
		r.next.Duration, r.extinf = duration, true
	case "EXT-X-DISCONTINUITY":
		r.next.Discontinuity = true
	case "EXT-X-GAP":
		r.next.Gap = true
	case "EXT-X-MAP":
		r.mapURI = l.attributes["URI"]
		return
	case "EXT-X-PROGRAM-DATE-TIME":
		date, err := time.Parse("2006-01-02T15:04:05.999999999Z07:00", l.value)
		if err != nil {
			r.add(RuleTagValue, l.number, "%q is no date with a time zone", l.value)
		}
		r.next.Date = date
	case "EXT-X-PART":
		if len(r.next.Parts) == 0 {
			r.next.Line = l.number
		}
		r.next.Parts = append(r.next.Parts, Part{
			Line: l.number, URI: l.attributes["URI"], Duration: l.attributes.seconds("DURATION"),
			Independent: l.attributes.yes("INDEPENDENT"), Gap: l.attributes.yes("GAP"),
		})
	default: // EXT-X-START, EXT-X-BITRATE, EXT-X-BYTERANGE, EXT-X-I-FRAMES-ONLY: nothing depends on them
		return
	}
	r.begun, r.tagLine = true, l.number
}

// complete gives the next segment its numbers.
func (r *mediaReader) complete(at int) Segment {
	s := r.next
	if s.Discontinuity {
		r.discontinuities++
	}
	s.Number = r.m.MediaSequence + r.m.Skipped + len(r.m.Segments)
	s.Discontinuities, s.Map = r.m.DiscontinuitySequence+r.discontinuities, r.mapURI
	if at > 0 {
		s.Line = at
	}
	r.next, r.extinf, r.tagLine = Segment{}, false, 0
	return s
}

func (r *mediaReader) segment(l line) {
	if !r.extinf {
		r.add(RuleExtinfNeeded, l.number, "the segment has no EXTINF")
	}
	r.begun = true
	r.next.URI = l.value
	r.m.Segments = append(r.m.Segments, r.complete(l.number))
}

// finish takes what is left for the segment that is being made.
func (r *mediaReader) finish() {
	if r.extinf || r.next.Gap {
		r.add(RuleTagPlace, r.tagLine, "a segment's tags have no URI after them")
	}
	if len(r.next.Parts) > 0 {
		r.m.Making = r.complete(0)
	}
}

// isMP4 reports whether a URI names fragmented MP4.
func isMP4(uri string) bool {
	uri, _, _ = strings.Cut(uri, "?")
	switch path.Ext(uri) {
	case ".m4s", ".mp4", ".m4a", ".m4v", ".cmfv", ".cmfa":
		return true
	}
	return false
}

// neededVersion is the least EXT-X-VERSION for a line (8), and why.
func neededVersion(l line) (version int, why string) {
	switch l.tag {
	case "EXTINF":
		if strings.Contains(l.value, ".") {
			return 3, "a segment's duration is no whole number"
		}
	case "EXT-X-BYTERANGE", "EXT-X-I-FRAMES-ONLY":
		return 4, "there is " + l.tag
	case "EXT-X-MAP":
		return 6, "there is EXT-X-MAP"
	case "EXT-X-SKIP":
		if _, ok := l.attributes["RECENTLY-REMOVED-DATERANGES"]; ok {
			return 10, "EXT-X-SKIP removes date ranges"
		}
		return 9, "there is EXT-X-SKIP"
	case "EXT-X-MEDIA":
		if strings.HasPrefix(l.attributes["INSTREAM-ID"], "SERVICE") {
			return 7, "INSTREAM-ID names a service"
		}
	}
	return 1, ""
}

func (f *findings) checkVersion(version int, lines []line) {
	most, line, why := 1, 0, ""
	for _, l := range lines {
		if v, reason := neededVersion(l); v > most {
			most, line, why = v, l.number, reason
		}
	}
	if max(version, 1) < most {
		f.add(RuleVersion, line, "version %d is needed, for %s", most, why)
	}
	if version > 13 {
		f.add(RuleVersion, 0, "there is no version %s", strconv.Itoa(version))
	}
}
