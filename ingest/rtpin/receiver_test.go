package rtpin

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"roomcast/ingest/ingesttest"
	"roomcast/media"
	"roomcast/rooms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The parameter sets of a picture of 1920x1080, and of another of 320x180.
var (
	largeSPS = []byte{0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x6a, 0x02, 0x02, 0x02, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x07, 0x8c, 0x18, 0xcb}
	smallSPS = []byte{0x67, 0x42, 0xc0, 0x0d, 0x8c, 0x8d, 0x41, 0x41, 0x9f, 0x9e, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60}
	somePPS  = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}
)

func aac() format.Format {
	return &format.MPEG4Audio{
		PayloadTyp: 97, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
		Config: &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2},
	}
}

func session(formats ...format.Format) *description.Session {
	d := &description.Session{}
	for _, f := range formats {
		kind := description.MediaTypeVideo
		switch f.(type) {
		case *format.MPEG4Audio, *format.MPEG4AudioLATM, *format.Opus, *format.G711:
			kind = description.MediaTypeAudio
		case *format.Generic:
			kind = description.MediaTypeApplication
		}
		d.Medias = append(d.Medias, &description.Media{Type: kind, Formats: []format.Format{f}})
	}
	return d
}

func TestWhatASessionMayHold(t *testing.T) {
	h264 := &format.H264{PayloadTyp: 96, PacketizationMode: 1}
	g711 := &format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1}
	tests := []struct {
		name    string
		formats []format.Format
		refusal string // words of it
		wanted  string // y or n for each media
		warning string
	}{
		{"picture and sound", []format.Format{h264, aac()}, "", "yy", ""},
		{"sound before the picture", []format.Format{aac(), h264}, "", "yy", ""},
		{"a sound that browsers do not play is left out", []format.Format{h264, g711}, "", "yn", "PCMA"},
		{"and is no broadcast alone", []format.Format{g711}, "PCMA", "", ""},
		{"a picture that nobody plays", []format.Format{&format.MJPEG{}, aac()}, "JPEG", "", ""},
		{"a second picture is left out", []format.Format{h264, &format.H264{PayloadTyp: 98, PacketizationMode: 1}}, "", "yn", ""},
		{"a fifth sound is left out", []format.Format{aac(), aac(), aac(), aac(), aac(), h264}, "", "yyyyny", ""},
		{"LATM without its configuration", []format.Format{&format.MPEG4AudioLATM{PayloadTyp: 96, CPresent: true}}, "LATM", "", ""},
		{"nothing", nil, "the stream has", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := session(tt.formats...)
			warnings := map[string]string{}
			r, err := New(Options{Sink: &ingesttest.Recorder{}, Description: d, Warn: func(c, s string) { warnings[c] = s }})
			if tt.refusal != "" {
				if rooms.CodeOf(err) != rooms.CodeCodecNotSupported || !strings.Contains(err.Error(), tt.refusal) {
					t.Errorf("refused with %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, m := range d.Medias {
				got += map[bool]string{true: "y", false: "n"}[r.Wants(m)]
			}
			if got != tt.wanted || !strings.Contains(warnings[warnAudio], tt.warning) || (tt.warning == "") != (len(warnings) == 0) {
				t.Errorf("wants %s, warnings %v", got, warnings)
			}
		})
	}
}

// sender makes packets of H.264 with one NAL unit each.
type sender struct {
	t    *testing.T
	r    *Receiver
	m    *description.Media
	seq  uint16
	ts   uint32
	tick uint32
	now  time.Time
}

func (s *sender) packet(marker bool, payload []byte) {
	s.t.Helper()
	pkt := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: s.seq, Timestamp: s.ts, Marker: marker}, Payload: payload}
	s.seq++
	if err := s.r.Packet(s.m, pkt, s.now); err != nil {
		s.t.Fatal(err)
	}
}

// picture sends an access unit.
func (s *sender) picture(nals ...[]byte) {
	s.t.Helper()
	for i, n := range nals {
		s.packet(i == len(nals)-1, n)
	}
	s.ts += s.tick
	s.now = s.now.Add(time.Duration(s.tick) * time.Second / videoClock)
}

