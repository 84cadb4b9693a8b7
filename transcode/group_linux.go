package transcode

import (
	"os"
	"syscall"
)

// ownGroup puts a child in a process group of its own, and has the kernel kill
// it when we die, in whatever way.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// signalGroup ends a process and its children, by force or gently.
func signalGroup(p *os.Process, force bool) {
	sig := syscall.SIGTERM
	if force {
		sig = syscall.SIGKILL
	}
	// A group whose leader was not waited for cannot be somebody else's.
	_ = syscall.Kill(-p.Pid, sig)
}

// niceness is that of what can wait, or be shed.
const niceness = 5

// background lowers the priority of a process and all threads it is yet to start.
func background(p *os.Process) { _ = syscall.Setpriority(syscall.PRIO_PROCESS, p.Pid, niceness) }
