package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
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

func TestBareHandlerSpeaksAsTheServerBesideItDoes(t *testing.T) {
	_, edward, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	number, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		like     crypto.Signer // nil is without TLS
		protocol string
	}{
		{"in the clear", nil, "HTTP/1.1"},
		{"Ed25519", edward, "HTTP/2.0, TLS 1.3"},
		{"ECDSA", curve, "HTTP/2.0, TLS 1.3"},
		{"RSA", number, "HTTP/2.0, TLS 1.3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bodies{Segment: []byte("media"), Playlist: []byte("list")}
			scheme, trust := "http://", trusting(false)
			if tt.like != nil {
				id, err := newIdentity(&x509.Certificate{PublicKey: tt.like.Public()})
				if err != nil {
					t.Fatal(err)
				}
				b.Identity, scheme, trust = id, "https://", id.client()
			}
			transport := newTransport(trust)
			f := &fetcher{client: &http.Client{Transport: transport}, tally: &tally{}}
			address, stop := serveBare(t, b)
			defer stop()
			defer transport.CloseIdleConnections()
			got, _, err := f.get(t.Context(), scheme+address+bareSegment)
			if err != nil || string(got) != "media" || f.protocol != tt.protocol {
				t.Fatalf("%q by %q: %v", got, f.protocol, err)
			}
			if tt.like != nil && keyKind(f.certificate.PublicKey) != keyKind(tt.like.Public()) {
				t.Errorf("a key of another kind: %s", keyKind(f.certificate.PublicKey))
			}
		})
	}
}

// keyKind is a public key's algorithm and size.
func keyKind(key crypto.PublicKey) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	return fmt.Sprintf("%T", key)
}

// serveBare runs the hidden command's work in this process.
func serveBare(t *testing.T, b bodies) (address string, stop func()) {
	t.Helper()
	in, give := io.Pipe()
	take, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- ServeBare(context.WithoutCancel(t.Context()), in, out) }()
	line, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := give.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if address, err = bufio.NewReader(take).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address), func() {
		_ = give.Close() // it ends by that
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestAWindowIsFullWhenItsFirstSegmentIsGone(t *testing.T) {
	looks := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/dvr.m3u8":
			_, _ = io.WriteString(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive.m3u8\n")
		case "/live.m3u8":
			looks++
			_, _ = fmt.Fprintf(w, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:%d\n", 5+looks/3)
		}
	}))
	defer server.Close()
	transport := newTransport(trusting(false))
	defer transport.CloseIdleConnections()
	f := &fetcher{client: &http.Client{Transport: transport}, tally: &tally{}}
	if err := fillWindow(t.Context(), f, server.URL+"/dvr.m3u8", time.Second); err != nil || looks != 3 {
		t.Errorf("after %d looks: %v", looks, err)
	}
	if err := fillWindow(t.Context(), f, "", time.Second); err == nil {
		t.Error("there is no window, and it is full")
	}
}

func TestAToolStallsWhenPicturesComeLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		close(gate)
		seen, shown := &tally{gate: gate}, pictures{player: playout{behind: toolBuffer}}
		var clock rtpClock
		const step = 90000 / 30
		timestamp := uint32(1<<32 - 20*step) // it begins anew on the way
		for i := range 90 {
			if i == 60 {
				time.Sleep(time.Second)
			}
			for range 2 { // packets of one picture
				shown.arrive(seen, clock.at(timestamp, 90000))
			}
			timestamp += step
			time.Sleep(time.Second / 30)
		}
		if seen.stalls != 1 || seen.stalled < 400*time.Millisecond || seen.stalled > 600*time.Millisecond {
			t.Errorf("%d stalls, %s", seen.stalls, seen.stalled)
		}
	})
}

func TestProcessorTimeIsThatOfTheProcess(t *testing.T) {
	child := exec.Command("sh", "-c", "while :; do :; done")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Wait() }() // it was killed
	defer func() { _ = child.Process.Kill() }()
	for range 500 {
		spent, err := processorTime(child.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if spent > 50*time.Millisecond {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a process that does nothing but count has used no time")
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
		{"a window that no room may have", func(o *LiveOptions) { o.DVRWindow = 13 * time.Hour }, "--dvr-window"},
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
