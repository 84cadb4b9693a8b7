//go:build long

package live

import (
	"os/exec"
	"sync"
	"testing"
	"time"
)

// burn takes the machine's time away until the returned function is called.
func burn(t *testing.T) (stop func()) {
	t.Helper()
	var burners []*exec.Cmd
	for range 24 {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		burners = append(burners, cmd)
	}
	stop = sync.OnceFunc(func() {
		for _, cmd := range burners {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	t.Cleanup(stop)
	return stop
}

func TestABusyMachineShedsARungAndTakesItBack(t *testing.T) {
	s := newScaffold(t, []int{240, 144}, func(l *ladderTimes) { l.firstReturn, l.lastReturn = 5*time.Second, 10*time.Second })
	both := func() bool { return s.flows("240p") && s.flows("144p") }
	waitFor(t, 20*time.Second, "both rungs flow", both)
	begun := time.Now()
	stop := burn(t)
	waitFor(t, time.Minute, "a rung is shed", func() bool { return s.warned("rung_shed") })
	t.Logf("shed after %v", time.Since(begun))
	stop()
	begun = time.Now()
	waitFor(t, time.Minute, "both flow again", func() bool { return both() && !s.warned("rung_shed") })
	t.Logf("back after %v", time.Since(begun))
}
