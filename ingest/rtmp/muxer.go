package rtmp

import (
	"fmt"
	"strconv"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"roomcast/media"
)

const (
	audioChunkStream = 4
	videoChunkStream = message.VideoChunkStreamID
	dataChunkStream  = 3
	// opusPreSkip is what decoders drop at the beginning, in samples (RFC 7845, section 5.1).
	opusPreSkip = 312
)

// Muxer turns units into RTMP messages: H.264 and the first track of AAC the
// classic way, everything else by enhanced RTMP. It is used by one goroutine.
type Muxer struct {
	write func(message.Message) error

	format *media.Format
	ids    map[*media.Track]uint8 // of audio tracks
	begun  bool
	base   time.Duration // time 0 of the connection
}

// NewMuxer makes a muxer that gives its messages to write, such as Client.Write
// of gortmplib.
func NewMuxer(write func(message.Message) error) *Muxer { return &Muxer{write: write} }

// Write writes a unit, and before it what describes its format if that is new.
// The first one is at time 0.
func (m *Muxer) Write(u *media.Unit) error {
	if u.Format != m.format {
		if err := m.begin(u.Format); err != nil {
			return err
		}
	}
	if !m.begun {
		m.begun, m.base = true, u.DTS
	}
	at := max(u.DTS-m.base, 0)
	if u.Track.Kind == media.Audio {
		return m.audio(u, at)
	}
	return m.video(u, at)
}

// begin describes a format.
func (m *Muxer) begin(f *media.Format) error {
	changed := m.format == nil || len(m.format.Tracks) != len(f.Tracks)
	for i := 0; !changed && i < len(f.Tracks); i++ {
		changed = f.Tracks[i] != m.format.Tracks[i]
	}
	m.format = f
	if !changed {
		return nil // a jump in time alone: the room's timeline has none
	}
	m.ids = make(map[*media.Track]uint8, len(f.Tracks))
	for i, t := range f.Audio() {
		m.ids[t] = uint8(i)
	}
	if err := m.write(&message.DataAMF0{
		ChunkStreamID: dataChunkStream, MessageStreamID: messageStream,
		Payload: amf0.Data{"onMetaData", describe(f)},
	}); err != nil {
		return err
	}
	for _, t := range f.Tracks {
		c, err := m.configuration(t)
		if err != nil {
			return err
		}
		if err := m.write(c); err != nil {
			return err
		}
	}
	return nil
}

// codecNumber is a codec in onMetaData: the classic number or the FourCC.
func codecNumber(c media.Codec) float64 {
	switch c {
	case media.H264:
		return message.CodecH264
	case media.AAC:
		return message.CodecMPEG4Audio
	}
	for f, o := range fourCCs {
		if o == c {
			return float64(f)
		}
	}
	return 0
}

// describe is onMetaData of a format.
func describe(f *media.Format) amf0.Object {
	var o amf0.Object
	if v := f.Find(media.Video); v != nil {
		o = append(
			o, amf0.ObjectEntry{Key: "videocodecid", Value: codecNumber(v.Codec)},
			amf0.ObjectEntry{Key: "width", Value: float64(v.Width)},
			amf0.ObjectEntry{Key: "height", Value: float64(v.Height)},
		)
		if v.FrameRate > 0 {
			o = append(o, amf0.ObjectEntry{Key: "framerate", Value: v.FrameRate})
		}
	}
	var more amf0.Object
	for i, a := range f.Audio() {
		what := amf0.Object{
			{Key: "audiocodecid", Value: codecNumber(a.Codec)},
			{Key: "audiosamplerate", Value: float64(a.SampleRate)},
			{Key: "audiochannels", Value: float64(a.Channels)},
			{Key: "stereo", Value: a.Channels > 1},
		}
		if i == 0 {
			o = append(o, what...)
		} else {
			more = append(more, amf0.ObjectEntry{Key: strconv.Itoa(i), Value: what})
		}
	}
	if more != nil {
		o = append(o, amf0.ObjectEntry{Key: "audioTrackIdInfoMap", Value: more})
	}
	return o
}

// configuration is the message that describes a track.
func (m *Muxer) configuration(t *media.Track) (message.Message, error) {
	if t.Codec == media.H264 {
		return &message.Video{
			ChunkStreamID: videoChunkStream, MessageStreamID: messageStream, Codec: message.CodecH264,
			IsKeyFrame: true, Type: message.VideoTypeConfig, AVCConfig: avcConfig(t),
		}, nil
	}
	if t.Kind == media.Audio {
		return m.audioConfiguration(t)
	}
	s := &message.VideoExSequenceStart{ChunkStreamID: videoChunkStream, MessageStreamID: messageStream}
	var err error
	switch t.Codec {
	case media.H265:
		s.FourCC = message.FourCCHEVC
		s.HEVCConfig, err = hevcConfig(t)
	case media.AV1:
		s.FourCC = message.FourCCAV1
		s.AV1Config, err = av1Config(t)
	case media.VP9:
		s.FourCC, s.VP9Config = message.FourCCVP9, vp9Config(t)
	default:
		err = fmt.Errorf("write RTMP configuration: codec %s", t.Codec)
	}
	return s, err
}

