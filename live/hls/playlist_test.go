package hls

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"roomcast/media"
	"roomcast/rooms"
)

func TestMultivariantSaysWhatIsInIt(t *testing.T) {
	tests := []struct {
		name   string
		tracks []*media.Track
		want   []string
		not    string
	}{
		{"both", []*media.Track{picture, sound}, []string{"RESOLUTION=1920x1080", "FRAME-RATE=25.000"}, "no"},
		{"sound alone", []*media.Track{sound}, []string{"CODECS="}, "RESOLUTION"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFeeder(t, Options{}, tt.tracks...)
			f.run(5 * time.Second)
			b, err := f.p.Multivariant("player1")
			text := string(b.Body)
			if err != nil || !strings.Contains(text, "\nplayer1/live.m3u8\n") || strings.Contains(text, tt.not+"=") {
				t.Errorf("%s %v", text, err)
			}
			for _, w := range tt.want {
				if !strings.Contains(text, w) {
					t.Errorf("%s is not in %s", w, text)
				}
			}
		})
	}
}

func TestBlockingReloadWaitsForThePartAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeeder(t, Options{LowLatency: true}, picture, sound)
		f.run(4200 * time.Millisecond)
		next := f.p.source.view.Load().last + 1
		type answer struct {
			b   Blob
			err error
		}
		ask := func(ctx context.Context, q Query) chan answer {
			c := make(chan answer, 1)
			go func() {
				b, err := f.p.Playlist(ctx, Name+".m3u8", q)
				c <- answer{b, err}
			}()
			synctest.Wait()
			return c
		}
		first := ask(t.Context(), Query{MSN: next, Part: 0})
		whole := ask(t.Context(), Query{MSN: next, WholeSegment: true})
		beyond := ask(t.Context(), Query{MSN: next, Part: 14})
		ctx, cancel := context.WithCancel(t.Context())
		left := ask(ctx, Query{MSN: next + 1})
		cancel()
		if a := <-left; a.err == nil {
			t.Error("one who left got an answer")
		}
		if len(first) != 0 {
			t.Fatal("answered before the part was there")
		}
		f.run(300 * time.Millisecond)
		synctest.Wait()
		if a := <-first; a.err != nil || !strings.Contains(string(a.b.Body), "#EXT-X-PART") {
			t.Errorf("part: %v", a.err)
		}
		if len(whole) != 0 || len(beyond) != 0 {
			t.Error("answered before the segment was there")
		}
		f.run(2 * time.Second)
		if a := <-whole; a.err != nil {
			t.Error(a.err)
		}
		if a := <-beyond; a.err != nil {
			t.Error(a.err)
		}
		if _, err := f.p.Playlist(t.Context(), Name, Query{MSN: next + 9}); rooms.CodeOf(err) != rooms.CodeValidationFailed {
			t.Errorf("far ahead: %v", err)
		}
		if _, err := f.p.Playlist(t.Context(), Name, Query{MSN: next + 1, Part: 99}); rooms.CodeOf(err) != rooms.CodeValidationFailed {
			t.Errorf("many parts ahead: %v", err)
		}
		// A part after a segment's last is the first of the next one (rfc8216bis, 6.2.5.2).
		v := f.p.source.view.Load()
		for v.parts > 0 {
			f.run(40 * time.Millisecond)
			v = f.p.source.view.Load()
		}
		after := ask(t.Context(), Query{MSN: v.last, Part: v.lastParts + 30})
		if now := <-ask(t.Context(), Query{MSN: v.last, Part: v.lastParts - 1}); now.err != nil {
			t.Error(now.err)
		}
		if len(after) != 0 {
			t.Error("a part that is not there was answered for")
		}
		f.run(300 * time.Millisecond)
		synctest.Wait()
		if a := <-after; a.err != nil || f.p.source.view.Load().parts == 0 {
			t.Errorf("the next segment's first part: %v", a.err)
		}
		next = f.p.source.view.Load().last
		begun := time.Now()
		a := <-ask(t.Context(), Query{MSN: next + 2})
		if rooms.CodeOf(a.err) != rooms.CodeNotReady || time.Since(begun) != 6*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), a.err)
		}
		waiting := ask(t.Context(), Query{MSN: next + 2})
		f.p.End()
		if a := <-waiting; a.err != nil || !strings.Contains(string(a.b.Body), "#EXT-X-ENDLIST") {
			t.Errorf("at the end: %v", a.err)
		}
	})
}

func TestOtherNamesAreNotFound(t *testing.T) {
	f := newFeeder(t, Options{}, picture)
	f.run(5 * time.Second)
	if _, err := f.p.Playlist(t.Context(), "other", Query{}); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("playlist: %v", err)
	}
	if _, err := f.p.Object("other.m4s"); rooms.CodeOf(err) != rooms.CodeNotFound {
		t.Errorf("object: %v", err)
	}
}

func TestCompressedPlaylistIsTheSame(t *testing.T) {
	f := newFeeder(t, Options{LowLatency: true}, picture)
	f.run(9 * time.Second)
	b, err := f.p.Playlist(t.Context(), Name, Query{})
	if err != nil || b.Gzip == nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(b.Gzip))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, b.Body) {
		t.Errorf("%s %v", plain, err)
	}
}

func TestAnnouncedPartIsWaitedForAndOthersAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeeder(t, Options{LowLatency: true}, picture, sound)
		f.run(4200 * time.Millisecond)
		hint := func() string {
			_, after, ok := strings.Cut(f.playlist(), "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=")
			if !ok {
				t.Fatalf("no part is announced: %s", f.playlist())
			}
			return names(after)[0]
		}
		name := hint()
		if _, err := f.p.Object(name); err == nil {
			t.Error("it is there already")
		}
		if _, err := f.p.Await(t.Context(), "other.m4s"); rooms.CodeOf(err) != rooms.CodeNotFound {
			t.Errorf("a name that nobody announced: %v", err)
		}
		got := make(chan Blob, 1)
		go func() {
			b, err := f.p.Await(t.Context(), name)
			if err != nil {
				t.Error(err)
			}
			got <- b
		}()
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("answered before it was there")
		}
		f.run(400 * time.Millisecond)
		if b := <-got; len(b.Body) == 0 || !strings.Contains(f.playlist(), name) {
			t.Errorf("%d bytes", len(b.Body))
		}
		// The source falls silent: the announcement does not come true, and is not repeated.
		name, begun := hint(), time.Now()
		if _, err := f.p.Await(t.Context(), name); rooms.CodeOf(err) != rooms.CodeNotFound || time.Since(begun) != 6*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.p.Await(ctx, name); err == nil {
			t.Error("one who left got an answer")
		}
		f.p.Tick(epoch.Add(f.at + 2*time.Second))
		if list := f.playlist(); strings.Contains(list, "PRELOAD-HINT") || !strings.Contains(list, "#EXTINF:1.00000,\n"+lastURI(list)+"\n# waiting for media\n") {
			t.Errorf("playlist %s", list)
		}
	})
}

// lastURI is the last line of a playlist that is no tag.
func lastURI(list string) (uri string) {
	for line := range strings.Lines(list) {
		if !strings.HasPrefix(line, "#") {
			uri = strings.TrimSpace(line)
		}
	}
	return uri
}
