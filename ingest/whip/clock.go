package whip

import "time"

// ticks makes a 32-bit RTP clock one that does not wrap around. The zero value is ready.
type ticks struct {
	started bool
	last    uint32
	count   int64
}

// unwrap gives the count of a timestamp near the last one.
func (t *ticks) unwrap(timestamp uint32) int64 {
	if !t.started {
		t.started, t.last = true, timestamp
		return 0
	}
	t.count += int64(int32(timestamp - t.last))
	t.last = timestamp
	return t.count
}

const (
	// maxLead and maxLag are how far a stream's clock may be from that of its
	// arrival: a network that was away delivers late, and a sender that was held up
	// while it connected delivers what it has of both streams in one burst, whose
	// first packets were late, not its last ones early.
	maxLead = 15 * time.Second
	maxLag  = 15 * time.Second
	// maxSkew is the largest difference between sound and picture that a sender's
	// reports are believed in.
	maxSkew = 5 * time.Second
	// slew is how much a picture is moved at once to meet its sound, when both
	// are on air already.
	slew = 5 * time.Millisecond
)

// clock puts the RTP timestamps of one stream on a timeline that it shares with
// the other stream of the connection. The first packet is placed by its arrival;
// from then on the stream's own clock counts, and once both streams have sent
// a sender report, their common wall clock puts them right (RFC 3550, section 6.4.1).
type clock struct {
	rate   int64
	ticks  ticks
	placed bool
	offset time.Duration // from the stream's clock to the timeline
	// report is the newest sender report.
	report struct {
		given bool
		wall  time.Duration // the sender's wall clock, since 1900
		at    time.Duration // the stream's clock then
	}
}

func (c *clock) length(count int64) time.Duration {
	seconds, rest := count/c.rate, count%c.rate
	return time.Duration(seconds)*time.Second + time.Duration(rest)*time.Second/time.Duration(c.rate)
}

// place gives the time of a timestamp whose packet arrived so long after the
// connection began.
func (c *clock) place(timestamp uint32, arrived time.Duration) time.Duration {
	at := c.length(c.ticks.unwrap(timestamp))
	if lead := at + c.offset - arrived; !c.placed || lead > maxLead || lead < -maxLag {
		c.placed, c.report.given = true, false
		c.offset = arrived - at
	}
	return at + c.offset
}

// reported notes a sender report; one that came before any packet says nothing yet.
func (c *clock) reported(ntp uint64, timestamp uint32) {
	if !c.placed {
		return
	}
	seconds, fraction := ntp>>32, ntp&0xffffffff
	c.report.given = true
	c.report.wall = time.Duration(seconds)*time.Second + time.Duration(fraction*uint64(time.Second)>>32)
	c.report.at = c.length(c.ticks.near(timestamp))
}

// near is unwrap without moving on.
func (t ticks) near(timestamp uint32) int64 { return t.count + int64(int32(timestamp-t.last)) }

// follow moves c, a little at a time unless at once is given, to where the
// sender says that it is beside lead.
func (c *clock) follow(lead *clock, atOnce bool) {
	if !c.placed || !lead.placed || !c.report.given || !lead.report.given {
		return
	}
	// What both clocks have in common is the sender's wall clock.
	wanted := c.report.wall - c.report.at - (lead.report.wall - lead.report.at - lead.offset)
	d := wanted - c.offset
	if d > maxSkew || d < -maxSkew {
		return // not one wall clock
	}
	if !atOnce {
		d = min(max(d, -slew), slew)
	}
	c.offset += d
}
