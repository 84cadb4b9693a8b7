package hls

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"go.uber.org/goleak"

	"roomcast/media"
	"roomcast/rooms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	picture = &media.Track{
		Kind: media.Video, Codec: media.H264, ClockRate: 90000, FrameRate: 25, Width: 1920, Height: 1080,
		SPS: []byte{0x67, 0x64, 0, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x5a, 0x80, 0x80, 0x80, 0xa0, 0, 0, 3, 0, 0x20, 0, 0, 6, 0x51, 0xe3, 6, 0x32, 0xc0},
		PPS: []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0},
	}
	sound = &media.Track{
		Kind: media.Audio, Codec: media.AAC, ClockRate: 48000, SampleRate: 48000, Channels: 2, FrameSamples: 1024,
		AudioConfig: []byte{0x11, 0x90},
	}
	epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// feeder writes a steady source: 25 pictures a second and sound.
type feeder struct {
	t      testing.TB
	p      *Packager
	format *media.Format
	at     time.Duration // of the next picture
	audio  time.Duration
	gop    int // pictures
	n      int
	size   int           // of a picture, in bytes
	ahead  time.Duration // of the wall clock
}

func newFeeder(t testing.TB, o Options, tracks ...*media.Track) *feeder {
	o.BasePath, o.Epoch = "/hls/r/o/", epoch
	return &feeder{t: t, p: New(o), format: &media.Format{Tracks: tracks}, gop: 50, size: 1000}
}

func (f *feeder) write(u *media.Unit) {
	f.t.Helper()
	u.Format, u.NTP = f.format, epoch.Add(u.DTS-f.ahead)
	if err := f.p.Write(u); err != nil {
		f.t.Fatal(err)
	}
}

// run feeds for d.
func (f *feeder) run(d time.Duration) {
	f.t.Helper()
	video := f.format.HasVideo()
	for end := f.at + d; f.at < end; f.at += 40 * time.Millisecond {
		if video {
			f.write(&media.Unit{Track: picture, DTS: f.at, PTS: f.at, Key: f.n%f.gop == 0, Payload: make([]byte, f.size)})
			f.n++
		}
		if f.format.Find(media.Audio) != nil {
			for ; f.audio < f.at+40*time.Millisecond; f.audio += 1024 * time.Second / 48000 {
				f.write(&media.Unit{Track: sound, DTS: f.audio, PTS: f.audio, Key: true, Payload: make([]byte, 100)})
			}
		}
	}
}

// renew begins another format, as a new publisher would.
func (f *feeder) renew(tracks ...*media.Track) {
	f.format, f.n, f.audio = &media.Format{Tracks: tracks}, 0, f.at
}

func (f *feeder) playlist() string {
	f.t.Helper()
	b, err := f.p.Playlist(context.Background(), Name, Query{})
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b.Body)
}

// names lists the object names in a playlist, in order.
func names(text string) (out []string) {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "/hls/r/o/")
		if !ok {
			return out
		}
		n := strings.IndexAny(after, "\"\n")
		out = append(out, after[:n])
		rest = after[n:]
	}
}

func TestNothingIsListedBeforeAGroupOfPicturesClosed(t *testing.T) {
	f := newFeeder(t, Options{}, picture, sound)
	f.run(1900 * time.Millisecond)
	if _, err := f.p.Playlist(t.Context(), Name, Query{}); rooms.CodeOf(err) != rooms.CodeNotReady {
		t.Errorf("error %v", err)
	}
	if _, err := f.p.Multivariant("x"); rooms.CodeOf(err) != rooms.CodeNotReady {
		t.Errorf("error %v", err)
	}
	f.run(400 * time.Millisecond)
	if list := f.playlist(); !strings.Contains(list, "#EXT-X-TARGETDURATION:2\n") || !strings.Contains(list, "#EXTINF:2.00000,\n") {
		t.Errorf("playlist %s", list)
	}
}

