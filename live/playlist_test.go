package live_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// parsed is a media playlist that keeps the rules.
type parsed struct {
	target   string
	segments int
	duration float64
	parts    int
}

// attribute reads one attribute of a tag line.
func attribute(line, name string) string {
	_, rest, ok := strings.Cut(line, name+"=")
	if !ok {
		return ""
	}
	if q, ok := strings.CutPrefix(rest, `"`); ok {
		v, _, _ := strings.Cut(q, `"`)
		return v
	}
	v, _, _ := strings.Cut(rest, ",")
	return v
}

// checkPlaylist asserts what RFC 8216 and its revision demand of any playlist.
func checkPlaylist(t *testing.T, text string) parsed {
	t.Helper()
	var p parsed
	var target, partTarget float64
	var parts []float64
	var clock time.Time
	if !strings.HasPrefix(text, "#EXTM3U\n") {
		t.Fatalf("no playlist: %q", text)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-TARGETDURATION":
			p.target, target = value, number(t, value)
		case "#EXT-X-PART-INF":
			partTarget = number(t, attribute(line, "PART-TARGET"))
		case "#EXT-X-SERVER-CONTROL":
			if hold := number(t, attribute(line, "PART-HOLD-BACK")); partTarget != 0 && hold < 2*partTarget {
				t.Errorf("part hold back %f of %f", hold, partTarget)
			}
		case "#EXT-X-PART":
			parts = append(parts, number(t, attribute(line, "DURATION")))
			p.parts++
		case "#EXT-X-PROGRAM-DATE-TIME":
			now, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				t.Error(err)
			}
			if now.Before(clock) {
				t.Errorf("the clock goes back: %v after %v", now, clock)
			}
			clock = now
		case "#EXTINF":
			d, err := strconv.ParseFloat(strings.TrimSuffix(value, ","), 64)
			if err != nil || d <= 0 {
				t.Errorf("duration %q", value)
			}
			if math.Round(d) > target {
				t.Errorf("segment of %f s, target %f", d, target)
			}
			checkParts(t, parts, partTarget, d)
			p.segments++
			p.duration += d
			parts = nil
		}
	}
	if p.segments == 0 {
		t.Error("no segments")
	}
	return p
}

// checkParts asserts that each part but the last lasts 85 to 100% of the
// target, and that they make up their segment.
func checkParts(t *testing.T, parts []float64, target, segment float64) {
	t.Helper()
	if len(parts) == 0 {
		return
	}
	sum := 0.0
	for i, d := range parts {
		sum += d
		if d > target || i < len(parts)-1 && d < 0.85*target {
			t.Errorf("part %d of %d lasts %f s, target %f", i, len(parts), d, target)
		}
	}
	if math.Abs(sum-segment) > 0.001 {
		t.Errorf("parts of %f s in a segment of %f", sum, segment)
	}
}
