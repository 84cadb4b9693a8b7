package bench

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// maxPID is the largest process id that Linux gives (PID_MAX_LIMIT, proc_sys_kernel(5)).
const maxPID = 1 << 22

// processClock is the kernel's clock of a process's processor time: its own and
// the kernel's for it, by the scheduler, to the nanosecond (clock_getcpuclockid(3);
// CPUCLOCK_SCHED of MAKE_PROCESS_CPUCLOCK in the kernel's posix-timers_types.h).
func processClock(pid int) int32 {
	const sched = 2
	return int32(^pid<<3 | sched)
}

// processorTime is what a process has used so far.
func processorTime(pid int) (time.Duration, error) {
	if pid < 1 || pid > maxPID {
		return 0, fmt.Errorf("read the processor time of %d: no process has this id", pid)
	}
	var spent unix.Timespec
	if err := unix.ClockGettime(processClock(pid), &spent); err != nil {
		return 0, fmt.Errorf("read the processor time of %d: %w", pid, err)
	}
	return time.Duration(spent.Nano()), nil
}
