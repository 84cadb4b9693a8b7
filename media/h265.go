package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// NewH265 makes a video track from its parameter sets. frameRate, in frames
// per second, is used when the sequence parameter set declares none.
func NewH265(vps, sps, pps []byte, frameRate float64, extraPPS ...[]byte) (*Track, error) {
	if len(vps) < 3 || len(sps) < 3 || len(pps) < 3 {
		return nil, errors.New("read H.265 parameter sets: too short")
	}
	if err := boundParameterSets(slices.Concat(extraPPS, [][]byte{vps, sps, pps})); err != nil {
		return nil, fmt.Errorf("read H.265 parameter sets: %w", err)
	}
	var s h265.SPS
	if err := s.Unmarshal(sps); err != nil {
		return nil, fmt.Errorf("read H.265 sequence parameter set: %w", err)
	}
	codec, err := hevcString(sps)
	if err != nil {
		return nil, fmt.Errorf("read H.265 sequence parameter set: %w", err)
	}
	t := &Track{
		Kind: Video, Codec: H265, ClockRate: 90000,
		VPS: bytes.Clone(vps), SPS: bytes.Clone(sps), PPS: bytes.Clone(pps), ExtraPPS: cloneAll(extraPPS),
		Width: s.Width(), Height: s.Height(),
		FrameRate:   usableRate(s.FPS()),
		codecString: codec,
	}
	if err := t.checkSize(); err != nil {
		return nil, fmt.Errorf("read H.265 sequence parameter set: %w", err)
	}
	if t.FrameRate == 0 {
		t.FrameRate = usableRate(frameRate)
	}
	return t, nil
}

// HEVCConstraints are the general constraint flags of an H.265 sequence
// parameter set, from general_progressive_source_flag on (ITU-T H.265, 7.3.3).
func HEVCConstraints(sps []byte) (flags [6]byte) {
	if b := h264.EmulationPreventionRemove(sps); len(b) >= 14 {
		copy(flags[:], b[8:14])
	}
	return flags
}

// hevcString is the codec's name (ISO 14496-15, annex E.3): profile space and
// profile, compatibility flags in reverse bit order, tier and level, and the
// constraint bytes without zeros at the end.
func hevcString(sps []byte) (string, error) {
	// The NAL unit header, one byte of ids, then profile_tier_level().
	b := h264.EmulationPreventionRemove(sps)
	if len(b) < 15 {
		return "", errors.New("too short")
	}
	p := b[3:]
	space := []string{"", "A", "B", "C"}[p[0]>>6]
	tier := "L"
	if p[0]&0x20 != 0 {
		tier = "H"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "hvc1.%s%d.%X.%s%d", space, p[0]&0x1f, bits.Reverse32(binary.BigEndian.Uint32(p[1:])), tier, p[11])
	for _, c := range bytes.TrimRight(p[5:11], "\x00") {
		fmt.Fprintf(&out, ".%X", c)
	}
	return out.String(), nil
}
