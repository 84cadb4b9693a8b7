package hlstest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

// buffer is what fMP4 is written into.
type buffer struct {
	bytes.Buffer
	at int
}

func (b *buffer) Write(p []byte) (int, error) {
	n := copy(b.Bytes()[b.at:], p)
	b.at += len(p)
	if _, err := b.Buffer.Write(p[n:]); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (b *buffer) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case 0:
		b.at = int(offset)
	case 1:
		b.at += int(offset)
	default:
		b.at = b.Len() + int(offset)
	}
	return int64(b.at), nil
}

func initSegment(t testing.TB) []byte {
	t.Helper()
	var b buffer
	in := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: 1, TimeScale: 90000, Codec: &codecs.H264{
		SPS: []byte{0x67, 0x64, 0, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x5a, 0x80, 0x80, 0x80, 0xa0, 0, 0, 3, 0, 0x20, 0, 0, 6, 0x51, 0xe3, 6, 0x32, 0xc0},
		PPS: []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0},
	}}}}
	if err := in.Marshal(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// mediaSegment is the n-th one, 2 s of 25 pictures a second.
func mediaSegment(t testing.TB, n, pictures int) []byte {
	t.Helper()
	var b buffer
	track := &fmp4.PartTrack{ID: 1, BaseTime: uint64(n) * 2 * 90000}
	for i := range pictures {
		track.Samples = append(track.Samples, &fmp4.Sample{Duration: 3600, IsNonSyncSample: i > 0, Payload: make([]byte, 500)})
	}
	if err := (fmp4.Part{SequenceNumber: uint32(n), Tracks: []*fmp4.PartTrack{track}}).Marshal(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// station answers as a server of two renditions would, a segment every 2 s.
type station struct {
	t     *testing.T
	began time.Time
	// spoil changes an answer, or refuses it.
	spoil func(uri string, body []byte) ([]byte, error)
}

const listed = 16

func (s *station) fetch(_ context.Context, uri string) ([]byte, error) {
	body, err := s.answer(uri)
	if err == nil && s.spoil != nil {
		body, err = s.spoil(uri, body)
	}
	return body, err
}

func (s *station) answer(uri string) ([]byte, error) {
	path, query, _ := strings.Cut(uri, "?")
	name := path[strings.LastIndex(path, "/")+1:]
	switch {
	case name == "index.m3u8":
		return []byte("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=110000,CODECS=\"avc1.640028\",RESOLUTION=1920x1080,FRAME-RATE=25.000\nlive.m3u8\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=110000,CODECS=\"avc1.640028\",RESOLUTION=1920x1080,FRAME-RATE=25.000\n480p.m3u8\n"), nil
	case strings.HasSuffix(name, ".m3u8"):
		return s.playlist(strings.TrimSuffix(name, ".m3u8"), strings.Contains(query, "_HLS_skip")), nil
	case name == "init.mp4":
		return initSegment(s.t), nil
	}
	var n int
	if _, err := fmt.Sscanf(name[strings.Index(name, "-")+1:], "%d.m4s", &n); err != nil {
		return nil, errGone
	}
	return mediaSegment(s.t, n, 50), nil
}

func (s *station) playlist(name string, delta bool) []byte {
	last := listed + int(time.Since(s.began)/(2*time.Second))
	first, skipped := last-listed, 0
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12\n#EXT-X-MEDIA-SEQUENCE:%d\n", first)
	if delta {
		skipped = listed - 8
		fmt.Fprintf(&b, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", skipped)
	} else {
		b.WriteString("#EXT-X-MAP:URI=\"init.mp4\"\n")
	}
	for n := first + skipped; n < last; n++ {
		date := time.Unix(int64(2*n), 0).UTC().Format("2006-01-02T15:04:05.000Z")
		fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:2.000,\n%s-%d.m4s\n", date, name, n)
	}
	return []byte(b.String())
}

func TestAStationIsFollowedAndItsFaultsAreFound(t *testing.T) {
	replace := func(of, from, to string) func(string, []byte) ([]byte, error) {
		return func(uri string, body []byte) ([]byte, error) {
			if strings.Contains(uri, of) {
				body = bytes.ReplaceAll(body, []byte(from), []byte(to))
			}
			return body, nil
		}
	}
	tests := map[string]struct {
		rule  Rule // "" for none
		spoil func(uri string, body []byte) ([]byte, error)
	}{
		"a sound one": {"", nil},
		"a segment that is not there": {RuleAnswer, func(uri string, body []byte) ([]byte, error) {
			if strings.Contains(uri, "live-18") {
				return nil, errGone
			}
			return body, nil
		}},
		"a playlist that is not there": {RuleAnswer, func(uri string, body []byte) ([]byte, error) {
			if strings.Contains(uri, "480p.m3u8") {
				return nil, errGone
			}
			return body, nil
		}},
		"a segment that is shorter than it says": {RuleMediaDuration, func(uri string, body []byte) ([]byte, error) {
			if strings.Contains(uri, "480p-20") {
				body = mediaSegment(t, 20, 49)
			}
			return body, nil
		}},
		"a delta update of something else": {RuleDelta, func(uri string, body []byte) ([]byte, error) {
			if strings.Contains(uri, "live.m3u8?") {
				body = bytes.Replace(body, []byte("#EXT-X-SKIP:SKIPPED-SEGMENTS=8\n"), []byte("#EXT-X-SKIP:SKIPPED-SEGMENTS=8\n#EXT-X-MAP:URI=\"other.mp4\"\n"), 1)
			}
			return body, nil
		}},
		"a report of no playlist":  {RuleReport, replace("live.m3u8", "#EXT-X-MAP", "#EXT-X-RENDITION-REPORT:URI=\"720p.m3u8\",LAST-MSN=1\n#EXT-X-MAP")},
		"renditions out of step":   {RuleAligned, replace("480p.m3u8", "SEQUENCE:", "SEQUENCE:1")},
		"a rate that is too low":   {RuleBandwidth, replace("index.m3u8", "BANDWIDTH=110000", "BANDWIDTH=90000")},
		"another codec":            {RuleCodecs, replace("index.m3u8", "avc1.640028", "avc1.64001f")},
		"another size":             {RuleResolution, replace("index.m3u8", "1920x1080", "1280x720")},
		"another frame rate":       {RuleFrameRate, replace("index.m3u8", "25.000", "30.000")},
		"something that is no MP4": {RuleMedia, replace("live-", "moof", "foom")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &station{t: t, began: time.Now(), spoil: tt.spoil}
				found, err := Follow(t.Context(), FollowOptions{URI: "http://host/a/index.m3u8", Fetch: s.fetch, For: 21 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				rules := rulesOf(found)
				if tt.rule == "" && len(found) > 0 || tt.rule != "" && !slices.Contains(rules, tt.rule) {
					t.Errorf("found %v", found)
				}
			})
		})
	}
	if _, err := Follow(t.Context(), FollowOptions{URI: "x", Fetch: func(context.Context, string) ([]byte, error) { return nil, errGone }}); err == nil {
		t.Error("a station that is not there is followed")
	}
}
