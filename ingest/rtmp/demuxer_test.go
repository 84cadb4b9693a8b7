package rtmp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"roomcast/ingest"
	"roomcast/media"
	"roomcast/rooms"
)

// recorder is a sink that remembers.
type recorder struct {
	tracks  [][]*media.Track
	samples []ingest.Sample
	closed  bool
}

func (r *recorder) SetTracks(t []*media.Track) error { r.tracks = append(r.tracks, t); return nil }
func (r *recorder) Write(s ingest.Sample) error      { r.samples = append(r.samples, s); return nil }
func (r *recorder) Close()                           { r.closed = true }

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

var (
	sps      = unhex("67640028acd940780227e5c05a808080a0000003002000000651e30632c0")
	spsOther = unhex("6764000dacd941419f9e10000003001000000303c0f1429960")
	pps      = unhex("68ebe3cb22c0")
	idr      = []byte{0x65, 1, 2, 3}
	delta    = []byte{0x41, 4, 5}
)

func avc(sps []byte, pps ...[]byte) *mp4.AVCDecoderConfiguration {
	c := &mp4.AVCDecoderConfiguration{
		LengthSizeMinusOne: 3, NumOfSequenceParameterSets: 1,
		SequenceParameterSets: []mp4.AVCParameterSet{{NALUnit: sps}},
	}
	for _, p := range pps {
		c.PictureParameterSets = append(c.PictureParameterSets, mp4.AVCParameterSet{NALUnit: p})
	}
	return c
}

func videoConfig(c *mp4.AVCDecoderConfiguration) message.Message {
	return &message.Video{Codec: message.CodecH264, Type: message.VideoTypeConfig, AVCConfig: c}
}

func video(at time.Duration, nals ...[]byte) message.Message {
	var b []byte
	for _, n := range nals {
		b = media.AppendNAL(b, n)
	}
	return &message.Video{Codec: message.CodecH264, Type: message.VideoTypeAU, DTS: at, AU: b}
}

func audioConfig() message.Message {
	return &message.Audio{
		Codec: message.CodecMPEG4Audio, AACType: message.AudioAACTypeConfig,
		AACConfig: &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2},
	}
}

func audio(at time.Duration) message.Message {
	return &message.Audio{Codec: message.CodecMPEG4Audio, AACType: message.AudioAACTypeAU, DTS: at, AU: []byte{1, 2}}
}

func metadata(videoCodec, audioCodec any) message.Message {
	o := amf0.Object{}
	if videoCodec != nil {
		o = append(o, amf0.ObjectEntry{Key: "videocodecid", Value: videoCodec})
	}
	if audioCodec != nil {
		o = append(o, amf0.ObjectEntry{Key: "audiocodecid", Value: audioCodec})
	}
	return &message.DataAMF0{Payload: amf0.Data{"@setDataFrame", "onMetaData", o}}
}

func feed(t *testing.T, ms ...message.Message) (*recorder, error) {
	t.Helper()
	r := &recorder{}
	d := newDemuxer(r)
	for _, m := range ms {
		if err := d.handle(m); err != nil {
			return r, err
		}
	}
	return r, nil
}

func TestTracksAreAnnouncedAsSoonAsTheyAreKnown(t *testing.T) {
	second := time.Second
	tests := []struct {
		name    string
		sent    []message.Message
		tracks  int
		samples int
	}{
		{"both, without metadata", []message.Message{videoConfig(avc(sps, pps)), audioConfig(), video(0, idr), audio(0)}, 2, 2},
		{"the picture alone, as the metadata says", []message.Message{metadata(7.0, nil), videoConfig(avc(sps, pps)), video(0, idr)}, 1, 1},
		{"the sound alone, as the metadata says", []message.Message{metadata(nil, 10.0), audioConfig(), audio(0)}, 1, 1},
		{"waiting for the sound that was promised", []message.Message{metadata(7.0, 10.0), videoConfig(avc(sps, pps)), video(0, idr)}, 0, 0},
		{"going on without it after 2 s", []message.Message{metadata(7.0, 10.0), videoConfig(avc(sps, pps)), video(0, idr), video(second, delta), video(2*second, delta)}, 1, 3},
		{"sound before its promise is kept is held", []message.Message{metadata(7.0, 10.0), audioConfig(), audio(0), videoConfig(avc(sps, pps)), video(0, idr)}, 2, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := feed(t, tt.sent...)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			if len(r.tracks) > 0 {
				n = len(r.tracks[0])
			}
			if n != tt.tracks || len(r.samples) != tt.samples {
				t.Errorf("%d tracks, %d samples; want %d and %d", n, len(r.samples), tt.tracks, tt.samples)
			}
		})
	}
}

