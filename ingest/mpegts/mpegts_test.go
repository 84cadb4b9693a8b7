package mpegts

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomcast/ingest/ingesttest"
	"roomcast/media"
	"roomcast/rooms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broadcast makes a transport stream with ffmpeg.
func broadcast(t testing.TB, length time.Duration, video media.Codec, audio ...media.Codec) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "film.ts")
	ingesttest.MakeFile(t, file, length, video, audio...)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// feed demuxes in pieces of a size, as a socket gives them.
func feed(t testing.TB, b []byte, size int) *ingesttest.Recorder {
	t.Helper()
	r := &ingesttest.Recorder{}
	d := NewDemuxer(r)
	for len(b) > 0 {
		n := min(size, len(b))
		if _, err := d.Write(b[:n]); err != nil {
			t.Fatal(err)
		}
		b = b[n:]
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatFFmpegSendsIsTakenApart(t *testing.T) {
	tests := []struct {
		name   string
		video  media.Codec
		audio  []media.Codec
		codecs string
	}{
		{"H.264 and AAC", media.H264, []media.Codec{media.AAC}, "avc1 mp4a"},
		{"H.265 and Opus", media.H265, []media.Codec{media.Opus}, "hvc1 Opus"},
		{"H.264 with three languages", media.H264, []media.Codec{media.AAC, media.Opus, media.AAC}, "avc1 mp4a Opus mp4a"},
		{"sound alone", "", []media.Codec{media.AAC}, "mp4a"},
		{"the picture alone", media.H265, nil, "hvc1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := feed(t, broadcast(t, 2*time.Second, tt.video, tt.audio...), 1316)
			if len(r.Tracks()) != 1 {
				t.Fatalf("announced %d times", len(r.Tracks()))
			}
			tracks := r.Tracks()[0]
			var names []string
			for _, tr := range tracks {
				names = append(names, tr.CodecString()[:4])
			}
			if got := strings.Join(names, " "); got != tt.codecs {
				t.Errorf("tracks %s, want %s", got, tt.codecs)
			}
			for i, dec := range ingesttest.Decode(t, tracks, r.Samples(nil)) {
				want := 60 // pictures
				switch tracks[i].Codec {
				case media.AAC:
					want = 2 * 44100 / 1024
					if tracks[i].SampleRate == 48000 {
						want = 2 * 48000 / 1024
					}
				case media.Opus:
					want = 100
				}
				if n := len(r.Samples(tracks[i])); n < want || n > want+3 || dec.Count() < n-1 {
					t.Errorf("%s: %d samples, %d decoded, want %d", tracks[i].Codec, n, dec.Count(), want)
				}
			}
			checkTimes(t, r, tracks)
		})
	}
}

// checkTimes asserts steady times and, of pictures, that B-frames are shown later.
func checkTimes(t *testing.T, r *ingesttest.Recorder, tracks []*media.Track) {
	t.Helper()
	for _, tr := range tracks {
		step, late := time.Second/30, false
		switch tr.Codec {
		case media.AAC:
			step = time.Duration(1024) * time.Second / time.Duration(tr.ClockRate)
		case media.Opus:
			step = 20 * time.Millisecond
		}
		last := time.Duration(-1)
		for i, s := range r.Samples(tr) {
			if d := s.DTS - last - step; i > 0 && (d < -time.Millisecond || d > time.Millisecond) || s.Jump {
				t.Fatalf("%s: sample %d is %v after the last", tr.Codec, i, s.DTS-last)
			}
			last, late = s.DTS, late || s.PTS > s.DTS
		}
		if late != (tr.Kind == media.Video) {
			t.Errorf("%s: shown later than decoded: %v", tr.Codec, late)
		}
	}
}

func TestPiecesOfAnySizeAreTheSame(t *testing.T) {
	b := broadcast(t, time.Second, media.H264, media.AAC)
	want := feed(t, b, 1316).Samples(nil)
	for _, size := range []int{1, 100, 188, 1000, len(b)} {
		got := feed(t, b, size).Samples(nil)
		if len(got) != len(want) {
			t.Fatalf("in pieces of %d: %d samples, want %d", size, len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i].Payload, want[i].Payload) || got[i].DTS != want[i].DTS {
				t.Fatalf("in pieces of %d: sample %d differs", size, i)
			}
		}
	}
}

