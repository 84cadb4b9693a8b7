package media

// KeyFrame reports whether decoding a video codec can begin with a payload (see
// Unit.Payload). Audio can always begin.
func KeyFrame(c Codec, payload []byte) bool {
	switch c {
	case H264:
		for nal := range NALs(payload) {
			if NALType(nal) == NALIDR {
				return true
			}
		}
		return false
	case H265:
		for nal := range NALs(payload) {
			if t := HEVCType(nal); t >= HEVCFirstIRAP && t <= HEVCLastIRAP {
				return true
			}
		}
		return false
	case AV1:
		for obu := range OBUs(payload) {
			switch OBUType(obu) {
			case OBUFrameHeader, OBUFrame:
				return av1Key(obu)
			}
		}
		return false
	case VP9:
		_, key, err := ParseVP9(payload)
		return err == nil && key
	case AAC, Opus:
	}
	return true
}
