package media

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrClosed is answered by Read when the stream, or the reader, has ended.
var ErrClosed = errors.New("stream closed")

// Limits bound how much of a stream is kept, and how far behind a reader may
// fall. A zero field takes the default.
type Limits struct {
	// Bytes of payload that are kept for readers that lag. Default 32 MiB.
	Bytes int64
	// Age of the oldest unit kept, by arrival. Default 15 s.
	Age time.Duration
	// GOPBytes is the largest current group of pictures that new readers start
	// from; over it they wait for the next key frame. Default 16 MiB.
	GOPBytes int64
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 32 << 20
	}
	if l.Age <= 0 {
		l.Age = 15 * time.Second
	}
	if l.GOPBytes <= 0 {
		l.GOPBytes = 16 << 20
	}
	l.GOPBytes = min(l.GOPBytes, l.Bytes)
	return l
}

// unitOverhead is what a unit without payload counts for, in bytes, so that
// empty units are bounded too.
const unitOverhead = 64

// entry is one place in the log.
type entry struct {
	unit *Unit
	// before is the number of bytes written to the stream before this unit.
	before int64
}

// Stream is a bounded log of units with one writer and many readers. Its
// methods may be called at the same time. Make one with NewStream.
type Stream struct {
	limits Limits

	mu   sync.Mutex
	wake sync.Cond
	// ring holds the units numbered tail to head-1, each at its number modulo
	// len(ring), a power of two.
	ring       []entry
	tail, head uint64
	written    int64 // bytes ever written
	key        uint64
	keyKnown   bool
	closed     bool
}

// NewStream makes an empty stream.
func NewStream(l Limits) *Stream {
	s := &Stream{limits: l.withDefaults(), ring: make([]entry, 256)}
	s.wake.L = &s.mu
	return s
}

func (s *Stream) at(n uint64) *entry { return &s.ring[n&uint64(len(s.ring)-1)] }

// Write appends a unit and wakes the readers. It waits for nobody, and does
// nothing once the stream is closed.
func (s *Stream) Write(u *Unit) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	if s.head-s.tail == uint64(len(s.ring)) {
		s.grow()
	}
	*s.at(s.head) = entry{unit: u, before: s.written}
	if u.RandomAccess() {
		s.key, s.keyKnown = s.head, true
	}
	s.head++
	s.written += int64(len(u.Payload)) + unitOverhead
	s.evict(u.NTP)
	s.mu.Unlock()
	s.wake.Broadcast()
}

func (s *Stream) grow() {
	old := s.ring
	s.ring = make([]entry, 2*len(old))
	for n := s.tail; n != s.head; n++ {
		*s.at(n) = old[n&uint64(len(old)-1)]
	}
}

// evict forgets what is over the limits, but for the unit just written.
func (s *Stream) evict(now time.Time) {
	for s.tail+1 < s.head {
		e := s.at(s.tail)
		if s.written-e.before <= s.limits.Bytes && now.Sub(e.unit.NTP) <= s.limits.Age {
			return
		}
		*e = entry{}
		s.tail++
	}
}

// Close ends the stream: readers get what is left, then ErrClosed.
func (s *Stream) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wake.Broadcast()
}

// start is where a new reader begins: the last key frame if all since it is
// cached and small enough. ok is false when it has to wait for the next one.
func (s *Stream) start() (n uint64, ok bool) {
	if !s.keyKnown || s.key < s.tail || s.written-s.at(s.key).before > s.limits.GOPBytes {
		return s.head, false
	}
	return s.key, true
}

// ReaderLimits bound how far one reader may fall behind the writer. A zero
// field, or one over the stream's own limit, means the stream's own.
type ReaderLimits struct {
	Bytes int64
	Age   time.Duration
}

// NewReader makes a reader that starts from the cached group of pictures, or,
// without one, at the next key frame. It ends with ctx or by Close, and must be
// ended by one of them.
func (s *Stream) NewReader(ctx context.Context, l ReaderLimits) *Reader {
	if l.Bytes <= 0 || l.Bytes > s.limits.Bytes {
		l.Bytes = s.limits.Bytes
	}
	if l.Age <= 0 || l.Age > s.limits.Age {
		l.Age = s.limits.Age
	}
	r := &Reader{stream: s, limits: l}
	s.mu.Lock()
	var ok bool
	r.next, ok = s.start()
	r.waiting = !ok
	s.mu.Unlock()
	r.stop = context.AfterFunc(ctx, r.end)
	return r
}

// Reader follows a stream. Its Read is called by one goroutine.
type Reader struct {
	stream *Stream
	limits ReaderLimits
	stop   func() bool

	// Under stream.mu.
	next    uint64
	waiting bool // for a unit with random access
	lost    uint64
	dropped uint64
	closed  bool
	// last is where the reader ends, if bounded.
	bounded bool
	last    uint64
}

// Read returns the next unit, waiting for it as long as it takes. lost is the
// number of units that were skipped just before it because the reader was too
// slow; the unit is then one that decoding can begin with.
func (r *Reader) Read() (u *Unit, lost uint64, err error) {
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if r.closed {
			return nil, 0, ErrClosed
		}
		r.catchUp()
		for r.next != s.head && !r.passed() {
			u = s.at(r.next).unit
			r.next++
			if r.waiting && !u.RandomAccess() {
				if r.lost > 0 {
					r.lost++
					r.dropped++
				}
				continue
			}
			lost, r.lost, r.waiting = r.lost, 0, false
			return u, lost, nil
		}
		if s.closed || r.passed() {
			return nil, 0, ErrClosed
		}
		s.wake.Wait()
	}
}

// catchUp moves a reader that is over its limits to the newest key frame, or
// to the end of the log to wait for one.
func (r *Reader) catchUp() {
	s := r.stream
	if r.next == s.head {
		return
	}
	if r.next >= s.tail {
		last := s.at(s.head - 1).unit
		e := s.at(r.next)
		if s.written-e.before <= r.limits.Bytes && last.NTP.Sub(e.unit.NTP) <= r.limits.Age {
			return
		}
	}
	to := s.head
	if s.keyKnown && s.key >= s.tail && s.key > r.next && s.written-s.at(s.key).before <= r.limits.Bytes {
		to = s.key
	}
	r.lost += to - r.next
	r.dropped += to - r.next
	r.next, r.waiting = to, true
}

// Waiting reports whether the reader waits for a unit that decoding can begin with:
// whether there was nothing cached to start from.
func (r *Reader) Waiting() bool {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	return r.waiting
}

// Dropped is the number of units this reader has lost so far.
func (r *Reader) Dropped() uint64 {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	return r.dropped
}

// passed reports whether the reader is at the end that Finish set.
func (r *Reader) passed() bool { return r.bounded && r.next >= r.last }

// Finish lets the reader end after what is in the stream now.
func (r *Reader) Finish() {
	r.stream.mu.Lock()
	if !r.bounded {
		r.bounded, r.last = true, r.stream.head
	}
	r.stream.mu.Unlock()
	r.stream.wake.Broadcast()
}

// Close ends the reader; a Read that waits returns ErrClosed.
func (r *Reader) Close() {
	r.stop()
	r.end()
}

func (r *Reader) end() {
	r.stream.mu.Lock()
	r.closed = true
	r.stream.mu.Unlock()
	r.stream.wake.Broadcast()
}