func TestGarbageAndLossAreSurvived(t *testing.T) {
	b := broadcast(t, 2*time.Second, media.H264, media.AAC)
	whole := len(feed(t, b, 1316).Samples(nil))
	random := rand.New(rand.NewPCG(1, 2))
	for name, damage := range map[string]func() []byte{
		"garbage before": func() []byte { return append(bytes.Repeat([]byte("garbage"), 100), b...) },
		"half a packet lost": func() []byte {
			return append(bytes.Clone(b[:188*200+77]), b[188*201:]...)
		},
		"every fiftieth packet lost": func() (out []byte) {
			for i := 0; i+188 <= len(b); i += 188 {
				if random.IntN(50) > 0 || i < 188*20 {
					out = append(out, b[i:i+188]...)
				}
			}
			return out
		},
		"packets sent twice": func() (out []byte) {
			for i := 0; i+188 <= len(b); i += 188 {
				out = append(out, b[i:i+188]...)
				if b[i+3]&0x10 != 0 && b[i+3]&0x20 == 0 {
					out = append(out, b[i:i+188]...)
				}
			}
			return out
		},
	} {
		got := len(feed(t, damage(), 1316).Samples(nil))
		if least := whole / 3; got < least || got > whole {
			t.Errorf("%s: %d samples of %d", name, got, whole)
		}
	}
}

