package hls

import (
	"bytes"
	"compress/gzip"
	"iter"
	"strconv"
	"sync"
	"time"

	"roomcast/media"
)

// view is what viewers see of a media playlist: made whole by the writer, then
// never changed.
type view struct {
	media Blob
	once  sync.Once // for the gzip form, made when the playlist is first asked for
	// last is the number of the newest complete segment, and parts how many
	// parts the one after it has so far; lastParts is how many last has.
	last, parts, lastParts int
	ended, gone            bool
	// hint is the name of the part that is announced, "" for none.
	hint string
	// wait bounds a blocking reload, advance how many parts ahead one may ask for.
	wait    time.Duration
	advance int
	// back is how far from the end a player has to begin to see a picture at once;
	// 0 if that is so wherever it begins.
	back time.Duration
	// next is closed when another view has taken this one's place.
	next chan struct{}
}

// blob is the playlist to serve. The first one who asks makes the gzip form.
func (v *view) blob() Blob {
	v.once.Do(func() { v.media.Gzip = compress(v.media.Body) })
	return v.media
}

// publish renders the playlist of a rendition from what is there, if there is enough.
func (p *Packager) publish(r *rendition) {
	if !p.open {
		if !p.ready() {
			return
		}
		p.open = true
		for _, f := range p.followers() {
			p.render(f.rendition)
		}
		p.render(p.source) // last: with it all can be seen
		return
	}
	p.render(r)
}

// ready reports whether the first playlists can be shown: with parts, from which
// a player goes on at once, and with the audio that belongs to the picture.
func (p *Packager) ready() bool {
	r := p.source
	n := len(r.segments)
	if n == 0 || !p.timing.fixed() {
		return false
	}
	begun := 0
	if r.current != nil {
		begun = len(r.current.shown())
	}
	if p.o.LowLatency && begun == 0 && len(r.segments[n-1].shown()) == 0 {
		return n > minSegments
	}
	if p.awaitsRungs() {
		return false
	}
	for _, f := range p.sounds {
		if f != nil && len(f.segments) == 0 && n == 1 && (begun < 2 || !p.o.LowLatency) {
			return false
		}
	}
	return true
}

// render makes the view of a rendition.
func (p *Packager) render(r *rendition) {
	n := len(r.segments)
	if n == 0 || !p.timing.fixed() || r.partTarget == 0 {
		return
	}
	if v := r.view.Load(); v != nil && v.gone {
		return
	}
	newest := r.segments[n-1]
	r.text = p.appendMedia(r.text[:0], r)
	v := &view{
		media: Blob{Body: bytes.Clone(r.text), ContentType: typePlaylist},
		last:  newest.number, lastParts: len(newest.shown()),
		ended: p.ended, wait: 3 * p.timing.target, advance: advanceLimit(r.partTarget), next: make(chan struct{}),
		back: r.back(r.holdBack),
	}
	if r.current != nil && r.listsParts() {
		v.parts = len(r.current.shown())
	}
	if p.hints(r) {
		v.hint = r.nextPart
	}
	old := r.view.Swap(v)
	if old != nil {
		close(old.next)
	}
	if old == nil || old.last != v.last || old.ended != v.ended {
		p.arrange()
	}
}

// advanceLimit is the Advance Part Limit (rfc8216bis, 6.2.5.2).
func advanceLimit(part time.Duration) int {
	if part >= time.Second {
		return 3
	}
	return int((3*time.Second + part - 1) / part)
}

// back is how far from the end the newest key frame is from which a player that
// begins hold before the end has to begin. 0 if the segment there has one.
func (r *rendition) back(hold time.Duration) time.Duration {
	var d time.Duration
	dependent := false // something from there on does not begin with a key frame
	if s := r.current; s != nil {
		dependent = !s.independent && !s.gap
		if len(s.shown()) > 0 {
			d = s.duration
		}
		if d >= hold && !dependent {
			return 0
		}
	}
	for i := len(r.segments) - 1; i >= 0; i-- {
		s := r.segments[i]
		d += s.duration
		independent := s.independent || s.gap
		dependent = dependent || !independent
		if d < hold || !independent {
			continue
		}
		if dependent {
			return d
		}
		return 0
	}
	return 0
}

// compressors are shared: each holds some hundred kilobytes.
var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
	return w
}}

// compress answers nil if that is no gain.
func compress(b []byte) []byte {
	w, ok := compressors.Get().(*gzip.Writer)
	if !ok {
		return nil
	}
	defer compressors.Put(w)
	out := bytes.NewBuffer(make([]byte, 0, len(b)/2))
	w.Reset(out)
	// Writing to a buffer does not fail.
	if _, err := w.Write(b); err != nil || w.Close() != nil || out.Len() >= len(b) {
		return nil
	}
	return out.Bytes()
}

// seconds appends a duration in seconds with five decimals.
func seconds(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, d.Seconds(), 'f', 5, 64)
}

