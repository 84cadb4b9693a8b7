package whip

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"roomcast/ingest"
	"roomcast/media"
)

// packets are a second of a codec as a sender packs it.
func packets(t testing.TB, codec media.Codec) []*rtp.Packet {
	t.Helper()
	var payloader rtp.Payloader
	clock := uint32(videoClockRate)
	switch codec {
	case media.H264:
		payloader = &codecs.H264Payloader{}
	case media.VP9:
		payloader = &codecs.VP9Payloader{InitialPictureIDFn: func() uint16 { return 1 }}
	case media.AV1:
		payloader = &codecs.AV1Payloader{}
	default:
		payloader, clock = &codecs.OpusPayloader{}, audioClockRate
	}
	e := encode(t, codec, "320x180")
	p := rtp.NewPacketizer(1200, 96, 1, payloader, rtp.NewFixedSequencer(1), clock)
	var list []*rtp.Packet
	for _, unit := range e.units[:30] {
		list = append(list, p.Packetize(unit, uint32(e.lasts*time.Duration(clock)/time.Second))...)
	}
	return list
}

func TestFramesComeOutOfTheirPackets(t *testing.T) {
	for _, codec := range []media.Codec{media.H264, media.VP9, media.AV1, media.Opus} {
		t.Run(string(codec), func(t *testing.T) {
			d := newDepacketizer(codec)
			frames := 0
			for _, p := range packets(t, codec) {
				f, ok, err := d.push(p)
				must(t, err)
				if !ok {
					continue
				}
				if frames == 0 != f.key && codec != media.Opus {
					t.Errorf("frame %d is a key frame: %v", frames, f.key)
				}
				if f.delay != 0 || f.track == nil || len(f.payload) == 0 {
					t.Fatalf("frame %d: %+v", frames, f)
				}
				frames++
			}
			if frames != 30 {
				t.Errorf("%d frames of 30", frames)
			}
		})
	}
}

func TestAPacketThatIsMissingCostsItsFrameAlone(t *testing.T) {
	for _, codec := range []media.Codec{media.H264, media.VP9, media.AV1} {
		t.Run(string(codec), func(t *testing.T) {
			d := newDepacketizer(codec)
			frames := 0
			list := packets(t, codec)
			for i, p := range list {
				if i == len(list)/2 {
					d.reset()
					continue
				}
				if _, ok, _ := d.push(p); ok {
					frames++
				}
			}
			if frames < 28 || frames > 30 {
				t.Errorf("%d frames of 30", frames)
			}
		})
	}
}

func TestATimeOfDecodingIsDerivedForEncodersThatReorder(t *testing.T) {
	e := encode(t, reordered, "320x180")
	p := rtp.NewPacketizer(1200, 96, 1, &codecs.H264Payloader{}, rtp.NewFixedSequencer(1), videoClockRate)
	d := newDepacketizer(media.H264)
	shown := e.shown
	delayed := 0
	var last time.Duration
	for n, unit := range e.units[:60] {
		for _, packet := range p.Packetize(unit, 0) {
			packet.Timestamp = 90000 + uint32(shown[n])*3000
			f, ok, err := d.push(packet)
			must(t, err)
			if !ok {
				continue
			}
			decoded := time.Duration(f.timestamp)*time.Second/videoClockRate - f.delay
			if f.delay < 0 || n > 10 && decoded <= last {
				t.Errorf("picture %d: decoded at %v after %v, shown %v later", n, decoded, last, f.delay)
			}
			last = decoded
			if f.delay > 0 {
				delayed++
			}
		}
	}
	if delayed < 10 {
		t.Errorf("%d pictures are shown after their decoding", delayed)
	}
}

func FuzzDepacketizers(f *testing.F) {
	f.Add(byte(0), []byte{0x7c, 0x85, 1, 2, 3}, true)
	f.Add(byte(0), []byte{0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68}, true)
	f.Add(byte(1), []byte{0x8c, 0x81, 1, 0x82, 0x49, 0x83, 0x42}, true)
	f.Add(byte(2), []byte{0x18, 0x0a, 0x0b, 0, 0, 0}, true)
	f.Add(byte(3), []byte{0xfc, 0xff, 0xfe}, false)
	f.Fuzz(func(t *testing.T, which byte, data []byte, marker bool) {
		codec := []media.Codec{media.H264, media.VP9, media.AV1, media.Opus}[which%4]
		d := newDepacketizer(codec)
		for n := uint16(0); n < 3 && len(data) > 0; n++ {
			part := data[:min(len(data), 1+len(data)/2)]
			data = data[len(part):]
			p := &rtp.Packet{Header: rtp.Header{SequenceNumber: n, Timestamp: uint32(n) * 3000, Marker: marker}, Payload: part}
			frame, ok, err := d.push(p)
			if err == nil && ok && (frame.track == nil || len(frame.payload) == 0 || frame.delay < 0) {
				t.Fatalf("%+v", frame)
			}
		}
	})
}

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) SetTracks([]*media.Track) error { return nil }
func (nowhere) Write(ingest.Sample) error      { return nil }
func (nowhere) Close()                         {}

// BenchmarkPackets is a packet's way from its arrival to the house, a picture's
// share in it included.
func BenchmarkPackets(b *testing.B) {
	list := packets(b, media.H264)
	offered := &section{codec: media.H264}
	out := &broadcast{sink: nowhere{}, began: time.Now(), wantsVideo: true}
	out.video = newStream(offered, 1, nil)
	at := out.began
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := list[i%len(list)]
		p.SequenceNumber = uint16(i)
		p.Timestamp = uint32(i / len(list) * 90000)
		at = at.Add(time.Millisecond)
		out.video.push(p, at)
		if err := out.write(out.video, at); err != nil {
			b.Fatal(err)
		}
	}
}
