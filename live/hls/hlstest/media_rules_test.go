package hlstest

import (
	"testing"
	"time"
)

// breakMedia breaks the rules about media and several playlists.
func breakMedia(t *testing.T, broken broke) {
	t.Helper()
	m, _ := ParseMedia([]byte(lowLatency))
	whole, making := &m.Segments[4], &m.Making
	fragment := func(change func(*Fragment)) *Fragment {
		f := &Fragment{Start: 10 * time.Second, End: 13500 * time.Millisecond, Key: true, Samples: 105, Bytes: 1000, Others: 40}
		if change != nil {
			change(f)
		}
		return f
	}
	later := fragment(func(f *Fragment) { f.Start, f.End = 13500*time.Millisecond, 17*time.Second })
	part := fragment(func(f *Fragment) { f.End = 11 * time.Second })
	noKey := fragment(func(f *Fragment) { f.Key, f.End = false, 11*time.Second })
	third := func(n int) []*Fragment {
		return []*Fragment{{Samples: 65, Bytes: 400, Others: 20}, {Samples: 40, Bytes: n, Others: 20}}
	}
	variants, _ := ParseMultivariant([]byte(alternatives))
	measured := func(change func(*Measured)) *Measured {
		m := &Measured{Peak: 2_500_000, FrameRate: 30, Tracks: []Track{{Video: true, Codec: "avc1.64001f", Width: 1280, Height: 720}, {Codec: "mp4a.40.2"}}}
		if change != nil {
			change(m)
		}
		return m
	}
	variant := func(change func(*Measured)) []Finding { return CheckVariant(&variants.Variants[0], measured(change)) }
	other := func(pairs ...string) []Finding {
		o, _ := ParseMedia([]byte(edit(t, lowLatency, pairs...)))
		return CheckAligned(m, o)
	}
	report := func(msn, part int) []Finding { return CheckReport(&Report{LastMSN: msn, LastPart: part}, m, m) }

	for name, found := range map[string][]Finding{
		"a segment":                        CheckFragment(whole, -1, fragment(nil), true),
		"a segment without a key frame":    CheckFragment(whole, -1, fragment(func(f *Fragment) { f.Key = false }), false),
		"an independent part":              CheckFragment(making, 0, part, false),
		"a part that depends":              CheckFragment(making, 1, noKey, true),
		"a segment after another":          CheckTimeline(&m.Segments[2], fragment(nil), later),
		"a segment after a discontinuity":  CheckTimeline(&m.Segments[1], later, fragment(nil)),
		"parts of a segment":               CheckPartsMedia(whole, fragment(nil), third(600)),
		"a variant":                        variant(nil),
		"a variant of which nothing came":  CheckVariant(&variants.Variants[0], &Measured{}),
		"renditions that are the same":     other(),
		"sound that is cut a little later": other("02:14:00.106Z", "02:14:00.120Z"),
		"a variable frame rate":            variant(func(m *Measured) { m.FrameRate, m.Variable = 25, true }),
		"a report":                         report(271, 1),
		"a report of a part ago":           report(271, 0),
	} {
		if len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
	for name, tt := range map[string]struct {
		rule  Rule
		found []Finding
	}{
		"a part that only says to be independent":         {RuleIndependent, CheckFragment(making, 0, noKey, false)},
		"segments that only say to be independent":        {RuleIndependent, CheckFragment(whole, -1, fragment(func(f *Fragment) { f.Key = false }), true)},
		"a segment that lasts longer":                     {RuleMediaDuration, CheckFragment(whole, -1, fragment(func(f *Fragment) { f.End += 40 * time.Millisecond }), true)},
		"a part that lasts longer":                        {RuleMediaDuration, CheckFragment(making, 0, fragment(nil), false)},
		"a hole between segments":                         {RuleTimeline, CheckTimeline(&m.Segments[2], fragment(nil), fragment(func(f *Fragment) { f.Start = 14 * time.Second }))},
		"parts that lack something":                       {RulePartsMedia, CheckPartsMedia(whole, fragment(nil), third(599))},
		"a rate above BANDWIDTH":                          {RuleBandwidth, variant(func(m *Measured) { m.Peak = 3_000_000 })},
		"a codec that is not named":                       {RuleCodecs, variant(func(m *Measured) { m.Tracks = append(m.Tracks, Track{Codec: "opus"}) })},
		"a codec that is not there":                       {RuleCodecs, variant(func(m *Measured) { m.Tracks = m.Tracks[:1] })},
		"another size":                                    {RuleResolution, variant(func(m *Measured) { m.Tracks[0].Width = 1920 })},
		"another frame rate":                              {RuleFrameRate, variant(func(m *Measured) { m.FrameRate = 29.5 })},
		"another target":                                  {RuleAligned, other("TARGETDURATION:4", "TARGETDURATION:5")},
		"another date":                                    {RuleAligned, other("02:14:00.106Z", "02:14:00.406Z")},
		"another boundary":                                {RuleAligned, other("#EXTINF:3.5,", "#EXTINF:4.0,")},
		"another discontinuity":                           {RuleAligned, other("DISCONTINUITY-SEQUENCE:5", "DISCONTINUITY-SEQUENCE:4")},
		"a report of what is to come":                     {RuleReport, report(272, 0)},
		"a report of a part to come":                      {RuleReport, report(271, 2)},
		"a report of long ago":                            {RuleReport, report(269, 0)},
		"a report without its part, of one that has some": {RuleReport, report(271, -1)},
	} {
		t.Run(name, func(t *testing.T) { broken.expect(t, tt.found, tt.rule) })
	}
	t.Run("what a server answers", func(t *testing.T) { breakAnswers(t, broken) })
}

// breakAnswers breaks what only shows when media is fetched.
func breakAnswers(t *testing.T, broken broke) {
	t.Helper()
	playlist := edit(t, lowLatency, "#EXT-X-RENDITION-REPORT:URI=\"../1M/live.m3u8\",LAST-MSN=271,LAST-PART=1\n", "")
	look := func(answer func(uri string) ([]byte, error)) []Finding {
		i := NewInspector(answer)
		i.See(time.Now(), []byte(playlist))
		return i.Findings()
	}
	broken.expect(t, look(func(uri string) ([]byte, error) { return nil, errGone }), RuleAnswer)
	broken.expect(t, look(func(uri string) ([]byte, error) { return []byte("no media"), nil }), RuleMedia)
}

func TestCodecsAreComparedAsFarAsTheyAreKnown(t *testing.T) {
	for _, tt := range []struct {
		codec, name string
		same        bool
	}{
		{"avc1.64001f", "avc1.64001F", true}, {"avc1.64001f", "avc1.640020", false}, {"hvc1.", "hvc1.1.6.L93.B0", true}, {"hvc1.", "hev1.1.6.L93.B0", false}, {"opus", "Opus", true},
	} {
		if got := sameCodec(Track{Codec: tt.codec}, tt.name); got != tt.same {
			t.Errorf("%s and %s are the same: %v", tt.codec, tt.name, got)
		}
	}
}

func TestThePeakRateIsThatOfAboutATargetDuration(t *testing.T) {
	m, _ := ParseMedia([]byte(long(1, 6, 0)))
	m.Segments[4].Duration = 500 * time.Millisecond
	sizes := map[int]int{1: 1000, 2: 4000, 3: 1000, 5: 100_000}
	if got := Peak(m, sizes); got != 8000 {
		t.Errorf("the peak is %f", got) // the short one alone does not count, and nothing stands beside it
	}
}
