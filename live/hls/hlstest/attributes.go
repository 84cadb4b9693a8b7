package hlstest

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is the type of an attribute's value (4.2).
type kind int

const (
	integer kind = iota // decimal-integer
	decimal             // decimal-floating-point
	signed              // signed-decimal-floating-point
	quoted              // quoted-string
	word                // enumerated-string
	area                // decimal-resolution
	// quotedOrNone is the type of CLOSED-CAPTIONS alone.
	quotedOrNone
)

// attribute says what a tag's attribute may be.
type attribute struct {
	name   string
	kind   kind
	needed bool
	// words are the values of an enumerated string; nil: any.
	words []string
}

var shapes = map[kind]*regexp.Regexp{
	integer:      regexp.MustCompile(`^[0-9]{1,20}$`),
	decimal:      regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`),
	signed:       regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`),
	quoted:       regexp.MustCompile(`^"[^"\r\n]*"$`),
	word:         regexp.MustCompile(`^[^",\s]+$`),
	area:         regexp.MustCompile(`^[0-9]+x[0-9]+$`),
	quotedOrNone: regexp.MustCompile(`^("[^"\r\n]*"|NONE)$`),
}

var attributeName = regexp.MustCompile(`^[A-Z0-9-]+$`)

// attributes are the values of a tag, their quotes taken off.
type attributes map[string]string

// readAttributes reads an attribute list after what the tag may have.
func (f *findings) readAttributes(line int, list string, known []attribute) attributes {
	values := attributes{}
	for rest, more := list, true; more; {
		var name, value string
		name, rest, more = strings.Cut(rest, "=")
		if !more || !attributeName.MatchString(name) {
			f.add(RuleAttributeList, line, "%q is no attribute", name)
			return values
		}
		if strings.HasPrefix(rest, `"`) {
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				f.add(RuleAttributeList, line, "the quotes of %s do not close", name)
				return values
			}
			value, rest = rest[:end+2], rest[end+2:]
			more = strings.HasPrefix(rest, ",")
			if rest != "" && !more {
				f.add(RuleAttributeList, line, "%s goes on after its quotes", name)
				return values
			}
			rest = strings.TrimPrefix(rest, ",")
		} else {
			value, rest, more = strings.Cut(rest, ",")
		}
		if _, twice := values[name]; twice {
			f.add(RuleAttributeList, line, "%s stands there twice", name)
			continue
		}
		f.checkAttribute(line, name, value, known)
		values[name] = strings.Trim(value, `"`)
	}
	for _, a := range known {
		if _, there := values[a.name]; a.needed && !there {
			f.add(RuleAttributeNeeded, line, "%s is missing", a.name)
		}
	}
	return values
}

func (f *findings) checkAttribute(line int, name, value string, known []attribute) {
	i := slices.IndexFunc(known, func(a attribute) bool { return a.name == name })
	switch {
	case i < 0:
		f.add(RuleKnownAttribute, line, "the tag has no attribute %s", name)
	case !shapes[known[i].kind].MatchString(value):
		f.add(RuleAttributeValue, line, "%s cannot be %s", name, value)
	case known[i].words != nil && !slices.Contains(known[i].words, value):
		f.add(RuleAttributeValue, line, "%s is %s, which is none of %v", name, value, known[i].words)
	}
}

// number is an integer attribute; 0 if it is absent or none.
func (a attributes) number(name string) int {
	n, err := strconv.ParseInt(a[name], 10, 63)
	if err != nil {
		return 0
	}
	return int(min(n, math.MaxInt32))
}

// seconds is a duration; 0 if it is absent or none.
func (a attributes) seconds(name string) time.Duration {
	d, _ := readSeconds(a[name])
	return d
}

func (a attributes) yes(name string) bool { return a[name] == "YES" }

// maxSeconds bounds durations, so that their sums do not overflow.
const maxSeconds = 1e6

// readSeconds reads a decimal number of seconds exactly, to the nanosecond.
func readSeconds(s string) (time.Duration, error) {
	if !shapes[decimal].MatchString(s) {
		return 0, fmt.Errorf("%q is no decimal number", s)
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n > maxSeconds {
		return 0, fmt.Errorf("%s is too large", s)
	}
	d := time.Duration(n) * time.Second
	unit := time.Second / 10
	for _, c := range fraction {
		d += time.Duration(c-'0') * unit
		unit /= 10
	}
	return d, nil
}
