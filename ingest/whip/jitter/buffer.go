package jitter

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// capacity is how many packets the buffer spans: at 1200 bytes a packet, 0.4 s
	// of 24 Mb/s. What comes further ahead starts it afresh.
	capacity = 1024
	// strays is how many packets in a row may be from before what was given out;
	// one more means that the sender has begun to count anew.
	strays = 64
	// askAfter is how long a hole may be mere disorder before it is a loss.
	askAfter = 10 * time.Millisecond
	// askEvery is when a packet that was asked for is asked for again: a round
	// trip to most places.
	askEvery = 70 * time.Millisecond
)

// Buffer holds the packets of one stream (RFC 3550 sequence numbers). It is used by
// one goroutine; make one with New.
type Buffer struct {
	wait    time.Duration
	slots   [capacity]slot
	started bool
	next    uint16 // the sequence number to give out next
	end     uint16 // one after the newest that came
	held    int    // packets in the buffer
	strayed int    // old packets in a row
	lost    bool   // something before next is missing for good
	// lostPackets and repaired count what was given up, and what came late but in time.
	lostPackets, repaired uint64
}

// slot is one sequence number of the window next..end.
type slot struct {
	packet *rtp.Packet
	// missed is when the hole was seen; asked, and how often, when it was last asked for.
	missed, asked time.Time
}

// New makes a buffer that waits so long for a packet that is missing.
func New(wait time.Duration) *Buffer { return &Buffer{wait: wait} }

func (b *Buffer) at(seq uint16) *slot { return &b.slots[seq%capacity] }

// Push takes a packet that arrived at now. The buffer keeps it until Pop gives it out.
func (b *Buffer) Push(p *rtp.Packet, now time.Time) {
	seq := p.SequenceNumber
	if !b.started {
		b.restart(seq)
	}
	switch ahead := int(int16(seq - b.next)); {
	case ahead < 0:
		// A packet twice, or one that was given up.
		if b.strayed++; b.strayed <= strays {
			return
		}
		b.giveUpAll(seq)
	case ahead >= capacity:
		b.giveUpAll(seq)
	}
	b.strayed = 0
	for int16(seq-b.end) >= 0 {
		*b.at(b.end) = slot{missed: now}
		b.end++
	}
	s := b.at(seq)
	if s.packet != nil {
		return
	}
	if !s.asked.IsZero() {
		b.repaired++
	}
	s.packet = p
	b.held++
}

// giveUpAll forgets what is held and goes on with seq.
func (b *Buffer) giveUpAll(seq uint16) {
	for n := b.next; n != b.end; n++ {
		if b.at(n).packet == nil {
			b.lostPackets++
		}
		*b.at(n) = slot{}
	}
	b.lost = true
	b.restart(seq)
}

func (b *Buffer) restart(seq uint16) {
	b.started = true
	b.next, b.end, b.held, b.strayed = seq, seq, 0, 0
}

// Pop gives out the next packet in order; nil when there is none yet. lost says
// that packets before it are missing for good.
func (b *Buffer) Pop(now time.Time) (p *rtp.Packet, lost bool) {
	for b.held > 0 {
		s := b.at(b.next)
		if s.packet == nil {
			if now.Sub(s.missed) < b.wait {
				return nil, false
			}
			b.lost = true
			b.lostPackets++
			*s = slot{}
			b.next++
			continue
		}
		p, lost = s.packet, b.lost
		*s = slot{}
		b.lost = false
		b.next++
		b.held--
		return p, lost
	}
	return nil, false
}

// Missing appends to dst the sequence numbers to ask for at now, in order, at most
// limit of them.
func (b *Buffer) Missing(dst []uint16, now time.Time, limit int) []uint16 {
	if b.held == 0 {
		return dst
	}
	for n := b.next; n != b.end && limit > 0; n++ {
		s := b.at(n)
		if s.packet != nil || now.Sub(s.missed) < askAfter || !s.asked.IsZero() && now.Sub(s.asked) < askEvery {
			continue
		}
		s.asked = now
		dst = append(dst, n)
		limit--
	}
	return dst
}

// Held is the number of packets that wait for one before them.
func (b *Buffer) Held() int { return b.held }

// Stats are counts since the buffer was made.
func (b *Buffer) Stats() (lost, repaired uint64) { return b.lostPackets, b.repaired }
