package hls

import (
	"sync"
	"sync/atomic"
	"time"

	"roomcast/media"
)

const (
	// silence is how long the source may be quiet before the playlist goes on with gaps.
	silence = time.Second
	// standstill is how long the main track may be quiet while the other goes on.
	standstill = 5 * time.Second
)

// Options are what a Packager needs.
type Options struct {
	// BasePath is where objects are served, ending in a slash.
	BasePath string
	// Epoch is the wall clock at time 0 of the units' timeline.
	Epoch time.Time
	// LowLatency lists parts and offers blocking reloads.
	LowLatency bool
	// MaxBytes bounds the media kept [256 MiB]; over it the window gets shorter.
	MaxBytes int
	// Archive, unless nil, gets every finished segment. It is called under the
	// packager's lock and must not block.
	Archive func(Completed)
}

// segment is one media segment, complete or being written.
type segment struct {
	number        int
	name          string
	body          []byte // once complete
	start         time.Duration
	duration      time.Duration
	size          int
	independent   bool
	discontinuity bool
	gap           bool
	init          string // name of its init segment
	parts         []part
}

// part is a piece of a segment: one fragment.
type part struct {
	name        string
	body        []byte
	duration    time.Duration
	independent bool
}

// Packager turns the units of a broadcast into playlists and objects. Write,
// Break, Tick and End may be called from different goroutines; the lookups
// never wait for them.
type Packager struct {
	o       Options
	objects objects
	view    atomic.Pointer[view]

	mu     sync.Mutex
	order  interleaver
	timing timing
	format *media.Format
	main   int // index of the main track in the format: video, else audio
	init   string

	segments []*segment // listed, oldest first
	number   int        // of the next segment
	fragment uint32     // number of the next fragment
	nextPart string     // name of the next part
	// discontinuities is EXT-X-DISCONTINUITY-SEQUENCE: those gone from the list.
	discontinuities int

	current *segment // being written; nil before a key frame
	frag    *fragment
	pending *media.Unit   // the main track's last unit, whose duration is not known yet
	lastKey time.Duration // where the current group of pictures began
	keySeen bool
	step    time.Duration // duration of the main track's last frame
	edge    time.Duration // where the written media ends
	broken  bool          // the next segment follows a discontinuity

	lastUnit time.Time // arrival of the newest unit
	lastMain time.Time // arrival of the main track's newest unit that was taken
	gapEnd   time.Duration
	inGap    bool // until a segment begins
	ended    bool
	rates    rates
	gzip     compressor
	err      error
}

// New makes a packager without media.
func New(o Options) *Packager {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	p := &Packager{o: o, nextPart: newName(".m4s")}
	p.objects.byName = make(map[string]Blob)
	p.order.emit = p.take
	return p
}

// Write packages one unit. A unit of another format than the last one's
// follows a discontinuity. An error means that this format cannot be packaged.
func (p *Packager) Write(u *media.Unit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	p.lastUnit = u.NTP
	if u.Format != p.format {
		if err := p.setFormat(u.Format); err != nil {
			return err
		}
	}
	p.order.push(u)
	return p.err
}

// Break tells that units were lost: what follows does not continue what was.
func (p *Packager) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close()
}

// setFormat starts a new run of segments with their own init segment.
func (p *Packager) setFormat(f *media.Format) error {
	p.close()
	body, err := marshalInit(f)
	if err != nil {
		return err
	}
	p.format, p.main, p.err = f, 0, nil
	for i, t := range f.Tracks {
		if t.Kind == media.Video {
			p.main = i
			break
		}
	}
	p.order.reset(len(f.Tracks))
	if n := len(p.segments); n == 0 || p.segments[n-1].init != p.init {
		p.objects.forget(p.init) // no segment came to need it
	}
	p.init = newName(".mp4")
	p.objects.put(p.init, Blob{Body: body, ContentType: p.contentType(), MaxAge: objectMaxAge})
	return nil
}

