package live_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"roomcast/live/hls/hlstest"
	"roomcast/rooms"
)

// picturesOf counts the coded pictures of a file, and tells whether the first one is a
// key frame.
func picturesOf(t *testing.T, file string) (n int, key bool) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=flags", "-of", "csv=p=0", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return len(bytes.Fields(out)), bytes.HasPrefix(out, []byte("K"))
}

// sizeOf is the size of a file's picture.
func sizeOf(t *testing.T, file string) string {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0:s=x", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// segments are those of a media playlist as it is now, by number.
func (h *house) segments(name string) map[int]listedSegment {
	list, err := h.get("/hls/room/ticket/p1/" + name + ".m3u8")
	if err != nil {
		return nil
	}
	return segmentsOf(h.t, list)
}

// inStep asserts that renditions have the same segments, each begun by a key frame
// and decoded without complaint, with as many pictures as the source has there, but for
// those that it sends in another order.
func (h *house) inStep(sizes map[string]string, from, reordered int) {
	h.t.Helper()
	all := map[string]map[int]listedSegment{}
	for name := range sizes {
		all[name] = h.segments(name)
	}
	for name, size := range sizes {
		compared := 0
		for n, s := range all[name] {
			if n < from || s.gap {
				continue
			}
			for other, list := range all {
				if o, ok := list[n]; ok && (o.at != s.at || o.duration != s.duration || o.gap) {
					h.t.Errorf("segment %d of %s is %+v, of %s %+v", n, name, s, other, o)
				}
			}
			if compared++; compared > 3 {
				continue
			}
			file := h.segment(h.t, s)
			if _, key := picturesOf(h.t, file); !key {
				h.t.Errorf("segment %d of %s does not begin with a key frame", n, name)
			}
			if got := sizeOf(h.t, file); got != size {
				h.t.Errorf("segment %d of %s is of %s, want %s", n, name, got, size)
			}
			source, ok := h.segments("live")[n]
			if !ok {
				continue
			}
			got := decode(h.t, file)
			want, _ := picturesOf(h.t, h.segment(h.t, source))
			if d := len(got.video) - want; got.complaints != "" || len(got.video) == 0 || d > reordered || -d > reordered {
				h.t.Errorf("segment %d of %s has %d pictures, the source %d: %s", n, name, len(got.video), want, got.complaints)
			}
		}
		if compared < 3 {
			h.t.Errorf("%s has %d segments", name, compared)
		}
	}
}

func (h *house) warned(code string) bool {
	for _, w := range h.hub.State("room").Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

func TestASourceWithAKeyFrameEvery20sIsOfferedInAllQualities(t *testing.T) {
	h := newHouse(t, func(s *rooms.Settings) {
		s.Features.LowLatency, s.Features.DVRWindowSeconds = true, 60
		s.Features.Transcode = rooms.Transcode{Heights: []int{180, 90}}
	})
	h.start(source{size: "480x270", rate: "25", seconds: 120, pace: true, video: []string{
		"-g", "500", "-keyint_min", "500", "-sc_threshold", "0", "-bf", "0", "-b:v", "500k", "-maxrate", "500k", "-bufsize", "500k",
	}})
	var index string
	began := time.Now()
	eventually(t, 20*time.Second, "the first playlist comes", func() bool {
		var err error
		index, err = h.get("/hls/room/ticket/index.m3u8")
		return err == nil
	})
	t.Logf("the first playlist after %v", time.Since(began))
	m, found := hlstest.ParseMultivariant([]byte(index))
	if len(found) > 0 {
		t.Errorf("%v", found)
	}
	want := map[string]int{"p1/270p.m3u8": 270, "p1/180p.m3u8": 180, "p1/90p.m3u8": 90}
	for _, v := range m.Variants {
		if height, ok := want[v.URI]; ok {
			delete(want, v.URI)
			if v.Height != height || v.FrameRate != 25 || v.Bandwidth < 60_000 || len(v.Codecs) != 2 || !strings.HasPrefix(v.Codecs[0], "avc1.4d") {
				t.Errorf("%+v", v)
			}
		} else if v.URI != "p1/audio.m3u8" {
			t.Errorf("%s is offered", v.URI)
		}
	}
	if len(want) > 0 {
		t.Errorf("%v are missing in %s", want, index)
	}
	follow(t, h.index(), 24*time.Second) // over the source's next key frame
	sizes := map[string]string{"270p": "480x270", "180p": "320x180", "90p": "160x90"}
	h.inStep(sizes, 0, 0)
	for _, s := range h.segments("live") {
		if s.duration != "2.00000" && s.duration != "1.00000" {
			t.Errorf("a segment of the source: %+v", s)
		}
	}
	rewind, err := h.get("/hls/room/ticket/dvr.m3u8")
	if err != nil || strings.Contains(rewind, "dvr-live.m3u8") || !strings.Contains(rewind, "dvr-270p.m3u8") {
		t.Errorf("%s %v", rewind, err)
	}
	if !h.warned("source_transcoded") || h.warned("no_ladder") || h.warned("transcode_failed") {
		t.Errorf("warnings %+v", h.hub.State("room").Warnings)
	}
}

func TestASourceThatTurnsOutToHaveFewKeyFramesIsOfferedInAllQualities(t *testing.T) {
	h := newHouse(t, func(s *rooms.Settings) {
		s.Features.LowLatency = true
		s.Features.Transcode = rooms.Transcode{Heights: []int{90}}
	})
	// Nothing tells of the distance of key frames: there is but one.
	h.start(source{rate: "25", seconds: 120, pace: true, video: []string{
		"-g", "9999", "-keyint_min", "9999", "-sc_threshold", "0", "-bf", "2", "-bsf:v", "filter_units=remove_types=6",
	}})
	eventually(t, 20*time.Second, "the source is offered", func() bool {
		index, err := h.get("/hls/room/ticket/index.m3u8")
		return err == nil && strings.Contains(index, "p1/live.m3u8")
	})
	// Somebody has the source's playlist, and keeps to it through the change.
	plain := func(ctx context.Context, uri string) ([]byte, error) {
		b, err := ask(ctx, uri)
		if strings.HasSuffix(uri, "index.m3u8") && err == nil {
			return []byte("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-STREAM-INF:BANDWIDTH=9000000,CODECS=\"avc1.42c00d,mp4a.40.2\"\np1/live.m3u8\n"), nil
		}
		return b, err
	}
	kept := make(chan []hlstest.Finding, 1)
	go func() {
		found, err := hlstest.Follow(t.Context(), hlstest.FollowOptions{URI: h.index(), Fetch: plain, For: 20 * time.Second})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		kept <- found
	}()
	eventually(t, 25*time.Second, "its size is offered anew", func() bool {
		index, err := h.get("/hls/room/ticket/index.m3u8")
		return err == nil && strings.Contains(index, "p1/180p.m3u8") && strings.Contains(index, "p1/90p.m3u8") && !strings.Contains(index, "p1/live.m3u8")
	})
	from := 1 << 30
	for n := range h.segments("180p") {
		from = min(from, n)
	}
	follow(t, h.index(), 7*time.Second)
	h.inStep(map[string]string{"180p": "320x180", "90p": "160x90"}, from, 2)
	for n, s := range h.segments("90p") {
		if s.gap {
			t.Errorf("segment %d is a gap", n)
		}
	}
	for _, f := range <-kept {
		// The playlist that was made up says nothing true of the variant, and no other one.
		if f.Playlist != "" && !strings.Contains(f.Detail, "is no other playlist") {
			t.Error(f)
		}
	}
}
