package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
)

const (
	frameRate  = 30
	sampleRate = 48000
	aacFrame   = time.Duration(mpeg4audio.SamplesPerAccessUnit) * time.Second / sampleRate
	// clipSeconds is a whole number of AAC frames too.
	clipSeconds = 8
)

// Clip is a short encoding that publishers send over and over: H.264 without
// B-frames, a key frame every 2 s, and AAC.
type Clip struct {
	sps, pps []byte
	audio    *mpeg4audio.AudioSpecificConfig
	frames   []frame // in the order of their times
	length   time.Duration
}

// frame is one access unit.
type frame struct {
	at    time.Duration
	video [][]byte // NAL units, or
	sound []byte   // one AAC access unit
}

// Encode makes a clip with ffmpeg: size is "WxH" in pixels, bitrate of the
// picture in bits per second.
func Encode(ctx context.Context, ffmpeg, size string, bitrate int) (*Clip, error) {
	rate := strconv.Itoa(bitrate)
	cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-nostdin", //nolint:gosec // the operator names the program
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%s:rate=%d,noise=alls=12:allf=t", size, frameRate),
		"-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=440:sample_rate=%d", sampleRate),
		"-t", strconv.Itoa(clipSeconds), "-pix_fmt", "yuv420p",
		"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-g", strconv.Itoa(2*frameRate), "-sc_threshold", "0",
		"-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", strconv.Itoa(bitrate/2), "-x264-params", "nal-hrd=cbr:force-cfr=1",
		"-c:a", "aac", "-b:a", "96k", "-ac", "2", "-f", "mpegts", "-")
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("encode the clip with %s: %w: %s", ffmpeg, err, bytes.TrimSpace(complaint.Bytes()))
	}
	return readClip(&out)
}

func readClip(r io.Reader) (*Clip, error) {
	reader := &mpegts.Reader{R: r}
	if err := reader.Initialize(); err != nil {
		return nil, fmt.Errorf("read the clip: %w", err)
	}
	c := &Clip{length: clipSeconds * time.Second}
	var pictures, sounds []frame
	for _, track := range reader.Tracks() {
		switch codec := track.Codec.(type) {
		case *codecs.H264:
			reader.OnDataH264(track, func(_, _ int64, au [][]byte) error {
				at := time.Duration(len(pictures)) * time.Second / frameRate
				pictures = append(pictures, frame{at: at, video: c.picture(au)})
				return nil
			})
		case *codecs.MPEG4Audio:
			c.audio = &codec.Config
			reader.OnDataMPEG4Audio(track, func(_ int64, aus [][]byte) error {
				for _, au := range aus {
					sounds = append(sounds, frame{at: time.Duration(len(sounds)) * aacFrame, sound: bytes.Clone(au)})
				}
				return nil
			})
		}
	}
	for {
		if err := reader.Read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the clip: %w", err)
		}
	}
	if len(pictures) == 0 || len(sounds) == 0 || c.sps == nil {
		return nil, errors.New("read the clip: picture or sound is missing")
	}
	c.frames = merge(pictures, sounds, c.length)
	return c, nil
}

// picture keeps an access unit without parameter sets and delimiters.
func (c *Clip) picture(au [][]byte) (kept [][]byte) {
	for _, nal := range au {
		switch h264.NALUType(nal[0] & 0x1f) {
		case h264.NALUTypeSPS:
			c.sps = bytes.Clone(nal)
		case h264.NALUTypePPS:
			c.pps = bytes.Clone(nal)
		case h264.NALUTypeAccessUnitDelimiter:
		default:
			kept = append(kept, bytes.Clone(nal))
		}
	}
	return kept
}

// merge puts two tracks into the order of time, without what is past the end.
func merge(a, b []frame, end time.Duration) []frame {
	all := make([]frame, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && a[0].at <= b[0].at {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	for len(all) > 0 && all[len(all)-1].at >= end {
		all = all[:len(all)-1]
	}
	return all
}
