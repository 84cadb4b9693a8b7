package hls

import (
	"sync"
	"sync/atomic"
	"time"

	"roomcast/media"
)

const (
	// silence is how long the source may be quiet before the playlist goes on
	// with gaps, and how long a gap segment is. Whoever bridges the source begins
	// after a second, so that gaps are for when nobody does.
	silence = 1500 * time.Millisecond
	// gapLength is how long a gap segment is.
	gapLength = time.Second
	// standstill is how long the main track may be quiet while the other goes on.
	standstill = 5 * time.Second
	// maxSamples bounds a part of a source whose time hardly goes on.
	maxSamples = 4096
)

// Options are what a Packager needs.
type Options struct {
	// BasePath is where objects are served, ending in a slash.
	BasePath string
	// Epoch is the wall clock at time 0 of the units' timeline.
	Epoch time.Time
	// LowLatency lists parts and offers blocking reloads.
	LowLatency bool
	// RungLag is how far rungs may be behind the source. PART-HOLD-BACK covers it
	// from the beginning, for it does not change, also if rungs are added later.
	RungLag time.Duration
	// Uncached keeps objects out of caches, for what few may see.
	Uncached bool
	// MaxBytes bounds the media kept of all renditions together [256 MiB]; over it
	// the window gets shorter.
	MaxBytes int
	// Archive gets every segment when it is finished, gaps included, each
	// rendition's in order; nil is nobody. It is called under the packager's
	// lock: it must not block.
	Archive func(Completed)
}

// Packager turns the units of a broadcast into playlists and objects. Write,
// Break, Tick, End and the rungs may be called from different goroutines; the
// lookups never wait for them.
type Packager struct {
	o       Options
	objects objects
	lineup  atomic.Pointer[lineup]

	mu     sync.Mutex
	order  interleaver
	timing timing
	cuts   cuts
	format *media.Format
	err    error

	// source is the rendition that decides where segments begin, by its key frames
	// or by a beat; followers are cut at the same places.
	source   *rendition
	sounds   []*follower // of the audio tracks, by their place; nil for those without a playlist
	rungs    []*Rung
	decided  time.Duration // all segments that begin until here are known
	lag      time.Duration // how far rungs may be behind
	open     bool          // playlists are shown
	captions captionFinder
	beat     Beat
	latest   time.Duration // of the pictures taken, the one shown last
	broken   bool          // the next segment follows a discontinuity
	lastKey  time.Duration // where the current group of pictures began
	keySeen  bool
	now      time.Time // by the newest unit or tick
	lastUnit time.Time // arrival of the newest unit
	lastMain time.Time // arrival of the main track's newest unit that was taken
	gapEnd   time.Duration
	inGap    bool // until a segment begins
	ended    bool
}

// New makes a packager without media.
func New(o Options) *Packager {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	p := &Packager{o: o, lag: o.RungLag}
	// hls.js takes a media sequence number of 0 for none.
	p.cuts.next = 1
	p.objects.byName = make(map[string]Blob)
	p.order.emit = p.take
	p.source = newRendition(p, Name)
	return p
}

// Write packages one unit. A unit of another format than the last one's
// follows a discontinuity. An error means that this format cannot be packaged.
func (p *Packager) Write(u *media.Unit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || len(u.Payload) == 0 {
		return nil // readers refuse empty samples
	}
	p.now, p.lastUnit = u.NTP, u.NTP
	if u.Format != p.format {
		if err := p.setFormat(u.Format); err != nil {
			return err
		}
	}
	if k := p.soundIndex(u.Track); k > 0 {
		p.sounds[k].push(u)
		return nil
	}
	p.order.push(u)
	return p.err
}

// soundIndex is which of the audio tracks t is, or -1.
func (p *Packager) soundIndex(t *media.Track) int {
	for i, a := range p.format.Audio() {
		if a == t {
			return i
		}
	}
	return -1
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
	tracks := f.Tracks
	if f.HasVideo() && len(tracks) > 2 {
		tracks = tracks[:2:2]
	} else if !f.HasVideo() {
		tracks = tracks[:1:1]
	}
	p.format, p.err = f, nil
	p.order.reset(len(tracks))
	if err := p.source.setTracks(tracks...); err != nil {
		return err
	}
	p.setSounds(f)
	return nil
}

// close completes what is being written; a discontinuity follows.
func (p *Packager) close() {
	p.order.drain()
	p.sever()
}

// sever is close, but for units that are still to be put in order.
func (p *Packager) sever() {
	r := p.source
	if u := r.pending; u != nil && len(r.frag.tracks) > 1 {
		r.frag.trim(1, u.DTS+r.guessStep()+soundSlack)
	}
	r.complete()
	p.source.frag.clear()
	if c := p.newest(); c != nil && !c.closed {
		p.closeCut(c, p.source.edge)
	}
	p.decided = max(p.decided, p.source.edge)
	p.keySeen = false
	p.broken = len(p.cuts.list) > 0
	p.followAll(true)
}

// newest is the segment begun last, or nil.
func (p *Packager) newest() *cut {
	if n := len(p.cuts.list); n > 0 {
		return p.cuts.list[n-1]
	}
	return nil
}

func (p *Packager) closeCut(c *cut, end time.Duration) {
	c.end, c.closed, c.closedAt = max(end, c.start), true, p.now
}

