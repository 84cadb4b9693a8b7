package rtmp

import (
	"slices"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"

	"roomcast/ingest"
	"roomcast/media"
)

// demuxer turns RTMP messages into tracks and samples. Of several pictures
// only the first is taken (track 0 of enhanced RTMP), of sounds the first four
// track numbers.
type demuxer struct {
	entry ingest.Entry

	// What the metadata said.
	described bool
	wantVideo bool
	wantAudio int
	frameRate float64

	pictures   *ingest.Pictures
	codec      media.Codec // of the pictures
	videoClock clock
	sounds     []*sound // by track number
}

// sound is one audio track; its track is nil until its configuration has come.
type sound struct {
	id    uint8
	track *media.Track
	clock clock
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

func newDemuxer(sink ingest.Sink) *demuxer {
	d := &demuxer{}
	d.entry = ingest.Entry{Sink: sink, Tracks: d.tracks, Complete: d.complete}
	return d
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
		return d.classicVideo(m)
	case *message.Audio:
		if m.Codec != message.CodecMPEG4Audio {
			return ingest.Unsupported("RTMP audio codec %d", m.Codec)
		}
		if m.AACType == message.AudioAACTypeConfig {
			return d.aac(0, m.AACConfig)
		}
		return d.audio(0, media.AAC, m.DTS, m.AU)
	case *message.VideoExMultitrack:
		if m.TrackID == 0 {
			return d.enhancedVideo(m.Wrapped)
		}
	case *message.AudioExMultitrack:
		return d.enhancedAudio(m.TrackID, m.Wrapped)
	default:
		if err := d.enhancedVideo(msg); err != nil {
			return err
		}
		return d.enhancedAudio(0, msg)
	}
	return nil
}

func (d *demuxer) classicVideo(m *message.Video) error {
	codec := media.H264
	if m.Codec == message.CodecH265 {
		codec = media.H265
	} else if m.Codec != message.CodecH264 {
		return ingest.Unsupported("RTMP video codec %d", m.Codec)
	}
	switch m.Type {
	case message.VideoTypeConfig:
		if codec == media.H265 {
			return d.hevc(m.HEVCConfig)
		}
		return d.avc(m.AVCConfig)
	case message.VideoTypeAU:
		return d.video(codec, m.DTS, m.PTSDelta, m.AU)
	}
	return nil
}

// fourCCs are the codecs of enhanced RTMP that are taken.
var fourCCs = map[message.FourCC]media.Codec{
	message.FourCCAVC: media.H264, message.FourCCHEVC: media.H265, message.FourCCAV1: media.AV1, message.FourCCVP9: media.VP9,
	message.FourCCMP4A: media.AAC, message.FourCCOpus: media.Opus,
}

// codecOf is the codec of a FourCC.
func codecOf(f message.FourCC) (media.Codec, error) {
	if c, ok := fourCCs[f]; ok {
		return c, nil
	}
	return "", ingest.Unsupported("codec %s", fourCC(uint32(f)))
}

// enhancedVideo takes the picture messages of enhanced RTMP; others it ignores.
func (d *demuxer) enhancedVideo(msg message.Message) error {
	switch m := msg.(type) {
	case *message.VideoExSequenceStart:
		switch m.FourCC {
		case message.FourCCAVC:
			return d.avc(m.AVCConfig)
		case message.FourCCHEVC:
			return d.hevc(m.HEVCConfig)
		case message.FourCCAV1:
			return d.av1(m.AV1Config)
		case message.FourCCVP9:
			d.begin(media.VP9) // the configuration says nothing of the size: key frames do
			return nil
		}
		_, err := codecOf(m.FourCC)
		return err
	case *message.VideoExCodedFrames:
		codec, err := codecOf(m.FourCC)
		if err != nil {
			return err
		}
		return d.video(codec, m.DTS, m.PTSDelta, m.Payload)
	case *message.VideoExFramesX:
		codec, err := codecOf(m.FourCC)
		if err != nil {
			return err
		}
		return d.video(codec, m.DTS, 0, m.Payload)
	}
	return nil
}

// enhancedAudio takes the sound messages of enhanced RTMP; others it ignores.
func (d *demuxer) enhancedAudio(id uint8, msg message.Message) error {
	switch m := msg.(type) {
	case *message.AudioExSequenceStart:
		switch m.FourCC {
		case message.FourCCMP4A:
			return d.aac(id, m.AACConfig)
		case message.FourCCOpus:
			return d.opus(id, m.OpusConfig)
		}
		_, err := codecOf(m.FourCC)
		return err
	case *message.AudioExCodedFrames:
		codec, err := codecOf(m.FourCC)
		if err != nil {
			return err
		}
		return d.audio(id, codec, m.DTS, m.Payload)
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

// begin makes the pictures those of a codec; what was before it is forgotten
// if it was another one.
func (d *demuxer) begin(codec media.Codec) {
	if d.pictures == nil || d.codec != codec {
		d.pictures, d.codec = ingest.NewPictures(codec, d.frameRate), codec
	}
}

// sound finds the audio track of a number, making it if there is room.
func (d *demuxer) sound(id uint8) *sound {
	at, found := slices.BinarySearchFunc(d.sounds, id, func(s *sound, id uint8) int { return int(s.id) - int(id) })
	if found {
		return d.sounds[at]
	}
	if len(d.sounds) == media.MaxAudioTracks {
		return nil
	}
	s := &sound{id: id}
	d.sounds = slices.Insert(d.sounds, at, s)
	return s
}

// videoTrack is the track of the pictures, nil if it is not known.
func (d *demuxer) videoTrack() *media.Track {
	if d.pictures == nil {
		return nil
	}
	return d.pictures.Track()
}

// tracks are those whose configuration is known.
func (d *demuxer) tracks() (ts []*media.Track) {
	if t := d.videoTrack(); t != nil {
		ts = append(ts, t)
	}
	for _, s := range d.sounds {
		if s.track != nil {
			ts = append(ts, s.track)
		}
	}
	return ts
}

// video takes an access unit of the pictures.
func (d *demuxer) video(codec media.Codec, dts, delay time.Duration, b []byte) error {
	d.begin(codec) // a configuration may come in band
	at, before := d.videoClock.unwrap(dts), d.pictures.Track()
	payload, key, err := d.pictures.Whole(b)
	if err != nil {
		return err
	}
	if t := d.pictures.Track(); t != before {
		if err := d.entry.Renew(); err != nil {
			return err
		}
	}
	return d.entry.Put(ingest.Frame{Track: d.pictures.Track(), Time: at, Delay: delay, Key: key, Payload: payload})
}

// audio takes a frame of sound.
func (d *demuxer) audio(id uint8, codec media.Codec, dts time.Duration, b []byte) error {
	s := d.sound(id)
	if s == nil {
		return nil
	}
	if s.track == nil || s.track.Codec != codec {
		return d.entry.Put(ingest.Frame{Time: s.clock.unwrap(dts)}) // no configuration yet, but time passes
	}
	return d.entry.Put(ingest.Frame{Track: s.track, Time: s.clock.unwrap(dts), Key: true, Payload: b})
}

// complete reports whether all tracks that will come are known.
func (d *demuxer) complete() bool {
	audio := 0
	for _, s := range d.sounds {
		if s.track != nil {
			audio++
		}
	}
	video := d.videoTrack() != nil
	if d.described {
		return (video || !d.wantVideo) && audio >= d.wantAudio && (video || audio > 0)
	}
	return video && audio > 0
}
