package hls

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"roomcast/media"
)

const (
	multivariantHead = "#EXTM3U\n#EXT-X-VERSION:9\n"
	// soundGroup and captionGroup are the groups of renditions in the multivariant playlist.
	soundGroup   = "sound"
	captionGroup = "captions"
)

// playerMark stands in a lineup's text for the player's path element.
var playerMark = []byte{0}

// lineup is the renditions that can be played, the source first, and the
// multivariant playlist that offers them, all or all but the source. It never changes.
type lineup struct {
	renditions, offered []*rendition
	text                []byte // after the head; playerMark before each URI
}

// find is the rendition of a name, with or without ".m3u8".
func (l *lineup) find(name string) *rendition {
	name = strings.TrimSuffix(name, ".m3u8")
	for _, r := range l.renditions {
		if r.name == name {
			return r
		}
	}
	return nil
}

// arrange makes the lineup anew from the renditions that have something to show.
func (p *Packager) arrange() {
	if p.source.view.Load() == nil {
		return
	}
	l := &lineup{renditions: []*rendition{p.source}}
	for _, r := range p.rungs {
		if r.view.Load() != nil {
			l.renditions = append(l.renditions, r.rendition)
		}
	}
	for _, f := range p.sounds {
		if f != nil && f.view.Load() != nil {
			l.renditions = append(l.renditions, f.rendition)
		}
	}
	l.offered = l.renditions
	if !p.offersSource() {
		l.offered = l.renditions[1:]
	}
	l.text = p.appendMultivariant(nil)
	p.lineup.Store(l)
}

// withdraw takes a rendition out of the lineup; those who wait for it are told.
func (p *Packager) withdraw(r *rendition) {
	if r.view.Load() == nil {
		return
	}
	if old := r.view.Swap(&view{gone: true, next: make(chan struct{})}); old != nil {
		close(old.next)
	}
	p.arrange()
}

// appendMultivariant writes the groups and variants (rfc8216bis, 4.4.6).
func (p *Packager) appendMultivariant(b []byte) []byte {
	grouped := len(p.format.Audio()) > 1
	extra := rates{}
	codecs := ""
	if grouped {
		b, extra, codecs = p.appendSounds(b)
	}
	captions := p.captions.services()
	for _, c := range captions {
		b = append(b, `#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="`+captionGroup+`",NAME="`...)
		b = append(b, c...)
		b = append(b, `",AUTOSELECT=YES,INSTREAM-ID="`...)
		b = append(b, c...)
		b = append(b, "\"\n"...)
	}
	variant := func(r *rendition) {
		b = p.appendVariant(b, r, extra, codecs)
		if grouped {
			b = append(b, `,AUDIO="`+soundGroup+`"`...)
		}
		if len(captions) > 0 {
			b = append(b, `,CLOSED-CAPTIONS="`+captionGroup+`"`...)
		} else {
			b = append(b, `,CLOSED-CAPTIONS=NONE`...)
		}
		b = append(append(append(b, '\n'), playerMark...), r.name...)
		b = append(b, ".m3u8\n"...)
	}
	if p.offersSource() {
		variant(p.source)
	}
	for _, r := range p.rungs {
		if r.view.Load() != nil {
			variant(r.rendition)
		}
	}
	if f := p.firstSound(); f != nil && f.view.Load() != nil {
		variant(f.rendition)
	}
	return b
}

// firstSound is the audio-only rendition of the first track, if the format has that track.
func (p *Packager) firstSound() *follower {
	if len(p.sounds) == 0 || p.sounds[0] == nil || !p.format.HasVideo() || len(p.format.Audio()) == 0 {
		return nil
	}
	return p.sounds[0]
}

// appendSounds writes the group of the audio tracks: the first is in every
// variant, the others have a playlist each. It also tells what the most demanding
// of these needs, and which codecs they have.
func (p *Packager) appendSounds(b []byte) (_ []byte, most rates, codecs string) {
	names := make(map[string]bool)
	for i, t := range p.format.Audio() {
		f := p.sounds[i]
		if i > 0 && f.view.Load() == nil {
			continue
		}
		b = append(b, `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="`+soundGroup+`",NAME="`...)
		b = append(b, soundLabel(t, i, names)...)
		b = append(b, '"')
		if language := quotable(t.Language); language != "" {
			b = append(b, `,LANGUAGE="`...)
			b = append(b, language...)
			b = append(b, '"')
		}
		if i == 0 {
			b = append(b, ",DEFAULT=YES"...)
		}
		b = append(b, `,AUTOSELECT=YES,CHANNELS="`...)
		b = strconv.AppendInt(b, int64(t.Channels), 10)
		b = append(b, '"')
		if i > 0 {
			b = append(b, `,URI="`...)
			b = append(append(b, playerMark...), f.name...)
			b = append(b, `.m3u8"`...)
			most.peak = max(most.peak, f.rates.peak)
			if f.rates.average() > most.average() {
				most.bits, most.total = f.rates.bits, f.rates.total
			}
		}
		b = append(b, '\n')
		codecs = withCodec(codecs, t.CodecString())
	}
	return b, most, codecs
}

// soundLabel is a name that no other track of the group has.
func soundLabel(t *media.Track, i int, taken map[string]bool) string {
	name := quotable(t.Label)
	if name == "" {
		name = quotable(t.Language)
	}
	if name == "" || taken[name] {
		name = strings.TrimSpace(fmt.Sprintf("%s Track %d", name, i+1))
	}
	taken[name] = true
	return name
}

// quotable is s as it may stand in a quoted string (rfc8216bis, 4.2).
func quotable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '"' || r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "")
	}
	return s
}

func withCodec(list, codec string) string {
	switch {
	case list == "":
		return codec
	case strings.Contains(","+list+",", ","+codec+","):
		return list
	}
	return list + "," + codec
}

// appendVariant writes what a rendition needs and is, up to its groups.
func (p *Packager) appendVariant(b []byte, r *rendition, extra rates, codecs string) []byte {
	peak, average := r.rates.peak+extra.peak, r.rates.average()
	if extra.total > 0 {
		average += extra.average()
	}
	b = append(b, "#EXT-X-STREAM-INF:BANDWIDTH="...)
	b = strconv.AppendInt(b, int64(math.Ceil(max(peak, average))), 10)
	b = append(b, ",AVERAGE-BANDWIDTH="...)
	b = strconv.AppendInt(b, int64(math.Ceil(average)), 10)
	b = append(b, `,CODECS="`...)
	own := ""
	for _, t := range r.tracks {
		own = withCodec(own, t.CodecString())
	}
	for c := range strings.SplitSeq(codecs, ",") {
		if c != "" {
			own = withCodec(own, c)
		}
	}
	b = append(append(b, own...), '"')
	v := r.main()
	if v.Kind != media.Video {
		return b
	}
	if v.Width > 0 && v.Height > 0 {
		b = append(b, ",RESOLUTION="...)
		b = strconv.AppendInt(b, int64(v.Width), 10)
		b = append(b, 'x')
		b = strconv.AppendInt(b, int64(v.Height), 10)
	}
	if rate := p.frameRate(v); rate > 0 {
		b = append(b, ",FRAME-RATE="...)
		b = strconv.AppendFloat(b, rate, 'f', 3, 64)
	}
	return b
}

// frameRate is what a track declares, else what was measured of the source.
func (p *Packager) frameRate(t *media.Track) float64 {
	if t.FrameRate > 0 {
		return t.FrameRate
	}
	if p.timing.frames > 0 {
		return float64(p.timing.frames) / (float64(p.timing.total) / float64(time.Second))
	}
	return 0
}
