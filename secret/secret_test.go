package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"roomcast/secret"
)

func TestTextShowsItsContentOnlyToReveal(t *testing.T) {
	s := secret.New("canary-4711")
	holder := struct {
		Key secret.Text
		Ptr *secret.Text
	}{s, &s}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, holder))
	}
	js, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", s, "holder", holder)
	shown = append(shown, string(js), log.String(), fmt.Errorf("open %v: %w", s, fmt.Errorf("%s", holder)).Error())
	for _, text := range shown {
		if strings.Contains(text, "canary-4711") || strings.Contains(text, fmt.Sprintf("%x", "canary-4711")) {
			t.Errorf("secret seen in %q", text)
		}
	}
	if s.Reveal() != "canary-4711" {
		t.Errorf("Reveal() = %q", s.Reveal())
	}
}

func TestEqual(t *testing.T) {
	tests := map[string]struct {
		secret, candidate string
		want              bool
	}{
		"the same text is equal":        {"4711", "4711", true},
		"a prefix is not equal":         {"4711", "471", false},
		"another text is not equal":     {"4711", "0815", false},
		"the empty secret equals empty": {"", "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := secret.New(tt.secret).Equal(tt.candidate); got != tt.want {
				t.Errorf("Equal = %v, want %v", got, tt.want)
			}
		})
	}
}