func (p *Packager) contentType() string {
	if p.format.HasVideo() {
		return typeVideo
	}
	return typeAudio
}

// close completes what is being written; a discontinuity follows.
func (p *Packager) close() {
	p.order.drain()
	if p.pending != nil {
		p.advance(p.pending.DTS + p.guessStep())
	}
	p.finishSegment()
	p.pending, p.keySeen = nil, false
	p.broken = p.number > 0
}

// guessStep is how long a frame of the main track is, when there is no next one to tell.
func (p *Packager) guessStep() time.Duration {
	if p.step > 0 {
		return p.step
	}
	return 40 * time.Millisecond
}

// take gets the units of all tracks in one order.
func (p *Packager) take(u *media.Unit) {
	if u.Track != p.format.Tracks[p.main] {
		p.takeOther(u)
		return
	}
	random := u.RandomAccess()
	if p.pending != nil {
		p.advance(u.DTS)
	}
	if random && u.Track.Kind == media.Video {
		if !p.keySeen {
			p.timing.promise(media.KeyInterval(u.Payload), u.Track.FrameRate)
		}
		if p.keySeen && u.DTS > p.lastKey {
			p.timing.group(u.DTS - p.lastKey)
		}
		p.lastKey, p.keySeen = u.DTS, true
	}
	p.cut(u, random)
	if p.current != nil {
		p.pending, p.lastMain = u, u.NTP
	}
}

// takeOther adds a unit of the track that follows along: audio beside video.
func (p *Packager) takeOther(u *media.Unit) {
	if p.current == nil || p.overfull() {
		return
	}
	d := time.Duration(u.Track.FrameSamples) * time.Second / time.Duration(u.Track.ClockRate)
	p.open().add(p.trackIndex(u.Track), u, u.DTS+d)
}

func (p *Packager) trackIndex(t *media.Track) int {
	for i, o := range p.format.Tracks {
		if o == t {
			return i
		}
	}
	return p.main
}

// overfull reports whether the fragment being written is larger than any
// honest source makes it.
func (p *Packager) overfull() bool { return p.frag != nil && p.frag.size > p.o.MaxBytes/16 }

// open is the fragment being written, a new one if there is none.
func (p *Packager) open() *fragment {
	if p.frag == nil {
		p.frag = newFragment(p.format)
	}
	return p.frag
}

// advance adds the pending unit of the main track, which lasts until end.
func (p *Packager) advance(end time.Duration) {
	u := p.pending
	p.pending = nil
	d := max(end-u.DTS, time.Millisecond)
	p.step = d
	p.timing.frame(d)
	if p.frag != nil && p.frag.duration > 0 && p.frag.duration+d > p.timing.partLimit() || p.overfull() {
		p.finishPart()
	}
	f := p.open()
	if f.duration == 0 {
		f.independent = u.RandomAccess()
	}
	f.add(p.main, u, u.DTS+d)
	f.duration += d
	p.current.duration += d
	p.edge = u.DTS + d
	if f.duration+d > p.timing.partLimit() {
		p.finishPart()
	}
}

// cut ends the segment before u if it is time to, and begins one if there is none.
func (p *Packager) cut(u *media.Unit, random bool) {
	if p.current != nil {
		d := p.current.duration
		switch {
		case random && u.Track.Kind == media.Video && p.timing.cutAtKey(d),
			u.Track.Kind == media.Audio && d+p.step > max(p.timing.target, minTarget),
			p.timing.mustCut(d, p.step),
			p.current.size > p.o.MaxBytes/4:
			p.finishSegment()
		}
	}
	if p.current == nil && (random || p.keySeen) {
		p.begin(u, random)
	}
}

func (p *Packager) begin(u *media.Unit, random bool) {
	p.current = &segment{
		number: p.number, name: newName(".m4s"), start: u.PTS,
		independent: random, discontinuity: p.broken, init: p.init,
	}
	p.number++
	p.broken, p.inGap = false, false
}

