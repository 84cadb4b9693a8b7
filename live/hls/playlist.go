package hls

import (
	"bytes"
	"compress/gzip"
	"context"
	"math"
	"strconv"
	"time"

	"roomcast/media"
	"roomcast/rooms"
)

// view is what viewers see: made whole by the writer, then never changed.
type view struct {
	media Blob
	// before and after are the multivariant playlist around the player's path element.
	before, after []byte
	// last is the number of the newest complete segment, and parts how many
	// parts the one after it has so far.
	last, parts int
	ended       bool
	// hint is the name of the part that is announced, "" for none.
	hint string
	// wait bounds a blocking reload.
	wait time.Duration
	// next is closed when another view has taken this one's place.
	next chan struct{}
}

var errNotReady = &rooms.Error{
	Code: rooms.CodeNotReady, Detail: "no media yet", RetryAfter: time.Second,
}

// publish renders the playlists from what is there, if there is enough.
func (p *Packager) publish() {
	if !p.timing.fixed() || len(p.segments) == 0 {
		return
	}
	v := &view{
		media: Blob{Body: p.renderMedia(), ContentType: typePlaylist},
		last:  p.segments[len(p.segments)-1].number,
		ended: p.ended, wait: 3 * p.timing.target, next: make(chan struct{}),
	}
	v.media.Gzip = p.gzip.compress(v.media.Body)
	if p.current != nil && p.listsParts() {
		v.parts = len(p.current.parts)
	}
	if p.hints() {
		v.hint = p.nextPart
	}
	v.before, v.after = p.renderMultivariant()
	if old := p.view.Swap(v); old != nil {
		close(old.next)
	}
}

// compressor makes the gzip form of playlists, one after the other.
type compressor struct {
	out bytes.Buffer
	w   *gzip.Writer
}

// compress answers nil if that is no gain.
func (c *compressor) compress(b []byte) []byte {
	c.out.Reset()
	if c.w == nil {
		c.w, _ = gzip.NewWriterLevel(&c.out, gzip.BestSpeed) // the level is a valid one
	} else {
		c.w.Reset(&c.out)
	}
	// Writing to a buffer does not fail.
	if _, err := c.w.Write(b); err != nil || c.w.Close() != nil || c.out.Len() >= len(b) {
		return nil
	}
	return bytes.Clone(c.out.Bytes())
}

// seconds appends a duration in seconds with five decimals.
func seconds(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, d.Seconds(), 'f', 5, 64)
}

