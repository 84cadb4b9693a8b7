package hls

import (
	"fmt"
	"math"
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
	known map[string]map[int]*hlstest.Segment // by rendition and number
	// inspectors hold each rendition to the text's rules, its media too.
	inspectors map[*rendition]*hlstest.Inspector
	// uneven allows declared part durations that do not add up to the segment: pictures
	// that last longer than a part.
	uneven bool
}

func newWalker(t testing.TB, p *Packager) *walker {
	w := &walker{
		t: t, p: p, seen: map[*rendition]*view{}, known: map[string]map[int]*hlstest.Segment{},
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
func (w *walker) inspect(r *rendition, m *hlstest.Media, text []byte) {
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
			m, _ := hlstest.ParseMedia(v.media.Body)
			w.note(r.name, m)
			if !w.uneven {
				w.inspect(r, m, v.media.Body)
			}
		}
	}
}

// note keeps what a playlist says of its segments.
func (w *walker) note(name string, m *hlstest.Media) {
	known := w.known[name]
	if known == nil {
		known = map[int]*hlstest.Segment{}
		w.known[name] = known
	}
	for i := range m.Segments {
		known[m.Segments[i].Number] = &m.Segments[i]
	}
	if len(m.Making.Parts) > 0 {
		known[m.Making.Number] = &m.Making
	}
}

// samples reads the segments of a rendition: the decode times in seconds of a
// track's samples, by segment number.
func (w *walker) samples(name string, track int) map[int][]float64 {
	w.t.Helper()
	out := map[int][]float64{}
	for n, s := range w.known[name] {
		if s.Gap || s.URI == "" {
			continue
		}
		b, err := w.p.Object(strings.TrimPrefix(s.URI, "/hls/r/o/"))
		if err != nil {
			continue // long gone
		}
		i, err := w.p.Object(strings.TrimPrefix(s.Map, "/hls/r/o/"))
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
		if o == nil || s.URI == "" || o.URI == "" {
			continue
		}
		common++
		if s.Discontinuities != o.Discontinuities {
			w.t.Errorf("segment %d: %d discontinuities in %s, %d in %s", n, s.Discontinuities, a, o.Discontinuities, b)
		}
		if !s.Gap && !o.Gap && s.Date.Sub(o.Date).Abs() > tolerance {
			w.t.Errorf("segment %d begins at %v in %s, at %v in %s", n, s.Date, a, o.Date, b)
		}
	}
	if common < 3 {
		w.t.Errorf("%s and %s have %d segments in common", a, b, common)
	}
}

func TestEveryFrameRateKeepsTheRules(t *testing.T) {
	t.Parallel()
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
			t.Parallel()
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
