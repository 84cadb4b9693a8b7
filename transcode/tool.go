package transcode

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// ErrMissing says that there is no usable ffmpeg on this machine.
var ErrMissing = errors.New("ffmpeg is not installed")

// askTimeout bounds the asking of an ffmpeg for what it has.
const askTimeout = 20 * time.Second

// Tool is the ffmpeg of this machine. A nil Tool has nothing.
type Tool struct {
	path     string
	encoders map[string]bool
}

// Find looks for ffmpeg, by its path or by its name in PATH, and asks it what it
// can encode. The error wraps ErrMissing if there is none.
func Find(ctx context.Context, path string) (*Tool, error) {
	if path == "" {
		path = "ffmpeg"
	}
	full, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("find %q: %w (%w)", path, ErrMissing, err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, full, "-hide_banner", "-nostdin", "-encoders").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its encoders: %w (%w)", full, ErrMissing, err)
	}
	return &Tool{path: full, encoders: parseEncoders(out)}, nil
}

// parseEncoders reads the names in the answer to ffmpeg -encoders: the second
// word of each line.
func parseEncoders(out []byte) map[string]bool {
	names := make(map[string]bool)
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) > 1 && len(words[0]) == 6 {
			names[words[1]] = true
		}
	}
	return names
}

// Has reports whether the tool has one of the named encoders, and which first.
func (t *Tool) Has(encoders ...string) (name string, ok bool) {
	if t == nil {
		return "", false
	}
	for _, e := range encoders {
		if t.encoders[e] {
			return e, true
		}
	}
	return "", false
}
