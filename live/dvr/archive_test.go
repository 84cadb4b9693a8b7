package dvr

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomcast/live/hls"
	"roomcast/live/hls/hlstest"
	"roomcast/rooms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newName(suffix string) string {
	var b [nameBytes]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:]) + suffix
}

// source makes the segments of one rendition, 2 s each.
type source struct {
	rendition string
	msn       int
	at        time.Duration
	init      string
	size      int
	body      []byte // of every segment, unless nil
}

func newSource(rendition string) *source {
	return &source{rendition: rendition, init: newName(initSuffix), size: 1000}
}

func (s *source) next() hls.Completed {
	c := hls.Completed{
		Rendition: s.rendition, MSN: s.msn, Name: newName(segmentSuffix), Init: s.init, InitBody: []byte("init " + s.init),
		Body: bytes.Repeat([]byte{byte(s.msn)}, s.size), Start: s.at, Duration: 2 * time.Second, DateTime: epoch.Add(s.at),
		Independent: true, Target: 2 * time.Second,
	}
	if s.body != nil {
		c.Body = s.body
	}
	s.msn++
	s.at += c.Duration
	return c
}

func open(t testing.TB, change func(*Options)) *Archive {
	t.Helper()
	o := Options{Dir: filepath.Join(t.TempDir(), "show"), Window: time.Minute, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	a := New(o)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(o.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the directory is still there: %v", err)
		}
	})
	return a
}

// settle waits until everything queued is written.
func settle(t testing.TB, a *Archive) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if a.Waiting() == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the queue is not written")
		}
		runtime.Gosched()
	}
}

// feed adds n segments and waits for them.
func feed(t testing.TB, a *Archive, s *source, n int) (last hls.Completed) {
	t.Helper()
	for range n {
		last = s.next()
		a.Add(last)
		settle(t, a)
	}
	return last
}

func playlist(t testing.TB, a *Archive, name string, skip bool) string {
	t.Helper()
	b, err := a.Playlist(name, skip)
	if err != nil {
		t.Fatal(err)
	}
	if b.Gzip != nil {
		r, err := gzip.NewReader(bytes.NewReader(b.Gzip))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, b.Body) {
			t.Errorf("the gzip form is another text: %v", err)
		}
	}
	_, found := hlstest.ParseMedia(b.Body)
	sound(t, found)
	return string(b.Body)
}

