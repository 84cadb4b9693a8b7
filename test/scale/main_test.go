//go:build long && !race

package scale

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"roomcast/test/harness"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "roomcast-scale-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = prepare(filepath.Join(dir, "roomcast"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// prepare builds the server as it is shipped, without the race detector, and
// lets this process and the server open as many files as the machine allows.
func prepare(binary string) error {
	if os.Getenv(harness.BinaryEnv) == "" {
		cmd := exec.Command("go", "build", "-o", binary, "roomcast/cmd/roomcast")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build roomcast: %w\n%s", err, out)
		}
		if err := os.Setenv(harness.BinaryEnv, binary); err != nil {
			return err
		}
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the limit on open files: %w", err)
	}
	files.Cur = files.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("raise the limit on open files: %w", err)
	}
	return nil
}
