package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Picture is what a publisher sends; zero fields take the defaults named.
type Picture struct {
	// Source is an ffmpeg lavfi graph; default: a test pattern of Size.
	Source string
	// Size is "WxH" (640x360); Rate is frames a second (30).
	Size string
	Rate int
	// GOP is frames between key frames (one second).
	GOP int
	// Silent leaves the sound track out.
	Silent bool
	// Codecs are ffmpeg's arguments that come last; by default H.264 and AAC.
	Codecs []string
}

// Publisher is an encoder's process, ffmpeg unless said otherwise.
type Publisher struct {
	// Out is what it wrote.
	Out *Output

	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{}
	once sync.Once
}

// Publish starts an ffmpeg that publishes to url and key until it is stopped.
func Publish(t testing.TB, url, key string, p Picture) *Publisher {
	t.Helper()
	if p.Size == "" {
		p.Size = "640x360"
	}
	if p.Rate == 0 {
		p.Rate = 30
	}
	if p.GOP == 0 {
		p.GOP = p.Rate
	}
	if p.Source == "" {
		p.Source = fmt.Sprintf("testsrc2=size=%s:rate=%d", p.Size, p.Rate)
	}
	args := []string{"-hide_banner", "-nostdin", "-loglevel", "warning", "-re", "-f", "lavfi", "-i", p.Source}
	if !p.Silent {
		args = append(args, "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
	}
	args = append(args, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
		"-g", strconv.Itoa(p.GOP), "-keyint_min", strconv.Itoa(p.GOP), "-sc_threshold", "0", "-b:v", "800k")
	if !p.Silent {
		args = append(args, "-c:a", "aac", "-b:a", "96k", "-ac", "2")
	}
	args = append(args, p.Codecs...)
	if strings.HasPrefix(url, "srt:") {
		args = append(args, "-f", "mpegts", url)
	} else {
		args = append(args, "-f", "flv", strings.TrimSuffix(url, "/")+"/"+key)
	}
	return startPublisher(t, exec.Command("ffmpeg", args...))
}

// FFmpeg starts an ffmpeg with arguments of the caller's; it ends with the test.
func FFmpeg(t testing.TB, args ...string) *Publisher {
	t.Helper()
	return startPublisher(t, exec.Command("ffmpeg", args...))
}

// startPublisher starts an encoder that ends with the test.
func startPublisher(t testing.TB, cmd *exec.Cmd) *Publisher {
	t.Helper()
	pub := &Publisher{Out: &Output{}, t: t, cmd: cmd, done: make(chan struct{})}
	pub.cmd.Stdout, pub.cmd.Stderr = pub.Out, pub.Out
	pub.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := pub.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	go func() {
		_ = pub.cmd.Wait() // how it ended is read from cmd.ProcessState
		close(pub.done)
	}()
	t.Cleanup(pub.Kill)
	return pub
}

// Publish publishes into a room of this server.
func (s *Server) Publish(t testing.TB, room Room, p Picture) *Publisher {
	t.Helper()
	urls, ok := room.IngestURLs["rtmp"]
	if !ok || room.StreamKey == nil {
		t.Fatalf("room %s names no RTMP address: %+v", room.ID, room.IngestURLs)
	}
	return Publish(t, urls.URL, *room.StreamKey, p)
}

// Done is closed when it has ended.
func (p *Publisher) Done() <-chan struct{} { return p.done }

// Stop ends the broadcast as an encoder does: it says goodbye.
func (p *Publisher) Stop() {
	p.signal(syscall.SIGINT)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.Kill()
	}
}

// Kill ends it at once.
func (p *Publisher) Kill() {
	p.once.Do(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
	})
}

// Freeze stops it without closing its connection: a half-open publisher.
func (p *Publisher) Freeze() { p.signal(syscall.SIGSTOP) }

func (p *Publisher) signal(sig os.Signal) {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal the encoder: %v", err)
	}
}

// Pulled is what ffmpeg decoded of a playback URL.
type Pulled struct {
	// Frames is how many pictures it decoded.
	Frames int
	// Volume is the mean loudness in dB relative to full scale.
	Volume float64
	// Log is what ffmpeg said.
	Log string
}

var (
	frameLine  = regexp.MustCompile(`frame=\s*(\d+)`)
	volumeLine = regexp.MustCompile(`mean_volume:\s*(-?[\d.]+|-inf) dB`)
)

// Pull plays a broadcast with ffmpeg for so long, once there is something to
// play, and says what came out.
func (s *Server) Pull(t testing.TB, viewer Joined, length time.Duration) Pulled {
	t.Helper()
	return s.Watch(t, viewer, length, true, true)
}

// Watch is Pull for broadcasts that may have no picture or no sound.
func (s *Server) Watch(t testing.TB, viewer Joined, length time.Duration, picture, sound bool) Pulled {
	t.Helper()
	url := viewer.Endpoints["hls"]
	var last Answer
	Eventually(t, 20*time.Second, "there is a playlist", func() bool {
		last = s.Stranger().Do(t, http.MethodGet, url, nil)
		return last.Status == http.StatusOK
	}, func() any { return last.Status })
	return play(t, url, length, picture, sound)
}

// Play plays a URL of any protocol with ffmpeg, for so long in the broadcast's time.
func Play(t testing.TB, url string, length time.Duration) Pulled {
	t.Helper()
	return play(t, url, length, true, true)
}

func play(t testing.TB, url string, length time.Duration, picture, sound bool) Pulled {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), length+30*time.Second)
	defer cancel()
	args := []string{"-hide_banner", "-nostdin", "-i", url, "-t", fmt.Sprintf("%.1f", length.Seconds())}
	if picture {
		args = append(args, "-map", "0:v:0")
	}
	if sound {
		args = append(args, "-map", "0:a:0", "-af", "volumedetect")
	}
	cmd := exec.CommandContext(ctx, "ffmpeg", append(args, "-f", "null", "-")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("pull: %v\n%s", err, tail(string(out), 20))
	}
	pulled := Pulled{Log: string(out), Volume: -200}
	if all := frameLine.FindAllStringSubmatch(pulled.Log, -1); len(all) > 0 {
		pulled.Frames, _ = strconv.Atoi(all[len(all)-1][1])
	}
	if m := volumeLine.FindStringSubmatch(pulled.Log); m != nil {
		if v, err := strconv.ParseFloat(m[1], 64); err == nil {
			pulled.Volume = v
		}
	}
	return pulled
}
