package media

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// maxParameterSets bounds the parameter sets of a track together, in bytes:
// some are sent again before every key frame. Real ones have some 50 bytes,
// with what x265 tells of itself 3 KB.
const maxParameterSets = 8 << 10

// maxSets bounds their number.
const maxSets = 64

// NewH264 makes a video track from its parameter sets. frameRate, in frames
// per second, is used when the sequence parameter set declares none.
func NewH264(sps, pps []byte, frameRate float64, extraPPS ...[]byte) (*Track, error) {
	if len(sps) < 4 || len(pps) == 0 {
		return nil, errors.New("read H.264 parameter sets: too short")
	}
	if err := boundParameterSets(slices.Concat(extraPPS, [][]byte{sps, pps})); err != nil {
		return nil, fmt.Errorf("read H.264 parameter sets: %w", err)
	}
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return nil, fmt.Errorf("read H.264 sequence parameter set: %w", err)
	}
	t := &Track{
		Kind: Video, Codec: H264, ClockRate: 90000,
		SPS: bytes.Clone(sps), PPS: bytes.Clone(pps),
		Width: s.Width(), Height: s.Height(),
		FrameRate:   usableRate(s.FPS()),
		codecString: fmt.Sprintf("avc1.%02x%02x%02x", sps[1], sps[2], sps[3]),
	}
	if err := t.checkSize(); err != nil {
		return nil, fmt.Errorf("read H.264 sequence parameter set: %w", err)
	}
	if t.FrameRate == 0 {
		t.FrameRate = usableRate(frameRate)
	}
	t.ExtraPPS = cloneAll(extraPPS)
	return t, nil
}

// boundParameterSets refuses parameter sets that are too large together.
func boundParameterSets(sets [][]byte) error {
	size := 0
	for _, s := range sets {
		size += len(s)
	}
	if size > maxParameterSets {
		return fmt.Errorf("%d bytes are too many", size)
	}
	if len(sets) > maxSets {
		return fmt.Errorf("%d sets are too many", len(sets))
	}
	return nil
}

func cloneAll(sets [][]byte) (out [][]byte) {
	for _, s := range sets {
		out = append(out, bytes.Clone(s))
	}
	return out
}