func TestNothingDamagedIsPassedOn(t *testing.T) {
	b := broadcast(t, 2*time.Second, media.H264)
	clean := feed(t, b, 1316).Samples(nil)
	keys := 0
	for _, s := range clean {
		if s.Key {
			keys++
		}
	}
	// One packet in the middle of a picture after the first key frame goes missing.
	at := 0
	for i, n := 0, 0; i < len(b); i += packetSize {
		if b[i+1]&0x5f == 0x41 && b[i+2] == 0 && b[i+3]&0x10 != 0 { // a picture begins: ffmpeg's PID 256
			if n++; n == 5 {
				at = i + packetSize
			}
		}
	}
	r := &ingesttest.Recorder{}
	d := NewDemuxer(r)
	for _, part := range [][]byte{b[:at], b[at+packetSize:]} {
		if _, err := d.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	got := r.Samples(nil)
	if d.Lost() != 1 {
		t.Errorf("%d losses", d.Lost())
	}
	for i, s := range got {
		if gap := i > 0 && s.DTS-got[i-1].DTS > 50*time.Millisecond; gap && !s.Key {
			t.Errorf("picture %d follows a gap and is no key frame", i)
		}
		if s.Key {
			keys--
		}
	}
	if keys != 0 || len(got) > len(clean)-8 || len(got) < len(clean)-16 {
		t.Errorf("%d of %d pictures, %d key frames missing", len(got), len(clean), keys)
	}
	for _, dec := range ingesttest.Decode(t, r.Tracks()[0], got) {
		if dec.Count() != len(got) {
			t.Errorf("%d of %d are decoded", dec.Count(), len(got))
		}
	}
}

func TestWhatIsNoStreamIsRefused(t *testing.T) {
	mp2 := filepath.Join(t.TempDir(), "mpeg2.ts")
	ingesttest.FFmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-t", "0.2", "-c:v", "mpeg2video", mp2)
	old, err := os.ReadFile(mp2)
	if err != nil {
		t.Fatal(err)
	}
	endless := broadcast(t, time.Second, media.H264)
	start := bytes.Index(endless, []byte{0, 0, 1, 0xe0}) // of the first picture
	packet := bytes.Clone(endless[start/188*188 : start/188*188+188])
	head := bytes.Clone(endless[:start/188*188+188])
	empty := bytes.Repeat(append([]byte{syncByte, 0x1f, 0xff, 0x10}, make([]byte, 184)...), maxSilence/packetSize+2)
	for name, tt := range map[string]struct {
		data []byte
		code string
	}{
		"garbage":            {bytes.Repeat([]byte("GET / HTTP/1.1\r\n\r\n"), 10000), ""},
		"packets of nothing": {empty, ""},
		"MPEG-2":             {old, rooms.CodeCodecNotSupported},
		"an endless picture": {append(head, endlessPicture(packet)...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewDemuxer(&ingesttest.Recorder{}).Write(tt.data)
			if err == nil || rooms.CodeOf(err) != tt.code {
				t.Errorf("error %v", err)
			}
		})
	}
}

// endlessPicture goes on with the packet of a picture, without ever ending it.
func endlessPicture(first []byte) (out []byte) {
	pid := first[1:3]
	for n := range maxPES/184 + 2 {
		p := append([]byte{syncByte, pid[0] &^ 0x40, pid[1], 0x10 | byte(int(first[3]&0x0f)+1+n)&0x0f}, bytes.Repeat([]byte{7}, 184)...)
		out = append(out, p...)
	}
	return out
}

func TestClockOf33BitsGoesOnAfterItsEnd(t *testing.T) {
	var c clock
	const wrap = int64(1) << 33
	first := c.unwrap(wrap - 3000)
	for at, want := range map[int64]time.Duration{1500: 50 * time.Millisecond, wrap - 6000: -33333333 * time.Nanosecond} {
		if d := c.unwrap(at) - first; d.Round(time.Microsecond) != want.Round(time.Microsecond) {
			t.Errorf("%d: step of %v, want %v", at, d, want)
		}
	}
}

func TestWhatIsPlayedComesBack(t *testing.T) {
	for name, film := range map[string]*ingesttest.Film{
		"H.264": ingesttest.Make(t, 1500*time.Millisecond, media.H264, media.AAC, media.Opus),
		"H.265": ingesttest.Make(t, 1500*time.Millisecond, media.H265, media.Opus),
		"sound": ingesttest.Make(t, 1500*time.Millisecond, "", media.AAC),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			m, err := NewMuxer(&out, film.Format)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range film.Units {
				if err := m.Write(u); err != nil {
					t.Fatal(err)
				}
			}
			r := feed(t, out.Bytes(), 1316)
			if len(r.Tracks()) != 1 || len(r.Tracks()[0]) != len(film.Format.Tracks) {
				t.Fatalf("tracks %v", r.Tracks())
			}
			for i, tr := range r.Tracks()[0] {
				sent, got := film.Of(film.Format.Tracks[i]), r.Samples(tr)
				if len(got) != len(sent) || !tr.SameConfig(film.Format.Tracks[i]) {
					t.Fatalf("track %d: %d of %d units", i, len(got), len(sent))
				}
				for j := range got {
					if !bytes.Equal(got[j].Payload, sent[j].Payload) || got[j].Key != sent[j].Key {
						t.Fatalf("track %d: unit %d differs", i, j)
					}
				}
			}
			file := filepath.Join(t.TempDir(), "played.ts")
			if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			for i, d := range ingesttest.Probe(t, file) {
				if want := len(film.Of(film.Format.Tracks[i])); d.Count() < want-1 {
					t.Errorf("%s: %d of %d frames are decoded", d.Codec, d.Count(), want)
				}
			}
		})
	}
}

func TestAV1IsNotPlayed(t *testing.T) {
	_, err := NewMuxer(&bytes.Buffer{}, &media.Format{Tracks: []*media.Track{{Kind: media.Video, Codec: media.AV1}}})
	if rooms.CodeOf(err) != rooms.CodeCodecNotSupported {
		t.Errorf("error %v", err)
	}
}

