package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"roomcast/rooms"
)

const (
	defaultPage  = 50
	maxPage      = 200
	maxSearch    = 200
	maxKeyLength = 255
)

// bounds makes a pointer for a schema.
func bounds(n float64) *float64 { return &n }

// paging are the parameters of every list.
var paging = []parameter{
	{"limit", "How many items at most", huma.Schema{Type: "integer", Minimum: bounds(1), Maximum: bounds(maxPage), Default: defaultPage}},
	{"cursor", "next_cursor of the page before", huma.Schema{Type: "string"}},
}

// checkQuery refuses parameters that the call does not have, or has twice: a mistyped filter must not list everything.
func (v *visit) checkQuery() error {
	if v.r.URL.RawQuery == "" {
		return nil
	}
	values, err := url.ParseQuery(v.r.URL.RawQuery)
	if err != nil {
		return invalid(rooms.Fault{Pointer: "?", Code: rooms.CodeValidationFailed, Detail: "the query is not well-formed"})
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var faults []rooms.Fault
	for _, name := range names {
		switch {
		case !slices.ContainsFunc(v.call.query, func(p parameter) bool { return p.name == name }):
			faults = append(faults, rooms.Fault{Pointer: "?" + name, Code: rooms.CodeUnknownField, Detail: "there is no such query parameter here"})
		case len(values[name]) > 1:
			faults = append(faults, rooms.Fault{Pointer: "?" + name, Code: rooms.CodeValidationFailed, Detail: "stands there twice"})
		case !utf8.ValidString(values[name][0]):
			faults = append(faults, rooms.Fault{Pointer: "?" + name, Code: rooms.CodeValidationFailed, Detail: "is not UTF-8"})
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return invalid(faults...)
}

// queryText reads a parameter; "" when it is absent.
func (v *visit) queryText(name string) string { return v.r.URL.Query().Get(name) }

// page reads limit and cursor.
func (v *visit) page() (limit int, cursor string, err error) {
	limit, err = v.number("limit", defaultPage, 1, maxPage)
	if err != nil {
		return 0, "", err
	}
	cursor = v.queryText("cursor")
	if !rooms.IsCursor(cursor) {
		return 0, "", badParameter("cursor", "is not a cursor of this list")
	}
	return limit, cursor, nil
}

// number reads a whole number in a range.
func (v *visit) number(name string, absent, least, most int) (int, error) {
	text := v.queryText(name)
	if text == "" && !v.r.URL.Query().Has(name) {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, badParameter(name, fmt.Sprintf("must be a whole number from %d to %d", least, most))
	}
	return n, nil
}

// choice reads one of the allowed words; "" when it is absent.
func (v *visit) choice(name string, allowed ...string) (string, error) {
	text := v.queryText(name)
	if text == "" && !v.r.URL.Query().Has(name) {
		return "", nil
	}
	if !slices.Contains(allowed, text) {
		return "", badParameter(name, fmt.Sprintf("must be one of %v", allowed))
	}
	return text, nil
}

// flag reads true or false; absent is false.
func (v *visit) flag(name string) (bool, error) {
	text, err := v.choice(name, "true", "false")
	return text == "true", err
}

func badParameter(name, detail string) error {
	return invalid(rooms.Fault{Pointer: "?" + name, Code: rooms.CodeValidationFailed, Detail: detail})
}

// invalid makes the refusal of a request that is well-formed but not right. A single fault's own code stands as the
// refusal's.
func invalid(faults ...rooms.Fault) error {
	e := &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "the request is not valid; errors names each fault", Faults: faults}
	if len(faults) == 1 {
		e.Code, e.Detail = faults[0].Code, faults[0].Detail
	}
	return e
}

// pointer makes a JSON pointer (RFC 6901) of names and indexes.
func pointer(elements ...any) string {
	var p string
	for _, e := range elements {
		p += "/" + pointerEscapes.Replace(fmt.Sprint(e))
	}
	return p
}
