package hlstest

import (
	"fmt"
	"strings"
)

// Rule is something that playlists have to keep.
type Rule string

// Rules of one playlist's text.
const (
	// RuleEncoding: UTF-8 without a byte order mark and control characters (4.1).
	RuleEncoding Rule = "encoding"
	// RuleHeader: the first line is #EXTM3U (4.4.1.1).
	RuleHeader Rule = "header"
	// RuleKnownTag: there is no tag that the text does not have (4.1).
	RuleKnownTag Rule = "known-tag"
	// RuleTagValue: a tag's value has the form that the text gives it (4.4).
	RuleTagValue Rule = "tag-value"
	// RuleTagOnce: tags about the whole playlist stand there once (4.4.3).
	RuleTagOnce Rule = "tag-once"
	// RuleTagPlace: tags stand where the text wants them: sequences before segments (4.4.3.2, 4.4.3.3), a URI after EXTINF and STREAM-INF.
	RuleTagPlace Rule = "tag-place"
	// RuleTagKind: tags of media and of multivariant playlists are not mixed (4.4).
	RuleTagKind Rule = "tag-kind"
	// RuleAttributeList: attribute lists have the grammar of 4.2, and no name twice.
	RuleAttributeList Rule = "attribute-list"
	// RuleKnownAttribute: there is no attribute that the text does not have for the tag.
	RuleKnownAttribute Rule = "known-attribute"
	// RuleAttributeValue: an attribute's value has its type and one of its values (4.2).
	RuleAttributeValue Rule = "attribute-value"
	// RuleAttributeNeeded: the attributes that a tag must have are there.
	RuleAttributeNeeded Rule = "attribute-needed"
	// RuleVersion: EXT-X-VERSION covers what the playlist has (8).
	RuleVersion Rule = "version"
)

// Rules of one media playlist.
const (
	// RuleTargetNeeded: there is an EXT-X-TARGETDURATION (4.4.3.1).
	RuleTargetNeeded Rule = "target-needed"
	// RuleSegmentDuration: EXTINF, rounded to whole seconds, is at most the target duration (4.4.3.1).
	RuleSegmentDuration Rule = "segment-duration"
	// RuleExtinfNeeded: each segment has its EXTINF (4.4.4.1).
	RuleExtinfNeeded Rule = "extinf-needed"
	// RuleMapNeeded: fragmented MP4 has an EXT-X-MAP (3.1.2).
	RuleMapNeeded Rule = "map-needed"
	// RulePartInf: a playlist with parts has EXT-X-PART-INF (4.4.3.7).
	RulePartInf Rule = "part-inf"
	// RulePartLong: no part is longer than the part target (4.4.4.9).
	RulePartLong Rule = "part-long"
	// RulePartShort: parts are at least 85% of it, but for a segment's last, gaps, and those before a discontinuity (4.4.4.9).
	RulePartShort Rule = "part-short"
	// RulePartsSum: the parts of a segment last as long as the segment (4.4.4.9).
	RulePartsSum Rule = "parts-sum"
	// RulePartsOld: parts are listed near the end only, three target durations and the segment in which that lies (6.2.2).
	RulePartsOld Rule = "parts-old"
	// RuleHintOnce: there is one EXT-X-PRELOAD-HINT of a type (4.4.5.3).
	RuleHintOnce Rule = "hint-once"
	// RuleHoldBack: HOLD-BACK is at least three target durations (4.4.3.8).
	RuleHoldBack Rule = "hold-back"
	// RulePartHoldBack: PART-HOLD-BACK is there with parts, and at least twice, better three times the part target (4.4.3.8).
	RulePartHoldBack Rule = "part-hold-back"
	// RuleSkipUntil: CAN-SKIP-UNTIL is at least six target durations (4.4.3.8).
	RuleSkipUntil Rule = "skip-until"
	// RuleDateTime: a segment's date is that of the one before and its duration, but after a discontinuity, and later where a gap begins (4.4.4.6).
	RuleDateTime Rule = "date-time"
	// RuleEnd: nothing is announced after EXT-X-ENDLIST (4.4.3.4).
	RuleEnd Rule = "end"
)

// Rules of a media playlist over time.
const (
	// RuleRemoved: segments are removed in their order, from the front (6.2.2).
	RuleRemoved Rule = "removed"
	// RuleChanged: what is listed does not change but by what is appended (6.2.1).
	RuleChanged Rule = "changed"
	// RuleMediaSequence: EXT-X-MEDIA-SEQUENCE counts what is removed (6.2.2).
	RuleMediaSequence Rule = "media-sequence"
	// RuleDiscontinuitySequence: EXT-X-DISCONTINUITY-SEQUENCE counts the discontinuities that are removed (6.2.2).
	RuleDiscontinuitySequence Rule = "discontinuity-sequence"
	// RuleConstant: target durations, server control and type stay the same (4.4.3.1, 4.4.3.7, 6.2.1).
	RuleConstant Rule = "constant"
	// RuleWindow: nothing is removed that leaves less than three target durations (6.2.2).
	RuleWindow Rule = "window"
	// RuleStale: there is an update every one and a half target durations (6.2.1).
	RuleStale Rule = "stale"
	// RuleEnded: nothing changes after EXT-X-ENDLIST (6.2.1).
	RuleEnded Rule = "ended"
	// RuleHint: the next part is the one that was announced (4.4.5.3, 6.2.6).
	RuleHint Rule = "hint"
	// RuleSkip: a delta update comes only when asked for and where it is offered, and skips what is old enough (6.2.5.1).
	RuleSkip Rule = "skip"
	// RuleDelta: a delta update makes the same playlist as the whole (6.3.7).
	RuleDelta Rule = "delta"
)

