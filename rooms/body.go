package rooms

import (
	"encoding/json"
	"maps"
	"net/url"
	"time"

	"roomcast/secret"
)

const (
	maxMetadataBytes = 64 << 10
	maxMetadataKeys  = 128
	maxLimit         = 1<<53 - 1 // what every JSON reader holds exactly
)

// body is a merge patch being applied; a create is one on an empty thing.
type body struct {
	faults
	create bool
}

// text applies a text; null is the empty one, where that is allowed.
func (b *body) text(pointer string, v any, rule textRule, to *string) {
	if v == nil && rule.min == 0 {
		*to = ""
		return
	}
	s, err := rule.check(v)
	if err != nil {
		b.add(pointer, "%s", err)
		return
	}
	*to = s
}

// code applies an access code.
func (b *body) code(pointer string, v any, to **secret.Text) {
	if v == nil {
		*to = nil
		return
	}
	s, err := checkCode(v)
	if err != nil {
		b.add(pointer, "%s", err)
		return
	}
	code := secret.New(s)
	*to = &code
}

func (b *body) time(pointer string, v any, to **time.Time) {
	if v == nil {
		*to = nil
		return
	}
	t, err := checkTime(v)
	if err != nil {
		b.add(pointer, "%s", err)
		return
	}
	*to = &t
}

// reference applies the id of something else; whether it is there is checked
// in the transaction.
func (b *body) reference(pointer string, v any, to **string) {
	if v == nil {
		*to = nil
		return
	}
	if s, ok := v.(string); ok {
		*to = &s
		return
	}
	b.add(pointer, "must be null or an id")
}

// choice applies one of some words.
func (b *body) choice(pointer string, v any, to *string, choices ...string) {
	s, err := parseOneOf(choices...)(v)
	if err != nil {
		b.add(pointer, "%s", err)
		return
	}
	*to = s.(string)
}

// metadata merges: null deletes a key, except that a create keeps it. replace
// starts from nothing and keeps nulls.
func (b *body) metadata(pointer string, v any, to *map[string]any, replace bool) {
	members, reset, ok := b.object(pointer, v)
	if !ok {
		return
	}
	merged := map[string]any{}
	if !replace && !reset {
		maps.Copy(merged, *to)
	}
	for _, key := range sortedKeys(members) {
		value := members[key]
		switch value.(type) {
		case map[string]any, []any:
			b.addCode(under(pointer, key), CodeNestedMetadata, "must be a text, a number, true, false or null")
			continue
		}
		if value == nil && !b.create && !replace {
			delete(merged, key)
			continue
		}
		merged[key] = value
	}
	if len(merged) > maxMetadataKeys {
		b.add(pointer, "must have at most %d keys", maxMetadataKeys)
		return
	}
	if encoded, err := encodeCompact(merged); err != nil || len(encoded) > maxMetadataBytes {
		b.add(pointer, "must have at most %d bytes", maxMetadataBytes)
		return
	}
	*to = merged
}

// features merges features that rooms of type t have.
func (b *body) features(pointer string, v any, t Type, to *map[string]any) {
	members, reset, ok := b.object(pointer, v)
	if !ok {
		return
	}
	merged := map[string]any{}
	if !reset {
		maps.Copy(merged, *to)
	}
	for _, key := range sortedKeys(members) {
		def := findFeature(t, key)
		if def == nil {
			b.unknown(under(pointer, key))
			continue
		}
		if members[key] == nil && !b.create {
			delete(merged, key)
			continue
		}
		if _, err := def.parse(members[key]); err != nil {
			b.add(under(pointer, key), "%s", err)
			continue
		}
		merged[key] = members[key]
	}
	*to = merged
}

// limits merges numbers; set finds the limit of a name, nil when there is none.
func (b *body) limits(pointer string, v any, reset func(), set func(name string) **int64) {
	members, all, ok := b.object(pointer, v)
	if !ok {
		return
	}
	if all {
		reset()
	}
	for _, key := range sortedKeys(members) {
		to := set(key)
		if to == nil {
			b.unknown(under(pointer, key))
			continue
		}
		if members[key] == nil {
			*to = nil
			continue
		}
		n, err := wholeNumber(members[key])
		if err != nil || n < 0 || n > maxLimit {
			b.add(under(pointer, key), "must be null or a whole number from 0 to %d", int64(maxLimit))
			continue
		}
		*to = &n
	}
}

// find returns the limit of that name.
func (l *Limits) find(name string) **int64 {
	for _, f := range limitFields {
		if f.name == name {
			return f.at(l)
		}
	}
	return nil
}

func (l *SubscriptionLimits) find(name string) **int64 {
	switch name {
	case "max_rooms":
		return &l.MaxRooms
	case "max_concurrent_participants":
		return &l.MaxConcurrentParticipants
	}
	return l.Limits.find(name)
}

// quotas are kept as they are until their issue comes: numbers by name.
func (b *body) quotas(pointer string, v any, to *map[string]any) {
	members, reset, ok := b.object(pointer, v)
	if !ok {
		return
	}
	merged := map[string]any{}
	if !reset {
		maps.Copy(merged, *to)
	}
	for _, key := range sortedKeys(members) {
		switch members[key].(type) {
		case nil:
			delete(merged, key)
		case json.Number:
			merged[key] = members[key]
		default:
			b.add(under(pointer, key), "must be null or a number")
		}
	}
	if len(merged) > maxMetadataKeys {
		b.add(pointer, "must have at most %d keys", maxMetadataKeys)
		return
	}
	*to = merged
}

// pullSource merges an RTSP source.
func (b *body) pullSource(pointer string, v any, to **PullSource) {
	members, reset, ok := b.object(pointer, v)
	if !ok {
		return
	}
	if reset {
		*to = nil
		return
	}
	merged := PullSource{Transport: "auto"}
	if *to != nil {
		merged = **to
	}
	for _, key := range sortedKeys(members) {
		at := under(pointer, key)
		switch key {
		case "url":
			s, _ := members[key].(string)
			u, err := url.Parse(s)
			if err != nil || len(s) > 2048 || (u.Scheme != "rtsp" && u.Scheme != "rtsps") || u.Hostname() == "" {
				b.add(at, "must be an rtsp:// or rtsps:// address")
				continue
			}
			merged.URL = secret.New(s)
		case "transport":
			if members[key] == nil {
				merged.Transport = "auto"
				continue
			}
			b.choice(at, members[key], &merged.Transport, "auto", "tcp", "udp")
		default:
			b.unknown(at)
		}
	}
	if _, given := members["url"]; merged.URL.IsZero() && !given {
		b.add(under(pointer, "url"), "is required")
	}
	*to = &merged
}
