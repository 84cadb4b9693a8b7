package transcode

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
)

// Progress is how far a process is.
type Progress struct {
	// Frames written to the first output with pictures.
	Frames int64
	// Time is the newest timestamp written.
	Time time.Duration
	// Speed is media time per wall time, over all since the start; 0 if unknown.
	Speed float64
}

// readProgress reads what ffmpeg writes to -progress: lines of key=value, each
// report ended by a line "progress=".
func readProgress(r io.Reader, tell func(Progress)) {
	var p Progress
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.TrimSpace(value)
		switch key {
		case "frame":
			p.Frames, _ = strconv.ParseInt(value, 10, 64)
		case "out_time_us":
			us, _ := strconv.ParseInt(value, 10, 64)
			p.Time = time.Duration(us) * time.Microsecond
		case "speed":
			p.Speed, _ = strconv.ParseFloat(strings.TrimSuffix(value, "x"), 64)
		case "progress":
			tell(p)
		}
	}
}

// lastLine is the last line that is not empty, without control characters.
func (r *ring) lastLine() string {
	said := strings.TrimSpace(r.String())
	said = said[strings.LastIndexByte(said, '\n')+1:]
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, said)
}