var (
	idr   = []byte{0x65, 0x88, 0x84, 0x00, 0x10}
	plain = []byte{0x41, 0x9a, 0x02, 0x00, 0x10}
)

func newSender(t *testing.T) (*sender, *ingesttest.Recorder) {
	d := session(&format.H264{PayloadTyp: 96, PacketizationMode: 1})
	recorder := &ingesttest.Recorder{}
	r, err := New(Options{Sink: recorder, Description: d})
	if err != nil {
		t.Fatal(err)
	}
	return &sender{t: t, r: r, m: d.Medias[0], tick: 3600, now: start, ts: 0xfffffff0, seq: 0xfffe}, recorder
}

func TestNewParameterSetsAreANewTrack(t *testing.T) {
	s, got := newSender(t)
	s.picture(plain)        // before the first key frame: nothing
	s.picture(largeSPS)     // sets that come alone are kept
	s.picture(somePPS, idr) // the beginning
	s.picture(plain)        // goes on
	s.picture(largeSPS, somePPS, idr)
	s.picture(smallSPS, somePPS, idr)
	tracks := got.Tracks()
	if len(tracks) != 2 || tracks[0][0].Width == tracks[1][0].Width || len(got.Samples(tracks[0][0])) != 3 || len(got.Samples(tracks[1][0])) != 1 {
		t.Fatalf("%d tracks, %d samples", len(tracks), len(got.Samples(nil)))
	}
	for i, sample := range got.Samples(nil) {
		want := plain
		if sample.Key {
			want = idr
		}
		if !bytes.Equal(sample.Payload, media.AppendNAL(nil, want)) || !near(sample.PTS, time.Duration(i)*40*time.Millisecond) || sample.Jump {
			t.Errorf("sample %d: %+v", i, sample)
		}
	}
}

func TestPicturesWithoutAMarkerEndWhereTheNextBegins(t *testing.T) {
	s, got := newSender(t)
	s.packet(false, largeSPS)
	s.packet(false, somePPS)
	for n := range 5 {
		nal := plain
		if n == 0 {
			nal = idr
		}
		s.packet(false, nal)
		s.ts += s.tick
	}
	samples := got.Samples(nil)
	if len(samples) != 4 {
		t.Fatalf("%d samples", len(samples))
	}
	for i, sample := range samples {
		if !near(sample.PTS, time.Duration(i)*40*time.Millisecond) {
			t.Errorf("sample %d at %v", i, sample.PTS)
		}
	}
}

func TestAJumpOfTheSendersClockIsOne(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		s, got := newSender(t)
		for n := range 100 {
			if n == 50 {
				s.ts += uint32(int64(jump/time.Second) * videoClock)
			}
			if n%10 == 0 {
				s.picture(largeSPS, somePPS, idr)
			} else {
				s.picture(plain)
			}
		}
		samples := got.Samples(nil)
		jumps := 0
		for i, sample := range samples {
			if sample.Jump {
				jumps++
			}
			if i > 0 && (sample.DTS <= samples[i-1].DTS || sample.DTS > samples[i-1].DTS+time.Second) {
				t.Errorf("%v after %v", sample.DTS, samples[i-1].DTS)
			}
		}
		if len(samples) != 100 || jumps != 1 {
			t.Errorf("by %v: %d samples, %d jumps", jump, len(samples), jumps)
		}
	}
}

func TestAPictureThatNeverDescribesItselfIsRefused(t *testing.T) {
	s, _ := newSender(t)
	for range 25 * 29 {
		s.picture(plain)
	}
	// Sound alone would wait for the picture for ever.
	d := session(&format.H264{PayloadTyp: 96, PacketizationMode: 1}, aac())
	r, err := New(Options{Sink: &ingesttest.Recorder{}, Description: d})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 50 * 40 {
		pkt := &rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: 97, SequenceNumber: uint16(n), Timestamp: uint32(n * 1024), Marker: true},
			Payload: []byte{0x00, 0x10, 0x00, 0x20, 1, 2, 3, 4},
		}
		if err = r.Packet(d.Medias[1], pkt, start.Add(time.Duration(n)*20*time.Millisecond)); err != nil {
			break
		}
	}
	if rooms.CodeOf(err) != rooms.CodeCodecNotSupported || !r.Waiting() || r.Units() != 0 {
		t.Errorf("ended with %v", err)
	}
}

