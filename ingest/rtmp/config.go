package rtmp

import (
	"errors"
	"fmt"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"roomcast/ingest"
	"roomcast/media"
)

// metadata reads onMetaData: which tracks to wait for, and the frame rate.
func (d *demuxer) metadata(p amf0.Data) error {
	if len(p) > 0 && p[0] == "@setDataFrame" {
		p = p[1:]
	}
	if len(p) < 2 || p[0] != "onMetaData" || d.entry.Announced() {
		return nil
	}
	o, ok := object(p[1])
	if !ok {
		return nil
	}
	video, audio := codecID(o, "videocodecid"), codecID(o, "audiocodecid")
	switch {
	case video == 0, video == message.CodecH264, video == message.CodecH265:
	case fourCCs[message.FourCC(video)] == "":
		return ingest.Unsupported("video codec %s", codecName(video))
	}
	switch {
	case audio == 0, audio == message.CodecMPEG4Audio:
	case fourCCs[message.FourCC(audio)] == "":
		return ingest.Unsupported("audio codec %s", codecName(audio))
	}
	d.described = video != 0 || audio != 0
	d.wantVideo, d.wantAudio = video != 0, 0
	if audio != 0 {
		d.wantAudio = 1
	}
	if v, there := o.Get("audioTrackIdInfoMap"); there {
		more, _ := object(v)
		for _, e := range more {
			if e.Key != "0" && d.wantAudio < media.MaxAudioTracks {
				d.wantAudio++
			}
		}
	}
	if v, there := o.Get("framerate"); there {
		d.frameRate, _ = v.(float64)
	}
	return nil
}

func object(v any) (amf0.Object, bool) {
	switch v := v.(type) {
	case amf0.Object:
		return v, true
	case amf0.ECMAArray:
		return amf0.Object(v), true
	}
	return nil, false
}

// codecID is a codec in the metadata: a classic number, or a FourCC as a number
// or, with some encoders, in letters. 0 if there is none.
func codecID(o amf0.Object, key string) uint32 {
	v, _ := o.Get(key)
	switch v := v.(type) {
	case float64:
		if v > 0 && v <= 0xffffffff {
			return uint32(v)
		}
	case string:
		if len(v) == 4 {
			return uint32(v[0])<<24 | uint32(v[1])<<16 | uint32(v[2])<<8 | uint32(v[3])
		}
	}
	return 0
}

// codecName shows a codec of the metadata to people.
func codecName(id uint32) string {
	if id < 1<<24 {
		return fmt.Sprintf("number %d", id)
	}
	return fourCC(id)
}

// configure takes the track that a configuration described.
func (d *demuxer) configure(codec media.Codec, t *media.Track) error {
	d.begin(codec)
	d.pictures.Configure(t)
	return d.entry.Renew()
}

// lengths refuses NAL unit lengths of other than four bytes.
func lengths(sizeMinusOne uint8) error {
	if sizeMinusOne != 3 {
		return ingest.Unsupported("NAL unit lengths of %d bytes", sizeMinusOne+1)
	}
	return nil
}

func (d *demuxer) avc(c *mp4.AVCDecoderConfiguration) error {
	if c == nil || len(c.SequenceParameterSets) < 1 || len(c.PictureParameterSets) < 1 {
		return errors.New("H.264 configuration without parameter sets")
	}
	if err := lengths(c.LengthSizeMinusOne); err != nil {
		return err
	}
	var pps [][]byte
	for _, p := range c.PictureParameterSets {
		pps = append(pps, p.NALUnit)
	}
	t, err := media.NewH264(c.SequenceParameterSets[0].NALUnit, pps[0], d.frameRate, pps[1:]...)
	if err != nil {
		return ingest.Unsupported("%v", err)
	}
	return d.configure(media.H264, t)
}

func (d *demuxer) hevc(c *mp4.HvcC) error {
	if c == nil {
		return errors.New("H.265 configuration without parameter sets")
	}
	if err := lengths(c.LengthSizeMinusOne); err != nil {
		return err
	}
	var vps, sps []byte
	var pps [][]byte
	for _, a := range c.NaluArrays {
		for _, n := range a.Nalus {
			switch media.HEVCType(n.NALUnit) {
			case media.HEVCVPS:
				vps = n.NALUnit
			case media.HEVCSPS:
				sps = n.NALUnit
			case media.HEVCPPS:
				pps = append(pps, n.NALUnit)
			}
		}
	}
	if pps == nil {
		d.begin(media.H265) // they may come in band
		return nil
	}
	t, err := media.NewH265(vps, sps, pps[0], d.frameRate, pps[1:]...)
	if err != nil {
		return ingest.Unsupported("%v", err)
	}
	return d.configure(media.H265, t)
}

func (d *demuxer) av1(c *mp4.Av1C) error {
	if c == nil {
		return errors.New("the AV1 configuration is missing")
	}
	d.begin(media.AV1)
	for obu := range media.OBUs(c.ConfigOBUs) {
		if media.OBUType(obu) != media.OBUSequenceHeader {
			continue
		}
		if err := d.pictures.Suggest(obu); err != nil {
			return err
		}
	}
	return nil
}

func (d *demuxer) aac(id uint8, c *mpeg4audio.AudioSpecificConfig) error {
	if c == nil {
		return nil
	}
	b, err := c.Marshal()
	if err != nil {
		return fmt.Errorf("write AAC configuration: %w", err)
	}
	t, err := media.NewAAC(b)
	if err != nil {
		return ingest.Unsupported("%v", err)
	}
	return d.setSound(id, t)
}

func (d *demuxer) opus(id uint8, c *opus.IDHeader) error {
	if c == nil {
		return errors.New("the Opus configuration is missing")
	}
	if c.ChannelMappingFamily != 0 || c.ChannelCount > 2 {
		return ingest.Unsupported("Opus with %d channels", c.ChannelCount)
	}
	t, err := media.NewOpus(int(c.ChannelCount))
	if err != nil {
		return ingest.Unsupported("%v", err)
	}
	return d.setSound(id, t)
}

// setSound takes an audio track's configuration; encoders may repeat it.
func (d *demuxer) setSound(id uint8, t *media.Track) error {
	s := d.sound(id)
	if s == nil || s.track != nil && s.track.SameConfig(t) {
		return nil
	}
	s.track = t
	return d.entry.Renew()
}