// sound asserts that the validator found nothing.
func sound(t testing.TB, found []hlstest.Finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

// walk has the validator look at the next version of a playlist.
func walk(t testing.TB, w *hlstest.Walker, s *source, text string) *hlstest.Media {
	t.Helper()
	m, found := w.SeeDelta(epoch.Add(s.at), []byte(text))
	sound(t, found)
	return m
}

func number(t testing.TB, text, tag string) int {
	t.Helper()
	_, after, ok := strings.Cut(text, tag+":")
	digits, _, _ := strings.Cut(after, "\n")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil {
		t.Fatalf("no %s in %s", tag, text)
	}
	return n
}

func files(t testing.TB, a *Archive) (n int, size int64) {
	t.Helper()
	list, err := os.ReadDir(a.o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	return len(list), size
}

func TestSegmentsAreListedAndFetchedFromDisk(t *testing.T) {
	a := open(t, nil)
	if _, err := a.Playlist("live", false); rooms.CodeOf(err) != rooms.CodeNotReady {
		t.Errorf("before any media: %v", err)
	}
	s := newSource("live")
	c := feed(t, a, s, 1)
	want := "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12.00000\n" +
		"#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-MAP:URI=\"../../o/" + c.Init + "\"\n" +
		"#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n#EXTINF:2.00000,\n../../o/" + c.Name + "\n"
	if got := playlist(t, a, "live", true); got != want {
		t.Errorf("playlist:\n%s\nwant:\n%s", got, want)
	}
	for name, want := range map[string][]byte{c.Name: c.Body, c.Init: c.InitBody} {
		f, err := a.File(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		_ = f.Close()
	}
	for _, name := range []string{"", "x", newName(segmentSuffix), "../show", "..", "../../../../etc/passwd", c.Name + "x", "." + c.Name} {
		if _, err := a.File(name); rooms.CodeOf(err) != rooms.CodeNotFound {
			t.Errorf("%q: %v", name, err)
		}
	}
	a.Add(s.next())
	a.End()
	for deadline := time.Now().Add(20 * time.Second); !strings.HasSuffix(playlist(t, a, "live", false), "#EXT-X-ENDLIST\n"); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("no end")
		}
	}
	if strings.Count(playlist(t, a, "live", false), "#EXTINF") != 2 {
		t.Error("the last segment is not listed")
	}
	feed(t, a, s, 1)
	if strings.Count(playlist(t, a, "live", false), "#EXTINF") != 2 {
		t.Error("the end was not the end")
	}
}

func TestTheWindowMovesAndFilesGo(t *testing.T) {
	a := open(t, nil)
	s := newSource("live")
	feed(t, a, s, 30)
	var walker hlstest.Walker
	for range 100 {
		feed(t, a, s, 1)
		text := playlist(t, a, "live", false)
		walk(t, &walker, s, text)
		if n := strings.Count(text, "#EXTINF"); n != 30 {
			t.Fatalf("%d segments of 2 s are listed in a window of a minute", n)
		}
		if got := number(t, text, "#EXT-X-MEDIA-SEQUENCE"); got != s.msn-30 {
			t.Fatalf("begins at %d, not %d", got, s.msn-30)
		}
		// Three target durations longer, and the init segment.
		if n, _ := files(t, a); n > 30+3+1 || n < 30+1 {
			t.Fatalf("%d files", n)
		}
	}
	for _, name := range regexp.MustCompile(`\.\./\.\./o/[^"\n]+`).FindAllString(playlist(t, a, "live", false), -1) {
		f, err := a.File(filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
}

func TestDeltaUpdatesReplaceWhatIsOld(t *testing.T) {
	a := open(t, func(o *Options) { o.Window = 12 * time.Hour })
	s := newSource("live")
	var walker hlstest.Walker
	for range 100 {
		feed(t, a, s, 1)
		full, delta := playlist(t, a, "live", false), playlist(t, a, "live", true)
		whole, _ := hlstest.ParseMedia([]byte(full))
		sound(t, hlstest.Same(walk(t, &walker, s, delta), whole))
		if s.msn <= 6 {
			if full != delta {
				t.Fatalf("nothing can be skipped of %d segments: %s", s.msn, delta)
			}
			continue
		}
		skipped := number(t, strings.ReplaceAll(delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=", "SKIPPED:"), "SKIPPED")
		if kept := strings.Count(delta, "#EXTINF"); kept != 6 || skipped+kept != s.msn || len(delta) > 4<<10 {
			t.Fatalf("%d skipped, %d kept of %d: %s", skipped, kept, s.msn, delta)
		}
		// What a player puts together is what the full playlist says.
		head, tail, _ := strings.Cut(delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS="+strconv.Itoa(skipped)+"\n")
		if !strings.HasPrefix(full, head) || !strings.HasSuffix(full, tail) {
			t.Fatalf("the delta update is of another playlist: %s", delta)
		}
	}
}

func TestARungThatLagsSharesNumbersAndDiscontinuities(t *testing.T) {
	a := open(t, nil)
	s, rung := newSource("live"), newSource("480p")
	feed(t, a, s, 5)
	c := s.next()
	c.Discontinuity = true
	a.Add(c)
	feed(t, a, s, 2)
	for range 4 {
		rung.next()
	}
	feed(t, a, rung, 1) // segment 4
	c = rung.next()
	c.Discontinuity = true
	a.Add(c)
	settle(t, a)
	for _, name := range []string{"live", "480p"} {
		text := playlist(t, a, name, false)
		if number(t, text, "#EXT-X-DISCONTINUITY-SEQUENCE") != 0 || strings.Count(text, "#EXT-X-DISCONTINUITY\n") != 1 {
			t.Errorf("%s: %s", name, text)
		}
	}
	source, _ := hlstest.ParseMedia([]byte(playlist(t, a, "live", false)))
	lagging, _ := hlstest.ParseMedia([]byte(playlist(t, a, "480p", false)))
	sound(t, hlstest.CheckAligned(lagging, source))
	late := newSource("360p") // comes after the discontinuity
	for range 6 {
		late.next()
	}
	feed(t, a, late, 1)
	if text := playlist(t, a, "360p", false); number(t, text, "#EXT-X-DISCONTINUITY-SEQUENCE") != 1 || number(t, text, "#EXT-X-MEDIA-SEQUENCE") != 6 {
		t.Errorf("late rung: %s", text)
	}
	// The window passes: the rung that ended goes with it, files and all.
	feed(t, a, s, 60)
	if text := playlist(t, a, "live", false); number(t, text, "#EXT-X-DISCONTINUITY-SEQUENCE") != 1 {
		t.Errorf("live: %s", text)
	}
	if _, err := a.Playlist("480p", false); rooms.CodeOf(err) != rooms.CodeNotReady {
		t.Errorf("a rung that ended long ago: %v", err)
	}
	if n, _ := files(t, a); n > 30+3+1 {
		t.Errorf("%d files", n)
	}
	if len(a.breaks) != 0 || a.breaksGone != 1 {
		t.Errorf("breaks %v, %d gone", a.breaks, a.breaksGone)
	}
	// A rung that was away comes back: its list begins anew.
	rung.msn, rung.at = s.msn-1, s.at-2*time.Second
	feed(t, a, rung, 1)
	if text := playlist(t, a, "480p", false); number(t, text, "#EXT-X-MEDIA-SEQUENCE") != s.msn-1 || number(t, text, "#EXT-X-DISCONTINUITY-SEQUENCE") != 1 {
		t.Errorf("a rung that came back: %s", text)
	}
}

func TestWhatTheDiskDoesNotTakeIsAGapAndIsTold(t *testing.T) {
	var mu sync.Mutex
	var told []string
	a := open(t, func(o *Options) {
		o.Trouble = func(tr Trouble) { mu.Lock(); defer mu.Unlock(); told = append(told, tr.Code) }
	})
	var fail error
	a.write = func(path string, body []byte) error {
		if fail != nil {
			return fmt.Errorf("write: %w", fail)
		}
		return writeFile(path, body)
	}
	s := newSource("live")
	feed(t, a, s, 2)
	fail = syscall.ENOSPC
	c := feed(t, a, s, 3)
	fail = syscall.EIO
	feed(t, a, s, 1)
	fail = nil
	feed(t, a, s, 1)
	a.free = func(string) (int64, error) { return a.o.MinFree - 1, nil }
	feed(t, a, s, 1)
	a.free = freeBytes
	feed(t, a, s, recovered)
	text := playlist(t, a, "live", false)
	if n := strings.Count(text, "#EXT-X-GAP\n#EXTINF:2.00000,\n"); n != 5 || strings.Count(text, "#EXTINF") != 8+recovered {
		t.Errorf("%d gaps: %s", n, text)
	}
	if _, err := a.File(c.Name); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("a gap can be fetched: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(told, " "); got != "dvr_disk_full dvr_failed dvr_disk_full " {
		t.Errorf("told %q", got)
	}
	if got := a.Last("live", time.Hour); len(got) != 3+recovered {
		t.Errorf("%d segments are there", len(got))
	}
}

func TestASlowDiskHoldsUpNobody(t *testing.T) {
	told := make(chan Trouble, 10)
	a := open(t, func(o *Options) { o.Trouble = func(tr Trouble) { told <- tr } })
	release, writing := make(chan struct{}), make(chan struct{}, 100)
	a.write = func(string, []byte) error {
		writing <- struct{}{}
		<-release
		return nil
	}
	s := newSource("live")
	a.Add(s.next())
	<-writing
	s.body = make([]byte, maxQueuedBytes/4)
	for range 50 {
		a.Add(s.next()) // returns although nothing is written
	}
	a.queueMu.Lock()
	held := a.queued
	a.queueMu.Unlock()
	if held > maxQueuedBytes {
		t.Errorf("%d bytes are held", held)
	}
	close(release)
	settle(t, a)
	if tr := <-told; tr != diskSlow {
		t.Errorf("told %v", tr)
	}
	if n := strings.Count(playlist(t, a, "live", false), "#EXT-X-GAP"); n != 30 { // of 46, in a window of 30
		t.Errorf("%d gaps", n)
	}
	for range maxQueued + 10 {
		a.Add(hls.Completed{Rendition: "x"}) // malformed: left out
	}
	settle(t, a)
}

func TestLeftoversAreFoundAndDeleted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data [1] *") // as an operator may call it
	for _, p := range []string{"rooms/a/dvr/1/x.m4s", "rooms/a/dvr/2/y.m4s", "rooms/b/assets/z.mp4"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, p)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, p), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Leftovers(dir)
	if err != nil || len(list) != 2 || list[0] != Dir(dir, "a", "1") {
		t.Fatalf("%v %v", list, err)
	}
	Clean(t.Context(), list, slog.New(slog.DiscardHandler))
	if list, err := Leftovers(dir); err != nil || len(list) != 0 {
		t.Errorf("left: %v %v", list, err)
	}
	if _, err := os.Stat(dir + "/rooms/b/assets/z.mp4"); err != nil {
		t.Error(err)
	}
}

// fill puts n segments into an archive without a disk.
func fill(b testing.TB, n int) (*Archive, *source) {
	a := newArchive(Options{Dir: b.TempDir(), BasePath: "../../o/", Window: 12 * time.Hour, Trouble: func(Trouble) {}, Log: slog.New(slog.DiscardHandler)})
	a.write = func(string, []byte) error { return nil }
	a.free = func(string) (int64, error) { return 1 << 40, nil }
	s := newSource("live")
	s.size = 0
	for range n {
		a.store(item{c: s.next()})
	}
	return a, s
}

const twelveHours = 12 * 3600 / 2

func BenchmarkMemoryPerSegment(b *testing.B) {
	var before, after runtime.MemStats
	var a *Archive
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		a, _ = fill(b, 2*twelveHours)
		runtime.GC()
		runtime.ReadMemStats(&after)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/twelveHours, "B/segment")
	runtime.KeepAlive(a)
}

func BenchmarkAddWithTwelveHoursOfWindow(b *testing.B) {
	a, s := fill(b, twelveHours+10)
	b.ReportAllocs()
	for b.Loop() {
		a.store(item{c: s.next()})
	}
}

func BenchmarkDeltaReloadWithTwelveHoursOfWindow(b *testing.B) {
	a, _ := fill(b, twelveHours+10)
	b.ReportAllocs()
	var blob hls.Blob
	for b.Loop() {
		var err error
		if blob, err = a.Playlist("live", true); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(blob.Body)), "B")
	b.ReportMetric(float64(len(blob.Gzip)), "B(gzip)")
}

func BenchmarkFullPlaylistWithTwelveHoursOfWindow(b *testing.B) {
	a, _ := fill(b, twelveHours+10)
	r := a.renditions["live"]
	b.ReportAllocs()
	var blob hls.Blob
	for b.Loop() {
		r.publish(a.o.BasePath, 0, false)
		blob = r.view.Load().full()
	}
	b.ReportMetric(float64(len(blob.Body)), "B")
	b.ReportMetric(float64(len(blob.Gzip)), "B(gzip)")
}

// How quick a reload is, BenchmarkDeltaReloadWithTwelveHoursOfWindow says: here is why it is.
func TestADeltaUpdateOfTwelveHoursIsSmallAndMadeOnce(t *testing.T) {
	a, _ := fill(t, twelveHours+10)
	if n := strings.Count(playlist(t, a, "live", false), "#EXTINF"); n != twelveHours {
		t.Fatalf("%d segments are listed", n)
	}
	first, err := a.Playlist("live", true)
	if err != nil || len(first.Body) > 4<<10 || len(first.Gzip) == 0 {
		t.Fatalf("%d bytes, %d compressed, %v", len(first.Body), len(first.Gzip), err)
	}
	if n := testing.AllocsPerRun(100, func() {
		b, err := a.Playlist("live", true)
		if err != nil || &b.Body[0] != &first.Body[0] || &b.Gzip[0] != &first.Gzip[0] {
			t.Errorf("a reload is made anew: %v", err)
		}
	}); n != 0 {
		t.Errorf("a reload makes %v allocations", n)
	}
}

func TestWhatIsAskedForBeginsWithAKeyFrame(t *testing.T) {
	for _, tt := range []struct {
		keys string // of segments of 2 s: k begins with a key frame
		d    time.Duration
		want int
	}{
		{"kkkk", 4 * time.Second, 2},
		{"k---k---", 4 * time.Second, 4},
		{"k---k---", 8 * time.Second, 4},
		{"k---k---", 9 * time.Second, 0},
		{"--------", 4 * time.Second, 6},
		{"k" + strings.Repeat("-", 30), 4 * time.Second, 29},
		{"k---", time.Minute, 0},
		{"", time.Second, 0},
	} {
		got := Begin(len(tt.keys), tt.d, func(i int) (time.Duration, bool) { return 2 * time.Second, tt.keys[i] == 'k' })
		if got != tt.want {
			t.Errorf("%v of %s begins at %d, want %d", tt.d, tt.keys, got, tt.want)
		}
	}
}
