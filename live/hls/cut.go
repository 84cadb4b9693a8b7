package hls

import (
	"time"

	"roomcast/media"
)

// cut is one segment's place in the broadcast: decided by the source rendition,
// the same in all of them.
type cut struct {
	number int
	// start is the presentation time of its first picture.
	start time.Duration
	// end is where the source rendition's segment ends; known once closed is set.
	end    time.Duration
	closed bool
	// closedAt is the wall clock when it was closed.
	closedAt time.Time
	// discontinuity says that it does not continue the one before, gap that
	// there is no media.
	discontinuity, gap bool
	// breaks is how many segments before it follow a discontinuity.
	breaks int
	format *media.Format
}

// cuts are the segments that a rendition may still be behind of, oldest first.
type cuts struct {
	list   []*cut
	next   int // number of the next
	breaks int
}

// maxCuts bounds how far behind a rendition can be.
const maxCuts = 2 * maxSegments

// add begins the next segment.
func (c *cuts) add(start time.Duration, discontinuity, gap bool, f *media.Format) *cut {
	n := &cut{
		number: c.next, start: start, discontinuity: discontinuity, gap: gap, breaks: c.breaks, format: f,
	}
	c.next++
	if discontinuity {
		c.breaks++
	}
	if len(c.list) >= maxCuts {
		copy(c.list, c.list[1:])
		c.list = c.list[:len(c.list)-1]
	}
	c.list = append(c.list, n)
	return n
}

// after is the segment that follows number n, or nil. With n too far back it is
// the oldest that is known.
func (c *cuts) after(n int) *cut {
	if len(c.list) == 0 {
		return nil
	}
	i := max(n+1-c.list[0].number, 0)
	if i >= len(c.list) {
		return nil
	}
	return c.list[i]
}

// holding is the segment that a time lies in, or nil before the first.
func (c *cuts) holding(at time.Duration) *cut {
	for i := len(c.list) - 1; i >= 0; i-- {
		if c.list[i].start <= at {
			return c.list[i]
		}
	}
	return nil
}

// trim forgets the segments before number n.
func (c *cuts) trim(n int) {
	k := 0
	for k < len(c.list) && c.list[k].number < n {
		k++
	}
	if k > 0 {
		c.list = append(c.list[:0], c.list[k:]...)
	}
}
