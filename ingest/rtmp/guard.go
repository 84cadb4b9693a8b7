package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Bounds on what a client may make the RTMP library hold in memory.
const (
	// handshakeBytes is C1 and C2 (RTMP 1.0, section 5.2), after the version byte.
	handshakeBytes = 2 * 1536
	// maxGreeting is everything a client may send before it is admitted.
	maxGreeting = 64 << 10
	// maxCommand is the largest message that is not audio or video.
	maxCommand = 32 << 10
	// maxMedia is the largest audio or video message: a key frame.
	maxMedia = 8 << 20
	// maxPending is all unfinished messages of one connection together.
	maxPending = 12 << 20
	// minChunk and maxChunk bound the chunk size a client may set: a small one
	// multiplies fragments, a large one is allocated before it has come in.
	minChunk, maxChunk = 128, 10 << 20
)

// Message types the guard looks at (RTMP 1.0, sections 5.4 and 7.1).
const (
	typeSetChunkSize = 1
	typeAbort        = 2
	typeAudio        = 8
	typeVideo        = 9
)

var errBounds = errors.New("client is out of bounds")

// guard reads ahead of the RTMP library and follows the chunk stream's headers,
// so that sizes are refused before anything is allocated for them. It skips
// over bodies and changes nothing.
type guard struct {
	r io.Reader
	// admitted is set once the client may send media.
	admitted atomic.Bool

	total   int64
	state   scanState
	skip    uint32 // bytes of the current body, or handshake, still to come
	header  [16]byte
	have    int // bytes of header read so far
	chunk   uint32
	pending uint64
	cur     *chunkStream
	streams map[byte]*chunkStream
}

type scanState int

const (
	scanVersion scanState = iota
	scanHandshake
	scanHeader
	scanBody
)

// chunkStream is the state of one chunk stream, as the library keeps it.
type chunkStream struct {
	known    bool
	kind     byte
	length   uint32 // of the current message
	received uint32 // of it, chunks begun included
	extended bool
	control  []byte // body of a protocol control message
}

func newGuard(r io.Reader) *guard {
	return &guard{r: r, chunk: 128, streams: make(map[byte]*chunkStream)}
}

// Read implements io.Reader.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if serr := g.scan(p[:n]); serr != nil {
		return 0, serr
	}
	return n, err
}

func (g *guard) scan(p []byte) error {
	g.total += int64(len(p))
	if g.total > maxGreeting && !g.admitted.Load() {
		return fmt.Errorf("%w: over %d bytes before publishing", errBounds, maxGreeting)
	}
	for len(p) > 0 {
		switch g.state {
		case scanVersion:
			if p[0] != 3 {
				return fmt.Errorf("%w: not plain RTMP", errBounds)
			}
			p, g.state, g.skip = p[1:], scanHandshake, handshakeBytes
		case scanHandshake:
			n := min(uint32(len(p)), g.skip)
			p = p[n:]
			if g.skip -= n; g.skip == 0 {
				g.state = scanHeader
			}
		case scanHeader:
			g.header[g.have] = p[0]
			g.have++
			p = p[1:]
			if g.have < g.headerSize() {
				continue
			}
			if err := g.begin(); err != nil {
				return err
			}
			g.have, g.state = 0, scanBody
			if g.skip == 0 {
				if err := g.finish(); err != nil {
					return err
				}
			}
		case scanBody:
			n := min(uint32(len(p)), g.skip)
			if c := g.cur; c.kind <= typeAbort && len(c.control) < 4 {
				c.control = append(c.control, p[:min(int(n), 4-len(c.control))]...)
			}
			p = p[n:]
			if g.skip -= n; g.skip == 0 {
				if err := g.finish(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// headerSizes are the sizes of the basic and message header by chunk type.
var headerSizes = [4]int{12, 8, 4, 1}

// headerSize is how long the header is, as far as is known from the bytes that are there.
func (g *guard) headerSize() int {
	kind := g.header[0] >> 6
	size := headerSizes[kind]
	if g.have < size {
		return size
	}
	if kind == 3 {
		// As in the library: a chunk that begins a message has no extended timestamp.
		if c := g.streams[g.header[0]&0x3f]; c != nil && c.received > 0 && c.extended {
			size += 4
		}
	} else if g.timestamp() == 0xffffff {
		size += 4
	}
	return size
}

func (g *guard) timestamp() uint32 {
	return uint32(g.header[1])<<16 | uint32(g.header[2])<<8 | uint32(g.header[3])
}

// begin takes in the header of a chunk.
func (g *guard) begin() error {
	kind, id := g.header[0]>>6, g.header[0]&0x3f
	if id < 2 {
		return fmt.Errorf("%w: extended chunk stream id", errBounds)
	}
	c := g.streams[id]
	if c == nil {
		c = &chunkStream{}
		g.streams[id] = c
	}
	g.cur = c
	if kind > 0 && !c.known {
		return fmt.Errorf("%w: chunk without a first one", errBounds)
	}
	if kind == 3 && c.received > 0 {
		g.skip = min(c.length-c.received, g.chunk)
		c.received += g.skip
		return nil
	}
	if c.received > 0 {
		return fmt.Errorf("%w: message cut short by another", errBounds)
	}
	if kind < 2 {
		c.length = uint32(g.header[4])<<16 | uint32(g.header[5])<<8 | uint32(g.header[6])
		c.kind = g.header[7]
	}
	if kind < 3 {
		ts := g.timestamp()
		if ts == 0xffffff {
			ts = binary.BigEndian.Uint32(g.header[headerSizes[kind]:])
		}
		c.extended = ts >= 0xffffff
	}
	c.known, c.control = true, c.control[:0]
	limit := uint32(maxCommand)
	if c.kind == typeAudio || c.kind == typeVideo {
		limit = maxMedia
		if !g.admitted.Load() {
			limit = maxGreeting
		}
	}
	if c.length > limit {
		return fmt.Errorf("%w: message of %d bytes", errBounds, c.length)
	}
	if g.pending += uint64(c.length); g.pending > maxPending {
		return fmt.Errorf("%w: %d bytes in unfinished messages", errBounds, g.pending)
	}
	g.skip = min(c.length, g.chunk)
	c.received = g.skip
	return nil
}

// finish ends a chunk, and with the last one the message.
func (g *guard) finish() error {
	g.state = scanHeader
	c := g.cur
	if c.received < c.length {
		return nil
	}
	g.pending -= uint64(c.length)
	c.received = 0
	if len(c.control) < 4 {
		return nil
	}
	v := binary.BigEndian.Uint32(c.control)
	switch c.kind {
	case typeSetChunkSize:
		if v < minChunk || v > maxChunk {
			return fmt.Errorf("%w: chunk size %d", errBounds, v)
		}
		g.chunk = v
	case typeAbort:
		// As in the library: only a message that has begun is dropped.
		if o := g.streams[byte(v)]; v >= 2 && v <= 63 && o != nil && o.received > 0 {
			g.pending -= uint64(o.length)
			o.received, o.length = 0, 0
		}
	}
	return nil
}
