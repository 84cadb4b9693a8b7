package hlstest

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// place says in which playlists a tag stands.
type place int

const (
	anywhere place = iota
	inMedia
	inMultivariant
)

// form is what a tag's value looks like.
type form int

const (
	bare   form = iota // no value
	whole              // a decimal integer
	list               // attributes
	other              // read by the tag's own code
	choice             // one of words
)

// tag says what a tag may be.
type tag struct {
	place      place
	form       form
	once       bool
	words      []string
	attributes []attribute
}

var (
	yes     = []string{"YES"}
	yesOrNo = []string{"YES", "NO"}
)

// tags are the tags we write or might write; the text has more (encryption,
// date ranges, content steering, images), which are faults here.
var tags = map[string]tag{
	"EXTM3U":                     {once: true},
	"EXT-X-VERSION":              {form: whole, once: true},
	"EXT-X-INDEPENDENT-SEGMENTS": {once: true},
	"EXT-X-START":                {form: list, once: true, attributes: []attribute{{name: "TIME-OFFSET", kind: signed, needed: true}, {name: "PRECISE", kind: word, words: yesOrNo}}},

	"EXT-X-TARGETDURATION":         {place: inMedia, form: whole, once: true},
	"EXT-X-MEDIA-SEQUENCE":         {place: inMedia, form: whole, once: true},
	"EXT-X-DISCONTINUITY-SEQUENCE": {place: inMedia, form: whole, once: true},
	"EXT-X-ENDLIST":                {place: inMedia, once: true},
	"EXT-X-PLAYLIST-TYPE":          {place: inMedia, form: choice, once: true, words: []string{"EVENT", "VOD"}},
	"EXT-X-I-FRAMES-ONLY":          {place: inMedia, once: true},
	"EXT-X-PART-INF":               {place: inMedia, form: list, once: true, attributes: []attribute{{name: "PART-TARGET", kind: decimal, needed: true}}},
	"EXT-X-SERVER-CONTROL": {place: inMedia, form: list, once: true, attributes: []attribute{
		{name: "CAN-SKIP-UNTIL", kind: decimal},
		{name: "CAN-SKIP-DATERANGES", kind: word, words: yes},
		{name: "HOLD-BACK", kind: decimal},
		{name: "PART-HOLD-BACK", kind: decimal},
		{name: "CAN-BLOCK-RELOAD", kind: word, words: yes},
	}},

	"EXTINF":                  {place: inMedia, form: other},
	"EXT-X-BYTERANGE":         {place: inMedia, form: other},
	"EXT-X-DISCONTINUITY":     {place: inMedia},
	"EXT-X-GAP":               {place: inMedia},
	"EXT-X-BITRATE":           {place: inMedia, form: whole},
	"EXT-X-PROGRAM-DATE-TIME": {place: inMedia, form: other},
	"EXT-X-MAP":               {place: inMedia, form: list, attributes: []attribute{{name: "URI", kind: quoted, needed: true}, {name: "BYTERANGE", kind: quoted}}},
	"EXT-X-PART": {place: inMedia, form: list, attributes: []attribute{
		{name: "URI", kind: quoted, needed: true},
		{name: "DURATION", kind: decimal, needed: true},
		{name: "INDEPENDENT", kind: word, words: yes},
		{name: "BYTERANGE", kind: quoted},
		{name: "GAP", kind: word, words: yes},
	}},
	"EXT-X-SKIP": {place: inMedia, form: list, once: true, attributes: []attribute{
		{name: "SKIPPED-SEGMENTS", kind: integer, needed: true}, {name: "RECENTLY-REMOVED-DATERANGES", kind: quoted},
	}},
	"EXT-X-PRELOAD-HINT": {place: inMedia, form: list, attributes: []attribute{
		{name: "TYPE", kind: word, needed: true, words: []string{"PART", "MAP"}},
		{name: "URI", kind: quoted, needed: true},
		{name: "BYTERANGE-START", kind: integer},
		{name: "BYTERANGE-LENGTH", kind: integer},
	}},
	"EXT-X-RENDITION-REPORT": {place: inMedia, form: list, attributes: []attribute{
		{name: "URI", kind: quoted, needed: true}, {name: "LAST-MSN", kind: integer, needed: true}, {name: "LAST-PART", kind: integer},
	}},

	"EXT-X-MEDIA": {place: inMultivariant, form: list, attributes: []attribute{
		{name: "TYPE", kind: word, needed: true, words: []string{"AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"}},
		{name: "GROUP-ID", kind: quoted, needed: true},
		{name: "NAME", kind: quoted, needed: true},
		{name: "URI", kind: quoted},
		{name: "LANGUAGE", kind: quoted},
		{name: "ASSOC-LANGUAGE", kind: quoted},
		{name: "STABLE-RENDITION-ID", kind: quoted},
		{name: "DEFAULT", kind: word, words: yesOrNo},
		{name: "AUTOSELECT", kind: word, words: yesOrNo},
		{name: "FORCED", kind: word, words: yesOrNo},
		{name: "INSTREAM-ID", kind: quoted},
		{name: "BIT-DEPTH", kind: integer},
		{name: "SAMPLE-RATE", kind: integer},
		{name: "CHARACTERISTICS", kind: quoted},
		{name: "CHANNELS", kind: quoted},
	}},
	"EXT-X-STREAM-INF": {place: inMultivariant, form: list, attributes: streamAttributes},
	"EXT-X-I-FRAME-STREAM-INF": {
		place: inMultivariant, form: list,
		attributes: append([]attribute{{name: "URI", kind: quoted, needed: true}}, streamAttributes...),
	},
}

