package harness

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Footprint is what a process holds.
type Footprint struct {
	Goroutines, Descriptors int
}

// Footprint counts what the process holds now.
func (s *Server) Footprint() Footprint {
	s.t.Helper()
	goroutines, err := metric(s.Scrape(), "go_goroutines")
	if err != nil {
		s.t.Fatal(err)
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID()))
	if err != nil {
		s.t.Fatalf("count descriptors: %v", err)
	}
	return Footprint{Goroutines: int(goroutines), Descriptors: len(entries)}
}

// Rest waits until what the process holds hardly changes any more and returns
// the most of it that was seen then: where a later Returns has to come back to.
func (s *Server) Rest() Footprint {
	s.t.Helper()
	const looks, wobble = 10, 2
	var seen []Footprint
	var most Footprint
	Eventually(s.t, 30*time.Second, "goroutines and descriptors stand still", func() bool {
		s.http.CloseIdleConnections()
		if seen = append(seen, s.Footprint()); len(seen) < looks {
			return false
		}
		seen = seen[len(seen)-looks:]
		least := seen[0]
		most = seen[0]
		for _, one := range seen {
			least = Footprint{min(least.Goroutines, one.Goroutines), min(least.Descriptors, one.Descriptors)}
			most = Footprint{max(most.Goroutines, one.Goroutines), max(most.Descriptors, one.Descriptors)}
		}
		return most.Goroutines-least.Goroutines <= wobble && most.Descriptors-least.Descriptors <= wobble
	}, func() any { return seen })
	return most
}

// Returns fails the test unless the process comes back to what it held, with a
// few of slack for pooled connections and timers, within the given time.
func (s *Server) Returns(t testing.TB, to Footprint, within time.Duration) {
	t.Helper()
	const slack = 6
	var now Footprint
	Eventually(t, within, fmt.Sprintf("goroutines and descriptors return to %+v", to), func() bool {
		s.http.CloseIdleConnections()
		now = s.Footprint()
		return now.Goroutines <= to.Goroutines+slack && now.Descriptors <= to.Descriptors+slack
	}, func() any { return fmt.Sprintf("%+v", now) })
}

// Scrape returns the text of /metrics.
func (s *Server) Scrape() string {
	s.t.Helper()
	res, err := s.http.Get("http://" + s.Metrics + "/metrics")
	if err != nil {
		s.t.Fatalf("scrape metrics: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatalf("scrape metrics: %v", err)
	}
	return string(body)
}

func metric(text, name string) (float64, error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("metric %s is not there", name)
}

// CommandLines returns the command lines of the process and its descendants.
func (s *Server) CommandLines() []string {
	s.t.Helper()
	var lines []string
	for _, pid := range append(s.Children(), s.PID()) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil { // it may just have ended
			lines = append(lines, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return lines
}

// Children are the numbers of the processes that descend from the server's.
func (s *Server) Children() []int {
	s.t.Helper()
	parents := make(map[int]int)
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if parent, ok := parentOf(pid); ok {
			parents[pid] = parent
		}
	}
	var children []int
	for pid := range parents {
		if pid != s.PID() && descends(parents, pid, s.PID()) {
			children = append(children, pid)
		}
	}
	return children
}

func descends(parents map[int]int, pid, ancestor int) bool {
	for range 64 {
		if pid == ancestor {
			return true
		}
		parent, ok := parents[pid]
		if !ok {
			return false
		}
		pid = parent
	}
	return false
}

func parentOf(pid int) (int, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The name, in parentheses, may hold anything: read on after the last one.
	rest := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(fields[1])
	return parent, err == nil
}

// RSS is how much memory the process has, in bytes.
func (s *Server) RSS() int64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.PID()))
	if err != nil {
		s.t.Fatalf("read the process's memory: %v", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		s.t.Fatalf("read the process's memory: %v", err)
	}
	return pages * int64(os.Getpagesize())
}