// finishPart completes the fragment being written and makes it a part.
func (p *Packager) finishPart() {
	f := p.frag
	p.frag = nil
	if f == nil || f.empty() || p.current == nil {
		return
	}
	body, err := f.marshal(p.fragment)
	if err != nil {
		p.err = err
		return
	}
	p.fragment++
	s := p.current
	pt := part{name: p.nextPart, body: body, duration: f.duration, independent: f.independent}
	p.nextPart = newName(".m4s")
	s.parts = append(s.parts, pt)
	s.size += len(body)
	if p.listsParts() {
		p.objects.put(pt.name, Blob{Body: body, ContentType: p.contentType(), MaxAge: objectMaxAge})
		p.publish()
	}
}

// listsParts reports whether parts are shown to viewers.
func (p *Packager) listsParts() bool { return p.o.LowLatency && p.timing.fixed() }

// finishSegment completes the segment being written and lists it.
func (p *Packager) finishSegment() {
	s := p.current
	if s == nil {
		p.frag = nil
		return
	}
	// Audio alone, after the last picture, is no part of its own.
	if p.frag != nil && p.frag.duration == 0 && len(s.parts) > 0 {
		p.frag = nil
	}
	listed := p.listsParts()
	p.finishPart()
	p.current = nil
	if s.size == 0 || s.duration == 0 {
		return
	}
	s.body = make([]byte, 0, s.size)
	for i := range s.parts {
		at := len(s.body)
		s.body = append(s.body, s.parts[i].body...)
		// The part lives on as a piece of the segment: nothing is kept twice.
		s.parts[i].body = s.body[at:len(s.body):len(s.body)]
		if listed {
			p.objects.put(s.parts[i].name, Blob{Body: s.parts[i].body, ContentType: p.contentType(), MaxAge: objectMaxAge})
		}
	}
	if !listed {
		s.parts = nil
	}
	p.objects.put(s.name, Blob{Body: s.body, ContentType: p.contentType(), MaxAge: objectMaxAge})
	p.segments = append(p.segments, s)
	p.rates.add(s)
	p.settle()
	p.archive(s)
	p.trim()
	p.publish()
}

// settle fixes the targets once enough has been seen.
func (p *Packager) settle() {
	if p.timing.fixed() {
		return
	}
	var total, longest time.Duration
	for _, s := range p.segments {
		total += s.duration
		longest = max(longest, s.duration)
	}
	if total >= minOpening {
		p.timing.fix(longest, p.format.Tracks[p.main])
	}
}

// Tick keeps the playlist alive while the source is silent. Call it a few
// times a second.
func (p *Packager) Tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.objects.purge(now)
	if p.ended || p.lastMain.IsZero() {
		return
	}
	if !p.inGap {
		if now.Sub(p.lastUnit) < silence && now.Sub(p.lastMain) < standstill {
			return
		}
		p.close()
		p.inGap, p.gapEnd = true, p.edge
	}
	if !p.timing.fixed() {
		return
	}
	// Gaps are listed when their time has passed, a second each.
	due := p.edge + now.Sub(p.lastMain)
	for n := 0; p.gapEnd+silence <= due && n < 60; n++ {
		p.addGap()
	}
}

func (p *Packager) addGap() {
	n := len(p.segments)
	s := &segment{
		number: p.number, name: newName(".m4s"), start: p.gapEnd, duration: silence,
		discontinuity: n > 0 && !p.segments[n-1].gap, gap: true, init: p.init,
	}
	p.segments = append(p.segments, s)
	p.archive(s)
	p.number++
	p.gapEnd += silence
	p.trim()
	p.publish()
}

// End completes the playlist: nothing follows.
func (p *Packager) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.close()
	p.ended = true
	if len(p.segments) > 0 && !p.timing.fixed() {
		p.timing.fix(p.segments[len(p.segments)-1].duration, p.format.Tracks[p.main])
	}
	p.publish()
}
