package transcode

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // pictures that an operator may give
	_ "image/png"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"time"

	"roomcast/media"
)

const (
	// slateSeconds is about how long the pictures of a slate are, all from one key frame.
	slateSeconds = 2
	// slateTimeout bounds the making of one.
	slateTimeout = 60 * time.Second
	// plainRate is the frame rate of a slate whose source tells none.
	plainRate = 25
	// maxSlateRate bounds it.
	maxSlateRate = 60
	// maxSide is the longest side of a picture that is read.
	maxSide = 8192
)

// SlateSpec says what a slate is to look like: like its source.
type SlateSpec struct {
	// Tracks are the source's, video first.
	Tracks []*media.Track
	// FrameRate is what was measured, in frames per second; used if the video
	// track declares none.
	FrameRate float64
	// Picture is a PNG or JPEG file, shown whole in the middle; without it a
	// plain card.
	Picture []byte
}

// Slate is an endless loop of a still picture and silence.
type Slate struct {
	format *media.Format
	loops  []loop // of each track
}

// loop is the units of one track; the one after the last is the first.
type loop struct {
	units [][]byte
	// A unit lasts length/per of a second.
	length, per int64
}

// Format is what the slate's units belong to. Each showing of a slate is a
// Format of its own: Tracks are shared.
func (s *Slate) Format() *media.Format {
	return &media.Format{Tracks: s.format.Tracks, Slate: true}
}

// Unit is unit n of a track, counted from 0, and when it begins.
func (s *Slate) Unit(track int, n int64) (at time.Duration, key bool, payload []byte) {
	l := &s.loops[track]
	k := n % int64(len(l.units))
	whole, part := n*l.length/l.per, n*l.length%l.per
	at = time.Duration(whole)*time.Second + time.Duration(part*int64(time.Second)/l.per)
	return at, k == 0 || s.format.Tracks[track].Kind == media.Audio, l.units[k]
}

// Bytes is how much memory the slate takes.
func (s *Slate) Bytes() (n int) {
	for _, l := range s.loops {
		for _, u := range l.units {
			n += len(u)
		}
	}
	return n
}

// MakeSlate makes a slate of the codecs, resolution, frame rate, profile, level,
// sample rate and channels of its source.
func (t *Tool) MakeSlate(ctx context.Context, spec SlateSpec, log *slog.Logger) (*Slate, error) {
	ctx, cancel := context.WithTimeout(ctx, slateTimeout)
	defer cancel()
	s := &Slate{format: &media.Format{}}
	for _, source := range spec.Tracks {
		var track *media.Track
		var l loop
		var err error
		if source.Kind == media.Video {
			track, l, err = t.still(ctx, source, spec, log)
		} else {
			track, l, err = t.silence(ctx, source, log)
		}
		if err != nil {
			return nil, fmt.Errorf("make a slate: %w", err)
		}
		s.format.Tracks, s.loops = append(s.format.Tracks, track), append(s.loops, l)
	}
	if len(s.loops) == 0 {
		return nil, errors.New("make a slate: its source has no tracks")
	}
	return s, nil
}

// silence is a loop of one unit.
func (t *Tool) silence(ctx context.Context, source *media.Track, log *slog.Logger) (*media.Track, loop, error) {
	if source.Codec == media.Opus {
		packet := slices.Clone(silence20)
		if source.Channels > 1 {
			packet[0] |= 4
		}
		track, err := media.NewOpus(min(source.Channels, 2))
		return track, loop{[][]byte{packet}, 1, 50}, err
	}
	// HE-AAC is silent as LC at the rate that is heard.
	layout := map[int]string{1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}[source.Channels]
	if source.Codec != media.AAC || layout == "" {
		return nil, loop{}, fmt.Errorf("no silence of %s in %d channels", source.Codec, source.Channels)
	}
	rate := strconv.Itoa(source.SampleRate)
	p, err := t.Start(ctx, Job{Name: "silence", Outputs: 1, Log: log, Args: []string{
		"-f", "lavfi", "-i", "anullsrc=channel_layout=" + layout + ":sample_rate=" + rate,
		"-t", "1", "-c:a", "aac", "-profile:a", "aac_low", "-f", "adts", OutputPipe(0),
	}})
	if err != nil {
		return nil, loop{}, err
	}
	defer p.Stop()
	p.CloseInput()
	r := bufio.NewReader(p.Output(0))
	header, err := r.Peek(7)
	if err != nil {
		return nil, loop{}, fmt.Errorf("read silence: %w", errors.Join(err, p.Wait()))
	}
	// The same object type, rate and layout, as an AudioSpecificConfig.
	object, index, channels := header[2]>>6+1, header[2]>>2&15, header[2]&1<<2|header[3]>>6
	track, err := media.NewAAC([]byte{object<<3 | index>>1, index<<7 | channels<<3})
	if err != nil {
		return nil, loop{}, err
	}
	var unit []byte
	for range 5 { // the first ones still settle
		if unit, err = readADTS(r); err != nil {
			return nil, loop{}, fmt.Errorf("read silence: %w", err)
		}
	}
	return track, loop{[][]byte{unit}, aacFrame, int64(track.ClockRate)}, nil
}