func (m *Muxer) audioConfiguration(t *media.Track) (message.Message, error) {
	id := m.ids[t]
	s := &message.AudioExSequenceStart{ChunkStreamID: audioChunkStream, MessageStreamID: messageStream}
	switch t.Codec {
	case media.AAC:
		var c mpeg4audio.AudioSpecificConfig
		if err := c.Unmarshal(t.AudioConfig); err != nil {
			return nil, fmt.Errorf("write RTMP configuration: %w", err)
		}
		if id == 0 {
			return &message.Audio{
				ChunkStreamID: audioChunkStream, MessageStreamID: messageStream, Codec: message.CodecMPEG4Audio,
				Rate: message.AudioRate44100, Depth: message.AudioDepth16, IsStereo: true,
				AACType: message.AudioAACTypeConfig, AACConfig: &c,
			}, nil
		}
		s.FourCC, s.AACConfig = message.FourCCMP4A, &c
	case media.Opus:
		s.FourCC = message.FourCCOpus
		s.OpusConfig = &opus.IDHeader{Version: 1, ChannelCount: uint8(t.Channels), PreSkip: opusPreSkip, InputSampleRate: uint32(t.SampleRate)}
	default:
		return nil, fmt.Errorf("write RTMP configuration: codec %s", t.Codec)
	}
	return numbered(id, s), nil
}

// numbered puts a message of a further audio track into its envelope.
func numbered(id uint8, msg message.Message) message.Message {
	if id == 0 {
		return msg
	}
	return &message.AudioExMultitrack{MultitrackType: message.AudioExMultitrackTypeOneTrack, TrackID: id, Wrapped: msg}
}

func (m *Muxer) audio(u *media.Unit, at time.Duration) error {
	id, known := m.ids[u.Track]
	if !known {
		return nil
	}
	if u.Track.Codec == media.AAC && id == 0 {
		return m.write(&message.Audio{
			ChunkStreamID: audioChunkStream, MessageStreamID: messageStream, Codec: message.CodecMPEG4Audio,
			Rate: message.AudioRate44100, Depth: message.AudioDepth16, IsStereo: true,
			AACType: message.AudioAACTypeAU, DTS: at, AU: u.Payload,
		})
	}
	f := message.FourCCMP4A
	if u.Track.Codec == media.Opus {
		f = message.FourCCOpus
	}
	return m.write(numbered(id, &message.AudioExCodedFrames{
		ChunkStreamID: audioChunkStream, MessageStreamID: messageStream, FourCC: f, DTS: at, Payload: u.Payload,
	}))
}

func (m *Muxer) video(u *media.Unit, at time.Duration) error {
	// Delays are rounded with their times, so that times of showing stay even.
	delay := (at + u.PTS - u.DTS).Truncate(time.Millisecond) - at.Truncate(time.Millisecond)
	switch u.Track.Codec {
	case media.H264:
		return m.write(&message.Video{
			ChunkStreamID: videoChunkStream, MessageStreamID: messageStream, Codec: message.CodecH264,
			IsKeyFrame: u.Key, Type: message.VideoTypeAU, DTS: at, PTSDelta: delay, AU: u.Payload,
		})
	case media.H265:
		return m.write(&message.VideoExCodedFrames{
			ChunkStreamID: videoChunkStream, MessageStreamID: messageStream, FourCC: message.FourCCHEVC,
			DTS: at, PTSDelta: delay, Payload: u.Payload,
		})
	case media.AV1:
		return m.write(&message.VideoExFramesX{
			ChunkStreamID: videoChunkStream, MessageStreamID: messageStream, FourCC: message.FourCCAV1, DTS: at, Payload: u.Payload,
		})
	default:
		return m.write(&message.VideoExFramesX{
			ChunkStreamID: videoChunkStream, MessageStreamID: messageStream, FourCC: message.FourCCVP9, DTS: at, Payload: u.Payload,
		})
	}
}