func (p *Packager) appendMedia(b []byte, r *rendition) []byte {
	b = append(b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:"...)
	b = strconv.AppendInt(b, int64(p.timing.target/time.Second), 10)
	if p.o.LowLatency {
		b = append(b, "\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK="...)
		b = seconds(b, r.holdBack)
		b = append(b, "\n#EXT-X-PART-INF:PART-TARGET="...)
		b = seconds(b, r.partTarget)
	}
	b = append(b, "\n#EXT-X-MEDIA-SEQUENCE:"...)
	b = strconv.AppendInt(b, int64(r.segments[0].number), 10)
	b = append(b, "\n#EXT-X-DISCONTINUITY-SEQUENCE:"...)
	b = strconv.AppendInt(b, int64(r.segments[0].breaks), 10)
	b = append(b, '\n')
	if r != p.source && r.main().Kind == media.Audio {
		b = append(b, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	init := ""
	for _, s := range r.segments {
		b = p.appendHead(b, s, &init)
		if s.text == nil {
			at := len(b)
			b = p.appendSegment(b, r, s)
			s.text = bytes.Clone(b[at:])
			continue
		}
		b = append(b, s.text...)
	}
	if s := r.current; s != nil && r.listsParts() && len(s.shown()) > 0 {
		b = p.appendHead(b, s, &init)
		b = p.appendDate(b, s)
		b = p.appendParts(b, r, s)
	}
	return p.appendTail(b, r)
}

// appendSegment writes a complete segment, but for what depends on the one before it.
func (p *Packager) appendSegment(b []byte, r *rendition, s *segment) []byte {
	b = p.appendDate(b, s)
	b = p.appendParts(b, r, s)
	if s.gap {
		b = append(b, "#EXT-X-GAP\n"...)
	}
	b = append(b, "#EXTINF:"...)
	b = seconds(b, s.duration)
	b = append(b, ",\n"...)
	b = p.path(b, s.name)
	return append(b, '\n')
}

// appendTail writes what stands after the last segment.
func (p *Packager) appendTail(b []byte, r *rendition) []byte {
	switch {
	case p.ended:
		return append(b, "#EXT-X-ENDLIST\n"...)
	case p.hints(r):
		b = append(b, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`...)
		b = p.path(b, r.nextPart)
		b = append(b, "\"\n"...)
	case p.o.LowLatency:
		// hls.js 1.7 takes the last segment for the one to come, and a
		// discontinuity after it for an error, unless some line follows.
		b = append(b, "# waiting for media\n"...)
	}
	if !p.o.LowLatency {
		return b
	}
	for o := range p.others(r) {
		b = appendReport(b, o)
	}
	return b
}

// appendReport writes how far another rendition is (rfc8216bis, 4.4.5.4).
func appendReport(b []byte, r *rendition) []byte {
	v := r.view.Load()
	if v == nil || v.gone {
		return b
	}
	msn, part := v.last, v.lastParts-1
	if v.parts > 0 {
		msn, part = v.last+1, v.parts-1
	}
	b = append(b, `#EXT-X-RENDITION-REPORT:URI="`...)
	b = append(b, r.name...)
	b = append(b, `.m3u8",LAST-MSN=`...)
	b = strconv.AppendInt(b, int64(msn), 10)
	if part >= 0 {
		b = append(b, ",LAST-PART="...)
		b = strconv.AppendInt(b, int64(part), 10)
	}
	return append(b, '\n')
}

// others are the offered renditions but one.
func (p *Packager) others(r *rendition) iter.Seq[*rendition] {
	return func(yield func(*rendition) bool) {
		l := p.lineup.Load()
		if l == nil {
			return
		}
		for _, o := range l.offered {
			if o != r && !yield(o) {
				return
			}
		}
	}
}

// hints reports whether the next part is announced.
func (p *Packager) hints(r *rendition) bool {
	if !r.listsParts() || p.ended || p.inGap {
		return false
	}
	return r.current == nil || !r.current.whole && !r.current.stopped
}

func (p *Packager) path(b []byte, name string) []byte {
	b = append(b, p.o.BasePath...)
	return append(b, name...)
}

// appendHead writes what stands before a segment and its parts.
func (p *Packager) appendHead(b []byte, s *segment, init *string) []byte {
	if s.discontinuity {
		b = append(b, "#EXT-X-DISCONTINUITY\n"...)
	}
	if s.init != *init {
		*init = s.init
		b = append(b, `#EXT-X-MAP:URI="`...)
		b = p.path(b, s.init)
		b = append(b, "\"\n"...)
	}
	return b
}

func (p *Packager) appendDate(b []byte, s *segment) []byte {
	b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
	b = p.o.Epoch.Add(s.at).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	return append(b, '\n')
}

func (p *Packager) appendParts(b []byte, r *rendition, s *segment) []byte {
	if !r.listsParts() {
		return b
	}
	for _, pt := range s.shown() {
		b = append(b, "#EXT-X-PART:DURATION="...)
		b = seconds(b, pt.duration)
		b = append(b, `,URI="`...)
		b = p.path(b, pt.name)
		b = append(b, '"')
		if pt.independent {
			b = append(b, ",INDEPENDENT=YES"...)
		}
		b = append(b, '\n')
	}
	return b
}
