package media

import (
	"encoding/binary"
	"errors"
	"iter"
)

// errAVCC is answered for an access unit whose lengths do not add up.
var errAVCC = errors.New("malformed access unit: NAL unit lengths do not add up")

// NAL unit types of H.264 (ITU-T H.264, table 7-1) that somebody here asks for.
const (
	NALIDR = 5
	NALSPS = 7
	NALPPS = 8
	// NALDelimiter to NALFiller mean nothing outside a stream of bytes.
	NALDelimiter = 9
	NALFiller    = 12
)

// NALType is the type of an H.264 NAL unit, 0 for an empty one.
func NALType(nal []byte) byte {
	if len(nal) == 0 {
		return 0
	}
	return nal[0] & 0x1f
}

// NAL unit types of H.265 (ITU-T H.265, table 7-1) that somebody here asks for.
const (
	// HEVCFirstIRAP to HEVCLastIRAP are pictures that decoding can begin with:
	// BLA, IDR and CRA, and two types that are reserved for more of them.
	HEVCFirstIRAP = 16
	HEVCLastIRAP  = 23
	HEVCVPS       = 32
	HEVCSPS       = 33
	HEVCPPS       = 34
	// HEVCDelimiter to HEVCFiller mean nothing outside a stream of bytes, and
	// from HEVCUnspecified on nothing to anybody but their sender.
	HEVCDelimiter   = 35
	HEVCFiller      = 38
	HEVCUnspecified = 48
)

// HEVCType is the type of an H.265 NAL unit, 0xff for one without a header.
func HEVCType(nal []byte) byte {
	if len(nal) < 2 {
		return 0xff
	}
	return nal[0] >> 1 & 0x3f
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