// take gets the units of the source rendition in one order.
func (p *Packager) take(u *media.Unit) {
	if u.Track != p.source.main() {
		p.takeSound(u)
		return
	}
	random := u.RandomAccess()
	r := p.source
	if r.pending != nil {
		p.bridge(u.DTS - r.pending.DTS)
	}
	if r.pending != nil {
		r.advance(u.DTS)
		p.timing.frame(r.step)
	}
	if u.Track.Kind == media.Video {
		p.watch(u, random)
	}
	p.divide(u, random)
	p.latest = max(p.latest, u.PTS)
	if r.current != nil {
		r.pending, p.lastMain = u, u.NTP
		p.decided = u.DTS
	}
	if !p.format.HasVideo() {
		p.hear(u)
	}
	p.followAll(false)
}

// bridge prepares for a unit that comes d after the pending one: one that would
// last longer than its segment may begins a segment of its own, and after one
// that would last longer than any segment may there is a discontinuity.
func (p *Packager) bridge(d time.Duration) {
	r := p.source
	limit := p.timing.longestSegment()
	switch {
	case d > limit:
		p.sever()
	case r.current.duration > 0 && r.current.duration+d > limit:
		u, c := r.pending, r.current.cut
		r.pending = nil
		r.finishSegment()
		p.closeCut(c, u.DTS)
		r.begin(p.cuts.add(u.PTS, false, false, p.format), u)
		r.pending = u
	}
}

// watch notes what a picture tells of the source.
func (p *Packager) watch(u *media.Unit, random bool) {
	p.captions.look(u)
	if !random {
		return
	}
	if !p.keySeen {
		p.timing.promise(media.KeyInterval(u.Payload), u.Track.FrameRate)
	}
	if p.keySeen && u.DTS > p.lastKey {
		p.timing.group(u.DTS - p.lastKey)
	}
	p.lastKey, p.keySeen = u.DTS, true
}

// takeSound adds a unit of the audio that goes with the picture.
func (p *Packager) takeSound(u *media.Unit) {
	if r := p.source; r.current != nil && !r.overfull() {
		r.frag.addAudio(1, u)
	}
	p.hear(u)
}

// divide ends the segment before u if it is time to, and begins one if there is none.
func (p *Packager) divide(u *media.Unit, random bool) {
	r := p.source
	if r.current != nil && p.dueAt(u, random) {
		c := r.current.cut
		r.finishSegment()
		p.closeCut(c, u.DTS)
	}
	if r.current != nil || !random && !p.keySeen {
		return
	}
	c := p.cuts.add(u.PTS, p.broken, false, p.format)
	p.broken, p.inGap = false, false
	r.begin(c, u)
}

// dueAt reports whether the segment being written ends before u.
func (p *Packager) dueAt(u *media.Unit, random bool) bool {
	s, step := p.source.current, p.source.step
	d := s.duration
	if p.timing.mustCut(d, step) || s.size > p.o.MaxBytes/4 {
		return true
	}
	if u.Track.Kind == media.Audio {
		return d+step > max(p.timing.target, minTarget)
	}
	if p.beat.On(u.PTS) {
		return p.beat.Falls(p.latest, u.PTS)
	}
	return random && p.timing.cutAtKey(d)
}

// listed is told of every segment that came onto a list.
func (p *Packager) listed(r *rendition) {
	if r == p.source {
		p.settle()
	}
	p.trim(r)
}

// settle fixes the targets once enough has been seen.
func (p *Packager) settle() {
	if p.timing.fixed() {
		return
	}
	var total, longest time.Duration
	for _, s := range p.source.segments {
		total += s.duration
		longest = max(longest, s.duration)
	}
	if total >= minOpening {
		p.fix(longest)
	}
}

// fix decides the targets.
func (p *Packager) fix(longest time.Duration) {
	beat := time.Duration(0)
	if p.beat.On(p.latest) {
		beat = p.beat.Every
	}
	p.timing.fix(longest, beat, p.source.main())
	p.source.fix(p.timing.partFor(p.source.main()))
	for _, f := range p.followers() {
		f.fixTarget()
	}
}

// Tick keeps the playlist alive while the source is silent. Call it a few
// times a second.
func (p *Packager) Tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
	p.objects.purge(now)
	if p.ended || p.lastMain.IsZero() {
		return
	}
	if !p.inGap {
		if now.Sub(p.lastUnit) < silence && now.Sub(p.lastMain) < standstill {
			return
		}
		p.close()
		p.inGap, p.gapEnd = true, p.source.edge
	}
	if !p.timing.fixed() {
		return
	}
	// Gaps are listed when their time has passed, a second each.
	due := p.source.edge + now.Sub(p.lastMain)
	for n := 0; p.gapEnd+gapLength <= due && n < 60; n++ {
		p.addGap()
	}
}

func (p *Packager) addGap() {
	last := p.newest()
	c := p.cuts.add(p.gapEnd, last != nil && !last.gap, true, p.format)
	p.gapEnd += gapLength
	p.closeCut(c, p.gapEnd)
	p.decided = p.gapEnd
	p.source.skip(c)
	p.followAll(true)
}

// End completes the playlists: nothing follows.
func (p *Packager) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.close()
	for _, f := range p.followers() {
		f.finish()
	}
	p.ended = true
	if n := len(p.source.segments); n > 0 && !p.timing.fixed() {
		p.fix(p.source.segments[n-1].duration)
	}
	p.open = true
	p.publish(p.source)
	for _, f := range p.followers() {
		p.publish(f.rendition)
	}
}
