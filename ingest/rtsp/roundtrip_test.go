package rtsp

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/pion/rtp"

	"roomcast/ingest"
	"roomcast/ingest/ingesttest"
	"roomcast/ingest/rtpin"
	"roomcast/media"
)

// film is a film with its packets, as they go over the wire.
type film struct {
	*ingesttest.Film
	packers []*packer
	desc    *description.Session
	packets []packet
}

type packet struct {
	media *description.Media
	rtp   *rtp.Packet
	unit  int // of the film
}

func newFilm(t testing.TB, video media.Codec, audio ...media.Codec) *film {
	t.Helper()
	f := &film{Film: ingesttest.Make(t, 2*time.Second, video, audio...), desc: &description.Session{}}
	for i, tr := range f.Format.Tracks {
		p, err := newPacker(tr, i)
		if err != nil {
			t.Fatal(err)
		}
		f.packers = append(f.packers, p)
		f.desc.Medias = append(f.desc.Medias, p.media)
	}
	for n, u := range f.Units {
		for _, p := range f.packers {
			if p.track != u.Track {
				continue
			}
			list, err := p.pack(u)
			if err != nil {
				t.Fatal(err)
			}
			for _, pkt := range list {
				f.packets = append(f.packets, packet{p.media, pkt, n})
			}
		}
	}
	return f
}

// receive gives the packets to a receiver, but for those that drop names.
func (f *film) receive(t *testing.T, drop func(i int, p packet) bool) (*ingesttest.Recorder, *rtpin.Receiver, map[string]string) {
	t.Helper()
	recorder, warnings := &ingesttest.Recorder{}, map[string]string{}
	r, err := rtpin.New(rtpin.Options{
		Sink: recorder, Description: f.desc,
		Warn:  func(code, detail string) { warnings[code] = detail },
		Clear: func(code string) { delete(warnings, code) },
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for i, p := range f.packets {
		if drop != nil && drop(i, p) {
			continue
		}
		// Time goes by ten times as fast as in the film, so that warnings come.
		if err := r.Packet(p.media, p.rtp, began.Add(10*f.Units[p.unit].DTS)); err != nil {
			t.Fatal(err)
		}
	}
	return recorder, r, warnings
}

func TestUnitsSurviveTheirWayThroughPackets(t *testing.T) {
	for name, codecs := range map[string][]media.Codec{
		"H.264 and AAC":           {media.H264, media.AAC},
		"H.265 and Opus":          {media.H265, media.Opus},
		"AV1 and AAC":             {media.AV1, media.AAC},
		"VP9 and Opus":            {media.VP9, media.Opus},
		"two sounds":              {"", media.AAC, media.Opus},
		"a picture and 2 sounds":  {media.H264, media.AAC, media.AAC},
		"sound that comes by LAN": {"", media.AAC},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFilm(t, codecs[0], codecs[1:]...)
			got, r, warnings := f.receive(t, nil)
			tracks := got.Tracks()
			if len(tracks) != 1 || len(tracks[0]) != len(f.Format.Tracks) {
				t.Fatalf("tracks %v", tracks)
			}
			for i, want := range f.Format.Tracks {
				if !tracks[0][i].SameConfig(want) && want.Codec != media.VP9 {
					t.Errorf("track %d is %+v, want %+v", i, tracks[0][i], want)
				}
				same(t, got.Samples(tracks[0][i]), f.Of(want))
			}
			if lost, dropped := r.Lost(); lost+dropped != 0 || len(warnings) != 0 {
				t.Errorf("lost %d, dropped %d, warnings %v", lost, dropped, warnings)
			}
		})
	}
}

// same compares samples with the units they were made of, in all but when they begin.
func same(t *testing.T, got []ingest.Sample, want []*media.Unit) {
	t.Helper()
	// The last picture of all is whole with its marker; nothing may be held back.
	if len(got) != len(want) {
		t.Fatalf("%d samples of %d units", len(got), len(want))
	}
	shift := got[0].PTS - want[0].PTS
	for i, g := range got {
		w := want[i]
		if d := g.PTS - w.PTS - shift; d > 3*time.Millisecond || d < -3*time.Millisecond || g.DTS > g.PTS || g.Key != w.Key || g.Jump {
			t.Fatalf("sample %d: shown at %v, key %v, jump %v; want %v, %v", i, g.PTS-shift, g.Key, g.Jump, w.PTS, w.Key)
		}
		if i > 0 && g.DTS <= got[i-1].DTS {
			t.Fatalf("sample %d is decoded at %v after %v", i, g.DTS, got[i-1].DTS)
		}
		if !bytes.Equal(g.Payload, w.Payload) {
			t.Fatalf("sample %d has other bytes: %d of %d", i, len(g.Payload), len(w.Payload))
		}
	}
}

