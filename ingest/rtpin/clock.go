package rtpin

import (
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/ntp"
	"github.com/pion/rtcp"
)

const (
	// maxSkew is how far apart sender reports may put two tracks and still be
	// believed: some cameras keep a wall clock for each.
	maxSkew = 10 * time.Second
	// minSkew is the correction that is worth a break in a track's timestamps.
	minSkew = 25 * time.Millisecond
)

// clock maps the RTP timestamps of one track to the time of its session.
type clock struct {
	rate  int64 // ticks per second
	seen  bool
	last  uint32 // newest timestamp
	ticks int64  // of last, counted from the first one, without wrapping
	// offset is the session's time at tick 0.
	offset  time.Duration
	arrival time.Time // of the packet with last
	report  report
}

// report is a sender report: the wall clock of the sender at a timestamp.
type report struct {
	known bool
	rtp   uint32
	wall  time.Time
}

// unwrap counts the ticks of a timestamp, which may be older than the newest one.
func (c *clock) unwrap(ts uint32) int64 { return c.ticks + int64(int32(ts-c.last)) }

// span is a number of ticks as time, without overflow.
func (c *clock) span(ticks int64) time.Duration {
	return time.Duration(ticks/c.rate)*time.Second + time.Duration(ticks%c.rate*int64(time.Second)/c.rate)
}

// wallAtZero is the sender's wall clock at the session's time 0, by this track's report.
func (c *clock) wallAtZero() time.Time {
	return c.report.wall.Add(-c.offset - c.span(c.unwrap(c.report.rtp)))
}

// clocks keep the tracks of one session together. The zero value is ready.
type clocks struct {
	lead *clock // the first track that sent anything; its timestamps are the measure
	all  []*clock
	// apart says that the reports of the tracks contradict each other.
	apart bool
}

// at is the session's time of a timestamp that came in at now.
func (cs *clocks) at(c *clock, ts uint32, now time.Time) time.Duration {
	if !c.seen {
		cs.begin(c, ts, now)
		return c.offset
	}
	ticks := c.unwrap(ts)
	if ticks > c.ticks {
		c.arrival = now
	}
	c.ticks, c.last = ticks, ts
	return c.offset + c.span(ticks)
}

// begin places the first timestamp of a track: at 0 for the first track, for
// the others by the reports if there are any, else by when it came.
func (cs *clocks) begin(c *clock, ts uint32, now time.Time) {
	c.seen, c.last, c.arrival = true, ts, now
	cs.all = append(cs.all, c)
	if cs.lead == nil {
		cs.lead = c
		return
	}
	l := cs.lead
	c.offset = l.offset + l.span(l.ticks) + now.Sub(l.arrival)
	cs.align(c)
}

// take remembers a sender report and moves the tracks to where it says.
func (cs *clocks) take(c *clock, sr *rtcp.SenderReport) {
	if sr.NTPTime == 0 {
		return
	}
	c.report = report{known: true, rtp: sr.RTPTime, wall: ntp.Decode(sr.NTPTime)}
	if c != cs.lead {
		cs.align(c)
		return
	}
	for _, o := range cs.all {
		cs.align(o)
	}
}

// align moves a track to where its sender report and that of the lead put it.
func (cs *clocks) align(c *clock) {
	if cs.apart || c == cs.lead || !c.seen || !c.report.known || cs.lead == nil || !cs.lead.report.known {
		return
	}
	// Positive when the track plays too early.
	skew := c.wallAtZero().Sub(cs.lead.wallAtZero())
	switch {
	case skew > maxSkew || skew < -maxSkew:
		cs.apart = true
	case skew > minSkew || skew < -minSkew:
		c.offset += skew
	}
}
