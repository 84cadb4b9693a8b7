//go:build !linux

package transcode

import (
	"os"
	"syscall"
)

// ownGroup has nothing to set where the kernel does not end children with
// their parent: they end when their standard input does.
func ownGroup() *syscall.SysProcAttr { return nil }

// signalGroup ends a process.
func signalGroup(p *os.Process, _ bool) { _ = p.Kill() }

// background has no effect here.
func background(*os.Process) {}
