package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"
)

// VP9Config is what a VP9 stream says of itself, as the vpcC box has it (VP
// codec ISO media file format binding).
type VP9Config struct {
	Profile, Level, BitDepth uint8
	// ChromaSubsampling is 1 for 4:2:0 (0 with samples between lines), 2 for 4:2:2, 3 for 4:4:4.
	ChromaSubsampling uint8
	FullRange         bool
	Width, Height     int
}

// vp9Levels are the most luma samples per second and per picture of each level
// (VP9 levels and decoder testing), the level as ten times its number.
var vp9Levels = []struct {
	level            uint8
	rate, perPicture int64
}{
	{10, 829_440, 36_864},
	{11, 2_764_800, 73_728},
	{20, 4_608_000, 122_880},
	{21, 9_216_000, 245_760},
	{30, 20_736_000, 552_960},
	{31, 36_864_000, 983_040},
	{40, 83_558_400, 2_228_224},
	{41, 160_432_128, 2_228_224},
	{50, 311_951_360, 8_912_896},
	{51, 588_251_136, 8_912_896},
	{52, 1_176_502_272, 8_912_896},
	{60, 1_176_502_272, 35_651_584},
	{61, 2_353_004_544, 35_651_584},
	{62, 4_706_009_088, 35_651_584},
}

// NewVP9 makes a video track from what the stream says of itself. frameRate is
// in frames per second, 0 if nobody knows. A Level of 0 is worked out.
func NewVP9(c VP9Config, frameRate float64) (*Track, error) {
	t := &Track{
		Kind: Video, Codec: VP9, ClockRate: 90000, Width: c.Width, Height: c.Height, FrameRate: usableRate(frameRate),
	}
	if err := t.checkSize(); err != nil {
		return nil, fmt.Errorf("read VP9 configuration: %w", err)
	}
	if c.Profile > 3 || c.ChromaSubsampling > 3 || c.BitDepth != 8 && c.BitDepth != 10 && c.BitDepth != 12 {
		return nil, fmt.Errorf("read VP9 configuration: profile %d, %d bits, subsampling %d", c.Profile, c.BitDepth, c.ChromaSubsampling)
	}
	if c.Level == 0 {
		c.Level = vp9Level(c.Width, c.Height, t.FrameRate)
	}
	t.VP9 = c
	t.codecString = fmt.Sprintf("vp09.%02d.%02d.%02d", c.Profile, c.Level, c.BitDepth)
	return t, nil
}

// vp9Level is the lowest level for a picture; 30 frames per second when nobody knows.
func vp9Level(width, height int, frameRate float64) uint8 {
	if frameRate == 0 {
		frameRate = 30
	}
	picture := int64(width) * int64(height)
	rate := int64(float64(picture) * frameRate)
	for _, l := range vp9Levels {
		if picture <= l.perPicture && rate <= l.rate {
			return l.level
		}
	}
	return vp9Levels[len(vp9Levels)-1].level
}

// ParseVP9 reads the header of a frame, or the first of a superframe. Of a key
// frame it also tells the configuration, without its level.
func ParseVP9(frame []byte) (c VP9Config, key bool, err error) {
	var h vp9.Header
	if err := h.Unmarshal(frame); err != nil {
		return VP9Config{}, false, fmt.Errorf("read VP9 frame header: %w", err)
	}
	if h.ShowExistingFrame || h.NonKeyFrame {
		return VP9Config{}, false, nil
	}
	return VP9Config{
		Profile: h.Profile, BitDepth: h.ColorConfig.BitDepth, ChromaSubsampling: h.ChromaSubsampling(),
		FullRange: h.ColorConfig.ColorRange, Width: h.Width(), Height: h.Height(),
	}, true, nil
}
