package dvr

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"roomcast/live/hls"
)

// The suffixes of objects. Their names are 128 random bits in base64url before
// that: 16 bytes in memory, and nothing that could leave the directory.
const (
	segmentSuffix = ".m4s"
	initSuffix    = ".mp4"
	nameBytes     = 16
	nameChars     = 22
)

const (
	flagGap uint8 = 1 << iota
	flagDiscontinuity
	flagIndependent
)

// record is a segment of a rendition, in 40 bytes. It never changes.
type record struct {
	name     [nameBytes]byte
	at       int64  // wall clock of its start, Unix time in ms
	duration uint32 // in units of 10 us
	init     uint32 // index of its init segment, counted over the show
	flags    uint8
}

const tick = 10 * time.Microsecond

func (r *record) length() time.Duration { return time.Duration(r.duration) * tick }

// parseName reads the random bytes of an object's name.
func parseName(name, suffix string) (b [nameBytes]byte, ok bool) {
	text, ok := strings.CutSuffix(name, suffix)
	if !ok || len(text) != nameChars {
		return b, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(text))
	return b, err == nil && n == nameBytes
}

// isName reports whether a name is one that an archive may hold.
func isName(name string) bool {
	if _, ok := parseName(name, segmentSuffix); ok {
		return true
	}
	_, ok := parseName(name, initSuffix)
	return ok
}

func appendName(b []byte, name *[nameBytes]byte, suffix string) []byte {
	b = base64.RawURLEncoding.AppendEncode(b, name[:])
	return append(b, suffix...)
}

// rendition is the window of one media playlist. All but view belong to the
// archive's writer.
type rendition struct {
	// records are those whose files exist, the listed ones from head on. It is
	// only ever appended to and cut at the front: a slice of it stays as it is.
	records []record
	head    int
	// first is the media sequence number of records[head].
	first  int
	target time.Duration

	inits     [][nameBytes]byte // those that records use
	initsGone uint32            // how many before inits[0] there were

	view atomic.Pointer[view]
}

// record packs a segment.
func (r *rendition) record(c hls.Completed) (record, error) {
	if n := len(r.records) - r.head; n > 0 && c.MSN < r.first+n {
		return record{}, fmt.Errorf("segment %d of %q comes after %d", c.MSN, c.Rendition, r.first+n-1)
	}
	name, ok := parseName(c.Name, segmentSuffix)
	if !ok {
		return record{}, fmt.Errorf("segment %d of %q has a name of another kind", c.MSN, c.Rendition)
	}
	init, ok := parseName(c.Init, initSuffix)
	if !ok {
		return record{}, fmt.Errorf("the init segment of %q has a name of another kind", c.Rendition)
	}
	if n := len(r.inits); n == 0 || r.inits[n-1] != init {
		r.inits = append(r.inits, init)
	}
	rec := record{
		name: name, at: c.DateTime.UnixMilli(), duration: uint32((c.Duration + tick/2) / tick),
		init: r.initsGone + uint32(len(r.inits)) - 1,
	}
	if c.Gap {
		rec.flags |= flagGap
	}
	if c.Discontinuity {
		rec.flags |= flagDiscontinuity
	}
	if c.Independent {
		rec.flags |= flagIndependent
	}
	return rec, nil
}

// end is the wall clock at a record's end, as Unix time in ms.
func (r *record) end() int64 { return r.at + r.length().Milliseconds() }

// add lists a segment. One that does not follow the last, as of a rendition
// that was away for a while, begins the list anew.
func (r *rendition) add(rec record, c hls.Completed) {
	if n := len(r.records) - r.head; n == 0 || c.MSN != r.first+n {
		r.head, r.first = len(r.records), c.MSN
	}
	r.records = append(r.records, rec)
	r.target = max(r.target, c.Target)
}

// trim takes off the list what ended before the window begins.
func (r *rendition) trim(begin int64) {
	for r.head < len(r.records) && r.records[r.head].end() <= begin {
		r.head++
		r.first++
	}
}

// listed is how many segments the list has.
func (r *rendition) listed() int { return len(r.records) - r.head }

// expired takes the oldest record off that is out of the list and ended before
// a time.
func (r *rendition) expired(before int64) (name, init string, gap, ok bool) {
	if r.head == 0 || r.records[0].end() > before {
		return "", "", false, false
	}
	rec := &r.records[0]
	name = string(appendName(nil, &rec.name, segmentSuffix))
	init = string(appendName(nil, &r.inits[rec.init-r.initsGone], initSuffix))
	gap = rec.flags&flagGap != 0
	r.records = r.records[1:]
	r.head--
	keep := r.initsGone + uint32(len(r.inits)) - 1
	if len(r.records) > 0 {
		keep = r.records[0].init
	}
	r.inits = r.inits[keep-r.initsGone:]
	r.initsGone = keep
	return name, init, gap, true
}
