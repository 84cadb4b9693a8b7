package transcode

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"roomcast/media"
)

// opusPackets makes packets of 20 ms: silence, with a beep of 100 ms at each of
// the given times.
func opusPackets(t testing.TB, seconds float64, channels int, beeps ...float64) [][]byte {
	t.Helper()
	expr := "0"
	for _, b := range beeps {
		at := strconv.FormatFloat(b, 'f', 3, 64)
		expr += "+0.8*sin(2*PI*1000*t)*between(t," + at + "," + at + "+0.1)"
	}
	if channels == 2 {
		expr += "|" + expr
	}
	out, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi",
		"-i", "aevalsrc='"+expr+"':s=48000:d="+strconv.FormatFloat(seconds, 'f', 3, 64),
		"-c:a", "libopus", "-b:a", "96k", "-vbr", "off", "-frame_duration", "20", "-f", "ogg", "-page_duration", "1", "pipe:1").Output()
	if err != nil {
		t.Fatal(err)
	}
	return oggPackets(t, out)[2:]
}

// oggPackets takes pages of whole packets apart.
func oggPackets(t testing.TB, b []byte) (packets [][]byte) {
	t.Helper()
	for len(b) > 0 {
		if string(b[:4]) != "OggS" {
			t.Fatal("no page")
		}
		want := binary.LittleEndian.Uint32(b[22:])
		n := int(b[26])
		body := b[27+n:]
		size := 0
		packet := []byte{}
		for _, s := range b[27 : 27+n] {
			packet = append(packet, body[size:size+int(s)]...)
			size += int(s)
			if s < 255 {
				packets = append(packets, packet)
				packet = []byte{}
			}
		}
		whole := bytes.Clone(b[:27+n+size])
		clear(whole[22:26])
		if got := oggChecksum(whole); got != want {
			t.Fatalf("checksum %08x, want %08x", got, want)
		}
		b = body[size:]
	}
	return packets
}

// listener collects what an Audio makes.
type listener struct {
	mu      sync.Mutex
	frames  []packet
	at      []time.Time
	trouble []error
}

func (l *listener) emit(pts time.Duration, b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames, l.at = append(l.frames, packet{pts, b}), append(l.at, time.Now())
}

func (l *listener) complain(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = append(l.trouble, err)
}

// heard is what came so far.
func (l *listener) heard() []packet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.frames)
}

func (l *listener) until() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.frames) == 0 {
		return -1
	}
	return l.frames[len(l.frames)-1].pts
}

func (l *listener) troubles() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.trouble)
}

// listen runs an Audio until the test ends.
func listen(t testing.TB, channels int) (*Audio, *listener) {
	t.Helper()
	track, err := media.NewOpus(channels)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{}
	tool, err := Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAudio(AudioOptions{Tool: tool, Source: track, Emit: l.emit, Trouble: l.complain, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return a, l
}

// beeps decodes frames and tells when, on their timeline, it begins to sound.
func beeps(t *testing.T, track *media.Track, frames []packet) (at []time.Duration) {
	t.Helper()
	var adts bytes.Buffer
	for _, f := range frames {
		n := len(f.payload) + 7
		adts.Write([]byte{0xff, 0xf1, 0x4c, byte(track.Channels)<<6 | byte(n>>11), byte(n >> 3), byte(n<<5) | 0x1f, 0xfc})
		adts.Write(f.payload)
	}
	cmd := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-f", "aac", "-i", "pipe:0", "-ac", "1", "-f", "f32le", "pipe:1")
	cmd.Stdin = &adts
	pcm, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	quiet := 1 << 30
	for i := range len(pcm) / 4 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(pcm[4*i:]))
		if math.Abs(float64(v)) < 0.2 {
			quiet++
			continue
		}
		if quiet > 4800 {
			// Decoding delays by nothing: the first frame is as long as any.
			frame := min(i/aacFrame, len(frames)-1)
			at = append(at, frames[frame].pts+samplesDuration(int64(i-frame*aacFrame)))
		}
		quiet = 0
	}
	return at
}

func near(a, b, tolerance time.Duration) bool { return a-b < tolerance && b-a < tolerance }

