package protocol_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"roomcast/signaling/protocol"
)

// examples returns the JSON examples of PROTOCOL.md by side.
func examples(t *testing.T) (client, server []string) {
	t.Helper()
	page, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	fromClient, fromServer, ok := strings.Cut(string(page), "### From server to client")
	if !ok {
		t.Fatal("PROTOCOL.md has no part about the server's messages")
	}
	fence := regexp.MustCompile("(?s)```json\n(.*?)```")
	for _, m := range fence.FindAllStringSubmatch(fromClient, -1) {
		client = append(client, m[1])
	}
	for _, m := range fence.FindAllStringSubmatch(fromServer, -1) {
		server = append(server, m[1])
	}
	return client, server
}

func TestExamplesOfThePageAreMessages(t *testing.T) {
	client, server := examples(t)
	var seen []protocol.Kind
	for _, text := range client {
		m, err := protocol.ReadClient([]byte(text))
		if err != nil {
			t.Errorf("client example %s: %v", text, err)
			continue
		}
		seen = append(seen, protocol.KindOf(m))
		back, err := protocol.EncodeClient(m)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, text, back)
	}
	for _, e := range protocol.ClientEntries() {
		if !slices.Contains(seen, e.Kind) {
			t.Errorf("PROTOCOL.md has no example of the client's %s", e.Kind)
		}
	}
	seen = nil
	for _, text := range server {
		m, err := protocol.ReadServer([]byte(text))
		if err != nil {
			t.Errorf("server example %s: %v", text, err)
			continue
		}
		seen = append(seen, protocol.KindOf(m))
		back, err := protocol.EncodeServer(m)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, text, back)
	}
	for _, e := range protocol.ServerEntries() {
		if !slices.Contains(seen, e.Kind) {
			t.Errorf("PROTOCOL.md has no example of the server's %s", e.Kind)
		}
	}
}

// sameJSON checks that what was read from an example says the same again; a
// field with its zero value may be left out where the type says so.
func sameJSON(t *testing.T, text string, back []byte) {
	t.Helper()
	var want, got map[string]any
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(back, &got); err != nil {
		t.Fatal(err)
	}
	for key, value := range want {
		if _, there := got[key]; !there && reflect.ValueOf(value).IsZero() {
			delete(want, key)
		}
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("example and type differ:\n%s\n%s", text, back)
	}
}

func TestThePageNamesEveryCodeAndLimit(t *testing.T) {
	page, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range protocol.Codes() {
		if !strings.Contains(string(page), "`"+code+"`") {
			t.Errorf("PROTOCOL.md does not name the code %s", code)
		}
	}
	for _, code := range protocol.EndedCodes() {
		if !strings.Contains(string(page), "`"+string(code)+"`") {
			t.Errorf("PROTOCOL.md does not name the end %s", code)
		}
	}
}
