package rtmp

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
)

const (
	// analyze is how much media is looked at for tracks that the metadata did not announce.
	analyze = 2 * time.Second
	// maxHeld and maxHeldBytes bound what is held until the tracks are known.
	maxHeld      = 1000
	maxHeldBytes = 16 << 20
)

// frame is an access unit as it came.
type frame struct {
	kind        media.Kind
	time, delay time.Duration
	payload     []byte
}

// demuxer turns RTMP messages into tracks and samples.
type demuxer struct {
	sink     ingest.Sink
	timeline ingest.Timeline

	// What the metadata said.
	described              bool
	wantVideo, wantAudio   bool
	frameRate              float64
	video, audio           *media.Track
	announced              bool
	held                   []frame
	heldBytes              int
	videoClock, audioClock clock
}

// clock unwraps RTMP's 32-bit millisecond timestamps.
type clock struct {
	seen bool
	last uint32
	ms   int64
}

func (c *clock) unwrap(d time.Duration) time.Duration {
	now := uint32(d / time.Millisecond)
	if !c.seen {
		c.seen, c.ms = true, int64(now)
	} else {
		c.ms += int64(int32(now - c.last))
	}
	c.last = now
	return time.Duration(c.ms) * time.Millisecond
}

func newDemuxer(sink ingest.Sink) *demuxer { return &demuxer{sink: sink} }

func notSupported(format string, a ...any) error {
	return &rooms.Error{Code: rooms.CodeCodecNotSupported, Detail: fmt.Sprintf(format, a...) + "; send H.264 and AAC"}
}

// handle takes one message. A *rooms.Error means that the publisher is refused.
func (d *demuxer) handle(msg message.Message) error {
	switch m := msg.(type) {
	case *message.DataAMF0:
		return d.metadata(m.Payload)
	case *message.CommandAMF0:
		switch m.Name {
		case "FCUnpublish", "deleteStream", "closeStream":
			return errUnpublished
		}
	case *message.Video:
		if m.Codec != message.CodecH264 {
			return notSupported("RTMP video codec %d", m.Codec)
		}
		switch m.Type {
		case message.VideoTypeConfig:
			return d.videoConfig(m.AVCConfig)
		case message.VideoTypeAU:
			return d.frame(frame{media.Video, d.videoClock.unwrap(m.DTS), m.PTSDelta, m.AU})
		}
	case *message.Audio:
		if m.Codec != message.CodecMPEG4Audio {
			return notSupported("RTMP audio codec %d", m.Codec)
		}
		if m.AACType == message.AudioAACTypeConfig {
			return d.audioConfig(m.AACConfig)
		}
		return d.frame(frame{media.Audio, d.audioClock.unwrap(m.DTS), 0, m.AU})
	case *message.VideoExMultitrack:
		if m.TrackID == 0 {
			return d.enhanced(m.Wrapped)
		}
	case *message.AudioExMultitrack:
		if m.TrackID == 0 {
			return d.enhanced(m.Wrapped)
		}
	default:
		return d.enhanced(msg)
	}
	return nil
}

// enhanced takes the messages of enhanced RTMP, which name codecs by four characters.
func (d *demuxer) enhanced(msg message.Message) error {
	switch m := msg.(type) {
	case *message.VideoExSequenceStart:
		if m.FourCC != message.FourCCAVC {
			return notSupported("video codec %s", fourCC(uint32(m.FourCC)))
		}
		return d.videoConfig(m.AVCConfig)
	case *message.VideoExCodedFrames:
		if m.FourCC != message.FourCCAVC {
			return notSupported("video codec %s", fourCC(uint32(m.FourCC)))
		}
		return d.frame(frame{media.Video, d.videoClock.unwrap(m.DTS), m.PTSDelta, m.Payload})
	case *message.VideoExFramesX:
		if m.FourCC != message.FourCCAVC {
			return notSupported("video codec %s", fourCC(uint32(m.FourCC)))
		}
		return d.frame(frame{media.Video, d.videoClock.unwrap(m.DTS), 0, m.Payload})
	case *message.AudioExSequenceStart:
		if m.FourCC != message.FourCCMP4A {
			return notSupported("audio codec %s", fourCC(uint32(m.FourCC)))
		}
		return d.audioConfig(m.AACConfig)
	case *message.AudioExCodedFrames:
		if m.FourCC != message.FourCCMP4A {
			return notSupported("audio codec %s", fourCC(uint32(m.FourCC)))
		}
		return d.frame(frame{media.Audio, d.audioClock.unwrap(m.DTS), 0, m.Payload})
	}
	return nil
}

func fourCC(v uint32) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, string([]rune{rune(v >> 24 & 0xff), rune(v >> 16 & 0xff), rune(v >> 8 & 0xff), rune(v & 0xff)}))
}

// metadata reads onMetaData: which tracks to wait for, and the frame rate.
func (d *demuxer) metadata(p amf0.Data) error {
	if len(p) > 0 && p[0] == "@setDataFrame" {
		p = p[1:]
	}
	if len(p) < 2 || p[0] != "onMetaData" || d.announced {
		return nil
	}
	var o amf0.Object
	switch v := p[1].(type) {
	case amf0.Object:
		o = v
	case amf0.ECMAArray:
		o = amf0.Object(v)
	default:
		return nil
	}
	number := func(key string) float64 {
		v, _ := o.Get(key)
		f, _ := v.(float64)
		return f
	}
	video, audio := number("videocodecid"), number("audiocodecid")
	if video != 0 && video != message.CodecH264 && video != float64(message.FourCCAVC) {
		return notSupported("video codec %v", video)
	}
	if audio != 0 && audio != message.CodecMPEG4Audio && audio != float64(message.FourCCMP4A) {
		return notSupported("audio codec %v", audio)
	}
	d.described = video != 0 || audio != 0
	d.wantVideo, d.wantAudio = video != 0, audio != 0
	d.frameRate = number("framerate")
	return nil
}

