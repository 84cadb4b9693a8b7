package bench

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClocksAreFoundWhereverTheyStand(t *testing.T) {
	a, b := time.Unix(1_800_000_000, 123_456_789), time.Unix(0, 1)
	media := append([]byte("moof..mdat"), clockNAL(a)...)
	media = append(append(media, bytes.Repeat([]byte{7}, 1000)...), clockNAL(b)...)
	media = append(media, clockNAL(a)[:20]...) // cut off
	var got []time.Time
	clocks(media, func(at time.Time) { got = append(got, at) })
	if len(got) != 2 || !got[0].Equal(a) || !got[1].Equal(b) {
		t.Errorf("found %v", got)
	}
	for i := 2; i < len(clockNAL(a)); i++ {
		if n := clockNAL(a); n[i-2] == 0 && n[i-1] == 0 && n[i] <= 3 {
			t.Error("the NAL unit holds a start code or would need emulation prevention")
		}
	}
}

const livePlaylist = `#EXTM3U
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.60000
#EXT-X-PART-INF:PART-TARGET=0.20000
#EXT-X-MEDIA-SEQUENCE:41
#EXTINF:2.00000,
/hls/r/o/a.m4s
#EXT-X-PART:DURATION=0.20000,URI="/hls/r/o/p,0=1.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.20000,URI="/hls/r/o/p1.m4s"
#EXTINF:0.40000,
/hls/r/o/b.m4s
#EXT-X-GAP
#EXTINF:1.00000,
/hls/r/o/gap.m4s
#EXT-X-PART:DURATION=0.20000,URI="/hls/r/o/p2.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="/hls/r/o/next.m4s"
`

func TestPlaylistIsReadAsAPlayerNeedsIt(t *testing.T) {
	p := readPlaylist([]byte(livePlaylist))
	if p.target != 2*time.Second || p.holdBack != 600*time.Millisecond || !p.blocking || p.ended {
		t.Errorf("head: %+v", p)
	}
	if len(p.segments) != 3 || p.segments[0].msn != 41 || p.segments[1].gap || !p.segments[2].gap || p.segments[2].uri != "/hls/r/o/gap.m4s" {
		t.Errorf("segments: %+v", p.segments)
	}
	if len(p.parts) != 3 || p.parts[0].uri != "/hls/r/o/p,0=1.m4s" || p.parts[1].msn != 42 || p.parts[1].part != 1 || p.parts[2].msn != 44 {
		t.Errorf("parts: %+v", p.parts)
	}
	if p.nextMSN != 44 || p.nextPart != 1 {
		t.Errorf("next: %d.%d", p.nextMSN, p.nextPart)
	}
}

func TestVariantsAreNamedInOrder(t *testing.T) {
	got := variants([]byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na/live.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\n#EXT-X-X\nb.m3u8\n"))
	if strings.Join(got, " ") != "a/live.m3u8 b.m3u8" {
		t.Errorf("got %v", got)
	}
}

func TestPlayoutStallsWhenMediaComesTooLate(t *testing.T) {
	const part = 200 * time.Millisecond
	start := time.Now()
	tests := []struct {
		name   string
		delays []time.Duration // of each part after the three that are buffered first, beyond its regular time
		stalls []time.Duration
	}{
		{"a regular stream plays", []time.Duration{0, 0, 0, 0}, nil},
		{"lateness within the buffer is not seen", []time.Duration{0, 350 * time.Millisecond, 300 * time.Millisecond, 0}, nil},
		{"lateness beyond it stalls once", []time.Duration{0, 700 * time.Millisecond, 700 * time.Millisecond}, []time.Duration{300 * time.Millisecond}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := playout{behind: 3 * part}
			for range 3 {
				p.arrive(start, part)
			}
			var stalls []time.Duration
			for i, d := range tt.delays {
				if s := p.arrive(start.Add(time.Duration(i+1)*part+d), part); s > 0 {
					stalls = append(stalls, s)
				}
			}
			if len(stalls) != len(tt.stalls) || len(stalls) > 0 && stalls[0] != tt.stalls[0] {
				t.Errorf("stalls %v, want %v", stalls, tt.stalls)
			}
		})
	}
}

func TestPercentilesOfNothingAreZero(t *testing.T) {
	if a, b, c := percentiles(nil); a != 0 || b != 0 || c != 0 {
		t.Error("not zero")
	}
	ages := make([]time.Duration, 101)
	for i := range ages {
		ages[i] = time.Duration(100-i) * time.Millisecond
	}
	if a, b, c := percentiles(ages); a != 50 || b != 95 || c != 99 {
		t.Errorf("%v %v %v", a, b, c)
	}
}

func TestBareHandlerServesTheSameBytes(t *testing.T) {
	h := bareHandler(bodies{Segment: []byte("media"), Playlist: []byte("zipped"), Compressed: true})
	for path, want := range map[string]string{bareSegment: "media", barePlaylist: "zipped"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Body.String() != want || (w.Header().Get("Content-Encoding") == "gzip") != (path == barePlaylist) {
			t.Errorf("%s: %q %v", path, w.Body, w.Header())
		}
	}
}

func TestWrongOptionsAreRefusedByName(t *testing.T) {
	good := LiveOptions{URL: "http://localhost:1", Publishers: 1, Duration: time.Second}
	tests := []struct {
		name   string
		change func(*LiveOptions)
		says   string
	}{
		{"no address", func(o *LiveOptions) { o.URL = "localhost" }, "--url"},
		{"no publisher", func(o *LiveOptions) { o.Publishers = 0 }, "--publishers"},
		{"a negative audience", func(o *LiveOptions) { o.Viewers = -1 }, "--viewers"},
		{"no time", func(o *LiveOptions) { o.Duration = 0 }, "--duration"},
		{"a process that is not", func(o *LiveOptions) { o.ServerPID = 1 << 30 }, "--server-pid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			tt.change(&o)
			if _, err := Live(t.Context(), o); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func FuzzPlaylist(f *testing.F) {
	f.Add([]byte(livePlaylist))
	f.Add([]byte("#EXT-X-PART:URI=\"\n#EXT-X-SERVER-CONTROL:=,,"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := readPlaylist(b)
		if len(p.segments)+len(p.parts) > len(b) {
			t.Errorf("%d pieces from %d bytes", len(p.segments)+len(p.parts), len(b))
		}
		variants(b)
		clocks(b, func(time.Time) {})
	})
}
