package hlstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// lowLatency is the example of the text's appendix on low latency, cut short.
const lowLatency = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.0,CAN-SKIP-UNTIL=24.0
#EXT-X-PART-INF:PART-TARGET=1.0
#EXT-X-MEDIA-SEQUENCE:266
#EXT-X-DISCONTINUITY-SEQUENCE:5
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:13:36.106Z
#EXTINF:4.0,
seq266.mp4
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:00.106Z
#EXTINF:4.0,
seq267.mp4
#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:04.106Z
#EXTINF:4.0,
seq268.mp4
#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:08.106Z
#EXTINF:4.0,
seq269.mp4
#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:12.106Z
#EXT-X-PART:DURATION=1.0,URI="part270.0.mp4",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.0,URI="part270.1.mp4"
#EXT-X-PART:DURATION=1.0,URI="part270.2.mp4"
#EXT-X-PART:DURATION=0.5,URI="part270.3.mp4"
#EXTINF:3.5,
seq270.mp4
#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:15.606Z
#EXT-X-PART:DURATION=1.0,URI="part271.0.mp4",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.0,URI="part271.1.mp4"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part271.2.mp4"
#EXT-X-RENDITION-REPORT:URI="../1M/live.m3u8",LAST-MSN=271,LAST-PART=1
`

// alternatives is a multivariant playlist after the text's examples.
const alternatives = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",DEFAULT=YES,AUTOSELECT=YES,LANGUAGE="en"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Deutsch",AUTOSELECT=YES,LANGUAGE="de",URI="audio-2.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="English",INSTREAM-ID="CC1"
#EXT-X-STREAM-INF:BANDWIDTH=2560000,AVERAGE-BANDWIDTH=2000000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="aac",CLOSED-CAPTIONS="cc"
live.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=640000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=30.000,AUDIO="aac",CLOSED-CAPTIONS="cc"
360p.m3u8
`

