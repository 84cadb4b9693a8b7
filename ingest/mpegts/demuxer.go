package mpegts

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"roomcast/ingest"
	"roomcast/media"
)

const (
	packetSize = 188
	syncByte   = 0x47
	nullPID    = 0x1fff
	// maxPES is the largest access unit that is put together.
	maxPES = 8 << 20
	// maxGarbage is how many bytes without a packet are skipped before it is
	// clear that this is no transport stream.
	maxGarbage = 64 << 10
	// maxSilence is how much of a stream may go by without a picture or sound of a
	// known kind, such as one without tables.
	maxSilence = 8 << 20
)

var (
	errGarbage = errors.New("not a transport stream")
	errSilence = errors.New("transport stream without a picture or sound")
)

// Demuxer takes a transport stream apart. It is used by one goroutine.
type Demuxer struct {
	entry ingest.Entry

	partial []byte // the beginning of a packet
	inSync  bool   // the last packet ended here
	garbage int    // bytes since there were two packets in a row
	silence int    // bytes since the last frame

	pmtPID  int // -1: not known
	version int // of the program map; -1: none yet
	tables  map[uint16]*section
	streams map[uint16]*stream
	order   []*stream // as the program map has them
	clock   clock
	lost    atomic.Int64
}

// NewDemuxer makes a demuxer that gives what it finds to a sink.
func NewDemuxer(sink ingest.Sink) *Demuxer {
	d := &Demuxer{pmtPID: -1, version: -1, tables: make(map[uint16]*section), streams: make(map[uint16]*stream)}
	d.entry = ingest.Entry{Sink: sink, Tracks: d.tracks, Complete: d.complete}
	return d
}

// Announced reports whether the publisher is on air.
func (d *Demuxer) Announced() bool { return d.entry.Announced() }

// Lost is how many times something was missing, so far. After that, pictures are
// dropped up to the next key frame: none is damaged. It may be called at any time.
func (d *Demuxer) Lost() int64 { return d.lost.Load() }