func (p *Packager) renderMedia() []byte {
	b := make([]byte, 0, 4096)
	b = append(b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:"...)
	b = strconv.AppendInt(b, int64(p.timing.target/time.Second), 10)
	if p.o.LowLatency {
		b = append(b, "\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK="...)
		b = seconds(b, 3*p.partTarget())
		b = append(b, "\n#EXT-X-PART-INF:PART-TARGET="...)
		b = seconds(b, p.partTarget())
	}
	b = append(b, "\n#EXT-X-MEDIA-SEQUENCE:"...)
	b = strconv.AppendInt(b, int64(p.segments[0].number), 10)
	b = append(b, "\n#EXT-X-DISCONTINUITY-SEQUENCE:"...)
	b = strconv.AppendInt(b, int64(p.discontinuities), 10)
	b = append(b, '\n')
	init := ""
	for _, s := range p.segments {
		b = p.renderHead(b, s, &init)
		b = p.renderParts(b, s)
		if s.gap {
			b = append(b, "#EXT-X-GAP\n"...)
		}
		b = append(b, "#EXTINF:"...)
		b = seconds(b, s.duration)
		b = append(b, ",\n"...)
		b = p.path(b, s.name)
		b = append(b, '\n')
	}
	if p.current != nil && p.listsParts() && len(p.current.parts) > 0 {
		b = p.renderHead(b, p.current, &init)
		b = p.renderParts(b, p.current)
	}
	switch {
	case p.ended:
		b = append(b, "#EXT-X-ENDLIST\n"...)
	case p.hints():
		b = append(b, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`...)
		b = p.path(b, p.nextPart)
		b = append(b, "\"\n"...)
	case p.o.LowLatency:
		// hls.js 1.7 takes the last segment for the one to come, and a
		// discontinuity after it for an error, unless some line follows.
		b = append(b, "# waiting for media\n"...)
	}
	return bytes.Clone(b)
}

// hints reports whether the next part is announced.
func (p *Packager) hints() bool { return p.listsParts() && !p.ended && !p.inGap }

// partTarget is PART-TARGET, rounded up to the five decimals that are written,
// so that no part is longer.
func (p *Packager) partTarget() time.Duration {
	const unit = 10 * time.Microsecond
	return (p.timing.part + unit - 1) / unit * unit
}

func (p *Packager) path(b []byte, name string) []byte {
	b = append(b, p.o.BasePath...)
	return append(b, name...)
}

// renderHead writes what stands before a segment and its parts.
func (p *Packager) renderHead(b []byte, s *segment, init *string) []byte {
	if s.discontinuity {
		b = append(b, "#EXT-X-DISCONTINUITY\n"...)
	}
	if s.init != *init {
		*init = s.init
		b = append(b, `#EXT-X-MAP:URI="`...)
		b = p.path(b, s.init)
		b = append(b, "\"\n"...)
	}
	b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
	b = p.o.Epoch.Add(s.start).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	return append(b, '\n')
}

func (p *Packager) renderParts(b []byte, s *segment) []byte {
	if !p.listsParts() {
		return b
	}
	for _, pt := range s.parts {
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

// renderMultivariant renders the multivariant playlist up to and after the
// place of the player's path element.
func (p *Packager) renderMultivariant() (before, after []byte) {
	b := append(make([]byte, 0, 512), "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-STREAM-INF:BANDWIDTH="...)
	b = strconv.AppendInt(b, int64(math.Ceil(p.rates.peak)), 10)
	b = append(b, ",AVERAGE-BANDWIDTH="...)
	b = strconv.AppendInt(b, int64(math.Ceil(p.rates.average())), 10)
	b = append(b, `,CODECS="`...)
	for i, t := range p.format.Tracks {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, t.CodecString()...)
	}
	b = append(b, '"')
	if v := p.format.Find(media.Video); v != nil {
		b = append(b, ",RESOLUTION="...)
		b = strconv.AppendInt(b, int64(v.Width), 10)
		b = append(b, 'x')
		b = strconv.AppendInt(b, int64(v.Height), 10)
		rate := v.FrameRate
		if rate == 0 && p.step > 0 {
			rate = 1 / p.step.Seconds()
		}
		if rate > 0 {
			b = append(b, ",FRAME-RATE="...)
			b = strconv.AppendFloat(b, rate, 'f', 3, 64)
		}
	}
	b = append(b, '\n')
	return bytes.Clone(b), []byte("/" + Name + ".m3u8\n")
}

// Multivariant is the multivariant playlist for one player, a path element
// under which its media playlists stand. not_ready before there is media.
func (p *Packager) Multivariant(player string) (Blob, error) {
	v := p.view.Load()
	if v == nil {
		return Blob{}, errNotReady
	}
	b := make([]byte, 0, len(v.before)+len(player)+len(v.after))
	b = append(append(append(b, v.before...), player...), v.after...)
	return Blob{Body: b, ContentType: typePlaylist}, nil
}

// Playlist is the media playlist of a name, with or without ".m3u8". A request
// for a part to come waits for it, at most three target durations.
func (p *Packager) Playlist(ctx context.Context, name string, q Query) (Blob, error) {
	if name != Name && name != Name+".m3u8" {
		return Blob{}, &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such playlist"}
	}
	v := p.view.Load()
	if v == nil {
		return Blob{}, errNotReady
	}
	if v.has(q) {
		return v.media, nil
	}
	if q.MSN > v.last+2 {
		return Blob{}, &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "_HLS_msn is too far ahead"}
	}
	t := time.NewTimer(v.wait)
	defer t.Stop()
	for !v.has(q) {
		select {
		case <-v.next:
			v = p.view.Load()
		case <-t.C:
			return Blob{}, &rooms.Error{Code: rooms.CodeNotReady, Detail: "the part asked for did not come", RetryAfter: time.Second}
		case <-ctx.Done():
			return Blob{}, ctx.Err()
		}
	}
	return v.media, nil
}

// has reports whether the view holds what a query asks for. A part beyond the
// last of its segment is the first of the next (rfc8216bis, 6.2.5.2).
func (v *view) has(q Query) bool {
	if v.ended || q.MSN <= v.last {
		return true
	}
	return q.MSN == v.last+1 && !q.WholeSegment && q.Part < v.parts
}

// Object is a segment, part or init segment by its name.
func (p *Packager) Object(name string) (Blob, error) {
	b, ok := p.objects.get(name)
	if !ok {
		return Blob{}, errNoObject
	}
	return b, nil
}

// Announced reports whether name is the part that is to come next.
func (p *Packager) Announced(name string) bool {
	v := p.view.Load()
	return v != nil && v.hint == name && name != ""
}

// Await is Object, but for the part that is announced as the next it waits
// until it is there (rfc8216bis, 6.2.6), at most three target durations.
func (p *Packager) Await(ctx context.Context, name string) (Blob, error) {
	v := p.view.Load()
	if v == nil || v.hint != name {
		return p.Object(name)
	}
	t := time.NewTimer(v.wait)
	defer t.Stop()
	for v.hint == name {
		select {
		case <-v.next:
			v = p.view.Load()
		case <-t.C:
			return Blob{}, errNoObject
		case <-ctx.Done():
			return Blob{}, ctx.Err()
		}
	}
	return p.Object(name)
}

var errNoObject = &rooms.Error{Code: rooms.CodeNotFound, Detail: "no such object"}