func TestNothingDamagedIsPassedOn(t *testing.T) {
	for _, codec := range []media.Codec{media.H264, media.H265, media.AV1, media.VP9} {
		t.Run(string(codec), func(t *testing.T) {
			f := newFilm(t, codec, media.AAC)
			video := f.Format.Tracks[0]
			whole := map[string]bool{}
			var keys int
			for _, u := range f.Of(video) {
				whole[string(u.Payload)] = true
				if u.Key {
					keys++
				}
			}
			seen := 0
			got, r, warnings := f.receive(t, func(_ int, p packet) bool {
				if p.media != f.packers[0].media {
					return false
				}
				seen++
				return seen%37 == 20
			})
			tracks := got.Tracks()[0]
			samples := got.Samples(tracks[0])
			for i, s := range samples {
				if !whole[string(s.Payload)] {
					t.Fatalf("sample %d is none of the film's", i)
				}
				if i == 0 && !s.Key {
					t.Error("begins without a key frame")
				}
			}
			lost, dropped := r.Lost()
			if lost == 0 || dropped == 0 || len(samples) == 0 || len(samples) == len(f.Of(video)) {
				t.Errorf("lost %d, dropped %d, %d of %d pictures passed on", lost, dropped, len(samples), len(f.Of(video)))
			}
			if warnings["packet_loss"] == "" {
				t.Errorf("warnings %v", warnings)
			}
			same(t, got.Samples(tracks[1]), f.Of(f.Format.Tracks[1]))
			r.Close()
			if len(warnings) != 0 {
				t.Errorf("left behind: %v", warnings)
			}
		})
	}
}

func TestAGapIsFollowedByAKeyFrame(t *testing.T) {
	f := newFilm(t, media.H264)
	video := f.Of(f.Format.Tracks[0])
	lose := 5 // a picture in the first group
	got, _, _ := f.receive(t, func(_ int, p packet) bool { return p.unit == lose })
	samples := got.Samples(nil)
	if !bytes.Equal(samples[lose-1].Payload, video[lose-1].Payload) {
		t.Error("what came before the loss is missing")
	}
	if !samples[lose].Key || samples[lose].DTS <= samples[lose-1].DTS {
		t.Errorf("after the loss comes %+v", samples[lose])
	}
}

// BenchmarkReceive is one picture of H.264 from its packets to the sink. What
// is allocated is the payload that the sink keeps, and what the library makes
// of a packet: the lists of NAL units and the joined fragments.
func BenchmarkReceive(b *testing.B) {
	f := newFilm(b, media.H264)
	r, err := rtpin.New(rtpin.Options{Sink: nowhere{}, Description: f.desc})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	packets, units := 0, 0
	seq := f.packets[0].rtp.SequenceNumber
	lap := uint32(0)
	now := time.Now()
	b.ResetTimer()
	for units < b.N {
		for _, p := range f.packets {
			pkt := *p.rtp
			pkt.SequenceNumber, pkt.Timestamp = seq, pkt.Timestamp+lap
			seq++
			if err := r.Packet(p.media, &pkt, now); err != nil {
				b.Fatal(err)
			}
			packets++
		}
		lap += 2 * 90000
		units += len(f.Units)
	}
	b.ReportMetric(float64(packets)/float64(units), "packets/op")
}

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) SetTracks([]*media.Track) error { return nil }
func (nowhere) Write(ingest.Sample) error      { return nil }
func (nowhere) Close()                         {}

// BenchmarkPack is one picture of H.264 on its way to a tool.
func BenchmarkPack(b *testing.B) {
	f := newFilm(b, media.H264)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if _, err := f.packers[0].pack(f.Units[n%len(f.Units)]); err != nil {
			b.Fatal(err)
		}
	}
}