// Write takes the next bytes of the stream; it keeps none of b. An error means
// that the publisher has to go; a *rooms.Error that it is refused.
func (d *Demuxer) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 {
		if len(d.partial) == 0 && len(b) >= packetSize && b[0] == syncByte {
			if err := d.packet(b[:packetSize]); err != nil {
				return 0, err
			}
			b = b[packetSize:]
			continue
		}
		if len(d.partial) == 0 && b[0] != syncByte {
			if d.garbage++; d.garbage > maxGarbage {
				return 0, errGarbage
			}
			b, d.inSync = b[1:], false
			continue
		}
		n := min(packetSize-len(d.partial), len(b))
		d.partial = append(d.partial, b[:n]...)
		b = b[n:]
		if len(d.partial) == packetSize {
			whole := d.partial
			d.partial = d.partial[:0]
			if err := d.packet(whole); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

// Flush gives out what is still being put together; the stream has ended.
func (d *Demuxer) Flush() error {
	for _, s := range d.order {
		if err := d.finish(s); err != nil {
			return err
		}
	}
	return nil
}

// packet takes one packet (ISO 13818-1, 2.4.3.2).
func (d *Demuxer) packet(p []byte) error {
	if d.inSync {
		d.garbage = 0
	} else { // it may be anything that begins with this byte
		d.garbage += len(p)
	}
	d.inSync = true
	if d.silence += len(p); d.silence > maxSilence {
		return errSilence
	}
	begins, pid := p[1]&0x40 != 0, uint16(p[1]&0x1f)<<8|uint16(p[2])
	if p[1]&0x80 != 0 || pid == nullPID || p[3]&0xc0 != 0 || p[3]&0x10 == 0 {
		return nil // damaged, empty, scrambled, or nothing but an adaptation field
	}
	counter, body := p[3]&0x0f, p[4:]
	restart := false
	if p[3]&0x20 != 0 {
		length := int(body[0])
		if length >= len(body) {
			return nil
		}
		restart = length > 0 && body[1]&0x80 != 0
		body = body[1+length:]
	}
	if len(body) == 0 {
		return nil
	}
	if pid == 0 || int(pid) == d.pmtPID {
		return d.table(pid, begins, body)
	}
	if s := d.streams[pid]; s != nil {
		return d.streamPacket(s, begins, restart, counter, body)
	}
	return nil
}

// streamPacket takes the payload of a packet of an elementary stream.
func (d *Demuxer) streamPacket(s *stream, begins, restart bool, counter byte, body []byte) error {
	if s.counted && !restart {
		switch counter {
		case s.counter:
			return nil // sent twice
		case (s.counter + 1) & 0x0f:
		default:
			d.lost.Add(1)
			s.lose()
		}
	}
	s.counted, s.counter = true, counter
	if begins {
		if err := d.finish(s); err != nil {
			return err
		}
		s.begin()
	}
	if !s.open {
		return nil
	}
	if len(s.pes)+len(body) > maxPES {
		return fmt.Errorf("access unit of over %d bytes", maxPES)
	}
	s.pes = append(s.pes, body...)
	if s.want == 0 && len(s.pes) >= 6 {
		if n := int(s.pes[4])<<8 | int(s.pes[5]); n > 0 {
			s.want = 6 + n
		}
	}
	if s.want > 0 && len(s.pes) >= s.want {
		s.pes = s.pes[:s.want]
		return d.finish(s)
	}
	return nil
}

// finish takes apart the packet of an elementary stream that has come in whole
// (ISO 13818-1, 2.4.3.6).
func (d *Demuxer) finish(s *stream) error {
	if !s.open {
		return nil
	}
	s.open = false
	b := s.pes
	header := 9
	if len(b) > header {
		header += int(b[8])
	}
	if len(b) <= header || b[0] != 0 || b[1] != 0 || b[2] != 1 || b[6]&0xc0 != 0x80 || len(b) < s.want {
		s.damaged = true
		return nil
	}
	var pts, dts time.Duration
	switch timed := b[7] >> 6; {
	case timed >= 2 && header >= 14:
		pts = d.clock.unwrap(timestamp(b[9:]))
		dts = pts
		if timed == 3 && header >= 19 {
			dts = d.clock.unwrap(timestamp(b[14:]))
		}
		s.timed = true
	case !s.timed || s.kind == media.Video:
		return nil
	default: // sound may go on without
		pts, dts = s.next, s.next
	}
	if err := s.take(d, b[header:], pts, dts); err != nil {
		return fmt.Errorf("stream %d: %w", s.pid, err)
	}
	return nil
}

// put passes a frame on.
func (d *Demuxer) put(f ingest.Frame) error {
	d.silence = 0
	return d.entry.Put(f)
}

// timestamp reads a PTS or DTS of 33 bits.
func timestamp(b []byte) int64 {
	return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
}

// clock unwraps timestamps of 33 bits, of all streams of a program together.
type clock struct {
	seen bool
	last int64 // ticks, unwrapped
}

func (c *clock) unwrap(ticks int64) time.Duration {
	const wrap = int64(1) << 33
	if !c.seen {
		c.seen, c.last = true, ticks
	}
	d := (ticks - c.last) & (wrap - 1)
	if d >= wrap/2 {
		d -= wrap
	}
	at := c.last + d
	if d > 0 {
		c.last = at
	}
	return duration(at)
}

// duration is a time of 90000 ticks per second.
func duration(ticks int64) time.Duration {
	return time.Duration(ticks/90000)*time.Second + time.Duration(ticks%90000)*time.Second/90000
}

// tracks are those whose configuration is known.
func (d *Demuxer) tracks() (ts []*media.Track) {
	for _, s := range d.order {
		if t := s.current(); t != nil {
			ts = append(ts, t)
		}
	}
	return ts
}

// complete reports whether all tracks of the program map are known.
func (d *Demuxer) complete() bool { return len(d.order) > 0 && len(d.tracks()) == len(d.order) }
