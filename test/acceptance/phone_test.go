package acceptance

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"roomcast/live/hls/hlstest"
	"roomcast/test/harness"
)

// decodedSizes are those of the pictures that a piece of a broadcast is decoded to, and
// how many pictures there are.
func decodedSizes(t *testing.T, piece []byte) (sizes []string, pictures int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "piece.mp4")
	if err := os.WriteFile(file, piece, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=width,height", "-of", "csv=p=0:s=x", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, size := range bytes.Fields(out) {
		size = bytes.TrimRight(size, "x") // side data that is not shown
		pictures++
		if !slices.Contains(sizes, string(size)) {
			sizes = append(sizes, string(size))
		}
	}
	return sizes, pictures
}

// A phone held upright sends an upright picture, for its browser is not left to say
// how the picture lies; when it is turned, the picture's size changes.
func TestAPhoneHeldUprightAndTurnedIsSeenAsItIsHeld(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	room := s.CreateRoom(t, "live", harness.Fields{})
	phone := harness.Phone(t, room)
	began := awaitState(t, s, room.ID, "live", 20*time.Second)
	viewer, guest := s.Enter(t, room.ParticipantToken, "Vi"), s.Stranger()
	get := func(base, reference string) (string, []byte) {
		t.Helper()
		b, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		if b, err = b.Parse(reference); err != nil {
			t.Fatal(err)
		}
		answer := guest.Do(t, http.MethodGet, b.String(), nil)
		if answer.Status != http.StatusOK {
			return b.String(), nil
		}
		return b.String(), answer.Body
	}
	offered := func() (address string, v hlstest.Variant) {
		t.Helper()
		var body []byte
		harness.Eventually(t, 20*time.Second, "the broadcast is offered", func() bool {
			address, body = get(viewer.Endpoints["hls"], "")
			return body != nil
		}, func() any { return phone.Out.String() })
		m, found := hlstest.ParseMultivariant(body)
		if len(found) > 0 {
			t.Fatalf("%v", found)
		}
		return address, m.Variants[0]
	}
	// Every segment that is ever listed.
	segments := map[int]hlstest.Segment{}
	address, upright := offered()
	media, _ := get(address, upright.URI)
	look := func(what string, enough func() bool) {
		t.Helper()
		harness.Eventually(t, 25*time.Second, what, func() bool {
			_, body := get(media, "")
			list, found := hlstest.ParseMedia(body)
			if len(found) > 0 {
				t.Errorf("%v\n%s", found, body)
			}
			for _, segment := range list.Segments {
				segments[segment.Number] = segment
			}
			return enough()
		}, func() any { return phone.Out.String() })
	}
	look("it is seen", func() bool { return len(segments) >= 3 })
	phone.Turn()
	look("it is turned", func() bool { _, now := offered(); return now.Width > now.Height })
	turned := len(segments)
	look("it goes on", func() bool { return len(segments) >= turned+2 })
	if _, lying := offered(); upright.Width != 360 || upright.Height != 640 || lying.Width != 640 || lying.Height != 360 {
		t.Errorf("offered are %+v, then %+v", upright, lying)
	}

	// What was sent in one position is decoded as one: not every segment has to begin
	// with a key frame.
	type position struct {
		init            string
		body            []byte
		discontinuities int
	}
	var positions []position
	for _, n := range slices.Sorted(maps.Keys(segments)) {
		segment := segments[n]
		if segment.Gap {
			t.Errorf("segment %d is a gap", n)
			continue
		}
		if k := len(positions); k == 0 || positions[k-1].init != segment.Map {
			_, init := get(media, segment.Map)
			positions = append(positions, position{segment.Map, init, segment.Discontinuities})
		}
		_, body := get(media, segment.URI)
		last := &positions[len(positions)-1]
		last.body = append(last.body, body...)
	}
	var shown []string
	pictures := map[string]int{}
	for k, p := range positions {
		sizes, n := decodedSizes(t, p.body)
		if len(sizes) != 1 || k > 0 && p.discontinuities <= positions[k-1].discontinuities {
			t.Fatalf("position %d of %d shows %v: %+v", k, len(positions), sizes, segments)
		}
		// A busy sender may begin anew in the same position.
		if len(shown) == 0 || shown[len(shown)-1] != sizes[0] {
			shown = append(shown, sizes[0])
		}
		pictures[sizes[0]] += n
	}
	if !slices.Equal(shown, []string{"360x640", "640x360"}) || pictures["360x640"] < 30 || pictures["640x360"] < 30 {
		t.Errorf("shown are %v, pictures %v", shown, pictures)
	}
	now := s.Stream(t, room.ID)
	if now.State != "live" || !now.StartedAt.Equal(*began.StartedAt) || now.Publisher == nil {
		t.Errorf("not the same show: %+v", now)
	}
}