// still is a loop from one key frame.
func (t *Tool) still(ctx context.Context, source *media.Track, spec SlateSpec, log *slog.Logger) (*media.Track, loop, error) {
	num, den := frameRate(source.FrameRate, spec.FrameRate)
	n := max(1, (slateSeconds*num+den/2)/den)
	args, err := stillInput(spec.Picture, source.Width, source.Height, num, den)
	if err != nil {
		return nil, loop{}, err
	}
	encoder, err := t.stillEncoder(source, n)
	if err != nil {
		return nil, loop{}, err
	}
	args = append(append(args, "-frames:v", strconv.Itoa(n), "-fps_mode", "passthrough"), encoder...)
	p, err := t.Start(ctx, Job{Name: "slate", Outputs: 1, Log: log, Args: args})
	if err != nil {
		return nil, loop{}, err
	}
	defer p.Stop()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = p.Write(spec.Picture)
		p.CloseInput()
	}()
	defer func() { <-fed }()
	defer p.Stop()
	l := loop{length: int64(den), per: int64(num)}
	var first picture
	read := readTS
	if source.Codec == media.AV1 || source.Codec == media.VP9 {
		read = readIVF
	}
	err = read(p.Output(0), func(pic picture) error {
		if first.payload == nil {
			first = pic
		}
		if source.Codec == media.AV1 {
			pic.payload = withoutDelimiters(pic.payload)
		}
		if len(l.units) < n {
			l.units = append(l.units, pic.payload)
		}
		return nil
	})
	if err == nil && len(l.units) < n {
		err = fmt.Errorf("%d of %d pictures were made: %w", len(l.units), n, errors.Join(p.Wait(), errEnded))
	}
	if err != nil {
		return nil, loop{}, err
	}
	track, err := trackOf(source.Codec, first, float64(num)/float64(den))
	return track, l, err
}

// frameRate is a rate as a fraction.
func frameRate(declared, measured float64) (num, den int) {
	r := declared
	if r <= 0 {
		r = math.Round(measured)
	}
	if r < 1 {
		r = plainRate
	}
	r = min(r, maxSlateRate)
	if ntsc := math.Round(r * 1001 / 1000); math.Abs(ntsc*1000/1001-r) < 0.003 && math.Abs(r-math.Round(r)) > 0.003 {
		return int(ntsc) * 1000, 1001
	}
	return int(math.Round(r * 1000)), 1000
}

// stillInput is ffmpeg's input: the picture, or a dark card with the sign for a pause.
func stillInput(file []byte, width, height, num, den int) ([]string, error) {
	rate := fmt.Sprintf("%d/%d", num, den)
	if len(file) == 0 {
		card := fmt.Sprintf("color=c=0x14171c:s=%dx%d:r=%s,"+
			"drawbox=x=iw/2-ih*0.07:y=ih*0.4:w=ih*0.045:h=ih*0.2:color=0x8a929e:t=fill,"+
			"drawbox=x=iw/2+ih*0.025:y=ih*0.4:w=ih*0.045:h=ih*0.2:color=0x8a929e:t=fill,setsar=1", width, height, rate)
		return []string{"-f", "lavfi", "-i", card}, nil
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("read the picture of a slate: %w", err)
	}
	if c.Width > maxSide || c.Height > maxSide {
		return nil, fmt.Errorf("read the picture of a slate: %dx%d is too large", c.Width, c.Height)
	}
	filter := fmt.Sprintf("scale=%d:%d:force_original_aspect_ratio=decrease,pad=%d:%d:(ow-iw)/2:(oh-ih)/2:color=0x14171c,setsar=1,"+
		"loop=loop=-1:size=1:start=0,settb=%d/%d,setpts=N", width, height, width, height, den, num)
	return []string{"-f", format + "_pipe", "-i", "pipe:0", "-vf", filter, "-r", rate}, nil
}

