package transcode

import (
	"encoding/binary"
)

// maxOggPacket is the largest packet that fits into one page.
const maxOggPacket = 255*255 - 1

// Flags of a page (RFC 3533, section 6).
const oggFirst = 2

// oggWriter writes an Opus stream into pages (RFC 3533, RFC 7845), one packet
// each, so that nothing waits for a page to fill. It reuses its buffer.
type oggWriter struct {
	sequence uint32
	buf      []byte
}

// oggChannels is the default mapping of 3 to 8 channels (RFC 7845, 5.1.1.2):
// streams, coupled streams, and which decoded channel each speaker is.
var oggChannels = map[int][]byte{
	3: {2, 1, 0, 2, 1},
	4: {2, 2, 0, 1, 2, 3},
	5: {3, 2, 0, 4, 1, 2, 3},
	6: {4, 2, 0, 4, 1, 2, 3, 5},
	7: {4, 3, 0, 4, 1, 2, 3, 5, 6},
	8: {5, 3, 0, 6, 1, 2, 3, 4, 5, 7},
}

// headers is the beginning of a stream with that many channels. What is to be
// skipped was skipped by whoever made the timestamps: the pre-skip is 0.
func (w *oggWriter) headers(channels int) []byte {
	head := append([]byte("OpusHead"), 1, byte(channels), 0, 0)
	head = binary.LittleEndian.AppendUint32(head, 48000)
	head = append(head, 0, 0) // gain
	if mapping, ok := oggChannels[channels]; ok {
		head = append(append(head, 1), mapping...)
	} else {
		head = append(head, 0)
	}
	tags := append([]byte("OpusTags"), 8, 0, 0, 0)
	tags = append(append(tags, "roomcast"...), 0, 0, 0, 0)
	out := append([]byte(nil), w.page(head, 0, oggFirst)...)
	return append(out, w.page(tags, 0, 0)...)
}

// page is one packet in its page; granule is the number of samples up to its
// end. It is valid until the next call.
func (w *oggWriter) page(packet []byte, granule int64, flags byte) []byte {
	b := w.buf[:0]
	b = append(b, 'O', 'g', 'g', 'S', 0, flags)
	b = binary.LittleEndian.AppendUint64(b, uint64(granule))
	b = append(b, 'R', 'c', 's', 't')
	b = binary.LittleEndian.AppendUint32(b, w.sequence)
	b = append(b, 0, 0, 0, 0 /* checksum, below */, byte(len(packet)/255+1))
	n := len(packet)
	for ; n >= 255; n -= 255 {
		b = append(b, 255)
	}
	b = append(append(b, byte(n)), packet...)
	binary.LittleEndian.PutUint32(b[22:], oggChecksum(b))
	w.sequence++
	w.buf = b
	return b
}

// oggTable is of the polynomial 0x04c11db7, not reflected.
var oggTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

func oggChecksum(b []byte) (c uint32) {
	for _, x := range b {
		c = c<<8 ^ oggTable[byte(c>>24)^x]
	}
	return c
}
