package bench

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
	"time"
)

// playlist is what a viewer needs of a media playlist (rfc8216bis, section 4.4).
type playlist struct {
	sequence int // of the first segment
	target   time.Duration
	holdBack time.Duration // PART-HOLD-BACK, 0 without parts
	segments []piece
	parts    []piece
	nextMSN  int // what a blocking reload asks for next
	nextPart int
	ended    bool
	blocking bool
}

// piece is a segment or a part.
type piece struct {
	uri         string
	msn, part   int // part is -1 for a segment
	duration    time.Duration
	independent bool
	gap         bool
}

// variants are the media playlists of a multivariant playlist, in its order.
func variants(b []byte) (uris []string) {
	next := false
	for line := range lines(b) {
		switch {
		case strings.HasPrefix(line, "#EXT-X-STREAM-INF:"):
			next = true
		case next && line != "" && line[0] != '#':
			uris = append(uris, line)
			next = false
		}
	}
	return uris
}

func lines(b []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		s := bufio.NewScanner(bytes.NewReader(b))
		s.Buffer(nil, len(b)+1)
		for s.Scan() {
			if !yield(s.Text()) {
				return
			}
		}
	}
}

// readPlaylist reads a media playlist of our own server; what it does not know it passes over.
func readPlaylist(b []byte) playlist {
	var p playlist
	msn, part := 0, 0
	var duration time.Duration
	gap := false
	for line := range lines(b) {
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-TARGETDURATION":
			p.target = seconds(value)
		case "#EXT-X-SERVER-CONTROL":
			p.holdBack = seconds(attribute(value, "PART-HOLD-BACK"))
			p.blocking = attribute(value, "CAN-BLOCK-RELOAD") == "YES"
		case "#EXT-X-MEDIA-SEQUENCE":
			p.sequence, _ = strconv.Atoi(value) // a wrong one shows as stalls
			msn = p.sequence
		case "#EXT-X-PART":
			p.parts = append(p.parts, piece{
				uri: attribute(value, "URI"), msn: msn, part: part, duration: seconds(attribute(value, "DURATION")),
				independent: attribute(value, "INDEPENDENT") == "YES", gap: attribute(value, "GAP") == "YES",
			})
			part++
		case "#EXT-X-GAP":
			gap = true
		case "#EXTINF":
			duration = seconds(strings.TrimSuffix(value, ","))
		case "#EXT-X-ENDLIST":
			p.ended = true
		default:
			if line != "" && line[0] != '#' {
				p.segments = append(p.segments, piece{uri: line, msn: msn, part: -1, duration: duration, gap: gap})
				msn, part, gap = msn+1, 0, false
			}
		}
	}
	p.nextMSN, p.nextPart = msn, part
	return p
}

func seconds(s string) time.Duration {
	f, _ := strconv.ParseFloat(strings.TrimSpace(s), 64) // absent is 0
	return time.Duration(f * float64(time.Second))
}

// attribute is the value of one attribute of a list, without quotes.
func attribute(list, name string) string {
	for list != "" {
		key, rest, _ := strings.Cut(list, "=")
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
			_, list, _ = strings.Cut(rest, ",")
		} else {
			value, list, _ = strings.Cut(rest, ",")
		}
		if strings.TrimSpace(key) == name {
			return value
		}
	}
	return ""
}
