package hls

import (
	"slices"
	"time"

	"roomcast/media"
)

// RungOptions are what a rung is made of.
type RungOptions struct {
	// Name is that of its media playlist: letters, digits and dashes, none of
	// the packager's own.
	Name string
	// MaxLag is how far it may be behind the source [2 s]; Options.RungLag is the
	// most of all rungs. Its segments are listed as gaps when it is a second more.
	MaxLag time.Duration
}

// Rung is a rendition of lower quality, transcoded from the source elsewhere. Its
// segments are those of the source, with the source's first audio track.
type Rung struct {
	follower
	lag     time.Duration
	removed bool
}

// AddRung adds a rendition. It is listed with its first segment: the next one of the
// source that its units hold the beginning of.
func (p *Packager) AddRung(o RungOptions) *Rung {
	if o.MaxLag <= 0 {
		o.MaxLag = 2 * time.Second
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &Rung{follower: follower{rendition: newRendition(p, o.Name), patience: o.MaxLag + soundPatience, keys: true}, lag: o.MaxLag}
	p.lag = max(p.lag, o.MaxLag)
	p.rungs = append(p.rungs, r)
	return r
}

// Write packages a picture. Its times are those of the source's pictures. A
// picture of another track than before is of a new init segment.
func (r *Rung) Write(u *media.Unit) error {
	p := r.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || r.removed || len(u.Payload) == 0 {
		return nil
	}
	r.push(u)
	r.follow(false)
	return p.err
}

// Remove takes the rendition out: it is not offered any more, and its playlist is
// not found. Its segments can be fetched for as long as others.
func (r *Rung) Remove() {
	p := r.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.removed {
		return
	}
	r.removed = true
	p.rungs = slices.DeleteFunc(p.rungs, func(o *Rung) bool { return o == r })
	p.withdraw(r.rendition) // who waits is to hear that it is gone, not of its last segment
	r.finish()
	for len(r.segments) > 0 {
		p.drop(r.rendition)
	}
}
