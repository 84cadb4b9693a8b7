package hls

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"roomcast/live/hls/hlstest"
	"roomcast/media"
)

// walker reads every version of every playlist that a packager shows, and holds
// them to the rules.
type walker struct {
	t     testing.TB
	p     *Packager
	seen  map[*rendition]*view
	known map[string]map[int]*shownSegment // by rendition and number
	heads map[string]string
	// inspectors hold each rendition to the text's rules, its media too.
	inspectors map[*rendition]*hlstest.Inspector
	// uneven allows declared part durations that do not add up to the segment: pictures
	// that last longer than a part.
	uneven bool
}

// shownSegment is what playlists say of one segment.
type shownSegment struct {
	uri, init  string
	duration   float64
	at         time.Time
	breaks     int
	gap, begun bool
	parts      []shownPart
}

type shownPart struct {
	uri      string
	duration float64
	key      bool
}

func newWalker(t testing.TB, p *Packager) *walker {
	w := &walker{
		t: t, p: p, seen: map[*rendition]*view{}, known: map[string]map[int]*shownSegment{}, heads: map[string]string{},
		inspectors: map[*rendition]*hlstest.Inspector{},
	}
	t.Cleanup(w.inspectVariants)
	return w
}

// inspectVariants looks at the multivariant playlist as it is at last.
func (w *walker) inspectVariants() {
	b, err := w.p.Multivariant("p")
	if err != nil {
		return // there was no media
	}
	_, found := hlstest.ParseMultivariant(b.Body)
	for _, f := range found {
		w.t.Errorf("%s\n%s", f, b.Body)
	}
}

// inspect has a version of a playlist looked at by the validator, at the time
// when its media ends.
func (w *walker) inspect(r *rendition, text []byte) {
	w.t.Helper()
	i := w.inspectors[r]
	if i == nil {
		i = hlstest.NewInspector(func(uri string) ([]byte, error) {
			b, err := w.p.Object(uri[strings.LastIndex(uri, "/")+1:])
			return b.Body, err
		})
		w.inspectors[r] = i
	}
	before := len(i.Findings())
	m, _ := hlstest.ParseMedia(text)
	at := epoch
	if n := len(m.Segments); n > 0 {
		at = m.Segments[n-1].Date.Add(m.Segments[n-1].Duration)
	}
	i.See(at, text)
	for _, f := range i.Findings()[before:] {
		w.t.Errorf("%s: %s\n%s", r.name, f, text)
	}
	if found := len(i.Findings()); found > 10 {
		w.t.FailNow()
	}
}

// look reads what has changed.
func (w *walker) look() {
	w.t.Helper()
	l := w.p.lineup.Load()
	if l == nil {
		return
	}
	for _, r := range l.renditions {
		if v := r.view.Load(); v != w.seen[r] {
			w.seen[r] = v
			w.read(r.name, string(v.media.Body))
			if !w.uneven {
				w.inspect(r, v.media.Body)
			}
		}
	}
}

func attributes(s string) map[string]string {
	out := map[string]string{}
	for s != "" {
		name, rest, _ := strings.Cut(s, "=")
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
			rest = strings.TrimPrefix(rest, ",")
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		out[name], s = value, rest
	}
	return out
}

func (w *walker) number(s string) float64 {
	w.t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		w.t.Fatalf("%q: %v", s, err)
	}
	return v
}

