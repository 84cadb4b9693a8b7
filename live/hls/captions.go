package hls

import (
	"bytes"
	"math/bits"
	"strconv"

	"roomcast/media"
)

// captionFinder looks for closed captions in pictures: CEA-608 and CEA-708 in
// SEI messages (ATSC A/53 part 4, 6.2.3).
type captionFinder struct {
	fields [2]bool // CEA-608: CC1 on the first, CC3 on the second
	// digital are the CEA-708 services 1 to 63, a bit each.
	digital uint64
	packet  [128]byte // a DTVCC packet being put together
	length  int       // of what is there of it
	size    int       // of the whole; 0 while none has begun
	plain   []byte    // an SEI NAL unit without emulation prevention
}

// services are the INSTREAM-IDs of what was found (rfc8216bis, 4.4.6.1).
func (c *captionFinder) services() (ids []string) {
	if c.fields[0] {
		ids = append(ids, "CC1")
	}
	if c.fields[1] {
		ids = append(ids, "CC3")
	}
	for d := c.digital; d != 0; d &= d - 1 {
		ids = append(ids, "SERVICE"+strconv.Itoa(bits.TrailingZeros64(d)))
	}
	return ids
}

// look reads the SEI messages of a picture.
func (c *captionFinder) look(u *media.Unit) {
	switch u.Track.Codec {
	case media.H264:
		for nal := range media.NALs(u.Payload) {
			switch media.NALType(nal) {
			case 6:
				c.sei(nal[1:])
			case 1, media.NALIDR:
				return // SEI stands before the picture
			}
		}
	case media.H265:
		for nal := range media.NALs(u.Payload) {
			switch t := media.HEVCType(nal); {
			case t == 39:
				c.sei(nal[2:])
			case t <= media.HEVCLastIRAP:
				return
			}
		}
	case media.AV1, media.VP9, media.AAC, media.Opus:
	}
}

// a53 begins user data that holds captions: United States, ATSC, "GA94", cc_data.
var a53 = []byte{0xb5, 0x00, 0x31, 'G', 'A', '9', '4', 3}

// sei walks the messages of an SEI NAL unit after its header (ITU-T H.264, 7.3.2.3).
func (c *captionFinder) sei(b []byte) {
	if !bytes.Contains(b, a53[3:7]) {
		return
	}
	c.plain = appendUnescaped(c.plain[:0], b)
	for b = c.plain; len(b) > 2; {
		kind, rest, ok := seiNumber(b)
		if !ok {
			return
		}
		size, rest, ok := seiNumber(rest)
		if !ok || size > len(rest) {
			return
		}
		if body := rest[:size]; kind == 4 && bytes.HasPrefix(body, a53) {
			c.data(body[len(a53):])
		}
		b = rest[size:]
	}
}

// seiNumber reads a number written as so many bytes of 255 and one more.
func seiNumber(b []byte) (n int, rest []byte, ok bool) {
	for i, v := range b {
		n += int(v)
		if v != 0xff {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// appendUnescaped appends b without its emulation prevention bytes (ITU-T H.264, 7.4.1).
func appendUnescaped(dst, b []byte) []byte {
	zeros := 0
	for _, v := range b {
		if zeros >= 2 && v == 3 {
			zeros = 0
			continue
		}
		if v == 0 {
			zeros++
		} else {
			zeros = 0
		}
		dst = append(dst, v)
	}
	return dst
}

// data reads cc_data (CEA-708, 4.4).
func (c *captionFinder) data(b []byte) {
	if len(b) < 2 || b[0]&0x40 == 0 {
		return
	}
	n := int(b[0] & 0x1f)
	for b = b[2:]; n > 0 && len(b) >= 3; n, b = n-1, b[3:] {
		if b[0]&0x04 == 0 {
			continue // not valid
		}
		switch kind := b[0] & 3; kind {
		case 0, 1:
			// A pair of zeros, with parity or without, is no text.
			if b[1]&0x7f != 0 || b[2]&0x7f != 0 {
				c.fields[kind] = true
			}
		case 3:
			c.begin(b[1])
			c.more(b[2])
		case 2:
			c.more(b[1])
			c.more(b[2])
		}
	}
}

// begin starts a DTVCC packet with its header (CEA-708, 5.2).
func (c *captionFinder) begin(header byte) {
	size := int(header&0x3f) * 2
	if size == 0 {
		size = 128
	}
	c.packet[0], c.length, c.size = header, 1, size
}

// more adds a byte to the packet, and reads it once it is whole.
func (c *captionFinder) more(v byte) {
	if c.size == 0 {
		return
	}
	c.packet[c.length] = v
	c.length++
	if c.length < c.size {
		return
	}
	c.size = 0
	// Service blocks (CEA-708, 6.2): number and size, or an extended number.
	for b := c.packet[1:c.length]; len(b) > 0; {
		number, size := b[0]>>5, int(b[0]&0x1f)
		b = b[1:]
		if number == 0 {
			return
		}
		if number == 7 && size > 0 {
			if len(b) == 0 {
				return
			}
			number = b[0] & 0x3f
			b = b[1:]
		}
		if size > len(b) {
			return
		}
		if size > 0 && number > 0 {
			c.digital |= 1 << number
		}
		b = b[size:]
	}
}