func TestOtherCodecsAreRefused(t *testing.T) {
	for name, m := range map[string]message.Message{
		"MP3":                      &message.Audio{Codec: message.CodecMPEG1Audio},
		"MP3 in enhanced RTMP":     &message.AudioExSequenceStart{FourCC: message.FourCCMP3},
		"AC-3 frames":              &message.AudioExCodedFrames{FourCC: message.FourCCAC3},
		"Opus for six ears":        &message.AudioExSequenceStart{FourCC: message.FourCCOpus, OpusConfig: &opus.IDHeader{ChannelCount: 6, ChannelMappingFamily: 1}},
		"a FourCC in letters":      metadata("vp6f", nil),
		"a FourCC as a number":     metadata(7.0, float64(message.FourCCFLAC)),
		"H.265 with short lengths": &message.VideoExSequenceStart{FourCC: message.FourCCHEVC, HEVCConfig: &mp4.HvcC{LengthSizeMinusOne: 1}},
		"half an AV1 header":       &message.VideoExSequenceStart{FourCC: message.FourCCAV1, AV1Config: &mp4.Av1C{ConfigOBUs: []byte{0x0a, 1, 0}}},
		"VP6, in the metadata":     metadata(4.0, nil),
		"Speex, in the metadata":   metadata(7.0, 11.0),
		"lengths of two bytes":     videoConfig(&mp4.AVCDecoderConfiguration{LengthSizeMinusOne: 1, SequenceParameterSets: []mp4.AVCParameterSet{{NALUnit: sps}}, PictureParameterSets: []mp4.AVCParameterSet{{NALUnit: pps}}}),
		"a broken sequence header": videoConfig(avc(sps[:5], pps)),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := feed(t, m); rooms.CodeOf(err) != rooms.CodeCodecNotSupported {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestEnhancedRTMPCarriesH264AndAACToo(t *testing.T) {
	r, err := feed(t,
		&message.VideoExSequenceStart{FourCC: message.FourCCAVC, AVCConfig: avc(sps, pps)},
		&message.AudioExMultitrack{TrackID: 0, Wrapped: &message.AudioExSequenceStart{FourCC: message.FourCCMP4A, AACConfig: audioConfig().(*message.Audio).AACConfig}},
		&message.VideoExCodedFrames{FourCC: message.FourCCAVC, Payload: media.AppendNAL(nil, idr)},
		&message.VideoExMultitrack{TrackID: 1, Wrapped: &message.VideoExFramesX{FourCC: message.FourCCHEVC}},
		&message.AudioExCodedFrames{FourCC: message.FourCCMP4A, Payload: []byte{1}},
	)
	if err != nil || len(r.samples) != 2 || !r.samples[0].Key {
		t.Errorf("%d samples, %v", len(r.samples), err)
	}
}

func TestParameterSetsInBandLeaveThePictures(t *testing.T) {
	r, err := feed(t, metadata(7.0, nil), videoConfig(avc(sps, pps)),
		video(0, []byte{9, 0x10}, sps, pps, idr), video(40*time.Millisecond, delta),
		video(80*time.Millisecond, []byte{9, 0x10}, spsOther, pps, idr), video(120*time.Millisecond, []byte{9, 0x10}))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.tracks) != 2 || r.tracks[1][0].Height == r.tracks[0][0].Height {
		t.Errorf("tracks %v", r.tracks)
	}
	if len(r.samples) != 3 || !bytes.Equal(r.samples[0].Payload, media.AppendNAL(nil, idr)) || r.samples[2].Track != r.tracks[1][0] {
		t.Errorf("samples %v", r.samples)
	}
}

func TestFurtherPictureParameterSetsGoBeforeKeyFrames(t *testing.T) {
	more := append(bytes.Clone(pps), 7)
	r, err := feed(t, metadata(7.0, nil), videoConfig(avc(sps, pps, more)), video(0, idr), video(40*time.Millisecond, delta))
	if err != nil {
		t.Fatal(err)
	}
	if want := media.AppendNAL(media.AppendNAL(nil, more), idr); !bytes.Equal(r.samples[0].Payload, want) {
		t.Errorf("key frame %x, want %x", r.samples[0].Payload, want)
	}
	if !bytes.Equal(r.samples[1].Payload, media.AppendNAL(nil, delta)) {
		t.Errorf("picture %x", r.samples[1].Payload)
	}
}

func TestRepeatedConfigurationChangesNothing(t *testing.T) {
	r, err := feed(t, metadata(7.0, 10.0), videoConfig(avc(sps, pps)), audioConfig(), video(0, idr),
		videoConfig(avc(sps, pps)), audioConfig(), video(40*time.Millisecond, delta))
	if err != nil || len(r.tracks) != 1 {
		t.Errorf("announced %d times, %v", len(r.tracks), err)
	}
}

func TestMalformedPicturesEndTheConnection(t *testing.T) {
	_, err := feed(t, metadata(7.0, nil), videoConfig(avc(sps, pps)),
		&message.Video{Codec: message.CodecH264, Type: message.VideoTypeAU, AU: []byte{0, 0, 1, 0, 5}})
	if err == nil {
		t.Error("lengths beyond the end are accepted")
	}
}

func TestEncoderMaySayGoodbye(t *testing.T) {
	if _, err := feed(t, &message.CommandAMF0{Name: "FCUnpublish"}); !errors.Is(err, errUnpublished) {
		t.Errorf("error %v", err)
	}
}

func TestClockOf32BitsGoesOnAfterItsEnd(t *testing.T) {
	var c clock
	first := c.unwrap(0xffffffff * time.Millisecond)
	if d := c.unwrap(32*time.Millisecond) - first; d != 33*time.Millisecond {
		t.Errorf("step of %v", d)
	}
	if d := c.unwrap(20*time.Millisecond) - first; d != 21*time.Millisecond {
		t.Errorf("step of %v", d)
	}
}

func TestHeldMediaIsBounded(t *testing.T) {
	r := &recorder{}
	d := newDemuxer(r)
	if err := d.handle(videoConfig(avc(sps, pps))); err != nil {
		t.Fatal(err)
	}
	for range 1000 { // all at the same time: the clock never says that enough was seen
		if err := d.handle(video(0, delta)); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.tracks) != 1 || len(r.samples) != 1000 {
		t.Errorf("announced %d times, %d samples", len(r.tracks), len(r.samples))
	}
}