func TestLanguagesAreTold(t *testing.T) {
	for code, want := range map[string]string{"eng": "en", "deu": "de", "ger": "de", "und": "", "xxx": "", "\x00\x01\x02": "", "haw": "haw"} {
		if got := languageOf([]byte(code)); got != want {
			t.Errorf("%q is %q, want %q", code, got, want)
		}
	}
	aac, err := media.NewAAC([]byte{0x11, 0x90})
	if err != nil {
		t.Fatal(err)
	}
	aac.Language = "de-AT"
	f := &media.Format{Tracks: []*media.Track{aac}}
	var out bytes.Buffer
	m, err := NewMuxer(&out, f)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		at := time.Duration(n) * 20 * time.Millisecond
		if err := m.Write(&media.Unit{Format: f, Track: aac, DTS: at, PTS: at, Key: true, Payload: []byte{1, 2}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := feed(t, out.Bytes(), 188).Tracks()[0][0].Language; got != "de" {
		t.Errorf("the language comes back as %q", got)
	}
}

func TestOpusPacketsAreFoundBehindTheirHeaders(t *testing.T) {
	long := bytes.Repeat([]byte{1}, 300)
	for i, tt := range []struct {
		in     []byte
		packet int // its size; 0: malformed
		rest   int
	}{
		{append([]byte{0x7f, 0xe0, 2}, 9, 9), 2, 0},
		{append(append([]byte{0x7f, 0xe0, 255, 45}, long...), 5), 300, 1},
		{[]byte{0x7f, 0xf8, 1, 0, 0, 0, 0, 9}, 1, 0},
		{[]byte{0x7f, 0xe4, 1, 2, 8, 8, 9}, 1, 0},
		{[]byte{0x7f, 0xe0, 2, 9}, 0, 0},
		{[]byte{0x7f, 0xe0, 255}, 0, 0},
		{[]byte{0x7f, 0xe4, 1}, 0, 0},
		{[]byte{0x7f, 0xe0, 0}, 0, 0},
		{[]byte{1, 2, 3}, 0, 0},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			if packet, rest := opusPacket(tt.in); len(packet) != tt.packet || len(rest) != tt.rest {
				t.Errorf("%d bytes, %d left", len(packet), len(rest))
			}
		})
	}
}

// seeds are short streams of made-up pictures and sounds.
func seeds(t testing.TB) (all [][]byte) {
	t.Helper()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	avc, err := media.NewH264(unhex("67640028acd940780227e5c05a808080a0000003002000000651e30632c0"), unhex("68ebe3cb22c0"), 0)
	if err != nil {
		t.Fatal(err)
	}
	hevc, err := media.NewH265(
		unhex("40010c01ffff01600000030090000003000003003c959009"),
		unhex("42010101600000030090000003000003003ca00a080b9f796564924caf016808000003000800000300f04000"),
		unhex("4401c172b46240"), 0)
	if err != nil {
		t.Fatal(err)
	}
	aac, err := media.NewAAC([]byte{0x11, 0x90})
	if err != nil {
		t.Fatal(err)
	}
	opus, err := media.NewOpus(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, tracks := range [][]*media.Track{{avc, aac}, {hevc, opus}} {
		f := &media.Format{Tracks: tracks}
		var out bytes.Buffer
		m, err := NewMuxer(&out, f)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 4 {
			at := time.Duration(n) * 20 * time.Millisecond
			nal := append([]byte{0x65, 1}, make([]byte, 300)...)
			if tracks[0] == hevc {
				nal[0] = 19 << 1
			}
			for _, u := range []*media.Unit{
				{Format: f, Track: tracks[0], DTS: at, PTS: at, Key: true, Payload: media.AppendNAL(nil, nal)},
				{Format: f, Track: tracks[1], DTS: at, PTS: at, Key: true, Payload: []byte{0xfc, 1, 2, 3}},
			} {
				if err := m.Write(u); err != nil {
					t.Fatal(err)
				}
			}
		}
		all = append(all, out.Bytes())
	}
	return all
}

// FuzzDemuxer feeds the demuxer anything, in pieces.
func FuzzDemuxer(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, 188)
	}
	f.Add([]byte{syncByte, 0x40, 0, 0x10, 0, 0, 0xb0, 0x0d}, 3)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		r := &ingesttest.Recorder{}
		d := NewDemuxer(r)
		size = max(size, 1)
		for len(b) > 0 {
			n := min(size, len(b))
			if _, err := d.Write(b[:n]); err != nil {
				return
			}
			b = b[n:]
		}
		if d.Flush() != nil {
			return
		}
		for _, ts := range r.Tracks() {
			if err := media.CheckTracks(ts); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkDemuxer(b *testing.B) {
	film := broadcast(b, 2*time.Second, media.H264, media.AAC)
	b.SetBytes(int64(len(film)))
	b.ReportAllocs()
	for b.Loop() {
		d := NewDemuxer(nothing{})
		if _, err := d.Write(film); err != nil {
			b.Fatal(err)
		}
	}
}