func (w *walker) read(name, text string) {
	w.t.Helper()
	fail := func(format string, a ...any) {
		w.t.Helper()
		w.t.Fatalf("%s: %s\n%s", name, fmt.Sprintf(format, a...), text)
	}
	head := ""
	target, partTarget := 0.0, 0.0
	number, breaks := 0, 0
	init := ""
	s := &shownSegment{}
	var list []*shownSegment
	var numbers []int
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXTM3U", "#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-SERVER-CONTROL":
			head += line + "\n"
		case "#EXT-X-TARGETDURATION":
			head += line + "\n"
			target = w.number(value)
		case "#EXT-X-PART-INF":
			head += line + "\n"
			partTarget = w.number(attributes(value)["PART-TARGET"])
		case "#EXT-X-MEDIA-SEQUENCE":
			number = int(w.number(value))
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			breaks = int(w.number(value))
		case "#EXT-X-DISCONTINUITY":
			breaks++
		case "#EXT-X-GAP":
			s.gap = true
		case "#EXT-X-MAP":
			init = attributes(value)["URI"]
		case "#EXT-X-PROGRAM-DATE-TIME":
			at, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				fail("%v", err)
			}
			s.at = at
		case "#EXT-X-PART":
			a := attributes(value)
			s.parts = append(s.parts, shownPart{a["URI"], w.number(a["DURATION"]), a["INDEPENDENT"] == "YES"})
		case "#EXTINF":
			s.duration = w.number(strings.TrimSuffix(value, ","))
		case "#EXT-X-PRELOAD-HINT", "#EXT-X-ENDLIST", "#EXT-X-RENDITION-REPORT", "# waiting for media":
		default:
			if strings.HasPrefix(line, "#") {
				fail("unknown line %s", line)
			}
			s.uri, s.init, s.breaks = line, init, breaks
			list, numbers = append(list, s), append(numbers, number)
			number++
			s = &shownSegment{}
		}
	}
	if len(s.parts) > 0 {
		s.init, s.breaks, s.begun = init, breaks, true
		list, numbers = append(list, s), append(numbers, number)
	}
	if w.heads[name] == "" {
		w.heads[name] = head
		w.known[name] = map[int]*shownSegment{}
	} else if w.heads[name] != head {
		fail("the head has changed from\n%s", w.heads[name])
	}
	for i, s := range list {
		if math.Round(s.duration) > target {
			fail("a segment of %f s", s.duration)
		}
		w.checkParts(s, partTarget, fail)
		old := w.known[name][numbers[i]]
		w.known[name][numbers[i]] = s
		if old == nil {
			continue
		}
		if old.breaks != s.breaks || old.init != s.init || !old.at.Equal(s.at) || !old.begun && (old.uri != s.uri || old.duration != s.duration) {
			fail("segment %d has changed from %+v", numbers[i], old)
		}
		for k, p := range old.parts {
			if k < len(s.parts) && s.parts[k] != p {
				fail("part %d of segment %d has changed", k, numbers[i])
			}
		}
	}
}

func (w *walker) checkParts(s *shownSegment, target float64, fail func(string, ...any)) {
	sum := 0.0
	for k, p := range s.parts {
		sum += p.duration
		last := !s.begun && k == len(s.parts)-1
		if p.duration > target || p.duration < 0.85*target-1e-9 && !last && (!s.begun || k < len(s.parts)-1) {
			fail("part %d of %s lasts %f of %f", k, s.uri, p.duration, target)
		}
	}
	if s.begun && len(s.parts) > 0 && s.parts[len(s.parts)-1].duration < 0.85*target-1e-9 {
		// It must then be the last of its segment: seen when that is complete.
		return
	}
	if !s.begun && len(s.parts) > 0 && !w.uneven && math.Abs(sum-s.duration) > 0.0005 {
		fail("parts of %f s in a segment of %f", sum, s.duration)
	}
}

