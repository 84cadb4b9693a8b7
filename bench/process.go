package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// userHertz is the unit of /proc/PID/stat on every Linux that Go runs on (proc(5), sysconf(_SC_CLK_TCK)).
const userHertz = 100

// processorTime is what a process has used so far, its own and the kernel's for it.
func processorTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read the processor time of %d: %w", pid, err)
	}
	// The name, in brackets, may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("read the processor time of %d: unknown format", pid)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the processor time of %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userHertz, nil
}
