package harness

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// AdminKey is the API key of every server that is started without another.
const AdminKey = "harness-admin-key-0123456789abcdef"

const (
	startWithin = 30 * time.Second
	stopWithin  = 20 * time.Second
)

// Options say how to start a server; the zero value will do.
type Options struct {
	// Dir is the data directory; empty: one that is removed with the test.
	Dir string
	// AdminKey is the configured API key; empty: AdminKey.
	AdminKey string
	// TLS makes the HTTP address speak HTTPS, and opens RTMPS in RTMP's place, with a certificate that only the
	// harness's own clients trust.
	TLS bool
	// Env is more environment, "ROOMCAST_X=y"; it goes over the harness's own.
	Env []string
}

// Server is a running roomcast process.
type Server struct {
	// Dir is its data directory.
	Dir string
	// HTTP, RTMP, RTSP, SRT, WebRTC and Metrics are its addresses, host:port.
	HTTP, RTMP, RTSP, SRT, WebRTC, Metrics string
	// Out is all that it wrote to standard output and error, over restarts too.
	Out *Output

	t    testing.TB
	opts Options
	key  string
	http *http.Client

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts a server and waits until it is ready. The test's end stops it.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.AdminKey == "" {
		o.AdminKey = AdminKey
	}
	s := &Server{Dir: o.Dir, Out: &Output{}, t: t, opts: o, key: o.AdminKey}
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	if o.TLS {
		roots, err := selfSigned(s.certificate(), s.privateKey())
		if err != nil {
			t.Fatal(err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		transport.ForceAttemptHTTP2 = true
	}
	s.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, address := range []*string{&s.HTTP, &s.RTMP, &s.RTSP, &s.SRT, &s.WebRTC, &s.Metrics} {
		a, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		*address = a
	}
	t.Cleanup(s.end)
	s.start()
	return s
}

// Command returns an unstarted roomcast process with this server's environment.
func (s *Server) Command(args ...string) *exec.Cmd {
	s.t.Helper()
	path, err := Binary()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = s.Dir
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "ROOMCAST_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env,
		"GORACE=atexit_sleep_ms=0",
		"ROOMCAST_HTTP_ADDRESS="+s.HTTP,
		"ROOMCAST_RTMP_ADDRESS="+s.RTMP,
		"ROOMCAST_RTMPS_ADDRESS=off",
		"ROOMCAST_RTSP_ADDRESS="+s.RTSP,
		"ROOMCAST_RTSP_UDP_ADDRESS=127.0.0.1:0",
		"ROOMCAST_SRT_ADDRESS="+s.SRT,
		"ROOMCAST_WEBRTC_ADDRESS="+s.WebRTC,
		"ROOMCAST_METRICS_ADDRESS="+s.Metrics,
		"ROOMCAST_DATA_DIR="+s.Dir,
		"ROOMCAST_ADMIN_KEY="+s.key,
		"ROOMCAST_TRUSTED_PROXIES=127.0.0.1/32",
		"ROOMCAST_LOG_FORMAT=json",
		"ROOMCAST_LOG_LEVEL=debug",
	)
	if s.opts.TLS {
		cmd.Env = append(cmd.Env, "ROOMCAST_RTMP_ADDRESS=off", "ROOMCAST_RTMPS_ADDRESS="+s.RTMP,
			"ROOMCAST_TLS_CERT_FILE="+s.certificate(), "ROOMCAST_TLS_KEY_FILE="+s.privateKey())
	}
	cmd.Env = append(cmd.Env, s.opts.Env...)
	// The process dies with the test, however that ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (s *Server) start() {
	s.t.Helper()
	cmd := s.Command("serve")
	cmd.Stdout, cmd.Stderr = s.Out, s.Out
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start roomcast: %v", err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code is read from cmd.ProcessState
		close(done)
	}()
	s.mu.Lock()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()
	ready := Until(startWithin, func() bool {
		select {
		case <-done:
			return true
		default:
		}
		return s.Ready()
	})
	select {
	case <-done:
		s.t.Fatalf("roomcast ended at its start: %v\n%s", cmd.ProcessState, tail(s.Out.String(), 40))
	default:
	}
	if !ready {
		s.t.Fatalf("roomcast is not ready after %v\n%s", startWithin, tail(s.Out.String(), 15))
	}
}

// Ready reports whether /readyz answers 200.
func (s *Server) Ready() bool {
	res, err := s.http.Get(s.URL("/readyz"))
	if err != nil {
		return false
	}
	return errors.Join(res.Body.Close()) == nil && res.StatusCode == http.StatusOK
}

// URL returns the whole URL of a path on the HTTP listener.
func (s *Server) URL(path string) string {
	if s.opts.TLS {
		return "https://" + s.HTTP + path
	}
	return "http://" + s.HTTP + path
}

// PID returns the id of the process.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// Signal sends a signal to the process.
func (s *Server) Signal(sig os.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("send %v: %v", sig, err)
	}
}

// Done is closed when the process has ended.
func (s *Server) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// Stop ends the process as an operator does and requires that it goes in time,
// with exit code 0. It returns how long it took.
func (s *Server) Stop() time.Duration {
	s.t.Helper()
	took, err := s.Terminate()
	if err != nil {
		s.t.Fatal(err)
	}
	return took
}

// Terminate is Stop for goroutines that may not end the test.
func (s *Server) Terminate() (time.Duration, error) {
	began := time.Now()
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("stop roomcast: %w", err)
	}
	select {
	case <-done:
	case <-time.After(stopWithin):
		_ = cmd.Process.Signal(syscall.SIGQUIT) // for its goroutines; it may just have ended
		<-done
		return 0, fmt.Errorf("roomcast does not stop within %v\n%s", stopWithin, tail(s.Out.String(), 200))
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		return 0, fmt.Errorf("roomcast stopped with exit code %d, want 0\n%s", code, tail(s.Out.String(), 60))
	}
	s.http.CloseIdleConnections()
	return time.Since(began), nil
}

// Kill ends the process as a power cut would.
func (s *Server) Kill() {
	s.t.Helper()
	s.Signal(syscall.SIGKILL)
	<-s.Done()
	s.http.CloseIdleConnections()
}

// Restart starts the ended process again, on the same directory and addresses.
func (s *Server) Restart() {
	s.t.Helper()
	s.start()
}

// Faults returns the marks of races and panics in the output.
func (s *Server) Faults() []string {
	var found []string
	out := s.Out.String()
	for _, mark := range []string{"WARNING: DATA RACE", "panic:", "fatal error:"} {
		if at := strings.Index(out, mark); at >= 0 {
			found = append(found, fmt.Sprintf("%.6000s", out[at:]))
		}
	}
	return found
}

// end stops what still runs when the test is over, and looks at what it said.
func (s *Server) end() {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	select {
	case <-done:
	default:
		s.Stop()
	}
	for _, fault := range s.Faults() {
		s.t.Errorf("roomcast said:\n%s", fault)
	}
	if s.t.Failed() {
		s.t.Logf("the end of roomcast's output:\n%s", tail(s.Out.String(), 15))
	}
}
