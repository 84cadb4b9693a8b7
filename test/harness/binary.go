package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// BinaryEnv names the environment variable that holds the path of a binary to
// test instead of one built with the race detector.
const BinaryEnv = "ROOMCAST_TEST_BINARY"

var binary struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Binary returns the path of the roomcast binary under test. The first call
// builds it, with the race detector where a C compiler is at hand, for a race in
// the server is then seen by whatever test provokes it.
func Binary() (string, error) {
	binary.once.Do(func() {
		if given := os.Getenv(BinaryEnv); given != "" {
			binary.path, binary.err = filepath.Abs(given)
			return
		}
		if binary.dir, binary.err = os.MkdirTemp("", "roomcast-test-"); binary.err != nil {
			return
		}
		binary.path = filepath.Join(binary.dir, "roomcast")
		binary.err = build(binary.path)
	})
	return binary.path, binary.err
}

// RemoveBinary deletes what Binary has built. TestMain calls it at its end.
func RemoveBinary() error {
	if binary.dir == "" {
		return nil
	}
	return os.RemoveAll(binary.dir)
}

func build(path string) error {
	args := []string{"build", "-o", path}
	cgo := "0"
	if _, err := exec.LookPath("gcc"); err == nil {
		args = append(args, "-race")
		cgo = "1"
	}
	cmd := exec.Command("go", append(args, "roomcast/cmd/roomcast")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build roomcast: %w\n%s", err, out)
	}
	return nil
}
