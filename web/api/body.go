package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"roomcast/rooms"
)

// maxBody bounds every body of the API, uploads aside.
const maxBody = 1 << 20

// maxDepth bounds how deep a body may nest; nothing we take goes beyond five.
const maxDepth = 32

// readBody reads the body if the call takes one, and leaves a well-formed JSON object in v.body.
func (v *visit) readBody() error {
	if v.call.body == nil {
		return nil
	}
	if v.r.ContentLength > maxBody {
		return tooLarge()
	}
	raw, err := io.ReadAll(http.MaxBytesReader(v.w, v.r.Body, maxBody))
	if err != nil {
		var limit *http.MaxBytesError
		if errors.As(err, &limit) {
			return tooLarge()
		}
		return &rooms.Error{Code: rooms.CodeMalformedJSON, Detail: "the body could not be read to its end"}
	}
	if len(bytes.TrimSpace(raw)) == 0 && v.call.bodyOptional {
		v.body = json.RawMessage("{}")
		return nil
	}
	if err := v.checkMediaType(); err != nil {
		return err
	}
	if err := wellFormed(raw); err != nil {
		return &rooms.Error{Code: rooms.CodeMalformedJSON, Detail: err.Error()}
	}
	if first := bytes.TrimLeft(raw, " \t\r\n"); first[0] != '{' {
		return invalid(rooms.Fault{Pointer: "", Code: rooms.CodeValidationFailed, Detail: "the body must be a JSON object"})
	}
	v.body = raw
	return nil
}

func tooLarge() error {
	return &rooms.Error{Code: rooms.CodeBodyTooLarge, Detail: fmt.Sprintf("at most %d bytes are read", maxBody)}
}

func (v *visit) checkMediaType() error {
	given := v.r.Header.Get("Content-Type")
	kind, parameters, err := mime.ParseMediaType(given)
	wanted := "application/json"
	if v.call.patch {
		wanted = "application/merge-patch+json or application/json"
	}
	charset := parameters["charset"]
	switch {
	case err != nil:
	case charset != "" && !strings.EqualFold(charset, "utf-8"):
	case kind == "application/json", v.call.patch && kind == "application/merge-patch+json":
		return nil
	}
	return &rooms.Error{Code: rooms.CodeUnsupportedMedia, Detail: "send the body as " + wanted + " in UTF-8"}
}

// wellFormed checks that raw is exactly one JSON value in UTF-8, without a name twice in one object: what programs
// read out of such an object differs, so it is not read at all.
func wellFormed(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("the body is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := walk(decoder, 0); err != nil {
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return fmt.Errorf("not JSON at byte %d", syntax.Offset)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("the JSON ends too early")
		}
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON value")
	}
	return nil
}

func walk(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("the JSON nests deeper than %d", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return err
			}
			text, _ := name.(string) // Inside an object the decoder gives names as strings.
			if seen[text] {
				return errors.New("an object has the same name twice")
			}
			seen[text] = true
			if err := walk(d, depth+1); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for d.More() {
			if err := walk(d, depth+1); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = d.Token() // The closing delimiter.
	return err
}
