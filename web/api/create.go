package api

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"roomcast/rooms"
)

// idempotencyHeader makes a create repeatable.
const idempotencyHeader = "Idempotency-Key"

// errNotCreated is a fault of ours: a create was rendered as something it is not.
var errNotCreated = errors.New("render what was created: not of the call's type")

// kept is an answer as it is kept for an Idempotency-Key: all of it that a repetition must show again.
type kept struct {
	Location string          `json:"location"`
	ETag     string          `json:"etag,omitempty"`
	Body     json.RawMessage `json:"body"`
}

// writing are the circumstances of a change.
func (v *visit) writing() rooms.WriteOptions {
	return rooms.WriteOptions{IfMatch: v.r.Header.Get("If-Match"), Secrets: v.caller.secrets}
}

// create runs a create, once for one Idempotency-Key, and answers what render makes of it.
func (v *visit) create(render func(created any) (reply, error), do func(rooms.WriteOptions) (any, *rooms.Replay, error)) (reply, error) {
	options := v.writing()
	options.IfMatch = ""
	key, err := v.idempotencyKey()
	if err != nil {
		return reply{}, err
	}
	if key != "" {
		options.Idempotency = &rooms.Idempotency{
			Scope:   strings.Join([]string{v.caller.keyID, v.r.Method, v.r.URL.Path, key}, "\n"),
			BodySum: sha256.Sum256(v.body),
			Render: func(created any) ([]byte, error) {
				answer, err := render(created)
				if err != nil {
					return nil, err
				}
				return answer.keep()
			},
		}
	}
	created, replay, err := do(options)
	switch {
	case err != nil:
		return reply{}, err
	case replay != nil:
		return keptReply(replay.Body)
	}
	return render(created)
}

// idempotencyKey reads the header: 1 to 255 printable ASCII characters.
func (v *visit) idempotencyKey() (string, error) {
	values := v.r.Header.Values(idempotencyHeader)
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	fit := len(values) == 1 && key != "" && len(key) <= maxKeyLength
	for i := 0; fit && i < len(key); i++ {
		fit = key[i] >= ' ' && key[i] < 0x7f
	}
	if !fit {
		return "", &rooms.Error{Code: rooms.CodeValidationFailed, Detail: "Idempotency-Key must be 1 to 255 printable ASCII characters, once"}
	}
	return key, nil
}

func (a reply) keep() ([]byte, error) {
	body, err := render(a.body)
	if err != nil {
		return nil, err
	}
	return render(kept{Location: a.location, ETag: a.etag, Body: body})
}

func keptReply(raw []byte) (reply, error) {
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil {
		return reply{}, fmt.Errorf("read a kept answer: %w", err)
	}
	return reply{body: k.Body, etag: k.ETag, location: k.Location}, nil
}
