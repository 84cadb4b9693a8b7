package whip

import (
	"bufio"
	"bytes"
	"strings"

	"github.com/pion/ice/v4"

	"roomcast/rooms"
)

const (
	// maxFragmentLines bounds a fragment's lines beside the size of its body.
	maxFragmentLines = 256
	// ICE credentials have at least 4 and 22, and at most 256 characters (RFC 8839, section 5.4).
	minUfrag, minPassword, maxICECredential = 4, 22, 256
)

// fragment is what is read of an SDP fragment (RFC 8840): credentials that tell
// an ICE restart, and candidates.
type fragment struct {
	ufrag, password string
	candidates      int
}

// parseFragment reads the body of a PATCH. The error is a *rooms.Error.
func parseFragment(body []byte) (fragment, error) {
	var f fragment
	malformed := func(detail string) (fragment, error) {
		return fragment{}, unprocessable(CodeMalformed, "the SDP fragment cannot be read: %s", detail)
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 4<<10)
	for n := 0; lines.Scan(); n++ {
		if n >= maxFragmentLines {
			return fragment{}, unprocessable(rooms.CodeValidationFailed, "the SDP fragment has more than %d lines", maxFragmentLines)
		}
		line := strings.TrimRight(lines.Text(), "\r")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' || line[0] < 'a' || line[0] > 'z' {
			return malformed("a line is not of the form x=...")
		}
		key, value, _ := strings.Cut(line[2:], ":")
		if line[0] != 'a' {
			continue // m=, c= and what else may stand there
		}
		switch key {
		case "ice-ufrag":
			f.ufrag = value
		case "ice-pwd":
			f.password = value
		case "candidate":
			if _, err := ice.UnmarshalCandidate(value); err != nil {
				return malformed("a candidate is not well-formed")
			}
			if f.candidates++; f.candidates > maxCandidates {
				return fragment{}, unprocessable(rooms.CodeValidationFailed, "the SDP fragment has more than %d candidates", maxCandidates)
			}
		}
	}
	if lines.Err() != nil {
		return malformed("a line is too long")
	}
	if !iceText(f.ufrag, minUfrag) || !iceText(f.password, minPassword) {
		return malformed("a=ice-ufrag or a=ice-pwd is not well-formed")
	}
	return f, nil
}

// iceText reports whether s is empty or fit to be an ICE credential: ALPHA,
// DIGIT, "+" and "/" (RFC 8839, section 5.4).
func iceText(s string, least int) bool {
	if s == "" {
		return true
	}
	if len(s) < least || len(s) > maxICECredential {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

// writeFragment makes the answer to an ICE restart of our side of an SDP answer:
// credentials and candidates (RFC 9725, section 4.3.3).
func writeFragment(answer string) []byte {
	var session, media strings.Builder
	seen := map[string]bool{}
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "a=ice-lite":
			session.WriteString(line + "\r\n")
		case strings.HasPrefix(line, "a=ice-ufrag:"), strings.HasPrefix(line, "a=ice-pwd:"):
			if !seen[line] {
				session.WriteString(line + "\r\n")
			}
		case strings.HasPrefix(line, "m="), strings.HasPrefix(line, "a=mid:"):
			// The first section carries the transport of the bundle.
			key, _, _ := strings.Cut(line, "=")
			if key == "a" {
				key = "a=mid"
			}
			if !seen[key] {
				media.WriteString(line + "\r\n")
			}
			seen[key] = true
		case strings.HasPrefix(line, "a=candidate:"), line == "a=end-of-candidates":
			if !seen[line] {
				media.WriteString(line + "\r\n")
			}
		}
		seen[line] = true
	}
	return []byte(session.String() + media.String())
}
