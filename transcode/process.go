package transcode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// grace is how long a process may take to end by itself when it is told to.
	grace = 2 * time.Second
	// complaintBytes of what a process said last are kept.
	complaintBytes = 8 << 10
	// firstOutput is the file descriptor of a job's first output.
	firstOutput = 3
)

// ErrStopped is the reason of a process that ended because it was told to.
var ErrStopped = errors.New("stopped")

// Job is what one ffmpeg is to do. It reads pipe:0, and writes to the outputs.
type Job struct {
	// Name is for the log.
	Name string
	// Args follow the general ones. Never a secret, nor an address with one:
	// command lines can be read by everybody on the machine.
	Args []string
	// Outputs is the number of pipes that the job writes to; see OutputPipe.
	Outputs int
	// Progress, unless nil, is told about twice a second how far it is.
	Progress func(Progress)
	// Background gives everything else on the machine precedence.
	Background bool
	Log        *slog.Logger
}

// OutputPipe is how Args name output i of a job, counted from 0.
func OutputPipe(i int) string { return "pipe:" + strconv.Itoa(firstOutput+i) }

// Process is one supervised ffmpeg. Whoever starts it reads its outputs to their
// end, or stops it.
type Process struct {
	job     Job
	cmd     *exec.Cmd
	stdin   *os.File
	outputs []*os.File
	said    ring
	helpers sync.WaitGroup

	stopOnce sync.Once
	stopping chan struct{}
	done     chan struct{}
	err      error // once done
}

// Start runs a job until it ends, fails, is stopped, or ctx ends. The process
// dies with ours, however ours ends.
func (t *Tool) Start(ctx context.Context, job Job) (*Process, error) {
	if t == nil {
		return nil, fmt.Errorf("start %s: %w", job.Name, ErrMissing)
	}
	args := append([]string{"-hide_banner", "-nostats", "-loglevel", "warning", "-nostdin", "-y"}, job.Args...)
	p := &Process{job: job, stopping: make(chan struct{}), done: make(chan struct{})}
	p.said.limit = complaintBytes
	theirs, err := p.openPipes(job)
	defer closeAll(theirs)
	if err != nil {
		return nil, err
	}
	if job.Progress != nil {
		args = append([]string{"-progress", OutputPipe(job.Outputs)}, args...)
	}
	p.cmd = exec.Command(t.path, args...) //nolint:gosec,noctx // the operator's program; it is ended by watch, gently first
	p.cmd.Stdin, p.cmd.ExtraFiles = theirs[0], theirs[1:]
	p.cmd.Stderr = &p.said
	p.cmd.WaitDelay = grace
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C"}
	p.cmd.SysProcAttr = ownGroup()
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		closeAll(append(p.outputs, p.stdin))
		return nil, fmt.Errorf("start %s: %w", job.Name, err)
	}
	if job.Background {
		background(p.cmd.Process)
	}
	if job.Progress != nil {
		last := len(p.outputs) - 1
		pipe := p.outputs[last]
		p.outputs = p.outputs[:last]
		p.helpers.Go(func() { readProgress(pipe, job.Progress); _ = pipe.Close() })
	}
	p.helpers.Go(func() { p.watch(ctx) })
	return p, nil
}

// openPipes makes the pipes of a job; theirs are the child's ends, standard
// input first.
func (p *Process) openPipes(job Job) (theirs []*os.File, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", job.Name, err)
	}
	p.stdin, theirs = write, []*os.File{read}
	n := job.Outputs
	if job.Progress != nil {
		n++
	}
	for range n {
		read, write, err := os.Pipe()
		if err != nil {
			closeAll(append(p.outputs, p.stdin))
			return theirs, fmt.Errorf("start %s: %w", job.Name, err)
		}
		p.outputs, theirs = append(p.outputs, read), append(theirs, write)
	}
	return theirs, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// run starts the child and waits for it, on one thread: the kernel kills the
// child when the thread that made it ends.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.reason(p.cmd.Wait())
	_ = p.stdin.Close()
	close(p.done)
}

// reason is why the process ended, with what it said last.
func (p *Process) reason(err error) error {
	select {
	case <-p.stopping:
		return ErrStopped
	default:
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	if said := p.said.lastLine(); said != "" {
		return fmt.Errorf("%s: %w: %s", p.job.Name, err, said)
	}
	return fmt.Errorf("%s: %w", p.job.Name, err)
}

// watch ends the process, and all that it may have started, when it is stopped
// or ctx ends: gently first.
func (p *Process) watch(ctx context.Context) {
	select {
	case <-p.done:
		return
	case <-p.stopping:
	case <-ctx.Done():
		p.stopOnce.Do(func() { close(p.stopping) })
	}
	signalGroup(p.cmd.Process, false)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
		signalGroup(p.cmd.Process, true)
	}
}

// Write feeds the process. It waits while the process does not read; the error
// of a process that is gone is an os.ErrClosed or EPIPE.
func (p *Process) Write(b []byte) (int, error) { return p.stdin.Write(b) }

// CloseInput tells the process that nothing more comes: it finishes what it has.
func (p *Process) CloseInput() { _ = p.stdin.Close() }

// Output is what the process writes to output i.
func (p *Process) Output(i int) io.Reader { return p.outputs[i] }

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is why the process ended, nil if it did its job, or runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Said is the end of what the process wrote to its standard error.
func (p *Process) Said() string { return p.said.String() }

// settle waits for a process that takes no more to end by itself, so that it
// can say why; not for long.
func (p *Process) settle() {
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
	case <-p.stopping:
	case <-t.C:
	}
}

// Stop ends the process, and returns when it is gone and its outputs are closed.
func (p *Process) Stop() {
	p.stopOnce.Do(func() { close(p.stopping) })
	_ = p.stdin.Close()
	_ = p.Wait()
}

// Kill ends the process at once, and does not wait for that.
func (p *Process) Kill() { signalGroup(p.cmd.Process, true) }

// Wait returns when the process is gone, closes what is left of its outputs,
// and tells why it ended. Outputs must have been read, or not be wanted any more.
func (p *Process) Wait() error {
	<-p.done
	closeAll(p.outputs)
	p.helpers.Wait()
	return p.err
}

// ring keeps the end of what is written to it.
type ring struct {
	limit int
	mu    sync.Mutex
	b     []byte
}

// Write implements io.Writer; it never fails.
func (r *ring) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(b)
	if len(b) > r.limit {
		b = b[len(b)-r.limit:]
	}
	if over := len(r.b) + len(b) - r.limit; over > 0 {
		r.b = slices.Delete(r.b, 0, over)
	}
	r.b = append(r.b, b...)
	return n, nil
}

// String implements fmt.Stringer.
func (r *ring) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.b)
}
