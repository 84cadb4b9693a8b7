package media

import "time"

// Unit is one access unit: a picture, or a frame of audio. Nobody changes it,
// or the bytes it points to, once it is written to a Stream.
type Unit struct {
	Format *Format
	Track  *Track
	// DTS and PTS are on the broadcast's own timeline, which starts at 0 and
	// never goes back within a track.
	DTS, PTS time.Duration
	// NTP is the wall clock when the unit came in.
	NTP time.Time
	// Key says that decoding can begin here: an IDR picture (H.265: also CRA and
	// BLA; AV1, VP9: a key frame that is shown), or any frame of audio.
	Key bool
	// Payload is the coded data. H.264, H.265: NAL units each after its length in
	// four bytes, without parameter sets and delimiters, with SEI (ISO 14496-15).
	// AV1: the OBUs of a temporal unit, each with a size field, without temporal
	// delimiters; that of a key frame begins with the sequence header. VP9: one
	// frame or superframe. AAC: one raw access unit. Opus: one packet.
	Payload []byte
}

// RandomAccess reports whether a reader can begin with this unit: a key frame,
// or anything of a format without video.
func (u *Unit) RandomAccess() bool {
	return u.Key && (u.Track.Kind == Video || !u.Format.HasVideo())
}
