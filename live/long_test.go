//go:build long

package live_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"roomcast/rooms"
)

var (
	sequence = regexp.MustCompile(`#EXT-X-MEDIA-SEQUENCE:(\d+)`)
	hinted   = regexp.MustCompile(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"`)
)

// TestLowLatencyPlayerIsFedWithoutABreak follows a broadcast for over a minute
// as a low-latency player does: a blocking reload for each part, the next part
// asked for before it is there.
func TestLowLatencyPlayerIsFedWithoutABreak(t *testing.T) {
	h := newHouse(t, func(s *rooms.Settings) { s.Features.LowLatency = true })
	h.start(source{rate: "30000/1001", seconds: 90, pace: true, video: []string{"-g", "60", "-bf", "2", "-preset", "veryfast"}})
	eventually(t, 15*time.Second, "it is on air", func() bool { return h.playlist() != "" })

	list, last := h.playlist(), time.Now()
	var longest time.Duration
	reloads, parts := 0, 0
	for end := time.Now().Add(70 * time.Second); time.Now().Before(end); reloads++ {
		first, err := strconv.Atoi(sequence.FindStringSubmatch(list)[1])
		if err != nil {
			t.Fatal(err)
		}
		msn := first + strings.Count(list, "#EXTINF")
		part := strings.Count(list[strings.LastIndex(list, "#EXTINF"):], "#EXT-X-PART:")
		hint := hinted.FindStringSubmatch(list)
		if hint == nil {
			t.Fatalf("no part is announced: %s", list)
		}
		body, err := h.get(hint[1])
		if err != nil || len(body) == 0 {
			t.Fatalf("the announced part: %v", err)
		}
		parts++
		list, err = h.get(fmt.Sprintf("/hls/room/ticket/p1/live.m3u8?_HLS_msn=%d&_HLS_part=%d", msn, part))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(list, hint[1]) {
			t.Errorf("the announced part is not in the next playlist")
		}
		checkPlaylist(t, list)
		longest = max(longest, time.Since(last))
		last = time.Now()
	}
	t.Logf("%d reloads, %d parts, longest wait %v", reloads, parts, longest)
	if reloads < 190 {
		t.Errorf("%d reloads in 70 s of parts of a third of a second", reloads)
	}
}
