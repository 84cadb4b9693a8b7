package srt

import (
	"errors"
	"strings"

	"roomcast/secret"
)

// errStreamID is answered for a streamid that is none of ours; it quotes nothing.
var errStreamID = errors.New("streamid is not publish:{stream_key}, play:{ticket} or #!::r={stream_key},m=publish")

// maxStreamID is the longest streamid of the protocol.
const maxStreamID = 512

// wish is what a streamid asks for.
type wish struct {
	publish bool
	key     secret.Text // stream key or ticket
}

// parseStreamID reads a streamid: our own short forms, or those of SRT's access
// control guidelines, where r is the key and m the mode.
func parseStreamID(id string) (wish, error) {
	if len(id) > maxStreamID {
		return wish{}, errStreamID
	}
	if key, ok := strings.CutPrefix(id, "publish:"); ok {
		return wish{publish: true, key: secret.New(key)}.check(key)
	}
	if key, ok := strings.CutPrefix(id, "play:"); ok {
		return wish{key: secret.New(key)}.check(key)
	}
	list, ok := strings.CutPrefix(id, "#!::")
	if !ok { // older ffmpeg sends the escape as it stands in the URL
		list, ok = strings.CutPrefix(id, "%23!::")
	}
	if !ok {
		return wish{}, errStreamID
	}
	var w wish
	key := ""
	for pair := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "r":
			key = value
		case "m":
			switch value {
			case "publish":
				w.publish = true
			case "request":
				w.publish = false
			default:
				return wish{}, errStreamID
			}
		case "t":
			if value != "stream" {
				return wish{}, errStreamID
			}
		}
	}
	w.key = secret.New(key)
	return w.check(key)
}

// check refuses keys that cannot be any.
func (w wish) check(key string) (wish, error) {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return wish{}, errStreamID
	}
	return w, nil
}
