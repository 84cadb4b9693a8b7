package media

import (
	"errors"
	"fmt"
	"iter"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

// OBU types of AV1 (AV1 bitstream specification, 6.2.2) that somebody here asks for.
const (
	OBUSequenceHeader    = 1
	OBUTemporalDelimiter = 2
	OBUFrameHeader       = 3
	OBUFrame             = 6
	OBUTileList          = 8
	OBUPadding           = 15
)

var errOBU = errors.New("malformed AV1 temporal unit: sizes of OBUs do not add up")

// NewAV1 makes a video track from a sequence header OBU, with or without a size
// field. frameRate, in frames per second, is used when it declares none.
func NewAV1(sequenceHeader []byte, frameRate float64) (*Track, error) {
	if len(sequenceHeader) > maxParameterSets {
		return nil, fmt.Errorf("read AV1 sequence header: %d bytes are too many", len(sequenceHeader))
	}
	if OBUType(sequenceHeader) != OBUSequenceHeader {
		return nil, errors.New("read AV1 sequence header: it is none")
	}
	var h av1.SequenceHeader
	if err := h.Unmarshal(sequenceHeader); err != nil {
		return nil, fmt.Errorf("read AV1 sequence header: %w", err)
	}
	tier := "M"
	if h.SeqTier[0] {
		tier = "H"
	}
	t := &Track{
		Kind: Video, Codec: AV1, ClockRate: 90000, SequenceHeader: AppendOBU(nil, sequenceHeader),
		Width: int(h.MaxFrameWidthMinus1) + 1, Height: int(h.MaxFrameHeightMinus1) + 1,
		codecString: fmt.Sprintf("av01.%d.%02d%s.%02d", h.SeqProfile, h.SeqLevelIdx[0], tier, h.ColorConfig.BitDepth),
	}
	if err := t.checkSize(); err != nil {
		return nil, fmt.Errorf("read AV1 sequence header: %w", err)
	}
	if ti := h.TimingInfo; ti != nil && ti.EqualPictureInterval && ti.NumUnitsInDisplayTick > 0 {
		t.FrameRate = usableRate(float64(ti.TimeScale) / float64(ti.NumUnitsInDisplayTick) / (float64(ti.NumTicksPerPictureMinus1) + 1))
	}
	if t.FrameRate == 0 {
		t.FrameRate = usableRate(frameRate)
	}
	return t, nil
}

// OBUType is the type of an OBU, 0 for an empty one.
func OBUType(obu []byte) byte {
	if len(obu) == 0 {
		return 0
	}
	return obu[0] >> 3 & 0x0f
}

// splitOBU finds the end and the payload of the first OBU of b. One without a
// size field goes to the end.
func splitOBU(b []byte) (end, payload int, err error) {
	if len(b) == 0 || b[0]&0x80 != 0 {
		return 0, 0, errOBU
	}
	header := 1
	if b[0]&0x04 != 0 { // extension
		header++
	}
	if len(b) < header {
		return 0, 0, errOBU
	}
	if b[0]&0x02 == 0 {
		return len(b), header, nil
	}
	size := uint64(0)
	for i := range 8 { // leb128
		if header+i >= len(b) {
			return 0, 0, errOBU
		}
		c := b[header+i]
		size |= uint64(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			payload = header + i + 1
			if size > uint64(len(b)-payload) {
				return 0, 0, errOBU
			}
			return payload + int(size), payload, nil
		}
	}
	return 0, 0, errOBU
}

// CheckOBUs reports whether b is a sequence of OBUs with nothing left over.
func CheckOBUs(b []byte) error {
	for len(b) > 0 {
		end, _, err := splitOBU(b)
		if err != nil {
			return err
		}
		b = b[end:]
	}
	return nil
}

// OBUs walks the OBUs of a temporal unit, headers and size fields included,
// without copying. It stops at the first one that is malformed; call CheckOBUs first.
func OBUs(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			end, _, err := splitOBU(b)
			if err != nil || !yield(b[:end:end]) {
				return
			}
			b = b[end:]
		}
	}
}

// OBUPayload is an OBU without its header and size field; nil if it is malformed.
func OBUPayload(obu []byte) []byte {
	end, payload, err := splitOBU(obu)
	if err != nil {
		return nil
	}
	return obu[payload:end]
}

// AppendOBU appends an OBU with a size field, whether it has one or not.
func AppendOBU(dst, obu []byte) []byte {
	if len(obu) == 0 || obu[0]&0x02 != 0 {
		return append(dst, obu...)
	}
	header := 1
	if obu[0]&0x04 != 0 {
		header = min(2, len(obu))
	}
	dst = append(dst, obu[0]|0x02)
	dst = append(dst, obu[1:header]...)
	for size := uint(len(obu) - header); ; size >>= 7 {
		if size < 0x80 {
			dst = append(dst, byte(size))
			break
		}
		dst = append(dst, byte(size)|0x80)
	}
	return append(dst, obu[header:]...)
}

// av1Key reports whether an OBU begins a key frame that is shown (AV1 5.9.2).
func av1Key(obu []byte) bool {
	switch OBUType(obu) {
	case OBUFrameHeader, OBUFrame:
		// show_existing_frame 0, frame_type KEY_FRAME (two bits), show_frame 1.
		p := OBUPayload(obu)
		return len(p) > 0 && p[0]&0xf0 == 0x10
	}
	return false
}