func TestTargetsFollowTheGroupsOfPictures(t *testing.T) {
	tests := []struct {
		gop       int // pictures at 25 per second
		target    string
		durations string // of the first segments
	}{
		{5, "2", "1.00000 1.00000 2.40000"}, // 2.4 s rounds to 2
		{25, "2", "1.00000 1.00000 2.00000"},
		{50, "2", "2.00000 2.00000"},
		{60, "2", "2.40000 2.40000"},
		{75, "3", "3.00000 3.00000"},
		{100, "4", "4.00000 4.00000"},
		{200, "10", "4.40000 3.60000"}, // too long to wait for
		{250, "10", "4.40000 5.60000"},
		{260, "10", "4.40000 6.00000"},
		{1000, "10", "4.40000 10.44000"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("every %d pictures", tt.gop), func(t *testing.T) {
			f := newFeeder(t, Options{}, picture, sound)
			f.gop = tt.gop
			f.run(32 * time.Second)
			list := f.playlist()
			if !strings.Contains(list, "#EXT-X-TARGETDURATION:"+tt.target+"\n") {
				t.Errorf("target is not %s: %s", tt.target, list)
			}
			if tt.gop >= 50 {
				want := strings.Fields(tt.durations)[1]
				if !strings.Contains(list, "#EXTINF:"+want) {
					t.Errorf("no segment of %s s: %s", want, list)
				}
			}
		})
	}
}