func (d *demuxer) videoConfig(c *mp4.AVCDecoderConfiguration) error {
	if c == nil || len(c.SequenceParameterSets) < 1 || len(c.PictureParameterSets) < 1 {
		return errors.New("H.264 configuration without parameter sets")
	}
	if c.LengthSizeMinusOne != 3 {
		return notSupported("H.264 with NAL unit lengths of %d bytes", c.LengthSizeMinusOne+1)
	}
	var pps [][]byte
	for _, p := range c.PictureParameterSets {
		pps = append(pps, p.NALUnit)
	}
	return d.parameterSets(c.SequenceParameterSets[0].NALUnit, pps)
}

// parameterSets makes the video track of parameter sets, if they are new.
func (d *demuxer) parameterSets(sps []byte, pps [][]byte) error {
	t, err := media.NewH264(sps, pps[0], d.frameRate, pps[1:]...)
	if err != nil {
		return notSupported("%v", err)
	}
	return d.setTrack(&d.video, t)
}

func (d *demuxer) audioConfig(c *mpeg4audio.AudioSpecificConfig) error {
	if c == nil {
		return nil
	}
	b, err := c.Marshal()
	if err != nil {
		return fmt.Errorf("write AAC configuration: %w", err)
	}
	t, err := media.NewAAC(b)
	if err != nil {
		return notSupported("%v", err)
	}
	return d.setTrack(&d.audio, t)
}

// setTrack takes a track's configuration; encoders may repeat it.
func (d *demuxer) setTrack(place **media.Track, t *media.Track) error {
	if *place != nil && (*place).SameConfig(t) {
		return nil
	}
	*place = t
	if d.announced {
		return d.sink.SetTracks(d.tracks())
	}
	return nil
}

func (d *demuxer) tracks() []*media.Track {
	var ts []*media.Track
	for _, t := range []*media.Track{d.video, d.audio} {
		if t != nil {
			ts = append(ts, t)
		}
	}
	return ts
}

// frame passes an access unit on, or holds it until the tracks are known.
func (d *demuxer) frame(f frame) error {
	if d.announced {
		return d.pass(f)
	}
	d.held = append(d.held, f)
	d.heldBytes += len(f.payload)
	if !d.complete() {
		return nil
	}
	if len(d.tracks()) == 0 {
		return notSupported("no decoder configuration in the first %v", analyze)
	}
	if err := d.sink.SetTracks(d.tracks()); err != nil {
		return err
	}
	d.announced = true
	held := d.held
	d.held = nil
	for _, h := range held {
		if err := d.pass(h); err != nil {
			return err
		}
	}
	return nil
}

// complete reports whether all tracks that will come are known.
func (d *demuxer) complete() bool {
	switch {
	case d.video != nil && d.audio != nil:
		return true
	case d.described && (d.video != nil || !d.wantVideo) && (d.audio != nil || !d.wantAudio):
		return true
	}
	span := d.held[len(d.held)-1].time - d.held[0].time
	return span >= analyze || len(d.held) >= maxHeld || d.heldBytes >= maxHeldBytes
}

// pass hands one access unit of a known track to the sink.
func (d *demuxer) pass(f frame) error {
	t, key := d.audio, true
	if f.kind == media.Video {
		t = d.video
	}
	if t == nil {
		return nil
	}
	if f.kind == media.Video {
		var err error
		if f.payload, key, err = d.picture(f.payload); err != nil || len(f.payload) == 0 {
			return err
		}
		t = d.video
	}
	if len(f.payload) == 0 {
		return nil
	}
	dts, pts, jump, ok := d.timeline.Place(t, f.time, f.delay)
	if !ok {
		return nil
	}
	return d.sink.Write(ingest.Sample{Track: t, DTS: dts, PTS: pts, Key: key, Jump: jump, Payload: f.payload})
}

// picture cleans an H.264 access unit: parameter sets and delimiters sent in
// band go out of it, and into the track if they are new.
func (d *demuxer) picture(b []byte) (payload []byte, key bool, err error) {
	if err := media.CheckAVCC(b); err != nil {
		return nil, false, err
	}
	clean := true
	var sps []byte
	var pps [][]byte
	for nal := range media.NALs(b) {
		switch media.NALType(nal) {
		case media.NALIDR:
			key = true
		case media.NALSPS:
			sps, clean = nal, false
		case media.NALPPS:
			pps, clean = append(pps, nal), false
		case media.NALDelimiter, 0:
			clean = false
		}
	}
	if key && sps != nil && pps != nil {
		if err := d.parameterSets(sps, pps); err != nil {
			return nil, false, err
		}
	}
	extra := d.video.ExtraPPS
	if clean && (!key || len(extra) == 0) {
		return b, key, nil
	}
	out := make([]byte, 0, len(b))
	if key {
		for _, p := range extra {
			out = media.AppendNAL(out, p)
		}
	}
	for nal := range media.NALs(b) {
		switch media.NALType(nal) {
		case media.NALSPS, media.NALPPS, media.NALDelimiter, 0:
		default:
			out = media.AppendNAL(out, nal)
		}
	}
	return out, key, nil
}