// samples reads the segments of a rendition: the decode times in seconds of a
// track's samples, by segment number.
func (w *walker) samples(name string, track int) map[int][]float64 {
	w.t.Helper()
	out := map[int][]float64{}
	for n, s := range w.known[name] {
		if s.gap || s.begun {
			continue
		}
		b, err := w.p.Object(strings.TrimPrefix(s.uri, "/hls/r/o/"))
		if err != nil {
			continue // long gone
		}
		i, err := w.p.Object(strings.TrimPrefix(s.init, "/hls/r/o/"))
		if err != nil {
			w.t.Fatal(err)
		}
		var init fmp4.Init
		if err := init.Unmarshal(strings.NewReader(string(i.Body))); err != nil {
			w.t.Fatal(err)
		}
		var parts fmp4.Parts
		if err := parts.Unmarshal(b.Body); err != nil {
			w.t.Fatal(err)
		}
		for _, p := range parts {
			for _, tr := range p.Tracks {
				if tr.ID != track {
					continue
				}
				at := tr.BaseTime
				for _, sm := range tr.Samples {
					out[n] = append(out[n], float64(at)/float64(init.Tracks[track-1].TimeScale))
					at += uint64(sm.Duration)
				}
			}
		}
	}
	return out
}

// track makes a video track of another size.
func rungTrack() *media.Track {
	t := *picture
	t.Width, t.Height = 854, 480
	return &t
}

// aligned asserts that two renditions have the same segments.
func (w *walker) aligned(a, b string, tolerance time.Duration) {
	w.t.Helper()
	common := 0
	for n, s := range w.known[a] {
		o := w.known[b][n]
		if o == nil || s.begun || o.begun {
			continue
		}
		common++
		if s.breaks != o.breaks {
			w.t.Errorf("segment %d: %d discontinuities in %s, %d in %s", n, s.breaks, a, o.breaks, b)
		}
		if !s.gap && !o.gap && s.at.Sub(o.at).Abs() > tolerance {
			w.t.Errorf("segment %d begins at %v in %s, at %v in %s", n, s.at, a, o.at, b)
		}
	}
	if common < 3 {
		w.t.Errorf("%s and %s have %d segments in common", a, b, common)
	}
}

func TestEveryFrameRateKeepsTheRules(t *testing.T) {
	rates := map[string]func(n int) time.Duration{ // when picture n comes
		"a variable one": func(n int) time.Duration {
			return time.Duration(n)*33*time.Millisecond + time.Duration(n*n%7)*5*time.Millisecond
		},
		"30 fps in whole milliseconds": func(n int) time.Duration { return time.Duration(n) * time.Second / 30 / 1e6 * 1e6 },
		"24 fps in whole milliseconds": func(n int) time.Duration { return time.Duration(n) * time.Second / 24 / 1e6 * 1e6 },
		"30 fps that becomes 24": func(n int) time.Duration {
			if n < 150 {
				return time.Duration(n) * time.Second / 30
			}
			return 5*time.Second + time.Duration(n-150)*time.Second/24
		},
		"30 fps with pictures lost": func(n int) time.Duration { return time.Duration(n+n/13+n/31) * time.Second / 30 },
	}
	for _, fps := range []float64{24000.0 / 1001, 24, 25, 30000.0 / 1001, 30, 50, 60} {
		rates[fmt.Sprintf("%.3f fps", fps)] = func(n int) time.Duration {
			return time.Duration(math.Round(float64(n)/fps*90000)) * time.Second / 90000
		}
	}
	for name, at := range rates {
		t.Run(name, func(t *testing.T) {
			f := newFeeder(t, Options{LowLatency: true}, picture, sound)
			w := newWalker(t, f.p)
			for n := 0; at(n) < 20*time.Second; n++ {
				f.write(&media.Unit{Track: picture, DTS: at(n), PTS: at(n), Key: n%50 == 0, Payload: make([]byte, 500)})
				for ; f.audio < at(n); f.audio += 1024 * time.Second / 48000 {
					f.write(&media.Unit{Track: sound, DTS: f.audio, PTS: f.audio, Key: true, Payload: make([]byte, 100)})
				}
				w.look()
			}
			w.aligned(Name, AudioName, 22*time.Millisecond)
			if !strings.Contains(f.playlist(), "#EXT-X-PART:") {
				t.Error("no parts")
			}
		})
	}
}