func TestSoundKeepsItsTimes(t *testing.T) {
	for _, channels := range []int{1, 2} {
		t.Run(strconv.Itoa(channels), func(t *testing.T) {
			packets := opusPackets(t, 5, channels, 1, 3)
			a, l := listen(t, channels)
			const start = 7777 * time.Millisecond
			for i, b := range packets {
				at := start + time.Duration(i)*20*time.Millisecond
				if i >= 100 && i < 125 {
					continue // half a second is lost
				}
				if i%2 == 1 {
					at += time.Millisecond // a clock in milliseconds
				}
				a.Write(at, b)
			}
			eventually(t, 5*time.Second, "all is heard", func() bool { return l.until() > start+4800*time.Millisecond })
			frames := l.heard()
			got := beeps(t, a.Track(), frames)
			// Opus itself is late by 6.5 ms: its pre-skip, which is on nobody's timeline.
			const late = 6500 * time.Microsecond
			if len(got) != 2 || !near(got[0], start+time.Second+late, 3*time.Millisecond) || !near(got[1], start+3*time.Second+late, 5*time.Millisecond) {
				t.Errorf("it beeps at %v", got)
			}
			for i, f := range frames[1:] {
				if d := f.pts - frames[i].pts; !near(d, samplesDuration(aacFrame), time.Microsecond) {
					t.Fatalf("frame %d comes %v after the one before", i+1, d)
				}
			}
			if a.Track().Channels != channels || l.troubles() > 1 {
				t.Errorf("%d channels, told %d times of trouble", a.Track().Channels, l.troubles())
			}
		})
	}
}

func TestTheDelayOfSoundIsShort(t *testing.T) {
	packets := opusPackets(t, 4, 2, 1)
	a, l := listen(t, 2)
	begun := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i, b := range packets {
		a.Write(time.Duration(i)*20*time.Millisecond, b)
		<-tick.C
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var delays []time.Duration
	for i, f := range l.frames {
		delays = append(delays, l.at[i].Sub(begun)-f.pts)
	}
	if len(delays) < 100 {
		t.Fatalf("%d frames came", len(delays))
	}
	delays = delays[len(delays)/2:]
	slices.Sort(delays)
	t.Logf("delay of sound: median %v, worst %v", delays[len(delays)/2], delays[len(delays)-1])
	if m := delays[len(delays)/2]; m > 150*time.Millisecond {
		t.Errorf("the median is %v", m)
	}
}

func TestSoundComesBackAfterFFmpegWasKilled(t *testing.T) {
	packets := opusPackets(t, 2, 2)
	a, l := listen(t, 2)
	n := 0
	send := func() {
		a.Write(time.Duration(n)*20*time.Millisecond, packets[n%len(packets)])
		n++
	}
	eventually(t, 5*time.Second, "it sounds", func() bool { send(); return l.until() > 0 })
	before := l.until()
	killChildren(t)
	eventually(t, 10*time.Second, "it sounds again", func() bool { send(); return l.troubles() >= 3 && l.until() > before })
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trouble[0] != nil || l.trouble[1] == nil || l.trouble[2] != nil {
		t.Errorf("trouble %v", l.trouble)
	}
	for i := range l.frames[1:] {
		if l.frames[i+1].pts <= l.frames[i].pts {
			t.Fatal("time goes back")
		}
	}
}

func TestSoundComesBackAfterFFmpegHung(t *testing.T) {
	packets := opusPackets(t, 2, 2)
	a, l := listen(t, 2)
	n := 0
	send := func() {
		a.Write(time.Duration(n)*20*time.Millisecond, packets[n%len(packets)])
		n++
	}
	eventually(t, 5*time.Second, "it sounds", func() bool { send(); return l.until() > 0 })
	before := l.until()
	signalChildren(t, syscall.SIGSTOP)
	eventually(t, 20*time.Second, "it sounds again", func() bool { send(); return l.troubles() >= 3 && l.until() > before+time.Second })
}

// killChildren kills every ffmpeg of this test, as its operator may.
func killChildren(t *testing.T) {
	t.Helper()
	signalChildren(t, syscall.SIGKILL)
}

func signalChildren(t *testing.T, s syscall.Signal) {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=,comm=", "--ppid", strconv.Itoa(syscall.Getpid())).Output()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range bytes.Lines(out) {
		words := bytes.Fields(line)
		if len(words) == 2 && string(words[1]) == "ffmpeg" {
			pid, _ := strconv.Atoi(string(words[0]))
			_ = syscall.Kill(pid, s)
			found++
		}
	}
	if found == 0 {
		t.Fatal("no ffmpeg runs")
	}
}

func TestWithoutAnEncoderThereIsNoAudio(t *testing.T) {
	track, _ := media.NewOpus(2)
	if _, err := NewAudio(AudioOptions{Source: track}); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v", err)
	}
}

func FuzzADTS(f *testing.F) {
	f.Add([]byte{0xff, 0xf1, 0x4c, 0x80, 0x01, 0x1f, 0xfc, 1})
	f.Add([]byte{0xff, 0xf0, 0x4c, 0x80, 0x01, 0x5f, 0xfc, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		total := 0
		for {
			frame, err := readADTS(r)
			if err != nil {
				if len(b) == 0 && !errors.Is(err, io.EOF) {
					t.Errorf("error %v", err)
				}
				return
			}
			if total += len(frame) + 7; len(frame) == 0 || total > len(b) {
				t.Fatalf("%d bytes of %d", total, len(b))
			}
		}
	})
}