// stillEncoder is ffmpeg's output for the codec of a track, n pictures from one key frame.
func (t *Tool) stillEncoder(source *media.Track, n int) ([]string, error) {
	missing := func() ([]string, error) {
		return nil, fmt.Errorf("no encoder of %s: %w", source.Codec, ErrMissing)
	}
	gop := strconv.Itoa(n)
	format := "mpegts"
	var args []string
	switch source.Codec {
	case media.H264:
		if _, ok := t.Has("libx264"); !ok {
			return missing()
		}
		args = append([]string{"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-crf", "26", "-x264-params", "scenecut=0:keyint=" + gop},
			h264Profile(source.SPS)...)
	case media.H265:
		if _, ok := t.Has("libx265"); !ok {
			return missing()
		}
		args = []string{"-c:v", "libx265", "-preset", "ultrafast", "-tune", "zerolatency", "-crf", "28", "-pix_fmt", "yuv420p", "-x265-params", "log-level=error:scenecut=0:keyint=" + gop}
	case media.VP9:
		if _, ok := t.Has("libvpx-vp9"); !ok {
			return missing()
		}
		format = "ivf"
		args = []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0", "-g", gop, "-b:v", "500k", "-pix_fmt", "yuv420p"}
	case media.AV1:
		name, ok := t.Has("libsvtav1", "libaom-av1")
		if !ok {
			return missing()
		}
		format = "ivf"
		args = []string{"-c:v", name, "-g", gop, "-pix_fmt", "yuv420p"}
		if name == "libsvtav1" {
			args = append(args, "-preset", "12", "-crf", "40", "-svtav1-params", "pred-struct=1")
		} else {
			args = append(args, "-cpu-used", "8", "-usage", "realtime", "-lag-in-frames", "0", "-b:v", "500k")
		}
	case media.AAC, media.Opus:
		return missing()
	}
	args = append(args, "-f", format)
	if format == "mpegts" {
		args = append(args, "-muxdelay", "0", "-muxpreload", "0")
	}
	return append(args, OutputPipe(0)), nil
}

// h264Profile asks x264 for profile, level and sampling of a sequence parameter
// set (ITU-T H.264, 7.3.2.1.1).
func h264Profile(sps []byte) []string {
	if len(sps) < 4 {
		return []string{"-pix_fmt", "yuv420p"}
	}
	profile, pixels := "high", "yuv420p"
	switch sps[1] {
	case 66:
		profile = "baseline"
	case 77:
		profile = "main"
	case 110:
		profile, pixels = "high10", "yuv420p10le"
	case 122:
		profile, pixels = "high422", "yuv422p10le"
	case 244:
		profile, pixels = "high444", "yuv444p"
	}
	args := []string{"-pix_fmt", pixels, "-profile:v", profile}
	if level := int(sps[3]); level >= 10 && level <= 62 {
		args = append(args, "-level:v", fmt.Sprintf("%d.%d", level/10, level%10))
	}
	return args
}

// trackOf describes what was made, from its first picture.
func trackOf(codec media.Codec, first picture, rate float64) (*media.Track, error) {
	switch codec {
	case media.H264:
		return media.NewH264(first.sets.sps, first.sets.pps, rate)
	case media.H265:
		return media.NewH265(first.sets.vps, first.sets.sps, first.sets.pps, rate)
	case media.VP9:
		c, _, err := media.ParseVP9(first.payload)
		if err != nil {
			return nil, err
		}
		return media.NewVP9(c, rate)
	case media.AV1:
		for obu := range media.OBUs(first.payload) {
			if media.OBUType(obu) == media.OBUSequenceHeader {
				return media.NewAV1(obu, rate)
			}
		}
		return nil, errors.New("read AV1: no sequence header")
	case media.AAC, media.Opus:
	}
	return nil, fmt.Errorf("%s has no pictures", codec)
}

// withoutDelimiters is an AV1 temporal unit as media.Unit has it.
func withoutDelimiters(b []byte) (out []byte) {
	for obu := range media.OBUs(b) {
		if media.OBUType(obu) != media.OBUTemporalDelimiter {
			out = append(out, obu...)
		}
	}
	return out
}
