package rooms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// decodeObject reads a JSON object; its numbers are json.Number, as written.
func decodeObject(body []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, refuse(CodeMalformedJSON, "the body is not JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse(CodeMalformedJSON, "the body goes on after its JSON")
	}
	object, ok := v.(map[string]any)
	if !ok {
		var f faults
		f.add("", "must be a JSON object")
		return nil, f.err()
	}
	return object, nil
}

// encodeCompact writes JSON without HTML escapes.
func encodeCompact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// wholeNumber reads a JSON number that is written as an integer.
func wholeNumber(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, errors.New("not a number")
	}
	return strconv.ParseInt(n.String(), 10, 64)
}

// textRule is what a text must be like.
type textRule struct {
	min, max  int  // characters
	multiline bool // line breaks and tabs are welcome
	trim      bool // spaces around it are taken off first
}

func (r textRule) check(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", errors.New("must be a text")
	}
	if r.trim {
		s = strings.TrimSpace(s)
	}
	if n := utf8.RuneCountInString(s); n < r.min || n > r.max {
		return "", fmt.Errorf("must have %d to %d characters", r.min, r.max)
	}
	if r.min > 0 && strings.TrimSpace(s) == "" {
		return "", errors.New("must not be blank")
	}
	for _, c := range s {
		if r.multiline && (c == '\n' || c == '\r' || c == '\t') {
			continue
		}
		if unicode.IsControl(c) || c == utf8.RuneError {
			return "", errors.New("must have no control characters")
		}
	}
	return s, nil
}

// DisplayName returns a participant's name as it is shown, or what is wrong
// with it.
func DisplayName(name string) (string, error) { return checkDisplayName(name) }

// checkDisplayName is the rule for names of participants: trimmed, 1-64
// characters, none that could change how the text around them is shown.
func checkDisplayName(v any) (string, error) {
	s, err := textRule{min: 1, max: 64, trim: true}.check(v)
	if err != nil {
		return "", err
	}
	for _, c := range s {
		if unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029' || c == '\ufeff' {
			return "", errors.New("must have no bidirectional or line-breaking control characters")
		}
	}
	return s, nil
}

// checkCode is the rule for access codes.
func checkCode(v any) (string, error) {
	s, ok := v.(string)
	if n := utf8.RuneCountInString(s); !ok || n < 1 || n > 64 {
		return "", errors.New("must be null or a text of 1 to 64 characters")
	}
	for _, c := range s {
		if !unicode.IsPrint(c) || c == utf8.RuneError {
			return "", errors.New("must have printable characters only")
		}
	}
	return s, nil
}

// checkTime reads an RFC 3339 time; what is stored has microseconds, UTC.
func checkTime(v any) (time.Time, error) {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.UTC().Year() < 1970 || t.UTC().Year() > 9999 {
		return time.Time{}, errors.New("must be null or a time as RFC 3339 writes it, such as 2030-01-31T18:00:00Z")
	}
	return t.UTC().Truncate(time.Microsecond), nil
}

// wallClock is a variable for tests, which set it back and forth.
var wallClock = time.Now

// now is the present as it is stored and shown. It steps when somebody sets the
// server's clock: it is for dates, and for what a restart has to find again.
func now() time.Time { return wallClock().UTC().Truncate(time.Microsecond) }

// steady is the present for what lives in memory only: how long something has
// been, or is kept. Nobody sets it; compare it with nothing that is stored.
func steady() time.Time { return time.Now() }