// fuzzed are the formats that packets are made up for.
func fuzzed() []format.Format {
	return []format.Format{
		&format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: largeSPS, PPS: somePPS},
		&format.H265{PayloadTyp: 96}, &format.AV1{PayloadTyp: 96}, &format.VP9{PayloadTyp: 96},
		&format.MPEG4Audio{
			PayloadTyp: 96, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
			Config: &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2},
		},
		&format.Opus{PayloadTyp: 96, ChannelCount: 2},
		&format.MPEG4AudioLATM{PayloadTyp: 96, StreamMuxConfig: &mpeg4audio.StreamMuxConfig{Programs: []*mpeg4audio.StreamMuxConfigProgram{{
			Layers: []*mpeg4audio.StreamMuxConfigLayer{{
				AudioSpecificConfig: &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2},
				LatmBufferFullness:  255,
			}},
		}}}},
	}
}

// FuzzReceiver feeds packets whose headers and payloads are made up: for each
// five bytes of header (a flag and two steps), a length and the payload.
func FuzzReceiver(f *testing.F) {
	add := func(kind byte, payloads ...[]byte) {
		var in []byte
		for _, p := range payloads {
			in = append(in, 1, 1, 0x0e, 0x10, byte(len(p)))
			in = append(in, p...)
		}
		f.Add(kind, in)
	}
	add(0, largeSPS, somePPS, idr, plain)
	add(0, []byte{0x7c, 0x85, 1, 2}, []byte{0x7c, 0x45, 3}, []byte{0x78, 0, 2, 0x65, 1, 0, 1, 0x41})
	add(1, []byte{0x40, 1, 1}, []byte{0x42, 1, 1}, []byte{0x26, 1, 0xaf})
	add(2, []byte{0x10, 0x0a, 1, 2}, []byte{0x48, 0x32, 1})
	add(3, []byte{0x0c, 0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xf0, 0x0b, 0x30})
	add(4, []byte{0, 0x10, 0, 0x20, 1, 2, 3, 4})
	add(5, []byte{0xfc, 1, 2})
	add(6, []byte{3, 1, 2, 3})
	f.Fuzz(func(t *testing.T, kind byte, in []byte) {
		formats := fuzzed()
		d := session(formats[int(kind)%len(formats)])
		recorder := &ingesttest.Recorder{}
		r, err := New(Options{Sink: recorder, Description: d})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		header := rtp.Header{Version: 2, PayloadType: 96}
		now := start
		for len(in) >= 5 {
			header.Marker = in[0]&1 != 0
			header.SequenceNumber += uint16(in[1])
			header.Timestamp += uint32(int16(binary.BigEndian.Uint16(in[2:])))
			if in[0]&2 != 0 {
				header.Timestamp += 1 << 30
			}
			n := min(int(in[4]), len(in)-5)
			pkt := &rtp.Packet{Header: header, Payload: in[5 : 5+n]}
			in = in[5+n:]
			now = now.Add(10 * time.Millisecond)
			if in := pkt.Payload; header.Marker && len(in) > 12 {
				r.Report(d.Medias[0], &rtcp.SenderReport{NTPTime: binary.BigEndian.Uint64(in), RTPTime: binary.BigEndian.Uint32(in[8:])})
			}
			if err := r.Packet(d.Medias[0], pkt, now); err != nil {
				break
			}
		}
		last := time.Duration(-1 << 62)
		for _, s := range recorder.Samples(nil) {
			if s.DTS <= last || s.PTS < s.DTS || len(s.Payload) == 0 {
				t.Fatalf("decoded at %v after %v, shown at %v, %d bytes", s.DTS, last, s.PTS, len(s.Payload))
			}
			last = s.DTS
		}
	})
}
