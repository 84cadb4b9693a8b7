// Package resend keeps the last packets of a stream, so that a receiver's
// negative acknowledgement (RFC 4585 section 6.2.1) can be answered.
//
// One Cache serves a published track and all who receive it; what each
// receiver's numbers were is not known here.
package resend

import "sync"

const (
	// Packets is how many packets are kept.
	Packets = 512
	// MaxPayload is the longest payload kept, in bytes.
	MaxPayload = 1460
)

type entry struct {
	filled  bool
	seq     uint16
	ts      uint32
	marker  bool
	size    int
	payload [MaxPayload]byte
}

// Cache is a ring of packets by sequence number. It is safe for concurrent use.
type Cache struct {
	mu   sync.Mutex
	ring []entry // nil before the first packet
}

// New returns an empty Cache; from the first packet on it takes Packets times MaxPayload bytes.
func New() *Cache { return &Cache{} }

// Put keeps a copy of a packet; longer ones than MaxPayload are not kept.
func (c *Cache) Put(seq uint16, ts uint32, marker bool, payload []byte) {
	if len(payload) > MaxPayload {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ring == nil {
		c.ring = make([]entry, Packets)
	}
	e := &c.ring[seq%Packets]
	e.filled, e.seq, e.ts, e.marker = true, seq, ts, marker
	e.size = copy(e.payload[:], payload)
}

// Get copies a packet's payload into buf, which must hold MaxPayload bytes.
func (c *Cache) Get(seq uint16, buf []byte) (size int, ts uint32, marker, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ring == nil {
		return 0, 0, false, false
	}
	e := &c.ring[seq%Packets]
	if !e.filled || e.seq != seq {
		return 0, 0, false, false
	}
	return copy(buf, e.payload[:e.size]), e.ts, e.marker, true
}
