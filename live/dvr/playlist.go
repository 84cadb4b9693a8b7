package dvr

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"sync"
	"time"

	"roomcast/live/hls"
)

// skipTargets is CAN-SKIP-UNTIL in target durations, the least that is allowed
// (rfc8216bis, 4.4.3.8).
const skipTargets = 6

const typePlaylist = "application/vnd.apple.mpegurl"

// view is one version of a playlist. It never changes.
type view struct {
	base      string
	records   []record
	inits     [][nameBytes]byte
	initsGone uint32
	first     int // media sequence number
	breaks    int // EXT-X-DISCONTINUITY-SEQUENCE
	target    time.Duration
	ended     bool

	delta hls.Blob // without a body when there is nothing to skip

	once  sync.Once
	whole hls.Blob
}

// publish makes the listed segments the newest version.
func (r *rendition) publish(base string, breaks int, ended bool) {
	if r.target == 0 {
		return
	}
	v := &view{
		base: base, records: r.records[r.head:len(r.records):len(r.records)],
		inits: r.inits[:len(r.inits):len(r.inits)], initsGone: r.initsGone,
		first: r.first, breaks: breaks, target: r.target, ended: ended,
	}
	if skipped := v.skippable(); skipped > 0 {
		v.delta = blob(v.render(skipped))
	}
	r.view.Store(v)
}

// blob makes a playlist to serve of its text.
func blob(body []byte) hls.Blob {
	return hls.Blob{Body: body, ContentType: typePlaylist, Gzip: compress(body)}
}

// full is the whole playlist, made when it is first asked for.
func (v *view) full() hls.Blob {
	v.once.Do(func() { v.whole = blob(v.render(0)) })
	return v.whole
}

// skippable counts the segments before the skip boundary.
func (v *view) skippable() int {
	var after time.Duration
	for i := len(v.records) - 1; i >= 0; i-- {
		if after >= skipTargets*v.target {
			return i + 1
		}
		after += v.records[i].length()
	}
	return 0
}

// render writes the playlist without its first skipped segments.
func (v *view) render(skipped int) []byte {
	size := 512 + (len(v.records)-skipped)*(120+len(v.base))
	b := make([]byte, 0, size)
	b = append(b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:"...)
	b = strconv.AppendInt(b, int64(v.target/time.Second), 10)
	b = append(b, "\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL="...)
	b = appendSeconds(b, uint64(skipTargets*v.target/tick))
	b = append(b, "\n#EXT-X-MEDIA-SEQUENCE:"...)
	b = strconv.AppendInt(b, int64(v.first), 10)
	b = append(b, "\n#EXT-X-DISCONTINUITY-SEQUENCE:"...)
	b = strconv.AppendInt(b, int64(v.breaks), 10)
	b = append(b, '\n')
	if skipped > 0 {
		b = append(b, "#EXT-X-SKIP:SKIPPED-SEGMENTS="...)
		b = strconv.AppendInt(b, int64(skipped), 10)
		b = append(b, '\n')
	}
	for i := skipped; i < len(v.records); i++ {
		b = v.appendRecord(b, i)
	}
	if v.ended {
		b = append(b, "#EXT-X-ENDLIST\n"...)
	}
	return b
}

func (v *view) appendRecord(b []byte, i int) []byte {
	rec := &v.records[i]
	if rec.flags&flagDiscontinuity != 0 {
		b = append(b, "#EXT-X-DISCONTINUITY\n"...)
	}
	if i == 0 || v.records[i-1].init != rec.init {
		b = append(b, `#EXT-X-MAP:URI="`...)
		b = append(b, v.base...)
		b = appendName(b, &v.inits[rec.init-v.initsGone], initSuffix)
		b = append(b, "\"\n"...)
	}
	b = append(b, "#EXT-X-PROGRAM-DATE-TIME:"...)
	b = time.UnixMilli(rec.at).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	if rec.flags&flagGap != 0 {
		b = append(b, "\n#EXT-X-GAP"...)
	}
	b = append(b, "\n#EXTINF:"...)
	b = appendSeconds(b, uint64(rec.duration))
	b = append(b, ",\n"...)
	b = append(b, v.base...)
	b = appendName(b, &rec.name, segmentSuffix)
	return append(b, '\n')
}

// last lists the newest segments that together last d, without gaps.
func (v *view) last(d time.Duration) []Segment {
	i := Begin(len(v.records), d, func(i int) (time.Duration, bool) {
		rec := &v.records[i]
		return rec.length(), rec.flags&(flagIndependent|flagGap) == flagIndependent
	})
	var out []Segment
	for ; i < len(v.records); i++ {
		rec := &v.records[i]
		if rec.flags&flagGap != 0 {
			continue
		}
		out = append(out, Segment{
			Name:  string(appendName(nil, &rec.name, segmentSuffix)),
			Init:  string(appendName(nil, &v.inits[rec.init-v.initsGone], initSuffix)),
			Start: time.UnixMilli(rec.at).UTC(), Duration: rec.length(), Independent: rec.flags&flagIndependent != 0,
		})
	}
	return out
}

// appendSeconds writes a number of ticks as seconds with five decimals.
func appendSeconds(b []byte, ticks uint64) []byte {
	const second = uint64(time.Second / tick)
	b = strconv.AppendUint(b, ticks/second, 10)
	b = append(b, '.')
	for rest, unit := ticks%second, second/10; unit > 0; unit /= 10 {
		b = append(b, '0'+byte(rest/unit%10))
	}
	return b
}

// compressors are shared: each holds some hundred kilobytes.
var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
	return w
}}

// compress answers nil if that is no gain.
func compress(b []byte) []byte {
	var out bytes.Buffer
	w, _ := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(&out)
	// Writing to a buffer does not fail.
	if _, err := w.Write(b); err != nil || w.Close() != nil || out.Len() >= len(b) {
		return nil
	}
	return bytes.Clone(out.Bytes())
}