// Rules of a multivariant playlist and of all that it names.
const (
	// RuleVariantURI: each EXT-X-STREAM-INF is followed by its URI, and each URI has one (4.4.6.2).
	RuleVariantURI Rule = "variant-uri"
	// RuleGroup: groups that variants name are there, and every member is described as it must be (4.4.6.1, 4.4.6.2).
	RuleGroup Rule = "group"
	// RuleGroupNames: members of a group have names of their own, and at most one is the default (4.4.6.1.1).
	RuleGroupNames Rule = "group-names"
	// RuleAverage: AVERAGE-BANDWIDTH is at most BANDWIDTH (4.4.6.2).
	RuleAverage Rule = "average"
	// RuleBandwidth: BANDWIDTH is at least the peak rate of the segments (4.4.6.2).
	RuleBandwidth Rule = "bandwidth"
	// RuleCodecs: CODECS names each format there is, and no other (4.4.6.2).
	RuleCodecs Rule = "codecs"
	// RuleResolution: RESOLUTION is the picture's (4.4.6.2).
	RuleResolution Rule = "resolution"
	// RuleFrameRate: FRAME-RATE is the largest there is, to three decimals (4.4.6.2).
	RuleFrameRate Rule = "frame-rate"
	// RuleAligned: renditions have the same target duration, and the same boundaries, dates and discontinuities by number (6.2.4).
	RuleAligned Rule = "aligned"
	// RuleReport: EXT-X-RENDITION-REPORT says where the other playlists are, all of them (4.4.5.4, 6.2.2).
	RuleReport Rule = "report"
)

// Rules of the media itself.
const (
	// RuleAnswer: what a playlist names is there (6.2.1).
	RuleAnswer Rule = "answer"
	// RuleMedia: segments and parts are fragmented MP4 that their EXT-X-MAP begins (3.1.2).
	RuleMedia Rule = "media"
	// RuleIndependent: INDEPENDENT parts, and all segments where EXT-X-INDEPENDENT-SEGMENTS says so, begin with a key frame (4.4.2.1, 4.4.4.9).
	RuleIndependent Rule = "independent"
	// RuleMediaDuration: EXTINF and a part's DURATION are what the media lasts (4.4.4.1).
	RuleMediaDuration Rule = "media-duration"
	// RuleTimeline: timestamps go on from segment to segment but at a discontinuity (4.4.4.3).
	RuleTimeline Rule = "timeline"
	// RulePartsMedia: the parts of a segment are its media (4.4.4.9).
	RulePartsMedia Rule = "parts-media"
)

// Rules are all rules, in the order above.
func Rules() []Rule {
	return []Rule{
		RuleEncoding, RuleHeader, RuleKnownTag, RuleTagValue, RuleTagOnce, RuleTagPlace, RuleTagKind,
		RuleAttributeList, RuleKnownAttribute, RuleAttributeValue, RuleAttributeNeeded, RuleVersion,
		RuleTargetNeeded, RuleSegmentDuration, RuleExtinfNeeded, RuleMapNeeded, RulePartInf, RulePartLong, RulePartShort,
		RulePartsSum, RulePartsOld, RuleHintOnce, RuleHoldBack, RulePartHoldBack, RuleSkipUntil, RuleDateTime, RuleEnd,
		RuleRemoved, RuleChanged, RuleMediaSequence, RuleDiscontinuitySequence, RuleConstant, RuleWindow, RuleStale, RuleEnded,
		RuleHint, RuleSkip, RuleDelta,
		RuleVariantURI, RuleGroup, RuleGroupNames, RuleAverage, RuleBandwidth, RuleCodecs, RuleResolution, RuleFrameRate,
		RuleAligned, RuleReport,
		RuleAnswer, RuleMedia, RuleIndependent, RuleMediaDuration, RuleTimeline, RulePartsMedia,
	}
}

// Finding is one fault of a playlist.
type Finding struct {
	// Rule is what was broken.
	Rule Rule
	// Playlist names the playlist; empty where there is only one.
	Playlist string
	// Line is where, from 1; 0 for the whole.
	Line int
	// Detail says what is wrong.
	Detail string
}

// String gives the finding in one line.
func (f Finding) String() string {
	var b strings.Builder
	if f.Playlist != "" {
		b.WriteString(f.Playlist + ": ")
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", f.Line)
	}
	return b.String() + string(f.Rule) + ": " + f.Detail
}

// findings collects what was found in one playlist.
type findings []Finding

func (f *findings) add(rule Rule, line int, detail string, arguments ...any) {
	*f = append(*f, Finding{Rule: rule, Line: line, Detail: fmt.Sprintf(detail, arguments...)})
}
