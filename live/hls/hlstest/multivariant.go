package hlstest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Multivariant is a multivariant playlist.
type Multivariant struct {
	Version             int
	IndependentSegments bool
	Variants            []Variant
	Renditions          []Rendition
}

// Variant is one EXT-X-STREAM-INF and its URI.
type Variant struct {
	Line               int
	URI                string
	Bandwidth, Average int // bits per second; Average is 0 without
	Codecs             []string
	Width, Height      int     // 0 without RESOLUTION
	FrameRate          float64 // 0 without
	// Audio, Video, Subtitles and Captions are the groups; Captions may be NONE.
	Audio, Video, Subtitles, Captions string
}

// Rendition is one EXT-X-MEDIA.
type Rendition struct {
	Line                                 int
	Type, Group, Name, URI, Language, ID string // ID is INSTREAM-ID
	Default, Autoselect                  bool
	Channels                             string
}

// ParseMultivariant reads a multivariant playlist and checks it by itself.
func ParseMultivariant(text []byte) (*Multivariant, []Finding) {
	var f findings
	m := &Multivariant{}
	lines := f.read(text, inMultivariant)
	var open *Variant
	for _, l := range lines {
		if open != nil && l.tag != "" {
			f.add(RuleVariantURI, open.Line, "there is no URI after the EXT-X-STREAM-INF")
			open = nil
		}
		switch l.tag {
		case "EXT-X-VERSION":
			m.Version = number(l.value)
		case "EXT-X-INDEPENDENT-SEGMENTS":
			m.IndependentSegments = true
		case "EXT-X-STREAM-INF":
			v := readVariant(l)
			open = &v
		case "EXT-X-MEDIA":
			m.Renditions = append(m.Renditions, readRendition(l))
		case "":
			if open == nil {
				f.add(RuleVariantURI, l.number, "there is no EXT-X-STREAM-INF before the URI")
				continue
			}
			open.URI = l.value
			m.Variants, open = append(m.Variants, *open), nil
		}
	}
	if open != nil {
		f.add(RuleVariantURI, open.Line, "there is no URI after the EXT-X-STREAM-INF")
	}
	if len(lines) > 0 {
		f.checkVersion(m.Version, lines)
		f.checkMultivariant(m)
	}
	return m, f
}

func readVariant(l line) Variant {
	a := l.attributes
	v := Variant{
		Line: l.number, Bandwidth: a.number("BANDWIDTH"), Average: a.number("AVERAGE-BANDWIDTH"),
		Audio: a["AUDIO"], Video: a["VIDEO"], Subtitles: a["SUBTITLES"], Captions: a["CLOSED-CAPTIONS"],
	}
	if c := a["CODECS"]; c != "" {
		v.Codecs = strings.Split(c, ",")
		for i := range v.Codecs {
			v.Codecs[i] = strings.TrimSpace(v.Codecs[i])
		}
	}
	if w, h, ok := strings.Cut(a["RESOLUTION"], "x"); ok {
		v.Width, v.Height = number(w), number(h)
	}
	v.FrameRate, _ = strconv.ParseFloat(a["FRAME-RATE"], 64) // its form was checked; 0 without
	return v
}

func readRendition(l line) Rendition {
	a := l.attributes
	return Rendition{
		Line: l.number, Type: a["TYPE"], Group: a["GROUP-ID"], Name: a["NAME"], URI: a["URI"], Language: a["LANGUAGE"], ID: a["INSTREAM-ID"],
		Default: a.yes("DEFAULT"), Autoselect: a["AUTOSELECT"] == "YES" || a["AUTOSELECT"] == "" && a.yes("DEFAULT"), Channels: a["CHANNELS"],
	}
}

func (f *findings) checkMultivariant(m *Multivariant) {
	for _, v := range m.Variants {
		if v.Average > v.Bandwidth {
			f.add(RuleAverage, v.Line, "AVERAGE-BANDWIDTH is %d, BANDWIDTH %d", v.Average, v.Bandwidth)
		}
		for _, named := range [][2]string{{"AUDIO", v.Audio}, {"VIDEO", v.Video}, {"SUBTITLES", v.Subtitles}, {"CLOSED-CAPTIONS", v.Captions}} {
			if named[1] == "" || named[0] == "CLOSED-CAPTIONS" && named[1] == "NONE" {
				continue
			}
			if !slices.ContainsFunc(m.Renditions, func(r Rendition) bool { return r.Type == named[0] && r.Group == named[1] }) {
				f.add(RuleGroup, v.Line, "there is no %s group %q", named[0], named[1])
			}
		}
		if (v.Captions == "NONE") != (m.Variants[0].Captions == "NONE") {
			f.add(RuleGroup, v.Line, "CLOSED-CAPTIONS=NONE stands in one variant and not in all")
		}
	}
	for i, r := range m.Renditions {
		f.checkRendition(r)
		for _, o := range m.Renditions[:i] {
			if o.Type != r.Type || o.Group != r.Group {
				continue
			}
			if o.Name == r.Name {
				f.add(RuleGroupNames, r.Line, "the group %q has two members %q", r.Group, r.Name)
			}
			if o.Default && r.Default {
				f.add(RuleGroupNames, r.Line, "the group %q has two defaults", r.Group)
			}
		}
	}
}

func (f *findings) checkRendition(r Rendition) {
	fault := ""
	switch {
	case r.Type == "CLOSED-CAPTIONS" && r.URI != "":
		fault = "captions have no URI"
	case r.Type == "CLOSED-CAPTIONS" && !isChannel(r.ID):
		fault = fmt.Sprintf("captions have an INSTREAM-ID, CC1 to CC4 or SERVICE1 to SERVICE63, not %q", r.ID)
	case r.Type != "CLOSED-CAPTIONS" && r.ID != "":
		fault = "only captions have an INSTREAM-ID"
	case r.Type == "SUBTITLES" && r.URI == "":
		fault = "subtitles have a URI"
	case r.Default && !r.Autoselect:
		fault = "the default is selected automatically"
	}
	if fault != "" {
		f.add(RuleGroup, r.Line, "%s", fault)
	}
}

// isChannel reports whether an INSTREAM-ID is one.
func isChannel(id string) bool {
	if n, ok := strings.CutPrefix(id, "CC"); ok {
		return len(n) == 1 && n >= "1" && n <= "4"
	}
	n, ok := strings.CutPrefix(id, "SERVICE")
	k, err := strconv.Atoi(n)
	return ok && err == nil && k >= 1 && k <= 63
}
