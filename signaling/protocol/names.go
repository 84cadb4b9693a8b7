package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// exact refuses names that are none of t's, in upper and lower case too, which
// encoding/json does not look at, and names that stand twice in one object, of
// which it takes the last. The frame has been read once before, so it is JSON;
// whatever else is wrong with it is left to encoding/json.
func exact(frame []byte, t reflect.Type) *Fault {
	return exactValue(json.NewDecoder(bytes.NewReader(frame)), t)
}

func exactValue(d *json.Decoder, t reflect.Type) *Fault {
	token, _ := d.Token()
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch token {
	case json.Delim('{'):
		if f := exactObject(d, t); f != nil {
			return f
		}
	case json.Delim('['):
		if t != nil && t.Kind() == reflect.Slice {
			t = t.Elem()
		} else {
			t = nil
		}
		for d.More() {
			if f := exactValue(d, t); f != nil {
				return f
			}
		}
	default:
		return nil
	}
	_, _ = d.Token() // the closing delimiter
	return nil
}

func exactObject(d *json.Decoder, t reflect.Type) *Fault {
	var known map[string]reflect.Type
	if t != nil && t.Kind() == reflect.Struct {
		known = fieldsOf(t)
	}
	seen := map[string]bool{}
	for d.More() {
		token, _ := d.Token()
		name, isName := token.(string)
		field, ok := known[name]
		switch {
		case !isName: // no name is where JSON has one
			return nil
		case known != nil && !ok:
			return &Fault{Code: CodeUnknownField, Detail: fmt.Sprintf("the message has no field %q", clip(name))}
		case seen[name]:
			return &Fault{Code: CodeMalformedJSON, Detail: fmt.Sprintf("the name %q stands twice in one object", clip(name))}
		}
		seen[name] = true
		if f := exactValue(d, field); f != nil {
			return f
		}
	}
	return nil
}

// fieldsOf lists the fields of a message by their names in JSON, those of
// embedded structs among them.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}
