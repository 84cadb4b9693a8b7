package bench

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// clockID marks our SEI message: the uuid_iso_iec_11578 of user_data_unregistered
// (ITU-T H.264, D.1.7). None of its bytes can be mistaken for a start code.
var clockID = []byte{0xb5, 0x52, 0x6f, 0x6f, 0x6d, 0x63, 0x61, 0x73, 0x74, 0x2d, 0x63, 0x6c, 0x6f, 0x63, 0x6b, 0xa1}

// clockDigits is the length of a wall clock in nanoseconds since 1970, in hexadecimal.
const clockDigits = 16

// clockNAL is a NAL unit that carries a wall clock: SEI, user_data_unregistered.
func clockNAL(t time.Time) []byte {
	b := make([]byte, 0, 4+len(clockID)+clockDigits)
	b = append(b, 6, 5, byte(len(clockID)+clockDigits))
	b = append(b, clockID...)
	b = fmt.Appendf(b, "%016x", t.UnixNano())
	return append(b, 0x80)
}

// clocks calls yield with every wall clock in media, whatever contains it.
func clocks(b []byte, yield func(time.Time)) {
	for {
		i := bytes.Index(b, clockID)
		if i < 0 || len(b) < i+len(clockID)+clockDigits {
			return
		}
		b = b[i+len(clockID):]
		if ns, err := strconv.ParseInt(string(b[:clockDigits]), 16, 64); err == nil {
			yield(time.Unix(0, ns))
		}
		b = b[clockDigits:]
	}
}
