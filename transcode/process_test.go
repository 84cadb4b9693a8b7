package transcode

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childEnv has the test binary run one endless ffmpeg and print its number.
const childEnv = "ROOMCAST_TEST_ENDLESS_FFMPEG"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		endless()
	}
	goleak.VerifyTestMain(m)
}

// endlessJob plays silence in real time, for ever.
var endlessJob = Job{
	Name: "endless", Outputs: 1,
	Args: []string{"-re", "-f", "lavfi", "-i", "anullsrc", "-f", "s16le", OutputPipe(0)},
}

func endless() {
	tool, err := Find(context.Background(), "")
	if err != nil {
		panic(err)
	}
	p, err := tool.Start(context.Background(), endlessJob)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID())
	_, _ = io.Copy(io.Discard, p.Output(0))
}

func ffmpeg(t testing.TB) *Tool {
	t.Helper()
	tool, err := Find(t.Context(), "")
	if err != nil {
		t.Fatal("ffmpeg is needed: apt-get install ffmpeg: ", err)
	}
	return tool
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// eventually waits for a condition, at most for d.
func eventually(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

func TestAProcessDoesItsJob(t *testing.T) {
	var reports atomic.Int64
	p, err := ffmpeg(t).Start(t.Context(), Job{
		Name: "copy", Outputs: 2, Progress: func(Progress) { reports.Add(1) },
		Args: []string{
			"-f", "s16le", "-i", "pipe:0",
			"-map", "0", "-f", "s16le", OutputPipe(0),
			"-map", "0", "-f", "s16be", OutputPipe(1),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	sound := bytes.Repeat([]byte{1, 2}, 10_000)
	if _, err := p.Write(sound); err != nil {
		t.Fatal(err)
	}
	p.CloseInput()
	for i, want := range [][]byte{sound, bytes.Repeat([]byte{2, 1}, 10_000)} {
		if got, err := io.ReadAll(p.Output(i)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("output %d: %d bytes, %v", i, len(got), err)
		}
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	if reports.Load() == 0 {
		t.Error("no progress was told")
	}
}

func TestAProcessThatFailsSaysWhy(t *testing.T) {
	p, err := ffmpeg(t).Start(t.Context(), Job{Name: "nonsense", Args: []string{"-f", "wav", "-i", "pipe:0", "-f", "null", "-"}})
	if err != nil {
		t.Fatal(err)
	}
	p.CloseInput()
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "nonsense: exit status") || !strings.Contains(err.Error(), "pipe:0") {
		t.Errorf("error %v", err)
	}
	if p.Said() == "" {
		t.Error("its words are lost")
	}
}

func TestAProcessEndsWithItsContextOrByStop(t *testing.T) {
	for name, end := range map[string]func(*Process, context.CancelFunc){
		"context": func(p *Process, cancel context.CancelFunc) { cancel(); _ = p.Wait() },
		"stop":    func(p *Process, _ context.CancelFunc) { p.Stop() },
		"frozen":  func(p *Process, _ context.CancelFunc) { _ = syscall.Kill(p.PID(), syscall.SIGSTOP); p.Stop() },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p, err := ffmpeg(t).Start(ctx, endlessJob)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(p.Output(0), make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			end(p, cancel)
			if !errors.Is(p.Err(), ErrStopped) || alive(p.PID()) {
				t.Errorf("it ended by %v, alive %v", p.Err(), alive(p.PID()))
			}
			if d := time.Since(begun); d > grace+2*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

func TestAKilledProcessIsNoticed(t *testing.T) {
	p, err := ffmpeg(t).Start(t.Context(), endlessJob)
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(p.PID(), syscall.SIGKILL)
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it ended by %v", err)
	}
}

func TestKillingUsLeavesNoProcessBehind(t *testing.T) {
	us := exec.Command(os.Args[0])
	us.Env = append(os.Environ(), childEnv+"=1")
	out, err := us.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := us.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || !alive(pid) {
		t.Fatalf("ffmpeg %q is not there: %v", line, err)
	}
	if err := us.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = us.Wait()
	eventually(t, 5*time.Second, "ffmpeg is gone", func() bool { return !alive(pid) })
}

func TestWithoutFFmpegItIsSaid(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/nonexistent/ffmpeg", "no-such-ffmpeg", broken} {
		if _, err := Find(t.Context(), path); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", path, err)
		}
	}
	var none *Tool
	if _, err := none.Start(t.Context(), endlessJob); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v", err)
	}
	if _, ok := none.Has("aac"); ok {
		t.Error("nothing has an encoder")
	}
	if name, ok := ffmpeg(t).Has("no_such_encoder", "aac"); !ok || name != "aac" {
		t.Errorf("encoder %q %v", name, ok)
	}
}

func TestTheRingKeepsTheEnd(t *testing.T) {
	r := ring{limit: 10}
	for _, s := range []string{"one\n", "two\n", "a very long line indeed\n"} {
		_, _ = r.Write([]byte(s))
	}
	if got := r.String(); got != "ne indeed\n" || r.lastLine() != "ne indeed" {
		t.Errorf("%q", got)
	}
}

func FuzzProgress(f *testing.F) {
	f.Add([]byte("frame=10\nout_time_us=400000\nspeed=1.01x\nprogress=continue\n"))
	f.Fuzz(func(_ *testing.T, b []byte) { readProgress(bytes.NewReader(b), func(Progress) {}) })
}
