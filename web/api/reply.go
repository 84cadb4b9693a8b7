package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"roomcast/rooms"
)

// reply is what a handler answers.
type reply struct {
	body     any    // Rendered as JSON; nil for an empty answer. A json.RawMessage goes out as it is.
	etag     string // With its quotes; "" for none.
	location string // Of what was created.
}

// write sends the reply under the call's status, or 304 when the caller has it already.
func (a reply) write(v *visit) error {
	h := v.w.Header()
	if a.etag != "" {
		h.Set("ETag", a.etag)
		if v.r.Method == http.MethodGet && matches(v.r.Header.Get("If-None-Match"), a.etag) {
			v.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.body == nil {
		v.w.WriteHeader(v.call.status)
		return nil
	}
	body, err := render(a.body)
	if err != nil {
		return err
	}
	h.Set("Content-Type", "application/json")
	v.w.WriteHeader(v.call.status)
	_, _ = v.w.Write(append(body, '\n')) // The caller may have gone; nothing is left to do.
	return nil
}

// render writes JSON without escaping <, > and &: it is never put into HTML.
func render(body any) ([]byte, error) {
	if raw, ok := body.(json.RawMessage); ok {
		return bytes.Clone(raw), nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("render answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// matches reads If-None-Match: a list of tags compared weakly, or * (RFC 9110 section 13.1.2).
func matches(header, etag string) bool {
	for header != "" {
		var one string
		one, header, _ = strings.Cut(header, ",")
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || one == etag {
			return true
		}
	}
	return false
}

// List is one page of a list.
type List[T any] struct {
	Items      []T     `json:"items" nullable:"false" doc:"Newest first"`
	NextCursor *string `json:"next_cursor" doc:"What ?cursor= takes for the next page; null at the end"`
}

// newList renders a page of the registry.
func newList[S, T any](page rooms.Page[S], convert func(S) T) List[T] {
	list := List[T]{Items: make([]T, 0, len(page.Items))}
	for _, item := range page.Items {
		list.Items = append(list.Items, convert(item))
	}
	if page.NextCursor != "" {
		list.NextCursor = &page.NextCursor
	}
	return list
}
