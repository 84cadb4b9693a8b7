package hls

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

// Blob is something to serve as it is. Its bytes are shared by everybody and
// never change.
type Blob struct {
	Body        []byte
	ContentType string
	// MaxAge is how long caches may keep it; 0 is not at all.
	MaxAge time.Duration
	// Gzip is Body compressed, or nil when there is no such form.
	Gzip []byte
	// ETag is the header's value, with its quotes, as headers hold it; nil for none.
	ETag []string
}

// Query is the delivery directives of a playlist request (rfc8216bis, 6.2.5).
// The zero value asks for the playlist as it is.
type Query struct {
	// MSN and Part are _HLS_msn and _HLS_part: answer once the playlist holds
	// this part, or the whole segment if WholeSegment is set.
	MSN, Part int
	// WholeSegment says that the request named no _HLS_part.
	WholeSegment bool
	// Skip is _HLS_skip. The live playlist is short and offers no delta updates,
	// so it is ignored, as the specification allows.
	Skip bool
}

// Names of media playlists, to be followed by ".m3u8": the source as it comes,
// and its first audio track alone. Further audio tracks are AudioName with a
// dash and a number from 2, rungs have the names they are given.
const (
	Name      = "live"
	AudioName = "audio"
)

// Suffixes of object names.
const (
	segmentSuffix = ".m4s"
	initSuffix    = ".mp4"
)

// Content types (rfc8216bis, section 4; RFC 4337).
const (
	typePlaylist = "application/vnd.apple.mpegurl"
	typeVideo    = "video/mp4"
	typeAudio    = "audio/mp4"
)

// objectMaxAge is how long caches may keep segments, parts and init segments.
const objectMaxAge = time.Hour

// newName makes an object name nobody can guess.
func newName(suffix string) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:]) + suffix
}