func TestWindowIsShortAndBeginsWithAKeyFrame(t *testing.T) {
	f := newFeeder(t, Options{}, picture, sound)
	f.run(60 * time.Second)
	list := f.playlist()
	if n := strings.Count(list, "#EXTINF"); n != 5 {
		t.Errorf("%d segments of 2 s are listed", n)
	}
	if !strings.Contains(list, "#EXT-X-MEDIA-SEQUENCE:24\n") && !strings.Contains(list, "#EXT-X-MEDIA-SEQUENCE:25\n") {
		t.Errorf("playlist %s", list)
	}
	for _, name := range names(list) {
		if b, err := f.p.Object(name); err != nil || len(b.Body) == 0 || b.MaxAge != objectMaxAge {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A source without key frames is trimmed all the same, but later.
	f = newFeeder(t, Options{}, picture)
	f.gop = 1 << 30
	f.run(200 * time.Second)
	if n := strings.Count(f.playlist(), "#EXTINF"); n > 10 {
		t.Errorf("%d segments of 10 s are listed", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	f := newFeeder(t, Options{MaxBytes: 2 << 20, LowLatency: true}, picture, sound)
	f.size = 4000 // 200 kB a segment
	objects := 0
	for range 30 {
		f.run(10 * time.Second)
		f.p.Tick(epoch.Add(f.at))
		held := map[*byte]int{}
		f.p.objects.mu.RLock()
		for _, b := range f.p.objects.byName {
			if strings.HasPrefix(b.ContentType, "video") {
				held[&b.Body[:1][0]] = max(held[&b.Body[:1][0]], len(b.Body))
			}
		}
		objects = max(objects, len(f.p.objects.byName))
		f.p.objects.mu.RUnlock()
		if f.p.objects.retiredBytes() > 2<<20 {
			t.Errorf("%d bytes are retired", f.p.objects.retiredBytes())
		}
	}
	if objects > 400 {
		t.Errorf("%d objects", objects)
	}
	// Large pictures shorten the window.
	f = newFeeder(t, Options{MaxBytes: 2 << 20}, picture)
	f.size = 12_000 // 600 kB a segment
	f.run(60 * time.Second)
	if n := strings.Count(f.playlist(), "#EXTINF"); n > minSegments+1 {
		t.Errorf("%d segments are listed", n)
	}
}

func TestPartsMakeUpTheirSegment(t *testing.T) {
	f := newFeeder(t, Options{LowLatency: true}, picture, sound)
	f.run(13 * time.Second)
	list := f.playlist()
	if !strings.Contains(list, "#EXT-X-PART-INF:PART-TARGET=0.20000\n") || !strings.Contains(list, "PART-HOLD-BACK=0.60000") {
		t.Errorf("playlist %s", list)
	}
	var parts []byte
	checked, independent := 0, 0
	for line := range strings.Lines(list) {
		switch {
		case strings.HasPrefix(line, "#EXT-X-PART:"):
			b, err := f.p.Object(names(line)[0])
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, b.Body...)
			if strings.Contains(line, "INDEPENDENT=YES") {
				independent++
			}
		case strings.HasPrefix(line, "/hls/r/o/") && len(parts) > 0:
			b, err := f.p.Object(names(line)[0])
			if err != nil || !bytes.Equal(b.Body, parts) {
				t.Errorf("parts of %d bytes, segment of %d, %v", len(parts), len(b.Body), err)
			}
			parts = nil
			checked++
		}
	}
	if checked < 3 || independent < checked || independent > checked+1 {
		t.Errorf("%d segments of parts, %d independent parts", checked, independent)
	}
}

func TestEverySegmentDecodesByItself(t *testing.T) {
	f := newFeeder(t, Options{}, picture, sound)
	f.run(9 * time.Second)
	list := f.playlist()
	all := names(list)
	var in fmp4.Init
	b, err := f.p.Object(all[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Unmarshal(bytes.NewReader(b.Body)); err != nil || len(in.Tracks) != 2 {
		t.Fatalf("init segment: %v", err)
	}
	next := map[int]uint64{}
	for _, name := range all[1:] {
		b, err := f.p.Object(name)
		if err != nil {
			t.Fatal(err)
		}
		var parts fmp4.Parts
		if err := parts.Unmarshal(b.Body); err != nil {
			t.Fatal(err)
		}
		if first := parts[0].Tracks[0]; first.ID != 1 || first.Samples[0].IsNonSyncSample {
			t.Errorf("%s does not begin with a key frame", name)
		}
		for _, p := range parts {
			for _, tr := range p.Tracks {
				if at, seen := next[tr.ID]; seen && at != tr.BaseTime {
					t.Errorf("track %d goes on at %d instead of %d", tr.ID, tr.BaseTime, at)
				}
				next[tr.ID] = tr.BaseTime
				for _, s := range tr.Samples {
					next[tr.ID] += uint64(s.Duration)
				}
			}
		}
	}
}

func TestNewPublisherFollowsADiscontinuity(t *testing.T) {
	f := newFeeder(t, Options{}, picture, sound)
	f.run(5 * time.Second)
	f.renew(picture)
	f.run(5 * time.Second)
	list := f.playlist()
	_, after, ok := strings.Cut(list, "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=")
	if !ok || strings.Count(list, "#EXT-X-MAP") != 2 || !strings.Contains(list, "#EXT-X-DISCONTINUITY-SEQUENCE:0\n") {
		t.Errorf("playlist %s", list)
	}
	if !strings.Contains(after, "#EXTINF:2.00000") {
		t.Errorf("nothing follows: %s", after)
	}
	multi, err := f.p.Multivariant("p")
	if err != nil || strings.Contains(string(multi.Body), "mp4a") {
		t.Errorf("codecs of before: %s %v", multi.Body, err)
	}
	f.run(30 * time.Second)
	if list := f.playlist(); !strings.Contains(list, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n") || strings.Contains(list, "#EXT-X-DISCONTINUITY\n") {
		t.Errorf("playlist %s", list)
	}
}

func TestLostUnitsAreADiscontinuity(t *testing.T) {
	f := newFeeder(t, Options{}, picture, sound)
	f.run(5 * time.Second)
	f.p.Break()
	f.run(5 * time.Second)
	list := f.playlist()
	if !strings.Contains(list, "#EXT-X-DISCONTINUITY\n") || strings.Count(list, "#EXT-X-MAP") != 1 {
		t.Errorf("playlist %s", list)
	}
}

func TestSilenceIsListedAsGapsAndTheEndAsTheEnd(t *testing.T) {
	for _, low := range []bool{false, true} {
		f := newFeeder(t, Options{LowLatency: low}, picture, sound)
		f.run(5 * time.Second)
		now := epoch.Add(f.at)
		f.p.Tick(now.Add(500 * time.Millisecond))
		if strings.Contains(f.playlist(), "GAP") {
			t.Error("half a second is a gap")
		}
		f.p.Tick(now.Add(3200 * time.Millisecond))
		list := f.playlist()
		if strings.Count(list, "#EXT-X-GAP\n#EXTINF:1.00000,\n") != 3 || strings.Count(list, "#EXT-X-DISCONTINUITY\n") != 1 {
			t.Errorf("playlist %s", list)
		}
		f.at += 3500 * time.Millisecond
		f.renew(picture, sound)
		f.run(2200 * time.Millisecond)
		f.p.End()
		list = f.playlist()
		if strings.Count(list, "#EXT-X-DISCONTINUITY\n") != 2 || !strings.HasSuffix(list, "#EXT-X-ENDLIST\n") {
			t.Errorf("playlist %s", list)
		}
		if err := f.p.Write(&media.Unit{Format: f.format, Track: picture, DTS: f.at}); err != nil {
			t.Error(err)
		}
		f.p.Tick(now.Add(time.Hour))
		f.p.End()
		if f.playlist() != list {
			t.Error("the end was not the end")
		}
	}
}

func TestOldObjectsAreForgottenInTime(t *testing.T) {
	f := newFeeder(t, Options{LowLatency: true}, picture, sound)
	f.run(5 * time.Second)
	old := names(f.playlist())
	f.run(10 * time.Second)
	for _, name := range old {
		if _, err := f.p.Object(name); err != nil {
			t.Errorf("%s is gone while a playlist of 10 s ago names it", name)
		}
	}
	f.run(60 * time.Second)
	f.p.Tick(epoch.Add(f.at))
	for _, name := range old[1:] {
		if _, err := f.p.Object(name); rooms.CodeOf(err) != rooms.CodeNotFound {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}

func TestTracksThatFallApartGoOnAlone(t *testing.T) {
	f := newFeeder(t, Options{}, picture, sound)
	f.run(3 * time.Second)
	f.audio = time.Hour // the sound stops
	f.run(6 * time.Second)
	if list := f.playlist(); strings.Count(list, "#EXTINF:2.00000") < 4 {
		t.Errorf("the picture waits for the sound: %s", list)
	}
}

func TestPartsOfOddFrameRatesKeepTheRule(t *testing.T) {
	for rate, want := range map[float64]string{
		24000.0 / 1001: "0.20855", 24: "0.20834", 25: "0.20000", 30000.0 / 1001: "0.20020", 30: "0.20000",
		50: "0.20000", 60000.0 / 1001: "0.20020", 60: "0.20000", 5: "0.20000", 1: "1.00000",
	} {
		tm := timing{}
		tm.frame(time.Duration(float64(time.Second) / rate))
		got := string(seconds(nil, tm.partFor(&media.Track{Kind: media.Video, FrameRate: rate})))
		if got != want {
			t.Errorf("at %.3f fps the part target is %s, want %s", rate, got, want)
		}
	}
}

func TestEncoderThatCutsAtScenesIsTakenAtItsWord(t *testing.T) {
	f := newFeeder(t, Options{}, picture, sound)
	said := media.AppendNAL(nil, []byte("\x06\x05\xc8x264 - core 164 - options: keyint=200 keyint_min=20"))
	keys := map[int]bool{0: true, 30: true, 55: true, 80: true, 280: true, 310: true, 510: true}
	for n := range 700 {
		u := &media.Unit{Track: picture, DTS: f.at, PTS: f.at, Key: keys[n], Payload: []byte{0, 0, 0, 1, 0x41}}
		if n == 0 {
			u.Payload = said
		}
		f.write(u)
		f.at += 40 * time.Millisecond
	}
	f.p.End()
	if list := f.playlist(); !strings.Contains(list, "#EXT-X-TARGETDURATION:8\n") {
		t.Errorf("playlist %s", list)
	}
	for _, s := range f.p.source.segments {
		if !s.independent {
			t.Errorf("segment %d does not begin with a key frame", s.number)
		}
	}
}

func TestWhatLeavesThePlaylistInASilenceCanStillBeFetched(t *testing.T) {
	f := newFeeder(t, Options{}, picture, sound)
	f.run(20 * time.Second)
	silent := epoch.Add(f.at)
	there := func(name string) bool { _, err := f.p.Object(name); return err == nil }
	left := map[string]time.Duration{} // when
	var before []string
	for d := time.Duration(0); d < 30*time.Second; d += 250 * time.Millisecond {
		f.p.Tick(silent.Add(d))
		now := names(f.playlist())
		for _, n := range before {
			if !slices.Contains(now, n) {
				left[n] = d
			}
		}
		before = slices.DeleteFunc(now, func(n string) bool { return !there(n) }) // gaps never are
		for n, at := range left {
			// A segment's and its playlist's length longer (rfc8216bis, 6.2.2).
			if d-at < windowTargets*2*time.Second && !there(n) {
				t.Fatalf("%s left the playlist %v after the silence began, and is gone %v later", n, at, d-at)
			}
		}
	}
	if len(left) == 0 {
		t.Error("nothing left the playlist")
	}
}
