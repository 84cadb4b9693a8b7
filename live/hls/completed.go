package hls

import "time"

// Completed is one finished segment, as Options.Archive gets it. Its bytes
// never change.
type Completed struct {
	// Rendition is the name of the media playlist, MSN the media sequence number.
	Rendition string
	MSN       int
	// Name is the object's name, Init that of its initialization segment.
	Name, Init     string
	InitBody, Body []byte
	// Start is on the show's timeline, DateTime the same as a wall clock.
	Start, Duration time.Duration
	DateTime        time.Time
	// Independent says that the segment begins with a key frame, Discontinuity
	// that it does not continue the one before, Gap that it has no body.
	Independent, Discontinuity, Gap bool
	// Target is EXT-X-TARGETDURATION; 0 as long as it is not fixed.
	Target time.Duration
}

// archive hands a finished segment on.
func (p *Packager) archive(r *rendition, s *segment) {
	if p.o.Archive == nil {
		return
	}
	c := Completed{
		Rendition: r.name, MSN: s.number, Name: s.name, Init: s.init, Body: s.body,
		Start: s.at, Duration: s.duration, DateTime: p.o.Epoch.Add(s.at),
		Independent: s.independent, Discontinuity: s.discontinuity, Gap: s.gap, Target: p.timing.target,
	}
	if b, ok := p.objects.get(s.init); ok {
		c.InitBody = b.Body
	}
	p.o.Archive(c)
}
