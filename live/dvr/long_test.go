//go:build long

package dvr_test

import (
	"bytes"
	"crypto/rand"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomcast/live/dvr"
	"roomcast/live/hls"
	"roomcast/media"
)

const (
	window   = 2 * time.Hour
	fed      = 12 * time.Hour
	rate     = 25
	videoBps = 6_000_000 - audioBps
	audioBps = 128_000
)

// broadcast feeds a packager with an archive as fast as the disk goes.
type broadcast struct {
	t       *testing.T
	p       *hls.Packager
	archive *dvr.Archive
	dir     string
	format  *media.Format
	noise   []byte
	frame   int64
	block   int64
	epoch   time.Time
	added   int
	trouble []dvr.Trouble
}

func newBroadcast(t *testing.T) *broadcast {
	t.Helper()
	sps := []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20}
	video, err := media.NewH264(sps, []byte{0x68, 0xce, 0x3c, 0x80}, rate)
	if err != nil {
		t.Fatal(err)
	}
	audio, err := media.NewAAC([]byte{0x11, 0x90})
	if err != nil {
		t.Fatal(err)
	}
	b := &broadcast{
		t: t, dir: filepath.Join(t.TempDir(), "show"), format: &media.Format{Tracks: []*media.Track{video, audio}},
		noise: make([]byte, 1<<20), epoch: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	_, _ = rand.Read(b.noise)
	b.archive = dvr.New(dvr.Options{
		Dir: b.dir, Window: window, Log: slog.New(slog.DiscardHandler),
		Trouble: func(tr dvr.Trouble) { b.trouble = append(b.trouble, tr) },
	})
	t.Cleanup(func() { _ = b.archive.Close() })
	b.p = hls.New(hls.Options{BasePath: "/", Epoch: b.epoch, LowLatency: true, Archive: func(c hls.Completed) {
		b.archive.Add(c)
		b.added++
	}})
	return b
}

// bytesOf are n bytes of noise: no disk makes fewer of them.
func (b *broadcast) bytesOf(n int64, seed int64) []byte {
	at := seed * 4099 % (int64(len(b.noise)) - n)
	return b.noise[at : at+n]
}

func (b *broadcast) write(track int, at time.Duration, key bool, payload []byte) {
	u := &media.Unit{
		Format: b.format, Track: b.format.Tracks[track], DTS: at, PTS: at, NTP: b.epoch.Add(at), Key: key, Payload: payload,
	}
	if err := b.p.Write(u); err != nil {
		b.t.Fatal(err)
	}
}

// run feeds until a time of the broadcast, and lets the disk keep up.
func (b *broadcast) run(until time.Duration) {
	const size = videoBps / 8 / rate
	for {
		at := time.Duration(b.frame) * time.Second / rate
		if at >= until {
			return
		}
		for {
			sound := time.Duration(b.block) * 1024 * time.Second / 48000
			if sound > at {
				break
			}
			b.write(1, sound, true, b.bytesOf(audioBps/8*1024/48000, b.block))
			b.block++
		}
		payload := media.AppendNAL(make([]byte, 0, size), b.bytesOf(size-4, b.frame))
		payload[4] = 0x41
		if b.frame%(2*rate) == 0 {
			payload[4] = 0x65
		}
		b.write(0, at, b.frame%(2*rate) == 0, payload)
		b.frame++
		if b.frame%rate == 0 {
			b.p.Tick(b.epoch.Add(at))
			b.settle()
		}
	}
}

// settle waits until the newest segments are listed.
func (b *broadcast) settle() {
	for deadline := time.Now().Add(time.Minute); b.archive.Waiting() > 0; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			b.t.Fatal("the disk does not keep up")
		}
	}
}

// measure is what the archive costs now.
func (b *broadcast) measure(when string) (heap uint64, rss, disk int64) {
	b.t.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(status))[1], 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(b.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files++
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			disk += s.Blocks * 512
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	rss = pages * int64(os.Getpagesize())
	b.t.Logf("%s: heap %.1f MiB, RSS %.1f MiB, %d files of %.1f MB", when, float64(m.HeapAlloc)/(1<<20), float64(rss)/(1<<20), files, float64(disk)/1e6)
	return m.HeapAlloc, rss, disk
}

// The window of two hours is fed twelve hours of 6 Mb/s: what it costs when it
// is first full is what it costs at the end.
func TestTwelveHoursGoThroughAWindowOfTwo(t *testing.T) {
	b := newBroadcast(t)
	var s syscall.Statfs_t
	if err := syscall.Statfs(t.TempDir(), &s); err != nil || int64(s.Bavail)*s.Bsize < 8<<30 {
		t.Fatalf("this needs 8 GiB of disk: %v", err)
	}
	b.run(window + time.Minute)
	first, err := b.archive.Playlist(hls.Name, false)
	if err != nil {
		t.Fatal(err)
	}
	oldest := objects(string(first.Body))[1]
	heap, rss, disk := b.measure("first full")
	b.run(fed)
	heapEnd, rssEnd, diskEnd := b.measure("at the end")

	for name, pair := range map[string][2]float64{
		"heap": {float64(heap), float64(heapEnd)}, "RSS": {float64(rss), float64(rssEnd)},
	} {
		if pair[1] > pair[0]*1.05 {
			t.Errorf("%s has grown from %.0f to %.0f", name, pair[0], pair[1])
		}
	}
	// The sound is there twice: beside the picture, and alone.
	want := float64(videoBps+2*audioBps) / 8 * window.Seconds()
	for _, got := range []int64{disk, diskEnd} {
		if r := float64(got) / want; r < 0.95 || r > 1.05 {
			t.Errorf("%d bytes on disk, want %.0f: %.3f", got, want, r)
		}
	}
	if f, err := b.archive.File(oldest); err == nil {
		_ = f.Close()
		t.Error("the oldest segment of ten hours ago is still there")
	}
	if len(b.trouble) > 0 {
		t.Errorf("trouble: %v", b.trouble)
	}
	b.check()
}

// objects are the names in a playlist, the init segment first.
func objects(text string) (names []string) {
	for line := range strings.Lines(text) {
		if i := strings.Index(line, "../../o/"); i >= 0 {
			names = append(names, strings.TrimRight(line[i+len("../../o/"):], "\"\n"))
		}
	}
	return names
}

// check looks at the window as players see it.
func (b *broadcast) check() {
	b.t.Helper()
	full, err := b.archive.Playlist(hls.Name, false)
	if err != nil {
		b.t.Fatal(err)
	}
	began := time.Now()
	const reloads = 10_000
	var delta hls.Blob
	for range reloads {
		if delta, err = b.archive.Playlist(hls.Name, true); err != nil {
			b.t.Fatal(err)
		}
	}
	each := time.Since(began) / reloads
	names := objects(string(full.Body))
	b.t.Logf("%d segments in %d bytes; a delta update of %d bytes in %v", len(names)-1, len(full.Body), len(delta.Body), each)
	if len(delta.Body) > 4<<10 || each > 50*time.Microsecond {
		b.t.Errorf("a delta update has %d bytes and takes %v", len(delta.Body), each)
	}
	if n := len(names) - 1; n < 3595 || n > 3605 || bytes.Contains(full.Body, []byte("GAP")) {
		b.t.Errorf("%d segments of 2 s are listed", n)
	}
	for _, name := range names {
		f, err := b.archive.File(name)
		if err != nil {
			b.t.Fatalf("%s is listed: %v", name, err)
		}
		_ = f.Close()
	}
}