// edit replaces parts of a text that must be there: from, to, from, to ...
func edit(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the playlist has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// rulesOf are the rules that findings name, each once.
func rulesOf(found []Finding) []Rule {
	var rules []Rule
	for _, f := range found {
		if !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// broke records the rules that the tables of this package break one by one.
type broke map[Rule]bool

func (b broke) expect(t *testing.T, found []Finding, want Rule) {
	t.Helper()
	b[want] = true
	if got := rulesOf(found); len(got) != 1 || got[0] != want {
		t.Errorf("found %v, want %s: %v", got, want, found)
	}
	for _, f := range found {
		if f.Detail == "" || !strings.Contains(f.String(), string(f.Rule)) {
			t.Errorf("a finding says nothing: %#v", f)
		}
	}
}

// breaking is one playlist that breaks one rule.
type breaking struct {
	name string
	rule Rule
	edit []string
}

var ofMedia = []breaking{
	{"a byte order mark", RuleEncoding, []string{"#EXTM3U", "\ufeff#EXTM3U"}},
	{"bytes that are no UTF-8", RuleEncoding, []string{"init", "\xffinit"}},
	{"a control character", RuleEncoding, []string{"init", "in\x07it"}},
	{"no header", RuleHeader, []string{"#EXTM3U\n", ""}},
	{"a header with more", RuleHeader, []string{"#EXTM3U", "#EXTM3U8"}},
	{"a tag that there is not", RuleKnownTag, []string{"#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n#EXT-X-VERSIONS:9"}},
	{"a target that is no integer", RuleTagValue, []string{"MEDIA-SEQUENCE:266", "MEDIA-SEQUENCE:266.5"}},
	{"a value where there is none", RuleTagValue, []string{"#EXT-X-DISCONTINUITY\n", "#EXT-X-GAP:1\n#EXT-X-DISCONTINUITY\n"}},
	{"a duration without its comma", RuleTagValue, []string{"#EXTINF:4.0,", "#EXTINF:4.0"}},
	{"a negative duration", RuleTagValue, []string{"#EXTINF:4.0,", "#EXTINF:-4.0,"}},
	{"a date without its time zone", RuleTagValue, []string{"02:13:36.106Z", "02:13:36.106"}},
	{"a playlist type that there is not", RuleTagValue, []string{"#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n#EXT-X-PLAYLIST-TYPE:LIVE"}},
	{"a version twice", RuleTagOnce, []string{"#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n#EXT-X-VERSION:9"}},
	{"a media sequence after a segment", RuleTagPlace, []string{"#EXT-X-MEDIA-SEQUENCE:266\n", "", "seq266.mp4\n", "seq266.mp4\n#EXT-X-MEDIA-SEQUENCE:266\n"}},
	{"a discontinuity sequence after a discontinuity", RuleTagPlace, []string{"#EXT-X-DISCONTINUITY-SEQUENCE:5\n", "", "#EXT-X-DISCONTINUITY\n", "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE:5\n"}},
	{"a segment without its URI", RuleTagPlace, []string{"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part271.2.mp4\"\n", "#EXTINF:2.0,\n"}},
	{"a tag of another kind of playlist", RuleTagKind, []string{"#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n#EXT-X-STREAM-INF:BANDWIDTH=1"}},
	{"an attribute without a value", RuleAttributeList, []string{"PART-TARGET=1.0", "PART-TARGET=1.0,X"}},
	{"a space in an attribute list", RuleAttributeList, []string{",LAST-PART", ", LAST-PART"}},
	{"quotes that do not close", RuleAttributeList, []string{`URI="part271.2.mp4"`, `URI="part271.2.mp4`}},
	{"more after the quotes", RuleAttributeList, []string{`URI="part271.2.mp4"`, `URI="part271.2.mp4"x`}},
	{"an attribute twice", RuleAttributeList, []string{"PART-TARGET=1.0", "PART-TARGET=1.0,PART-TARGET=1.0"}},
	{"an attribute that there is not", RuleKnownAttribute, []string{"PART-TARGET=1.0", "PART-TARGET=1.0,PART=1"}},
	{"a URI without quotes", RuleAttributeValue, []string{`URI="part271.2.mp4"`, `URI=part271.2.mp4`}},
	{"a word in quotes", RuleAttributeValue, []string{"TYPE=PART", `TYPE="PART"`}},
	{"a word that there is not", RuleAttributeValue, []string{"CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=NO"}},
	{"a number that is none", RuleAttributeValue, []string{"LAST-MSN=271", "LAST-MSN=-1"}},
	{"a part without its duration", RuleAttributeNeeded, []string{"#EXT-X-RENDITION-REPORT:URI=\"../1M/live.m3u8\",LAST-MSN=271,", "#EXT-X-RENDITION-REPORT:URI=\"../1M/live.m3u8\","}},
	{"fractions in version 2", RuleVersion, []string{"#EXT-X-VERSION:9", "#EXT-X-VERSION:2"}},
	{"a map in version 5", RuleVersion, []string{"#EXT-X-VERSION:9", "#EXT-X-VERSION:5"}},
	{"no version at all", RuleVersion, []string{"#EXT-X-VERSION:9\n", ""}},
	{"a version that there is not", RuleVersion, []string{"#EXT-X-VERSION:9", "#EXT-X-VERSION:99"}},
	{"no target duration", RuleTargetNeeded, []string{"#EXT-X-TARGETDURATION:4\n", ""}},
	{"a segment that is too long", RuleSegmentDuration, []string{"#EXTINF:4.0,\nseq269", "#EXTINF:4.51,\nseq269", "02:14:12.106Z", "02:14:12.616Z", "02:14:15.606Z", "02:14:16.116Z"}},
	{"a segment without EXTINF", RuleExtinfNeeded, []string{"#EXTINF:4.0,\nseq266", "seq266"}},
	{"fragmented MP4 without a map", RuleMapNeeded, []string{"#EXT-X-MAP:URI=\"init.mp4\"\n", ""}},
	{"parts without EXT-X-PART-INF", RulePartInf, []string{"#EXT-X-PART-INF:PART-TARGET=1.0\n", ""}},
	{"a part that is too long", RulePartLong, []string{`DURATION=1.0,URI="part271.1`, `DURATION=1.01,URI="part271.1`}},
	{"a part that is too short", RulePartShort, []string{`DURATION=1.0,URI="part271.0`, `DURATION=0.8,URI="part271.0`}},
	{"parts of another length than their segment", RulePartsSum, []string{`DURATION=0.5,URI="part270.3`, `DURATION=0.6,URI="part270.3`}},
	{"parts far from the end", RulePartsOld, []string{"#EXTINF:4.0,\nseq266", "#EXT-X-PART:DURATION=1.0,URI=\"a.mp4\"\n#EXT-X-PART:DURATION=1.0,URI=\"b.mp4\"\n#EXT-X-PART:DURATION=1.0,URI=\"c.mp4\"\n#EXT-X-PART:DURATION=1.0,URI=\"d.mp4\"\n#EXTINF:4.0,\nseq266"}},
	{"two hints of a type", RuleHintOnce, []string{"#EXT-X-RENDITION", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"x.mp4\"\n#EXT-X-RENDITION"}},
	{"a short hold back", RuleHoldBack, []string{"PART-HOLD-BACK=3.0", "PART-HOLD-BACK=3.0,HOLD-BACK=11.9"}},
	{"a short hold back of parts", RulePartHoldBack, []string{"PART-HOLD-BACK=3.0", "PART-HOLD-BACK=2.9"}},
	{"no hold back of parts", RulePartHoldBack, []string{",PART-HOLD-BACK=3.0", ""}},
	{"skipping what is too new", RuleSkipUntil, []string{"CAN-SKIP-UNTIL=24.0", "CAN-SKIP-UNTIL=23.0"}},
	{"a date that jumps", RuleDateTime, []string{"02:14:08.106Z", "02:14:08.116Z"}},
	{"a date of the segment in the making that jumps", RuleDateTime, []string{"02:14:15.606Z", "02:14:16.606Z"}},
	{"an end with a hint", RuleEnd, []string{"#EXT-X-RENDITION", "#EXT-X-ENDLIST\n#EXT-X-RENDITION"}},
	{"a delta update where none is offered", RuleSkip, []string{",CAN-SKIP-UNTIL=24.0", "", "#EXT-X-MAP", "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n#EXT-X-MAP"}},
}

var ofMultivariant = []breaking{
	{"a media playlist's tag", RuleTagKind, []string{"#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n#EXT-X-ENDLIST"}},
	{"no bandwidth", RuleAttributeNeeded, []string{"BANDWIDTH=640000,", ""}},
	{"a resolution of another form", RuleAttributeValue, []string{"640x360", "640*360"}},
	{"captions neither quoted nor NONE", RuleAttributeValue, []string{`CLOSED-CAPTIONS="cc"`, `CLOSED-CAPTIONS=cc`}},
	{"a captions service in version 6", RuleVersion, []string{"#EXT-X-VERSION:9", "#EXT-X-VERSION:6", "CC1", "SERVICE1"}},
	{"a variant without its URI", RuleVariantURI, []string{"live.m3u8\n", ""}},
	{"a variant without its URI at the end", RuleVariantURI, []string{"360p.m3u8\n", ""}},
	{"a URI without its variant", RuleVariantURI, []string{"live.m3u8\n", "live.m3u8\nother.m3u8\n"}},
	{"a group that there is not", RuleGroup, []string{`AUDIO="aac"`, `AUDIO="ac3"`}},
	{"captions with a URI", RuleGroup, []string{`INSTREAM-ID="CC1"`, `INSTREAM-ID="CC1",URI="cc.m3u8"`}},
	{"captions on a channel that there is not", RuleGroup, []string{`INSTREAM-ID="CC1"`, `INSTREAM-ID="CC5"`}},
	{"sound with a captions channel", RuleGroup, []string{`LANGUAGE="de"`, `LANGUAGE="de",INSTREAM-ID="CC1"`}},
	{"no captions in one variant alone", RuleGroup, []string{`CLOSED-CAPTIONS="cc"`, `CLOSED-CAPTIONS=NONE`}},
	{"a default that is not selected", RuleGroup, []string{"DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=YES,AUTOSELECT=NO"}},
	{"two members of a name", RuleGroupNames, []string{"Deutsch", "English"}},
	{"two defaults", RuleGroupNames, []string{`NAME="Deutsch",`, `NAME="Deutsch",DEFAULT=YES,`}},
	{"an average above the peak", RuleAverage, []string{"AVERAGE-BANDWIDTH=2000000", "AVERAGE-BANDWIDTH=2600000"}},
}

func TestSoundPlaylistsAreFoundSound(t *testing.T) {
	m, found := ParseMedia([]byte(lowLatency))
	if len(found) > 0 {
		t.Error(found)
	}
	if m.MediaSequence != 266 || len(m.Segments) != 5 || m.Segments[0].Discontinuities != 5 || m.Segments[4].Discontinuities != 6 ||
		m.Segments[4].Number != 270 || len(m.Segments[4].Parts) != 4 || m.Making.Number != 271 || len(m.Making.Parts) != 2 || m.Hint != "part271.2.mp4" ||
		m.Making.Map != "init.mp4" || m.Reports[0].LastPart != 1 || m.Control.CanSkipUntil != 24*time.Second || m.PartTarget != time.Second {
		t.Errorf("read as %+v", m)
	}
	v, found := ParseMultivariant([]byte(alternatives))
	if len(found) > 0 {
		t.Error(found)
	}
	if len(v.Variants) != 2 || v.Variants[0].Width != 1280 || v.Variants[1].URI != "360p.m3u8" || len(v.Renditions) != 3 || !v.Renditions[0].Default {
		t.Errorf("read as %+v", v)
	}
}

func TestEachRuleIsBrokenAlone(t *testing.T) {
	broken := broke{}
	for _, tt := range ofMedia {
		t.Run(tt.name, func(t *testing.T) {
			_, found := ParseMedia([]byte(edit(t, lowLatency, tt.edit...)))
			broken.expect(t, found, tt.rule)
		})
	}
	for _, tt := range ofMultivariant {
		t.Run(tt.name, func(t *testing.T) {
			_, found := ParseMultivariant([]byte(edit(t, alternatives, tt.edit...)))
			broken.expect(t, found, tt.rule)
		})
	}
	breakOverTime(t, broken)
	breakMedia(t, broken)
	for _, rule := range Rules() {
		if !broken[rule] {
			t.Errorf("no playlist breaks %s", rule)
		}
	}
}

// steps are versions of a playlist, each some time after the one before.
type steps struct {
	name string
	rule Rule // "" for none
	// after is the time between two versions.
	after time.Duration
	edits [][]string // each is applied to the playlist, not to the version before
}

// onePart is the edit that appends the announced part.
var onePart = []string{"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part271.2.mp4\"", "#EXT-X-PART:DURATION=1.0,URI=\"part271.2.mp4\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part271.3.mp4\""}

// oneLess is the edit that removes the first segment, properly.
var oneLess = []string{
	"SEQUENCE:266", "SEQUENCE:267",
	"#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:13:36.106Z\n#EXTINF:4.0,\nseq266.mp4\n", "",
}

// twoLess removes the first two, and with the second its discontinuity.
var twoLess = []string{
	"SEQUENCE:266", "SEQUENCE:268", "DISCONTINUITY-SEQUENCE:5", "DISCONTINUITY-SEQUENCE:6",
	"#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:13:36.106Z\n#EXTINF:4.0,\nseq266.mp4\n#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:00.106Z\n#EXTINF:4.0,\nseq267.mp4\n", "",
}

func with(edits []string, more ...string) []string { return append(slices.Clone(edits), more...) }

var overTime = []steps{
	{"a part more", "", time.Second, [][]string{{}, onePart}},
	{"a segment less", "", time.Second, [][]string{{}, with(oneLess, onePart...)}},
	{"two segments and a discontinuity less", "", time.Second, [][]string{{}, with(twoLess, onePart...)}},
	{"an end", "", time.Second, [][]string{{}, with(onePart, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part271.3.mp4\"", "#EXTINF:3.0,\nseq271.mp4\n#EXT-X-ENDLIST"), with(onePart, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part271.3.mp4\"", "#EXTINF:3.0,\nseq271.mp4\n#EXT-X-ENDLIST")}},
	{"nothing for a while", "", 5 * time.Second, [][]string{{}, {}}},

	{"a segment removed from the middle", RuleRemoved, time.Second, [][]string{{}, {"#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:04.106Z\n#EXTINF:4.0,\nseq268.mp4\n", "#EXT-X-DISCONTINUITY\n"}}},
	{"the last segment removed", RuleRemoved, time.Second, [][]string{
		{"#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:15.606Z\n#EXT-X-PART:DURATION=1.0,URI=\"part271.0.mp4\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=1.0,URI=\"part271.1.mp4\"\n", ""},
		{"#EXTINF:3.5,\nseq270.mp4\n#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:15.606Z\n#EXT-X-PART:DURATION=1.0,URI=\"part271.0.mp4\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=1.0,URI=\"part271.1.mp4\"\n", ""},
	}},
	{"another URI", RuleChanged, time.Second, [][]string{{}, with(onePart, "seq268.mp4", "other.mp4")}},
	{"another duration", RuleChanged, time.Second, [][]string{{}, with(onePart, "#EXTINF:4.0,\nseq266", "#EXTINF:3.9,\nseq266")}},
	{"another map", RuleChanged, time.Second, [][]string{{}, with(onePart, "init.mp4", "init2.mp4")}},
	{"another date", RuleChanged, time.Second, [][]string{{}, with(onePart, "02:13:36", "02:13:37")}},
	{"another part", RuleChanged, time.Second, [][]string{{}, with(onePart, "part271.1.mp4", "other.mp4")}},
	{"parts that are gone", RuleChanged, time.Second, [][]string{{}, {
		"#EXT-X-PART:DURATION=1.0,URI=\"part271.0.mp4\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=1.0,URI=\"part271.1.mp4\"\n", "",
	}}},
	{"a media sequence that goes back", RuleMediaSequence, time.Second, [][]string{{}, with(onePart, "MEDIA-SEQUENCE:266", "MEDIA-SEQUENCE:265")}},
	{"a media sequence that does not count", RuleMediaSequence, time.Second, [][]string{{}, with(oneLess, "MEDIA-SEQUENCE:267", "MEDIA-SEQUENCE:266")}},
	{"a media sequence that counts too much", RuleMediaSequence, time.Second, [][]string{{}, with(oneLess, "MEDIA-SEQUENCE:267", "MEDIA-SEQUENCE:268")}},
	{"a media sequence that counts what is there", RuleMediaSequence, time.Second, [][]string{{}, with(onePart, "MEDIA-SEQUENCE:266", "MEDIA-SEQUENCE:271")}},
	{"a discontinuity that is not counted", RuleDiscontinuitySequence, time.Second, [][]string{{}, with(twoLess, "DISCONTINUITY-SEQUENCE:6", "DISCONTINUITY-SEQUENCE:5")}},
	{"a discontinuity that is counted too early", RuleDiscontinuitySequence, time.Second, [][]string{{}, with(oneLess, "DISCONTINUITY-SEQUENCE:5", "DISCONTINUITY-SEQUENCE:6")}},
	{"another target", RuleConstant, time.Second, [][]string{{}, with(onePart, "TARGETDURATION:4", "TARGETDURATION:5", "CAN-SKIP-UNTIL=24.0", "CAN-SKIP-UNTIL=30.0")}},
	{"another part target", RuleConstant, time.Second, [][]string{{}, with(onePart, "PART-TARGET=1.0", "PART-TARGET=1.00001", "HOLD-BACK=3.0", "HOLD-BACK=3.1")}},
	{"another hold back", RuleConstant, time.Second, [][]string{{}, with(onePart, "PART-HOLD-BACK=3.0", "PART-HOLD-BACK=3.5")}},
	{"too little left", RuleWindow, time.Second, [][]string{{}, with(twoLess, "SEQUENCE:268", "SEQUENCE:270",
		"#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:04.106Z\n#EXTINF:4.0,\nseq268.mp4\n#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:14:08.106Z\n#EXTINF:4.0,\nseq269.mp4\n", "")}},
	{"no update in time", RuleStale, 7 * time.Second, [][]string{{}, {}}},
	{"more after the end", RuleEnded, time.Second, [][]string{
		with(onePart, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part271.3.mp4\"", "#EXTINF:3.0,\nseq271.mp4\n#EXT-X-ENDLIST"),
		with(onePart, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part271.3.mp4\"", "#EXTINF:3.0,\nseq271.mp4\n#EXTINF:3.0,\nseq272.mp4\n#EXT-X-ENDLIST"),
	}},
	{"another part than was announced", RuleHint, time.Second, [][]string{{}, {"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part271.2.mp4\"", "#EXT-X-PART:DURATION=1.0,URI=\"other.mp4\""}}},
	{"another part than was announced, in the next segment", RuleHint, time.Second, [][]string{{}, {"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part271.2.mp4\"", "#EXTINF:2.0,\nseq271.mp4\n#EXT-X-PART:DURATION=1.0,URI=\"other.mp4\""}}},
	{"a delta update nobody asked for", RuleSkip, time.Second, [][]string{{}, with(onePart,
		"#EXT-X-MAP", "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXT-X-MAP", "#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:13:36.106Z\n#EXTINF:4.0,\nseq266.mp4\n", "")}},
}

func breakOverTime(t *testing.T, broken broke) {
	t.Helper()
	for _, tt := range overTime {
		t.Run(tt.name, func(t *testing.T) {
			var w Walker
			var found []Finding
			at := time.Date(2019, 2, 14, 2, 15, 0, 0, time.UTC)
			for _, e := range tt.edits {
				_, now := w.See(at, []byte(edit(t, lowLatency, e...)))
				found = append(found, now...)
				at = at.Add(tt.after)
			}
			if tt.rule == "" {
				if len(found) > 0 {
					t.Errorf("found %v", found)
				}
				return
			}
			broken.expect(t, found, tt.rule)
		})
	}
	t.Run("delta updates", func(t *testing.T) { breakDeltas(t, broken) })
}

// long is a playlist of n segments of 4 s, without its first ones.
func long(first, n, skipped int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=24.0\n#EXT-X-MEDIA-SEQUENCE:%d\n", first)
	if skipped > 0 {
		fmt.Fprintf(&b, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", skipped)
	} else {
		b.WriteString("#EXT-X-MAP:URI=\"init.mp4\"\n")
	}
	for i := skipped; i < n; i++ {
		fmt.Fprintf(&b, "#EXTINF:4.0,\nseq%d.mp4\n", first+i)
	}
	return b.String()
}

func breakDeltas(t *testing.T, broken broke) {
	t.Helper()
	at := time.Date(2019, 2, 14, 2, 15, 0, 0, time.UTC)
	walk := func(before, delta string) (*Media, []Finding) {
		var w Walker
		if _, found := w.See(at, []byte(before)); len(found) > 0 {
			t.Fatal(found)
		}
		return w.SeeDelta(at.Add(4*time.Second), []byte(delta))
	}
	m, found := walk(long(10, 10, 0), long(11, 10, 4))
	if len(found) > 0 {
		t.Fatalf("a sound delta update: %v", found)
	}
	all, _ := ParseMedia([]byte(long(11, 10, 0)))
	if found := Same(m, all); len(found) > 0 {
		t.Errorf("a sound delta update: %v", found)
	}
	if _, found := walk(long(10, 10, 0), long(11, 10, 0)); len(found) > 0 {
		t.Errorf("a whole playlist instead: %v", found)
	}
	_, found = walk(long(10, 10, 0), long(11, 10, 5))
	broken.expect(t, found, RuleSkip) // too new
	_, found = walk(long(10, 4, 0), long(11, 11, 5))
	broken.expect(t, found, RuleSkip) // what is skipped was never there
	for name, other := range map[string]string{
		"another URI":    strings.Replace(long(11, 10, 0), "seq12.", "other.", 1),
		"another length": long(11, 9, 0),
		"another map":    strings.Replace(long(11, 10, 0), "init.mp4", "other.mp4", 1),
		"an end":         long(11, 10, 0) + "#EXT-X-ENDLIST\n",
	} {
		t.Run(name, func(t *testing.T) {
			all, _ := ParseMedia([]byte(other))
			broken.expect(t, Same(m, all), RuleDelta)
		})
	}
}
