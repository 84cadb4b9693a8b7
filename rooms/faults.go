package rooms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxFaults bounds an answer to a body made of faults.
const maxFaults = 50

// faults collects what is wrong in a body. Details never repeat a value: it may
// be a secret.
type faults struct{ list []Fault }

func (f *faults) add(pointer, format string, args ...any) {
	f.addCode(pointer, CodeValidationFailed, format, args...)
}

func (f *faults) addCode(pointer, code, format string, args ...any) {
	if len(f.list) < maxFaults {
		f.list = append(f.list, Fault{pointer, code, fmt.Sprintf(format, args...)})
	}
}

// unknown refuses a field by its name.
func (f *faults) unknown(pointer string) {
	f.addCode(pointer, CodeUnknownField, "is not a known field")
}

// err is nil without faults; a single fault's code stands for the whole.
func (f *faults) err() error {
	switch len(f.list) {
	case 0:
		return nil
	case 1:
		return &Error{Code: f.list[0].Code, Detail: sentence(f.list[0]), Faults: f.list}
	default:
		return &Error{Code: CodeValidationFailed, Detail: fmt.Sprintf("the body has %d faults", len(f.list)), Faults: f.list}
	}
}

// sentence is a fault as one line for people.
func sentence(f Fault) string {
	if f.Pointer == "" {
		return "the body " + f.Detail
	}
	return f.Pointer + ": " + f.Detail
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// under returns the JSON pointer of a member.
func under(pointer, name string) string { return pointer + "/" + pointerEscapes.Replace(name) }

// sortedKeys makes faults come in the same order every time.
func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// object reads a member that is an object; null is an empty one, with reset.
func (f *faults) object(pointer string, v any) (members map[string]any, reset, ok bool) {
	if v == nil {
		return nil, true, true
	}
	members, ok = v.(map[string]any)
	if !ok {
		f.add(pointer, "must be an object")
	}
	return members, false, ok
}
