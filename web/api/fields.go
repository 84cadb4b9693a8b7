package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"roomcast/rooms"
	"roomcast/secret"
)

// maxFaults bounds the answer to a body made of faults.
const maxFaults = 50

// fields reads the small bodies that are the API's own (door, join, mute ...) field by field: what is not asked for
// is unknown, and refused by name.
type fields struct {
	values map[string]json.RawMessage
	asked  []string
	faults []rooms.Fault
}

// readFields opens a body that is known to be a JSON object.
func readFields(body json.RawMessage) *fields {
	f := &fields{values: map[string]json.RawMessage{}}
	_ = json.Unmarshal(body, &f.values) // Known to be a well-formed object.
	return f
}

// take gives the raw value of a field; null counts as absent.
func (f *fields) take(name string) (json.RawMessage, bool) {
	f.asked = append(f.asked, name)
	value, ok := f.values[name]
	if !ok || bytes.Equal(value, []byte("null")) {
		return nil, false
	}
	return value, true
}

func (f *fields) fault(pointer, detail string) {
	f.faults = append(f.faults, rooms.Fault{Pointer: pointer, Code: rooms.CodeValidationFailed, Detail: detail})
}

// text reads a string of at most limit bytes.
func (f *fields) text(name string, limit int) (string, bool) {
	raw, ok := f.take(name)
	if !ok {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		f.fault(pointer(name), "must be a string")
		return "", false
	}
	if len(s) > limit {
		f.fault(pointer(name), "is too long")
		return "", false
	}
	return s, true
}

// hidden reads a secret string.
func (f *fields) hidden(name string, limit int) (secret.Text, bool) {
	s, ok := f.text(name, limit)
	return secret.New(s), ok
}

// boolean reads true or false; absent is false.
func (f *fields) boolean(name string) bool {
	raw, ok := f.take(name)
	if !ok {
		return false
	}
	var b bool
	if json.Unmarshal(raw, &b) != nil {
		f.fault(pointer(name), "must be true or false")
	}
	return b
}

// whole reads a whole number in a range.
func (f *fields) whole(name string, absent, least, most int) int {
	raw, ok := f.take(name)
	if !ok {
		return absent
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < least || n > most {
		f.fault(pointer(name), fmt.Sprintf("must be a whole number from %d to %d", least, most))
		return absent
	}
	return n
}

// choices reads a list of distinct strings out of the allowed ones.
func (f *fields) choices(name string, allowed ...string) []string {
	raw, ok := f.take(name)
	if !ok {
		return nil
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		f.fault(pointer(name), "must be a list of strings")
		return nil
	}
	for i, one := range list {
		switch {
		case !slices.Contains(allowed, one):
			f.fault(pointer(name, i), "must be one of "+strings.Join(allowed, ", "))
		case slices.Contains(list[:i], one):
			f.fault(pointer(name, i), "stands there twice")
		}
	}
	return list
}

// done gives the refusal, or nil when every field was asked for and right.
func (f *fields) done() error {
	var unknown []string
	for name := range f.values {
		if !slices.Contains(f.asked, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown[:min(len(unknown), maxFaults)] {
		f.faults = append(f.faults, rooms.Fault{Pointer: pointer(name), Code: rooms.CodeUnknownField, Detail: "there is no such field here"})
	}
	if len(f.faults) == 0 {
		return nil
	}
	return invalid(f.faults...)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")