var streamAttributes = []attribute{
	{name: "BANDWIDTH", kind: integer, needed: true},
	{name: "AVERAGE-BANDWIDTH", kind: integer},
	{name: "SCORE", kind: decimal},
	{name: "CODECS", kind: quoted},
	{name: "SUPPLEMENTAL-CODECS", kind: quoted},
	{name: "RESOLUTION", kind: area},
	{name: "FRAME-RATE", kind: decimal},
	{name: "HDCP-LEVEL", kind: word, words: []string{"TYPE-0", "TYPE-1", "NONE"}},
	{name: "VIDEO-RANGE", kind: word, words: []string{"SDR", "HLG", "PQ"}},
	{name: "STABLE-VARIANT-ID", kind: quoted},
	{name: "AUDIO", kind: quoted},
	{name: "VIDEO", kind: quoted},
	{name: "SUBTITLES", kind: quoted},
	{name: "CLOSED-CAPTIONS", kind: quotedOrNone},
	{name: "NAME", kind: quoted},
	{name: "PATHWAY-ID", kind: quoted},
}

// line is one line of a playlist that says something.
type line struct {
	number int
	// tag is a known tag's name, "" for a URI.
	tag string
	// value is what stands after the tag, or the URI.
	value      string
	attributes attributes
}

// read takes a playlist apart and checks what holds for every line.
func (f *findings) read(text []byte, in place) []line {
	if !utf8.Valid(text) || bytes.HasPrefix(text, []byte("\ufeff")) {
		f.add(RuleEncoding, 1, "the text is not UTF-8 without a byte order mark")
		return nil
	}
	var lines []line
	seen := map[string]bool{}
	number := 0
	for raw := range strings.Lines(string(text)) {
		number++
		raw = strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
		if strings.ContainsFunc(raw, unicode.IsControl) {
			f.add(RuleEncoding, number, "there is a control character")
			return nil
		}
		if number == 1 && raw != "#EXTM3U" {
			f.add(RuleHeader, 1, "the first line is %q", raw)
			return nil
		}
		if l, ok := f.readLine(number, raw, in, seen); ok {
			lines = append(lines, l)
		}
	}
	if number == 0 {
		f.add(RuleHeader, 1, "there is nothing")
	}
	return lines
}

func (f *findings) readLine(number int, raw string, in place, seen map[string]bool) (l line, ok bool) {
	if raw == "" || strings.HasPrefix(raw, "#") && !strings.HasPrefix(raw, "#EXT") {
		return l, false // blank, or a comment
	}
	if !strings.HasPrefix(raw, "#") {
		return line{number: number, value: raw}, true
	}
	name, value, hasValue := strings.Cut(raw[1:], ":")
	def, known := tags[name]
	switch {
	case !known:
		f.add(RuleKnownTag, number, "there is no tag %s", name)
		return l, false
	case def.place != anywhere && def.place != in:
		f.add(RuleTagKind, number, "%s is of another kind of playlist", name)
		return l, false
	case def.once && seen[name]:
		f.add(RuleTagOnce, number, "%s is there again", name)
		return l, false
	}
	seen[name] = true
	l = line{number: number, tag: name, value: value}
	if def.form == list {
		l.attributes = f.readAttributes(number, value, def.attributes)
		return l, true
	}
	bad := hasValue != (def.form != bare) || def.form == whole && !shapes[integer].MatchString(value) || def.form == choice && !slices.Contains(def.words, value)
	if bad {
		f.add(RuleTagValue, number, "%s cannot be %q", name, value)
		return l, false
	}
	return l, true
}