func TestAudioByItselfHasPartsOfNineFrames(t *testing.T) {
	f := newFeeder(t, Options{LowLatency: true}, picture, sound)
	w := newWalker(t, f.p)
	for range 100 {
		f.run(200 * time.Millisecond)
		w.look()
	}
	for n, s := range w.known[AudioName] {
		for k, p := range s.parts {
			if k < len(s.parts)-1 && p.duration != 0.192 {
				t.Errorf("part %d of segment %d lasts %f", k, n, p.duration)
			}
		}
	}
	// No frame is lost or doubled at the edges of segments.
	at := w.samples(AudioName, 1)
	var numbers []int
	for n := range at {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var all []float64
	for _, n := range numbers {
		all = append(all, at[n]...)
	}
	for i := 1; i < len(all); i++ {
		if d := all[i] - all[i-1]; math.Abs(d-1024.0/48000) > 1e-9 {
			t.Fatalf("frame %d comes %f s after the one before", i, d)
		}
	}
	if len(all) < 300 {
		t.Errorf("%d frames", len(all))
	}
}

// rungFeed feeds a source and, some time behind, a rung.
type rungFeed struct {
	*feeder
	w    *walker
	rung *Rung
	tr   *media.Track
	late []*media.Unit
	lag  time.Duration
	mute bool
}

func newRungFeed(t testing.TB, lag time.Duration) *rungFeed {
	f := newFeeder(t, Options{LowLatency: true}, picture, sound)
	rf := &rungFeed{feeder: f, w: newWalker(t, f.p), tr: rungTrack(), lag: lag}
	rf.rung = f.p.AddRung(RungOptions{Name: "480p", MaxLag: 2 * time.Second})
	return rf
}

func (f *rungFeed) go1(pictures int) {
	f.t.Helper()
	for range pictures {
		if !f.mute {
			f.late = append(f.late, &media.Unit{
				Format: f.format, Track: f.tr, DTS: f.at, PTS: f.at, NTP: epoch.Add(f.at + f.lag),
				Key: f.n%f.gop == 0, Payload: make([]byte, 300),
			})
		}
		f.run(40 * time.Millisecond)
		for len(f.late) > 0 && f.late[0].DTS+f.lag <= f.at {
			if err := f.rung.Write(f.late[0]); err != nil {
				f.t.Fatal(err)
			}
			f.late = f.late[1:]
		}
		f.w.look()
	}
}

func TestARungIsCutWhereTheSourceIs(t *testing.T) {
	f := newRungFeed(t, 1500*time.Millisecond)
	f.go1(500)
	f.w.aligned(Name, "480p", 0)
	f.w.aligned(Name, AudioName, 22*time.Millisecond)
	source, rung := f.w.samples(Name, 1), f.w.samples("480p", 1)
	heard := f.w.samples("480p", 2)
	for n, want := range source {
		if got, ok := rung[n]; ok && !slices.Equal(got, want) {
			t.Errorf("segment %d has pictures at %v, the source at %v", n, got, want)
		}
		if _, ok := rung[n]; ok && len(heard[n]) < 90 {
			t.Errorf("segment %d of the rung has %d frames of sound", n, len(heard[n]))
		}
	}
	multi, err := f.p.Multivariant("p")
	if err != nil || !strings.Contains(string(multi.Body), "RESOLUTION=854x480") || !strings.Contains(string(multi.Body), "\np/480p.m3u8\n") {
		t.Errorf("%s %v", multi.Body, err)
	}
	list, err := f.p.Playlist(t.Context(), "480p", Query{})
	if err != nil || !strings.Contains(string(list.Body), "PART-HOLD-BACK=2.60000") ||
		!strings.Contains(string(list.Body), `#EXT-X-RENDITION-REPORT:URI="live.m3u8",LAST-MSN=`) {
		t.Errorf("%s %v", list.Body, err)
	}
}

func TestARungThatStandsStillIsListedAsGapsAndComesBack(t *testing.T) {
	f := newRungFeed(t, 500*time.Millisecond)
	f.go1(250)
	f.mute, f.late = true, nil
	f.go1(400) // 16 s
	gaps := 0
	for _, s := range f.w.known["480p"] {
		if s.gap {
			gaps++
		}
	}
	if gaps < 4 {
		t.Errorf("%d gaps", gaps)
	}
	f.mute = false
	f.go1(300)
	f.w.aligned(Name, "480p", 0)
	newest := f.w.seen[f.rung.rendition].last
	if s := f.w.known["480p"][newest]; s.gap {
		t.Error("it did not come back")
	}
}

func TestARemovedRungIsNotFoundAndNotOffered(t *testing.T) {
	f := newRungFeed(t, 500*time.Millisecond)
	f.go1(250)
	done := make(chan error, 1)
	v := f.rung.view.Load()
	go func() {
		_, err := f.p.Playlist(t.Context(), "480p", Query{MSN: v.last + 1, WholeSegment: true})
		done <- err
	}()
	f.rung.Remove()
	f.rung.Remove()
	if err := <-done; err == nil {
		t.Error("one who waited got an answer")
	}
	multi, err := f.p.Multivariant("p")
	if err != nil || strings.Contains(string(multi.Body), "480p") {
		t.Errorf("%s %v", multi.Body, err)
	}
	f.rung = f.p.AddRung(RungOptions{Name: "480p", MaxLag: 2 * time.Second})
	delete(f.w.known, "480p")
	delete(f.w.heads, "480p")
	f.go1(250)
	f.w.aligned(Name, "480p", 0)
	f.p.End()
	f.w.look()
	list, err := f.p.Playlist(t.Context(), "480p", Query{})
	if err != nil || !strings.HasSuffix(string(list.Body), "#EXT-X-ENDLIST\n") {
		t.Errorf("%s %v", list.Body, err)
	}
}

func TestSilenceAndReturnKeepTheRenditionsTogether(t *testing.T) {
	f := newRungFeed(t, 800*time.Millisecond)
	f.go1(250)
	for i := range 20 { // 5 s of silence
		f.p.Tick(epoch.Add(f.at + time.Duration(i)*250*time.Millisecond))
		f.w.look()
	}
	f.at += 5 * time.Second
	f.renew(picture, sound)
	f.go1(300)
	f.renew(sound) // the picture goes
	f.mute = true
	f.go1(200)
	f.mute = false
	f.renew(picture, sound)
	f.go1(300)
	f.p.End()
	f.w.look()
	f.w.aligned(Name, "480p", 0)
	f.w.aligned(Name, AudioName, 45*time.Millisecond)
}

func TestFurtherAudioTracksAreAGroup(t *testing.T) {
	second := *sound
	second.Language, second.Label = "de", `Deutsch "neu"`
	f := newFeeder(t, Options{LowLatency: true}, picture, sound, &second)
	w := newWalker(t, f.p)
	a := time.Duration(0)
	for at := time.Duration(0); at < 20*time.Second; at += 200 * time.Millisecond {
		f.run(200 * time.Millisecond)
		for ; a < at+200*time.Millisecond; a += 1024 * time.Second / 48000 {
			f.write(&media.Unit{Track: &second, DTS: a, PTS: a, Key: true, Payload: make([]byte, 80)})
		}
		w.look()
	}
	w.aligned(Name, "audio-2", 45*time.Millisecond)
	multi, err := f.p.Multivariant("p")
	text := string(multi.Body)
	for _, want := range []string{
		`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Track 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2"` + "\n",
		`NAME="Deutsch neu",LANGUAGE="de",AUTOSELECT=YES,CHANNELS="2",URI="p/audio-2.m3u8"` + "\n",
		`AUDIO="sound"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s %v", want, text, err)
		}
	}
}
