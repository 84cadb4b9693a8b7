package media

import (
	"bytes"
	"strconv"
)

// nalSEI and hevcSEI are the types of supplemental enhancement information.
const (
	nalSEI  = 6
	hevcSEI = 39
)

// KeyInterval looks for what x264 or x265 says of itself in the first picture of
// a stream: the most pictures it will send from one key frame to the next.
// 0 if nothing is said. Encoders that cut at scene changes send key frames
// more often at times, so what has been seen does not tell.
func KeyInterval(payload []byte) (pictures int) {
	for nal := range NALs(payload) {
		switch {
		case NALType(nal) == nalSEI && bytes.Contains(nal, []byte("x264 - core")):
		case HEVCType(nal) == hevcSEI && bytes.Contains(nal, []byte("x265 (build")):
		default:
			continue
		}
		_, after, ok := bytes.Cut(nal, []byte(" keyint="))
		if !ok {
			return 0
		}
		if bytes.HasPrefix(after, []byte("infinite")) {
			return 1 << 30
		}
		digits := 0
		for digits < len(after) && digits < 9 && after[digits] >= '0' && after[digits] <= '9' {
			digits++
		}
		n, err := strconv.Atoi(string(after[:digits]))
		if err != nil {
			return 0
		}
		return n
	}
	return 0
}