// avcConfig is a track's avcC (ISO 14496-15, 5.3.3.1).
func avcConfig(t *media.Track) *mp4.AVCDecoderConfiguration {
	c := &mp4.AVCDecoderConfiguration{
		ConfigurationVersion: 1, Profile: t.SPS[1], ProfileCompatibility: t.SPS[2], Level: t.SPS[3],
		LengthSizeMinusOne: 3, NumOfSequenceParameterSets: 1,
		SequenceParameterSets: []mp4.AVCParameterSet{{Length: uint16(len(t.SPS)), NALUnit: t.SPS}},
	}
	c.SetType(mp4.BoxTypeAvcC())
	for _, p := range append([][]byte{t.PPS}, t.ExtraPPS...) {
		c.NumOfPictureParameterSets++
		c.PictureParameterSets = append(c.PictureParameterSets, mp4.AVCParameterSet{Length: uint16(len(p)), NALUnit: p})
	}
	return c
}

// hevcConfig is a track's hvcC (ISO 14496-15, 8.3.3.1).
func hevcConfig(t *media.Track) (*mp4.HvcC, error) {
	var s h265.SPS
	if err := s.Unmarshal(t.SPS); err != nil {
		return nil, fmt.Errorf("write H.265 configuration: %w", err)
	}
	p := &s.ProfileTierLevel
	c := &mp4.HvcC{
		ConfigurationVersion: 1, GeneralProfileSpace: p.GeneralProfileSpace, GeneralTierFlag: p.GeneralTierFlag != 0,
		GeneralProfileIdc: p.GeneralProfileIdc, GeneralProfileCompatibility: p.GeneralProfileCompatibilityFlag,
		GeneralConstraintIndicator: media.HEVCConstraints(t.SPS), GeneralLevelIdc: p.GeneralLevelIdc,
		Reserved1: 15, Reserved2: 63, Reserved3: 63, Reserved4: 31, Reserved5: 31,
		ChromaFormatIdc:    uint8(s.ChromaFormatIdc),
		BitDepthLumaMinus8: uint8(s.BitDepthLumaMinus8), BitDepthChromaMinus8: uint8(s.BitDepthChromaMinus8),
		NumTemporalLayers: s.MaxSubLayersMinus1 + 1, LengthSizeMinusOne: 3, NumOfNaluArrays: 3,
	}
	array := func(kind uint8, nals ...[]byte) mp4.HEVCNaluArray {
		a := mp4.HEVCNaluArray{Completeness: true, NaluType: kind, NumNalus: uint16(len(nals))}
		for _, n := range nals {
			a.Nalus = append(a.Nalus, mp4.HEVCNalu{Length: uint16(len(n)), NALUnit: n})
		}
		return a
	}
	c.NaluArrays = []mp4.HEVCNaluArray{
		array(media.HEVCVPS, t.VPS), array(media.HEVCSPS, t.SPS), array(media.HEVCPPS, append([][]byte{t.PPS}, t.ExtraPPS...)...),
	}
	return c, nil
}

// av1Config is a track's av1C (AV1 codec ISO media file format binding, 2.3.3).
func av1Config(t *media.Track) (*mp4.Av1C, error) {
	var h av1.SequenceHeader
	if err := h.Unmarshal(t.SequenceHeader); err != nil {
		return nil, fmt.Errorf("write AV1 configuration: %w", err)
	}
	bit := func(b bool) uint8 {
		if b {
			return 1
		}
		return 0
	}
	color := &h.ColorConfig
	return &mp4.Av1C{
		Marker: 1, Version: 1, SeqProfile: h.SeqProfile, SeqLevelIdx0: h.SeqLevelIdx[0], SeqTier0: bit(h.SeqTier[0]),
		HighBitdepth: bit(color.HighBitDepth), TwelveBit: bit(color.TwelveBit), Monochrome: bit(color.MonoChrome),
		ChromaSubsamplingX: bit(color.SubsamplingX), ChromaSubsamplingY: bit(color.SubsamplingY),
		ChromaSamplePosition: uint8(color.ChromaSamplePosition), ConfigOBUs: t.SequenceHeader,
	}, nil
}

// vp9Config is a track's vpcC (VP codec ISO media file format binding).
func vp9Config(t *media.Track) *mp4.VpcC {
	c := &mp4.VpcC{
		FullBox: mp4.FullBox{Version: 1}, Profile: t.VP9.Profile, Level: t.VP9.Level, BitDepth: t.VP9.BitDepth,
		ChromaSubsampling: t.VP9.ChromaSubsampling,
		ColourPrimaries:   2, TransferCharacteristics: 2, MatrixCoefficients: 2, // unspecified
		CodecInitializationData: []uint8{},
	}
	if t.VP9.FullRange {
		c.VideoFullRangeFlag = 1
	}
	return c
}
