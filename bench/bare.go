package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// BareCommand is the hidden command that serves the bare handler; cmd/roomcast knows it.
const BareCommand = "bare"

const (
	bareSegment  = "/segment"
	barePlaylist = "/playlist"
	bareStartup  = 10 * time.Second
)

// bodies are what the bare handler serves: the server's own bytes.
type bodies struct {
	Segment    []byte
	Playlist   []byte
	Compressed bool      // the playlist is
	Identity   *identity // for TLS and HTTP/2; nil for neither
}

// ServeBare reads bodies as JSON and serves them by net/http with as little as
// can be, on a port that it prints, until in ends or ctx does.
func ServeBare(ctx context.Context, in io.Reader, out io.Writer) error {
	reader := bufio.NewReader(in)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read what to serve: %w", err)
	}
	var b bodies
	if err := json.Unmarshal(line, &b); err != nil {
		return fmt.Errorf("read what to serve: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: bareHandler(b), ReadHeaderTimeout: callWithin}
	serve := server.Serve
	if b.Identity != nil {
		if server.TLSConfig, err = b.Identity.server(); err != nil {
			return errors.Join(err, listener.Close())
		}
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, reader) // it ends with the parent
		cancel()
	}()
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // nothing is worth waiting for
	if _, err := fmt.Fprintln(out, listener.Addr()); err != nil {
		return err
	}
	if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func bareHandler(b bodies) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, kind := b.Segment, "video/mp4"
		if r.URL.Path == barePlaylist {
			body, kind = b.Playlist, "application/vnd.apple.mpegurl"
			if b.Compressed {
				w.Header().Set("Content-Encoding", "gzip")
			}
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // the client may have gone
	})
}

// bareServer is a running child process.
type bareServer struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	base string
}

// startBare runs the bare handler in a process of its own, whose time can be told apart.
func startBare(ctx context.Context, b bodies) (*bareServer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "bench", BareCommand)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the bare server: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the bare server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the bare server: %w", err)
	}
	s := &bareServer{cmd: cmd, in: in}
	line, err := json.Marshal(b)
	if err == nil {
		_, err = in.Write(append(line, '\n'))
	}
	var address string
	if err == nil {
		watchdog := time.AfterFunc(bareStartup, func() { _ = cmd.Process.Kill() })
		address, err = bufio.NewReader(out).ReadString('\n')
		watchdog.Stop()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the bare server: %w", err), s.stop())
	}
	s.base = "http://" + strings.TrimSpace(address)
	if b.Identity != nil {
		s.base = "https://" + strings.TrimSpace(address)
	}
	return s, nil
}

// stop ends the child and waits for it.
func (s *bareServer) stop() error {
	_ = s.in.Close() // it ends by that
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("stop the bare server: %w", err)
	}
	return nil
}
