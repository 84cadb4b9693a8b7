package media

import (
	"encoding/binary"
	"errors"
	"iter"
)

// errAVCC is answered for an access unit whose lengths do not add up.
var errAVCC = errors.New("malformed H.264 access unit: NAL unit lengths do not add up")

// NAL unit types of H.264 (ITU-T H.264, table 7-1) that somebody here asks for.
const (
	NALIDR       = 5
	NALSPS       = 7
	NALPPS       = 8
	NALDelimiter = 9
)

// NALType is the type of an H.264 NAL unit, 0 for an empty one.
func NALType(nal []byte) byte {
	if len(nal) == 0 {
		return 0
	}
	return nal[0] & 0x1f
}

// CheckAVCC reports whether b is a sequence of NAL units, each after its length
// in four bytes, with nothing left over.
func CheckAVCC(b []byte) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errAVCC
		}
		n := binary.BigEndian.Uint32(b)
		if uint64(n) > uint64(len(b)-4) {
			return errAVCC
		}
		b = b[4+n:]
	}
	return nil
}

// NALs walks the NAL units of an access unit, without copying. It stops at the
// first one that is malformed; call CheckAVCC first.
func NALs(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) >= 4 {
			n := binary.BigEndian.Uint32(b)
			if uint64(n) > uint64(len(b)-4) || !yield(b[4:4+n:4+n]) {
				return
			}
			b = b[4+n:]
		}
	}
}

// AppendNAL appends a NAL unit after its length in four bytes.
func AppendNAL(dst, nal []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(nal)))
	return append(dst, nal...)
}
