package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"roomcast/web/api"
)

// parameter is one of an operation.
type parameter struct {
	Name, In string
	Required bool
}

// document is as much of OpenAPI as the tests look at.
type document struct {
	OpenAPI string `json:"openapi"`
	Info    struct{ Title, Version string }
	Tags    []struct{ Name string }
	Paths   map[string]map[string]struct {
		OperationID string           `json:"operationId"`
		Tags        []string         `json:"tags"`
		Summary     string           `json:"summary"`
		Security    []map[string]any `json:"security"`
		Parameters  []parameter
		RequestBody *struct {
			Content map[string]any
		} `json:"requestBody"`
		Responses map[string]struct {
			Description string
			Content     map[string]any
		}
	}
	Components struct {
		Schemas         map[string]any
		SecuritySchemes map[string]any `json:"securitySchemes"`
	}
}

func readDocument(t *testing.T) (document, any) {
	t.Helper()
	raw, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var typed document
	var loose any
	if err := json.Unmarshal(raw, &typed); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &loose); err != nil {
		t.Fatal(err)
	}
	return typed, loose
}

func TestEveryCallOfTheContractIsDocumented(t *testing.T) {
	doc, _ := readDocument(t)
	for _, want := range []string{
		"GET /api/v1/rooms", "POST /api/v1/rooms",
		"GET /api/v1/rooms/{id}", "PATCH /api/v1/rooms/{id}", "DELETE /api/v1/rooms/{id}",
		"PUT /api/v1/rooms/{id}/room_metadata",
		"POST /api/v1/rooms/{id}/moderator_token/regenerate", "POST /api/v1/rooms/{id}/participant_token/regenerate",
		"POST /api/v1/rooms/{id}/stream_key/regenerate", "POST /api/v1/rooms/{id}/backup_stream_key/regenerate",
		"POST /api/v1/rooms/{id}/srt_passphrase/regenerate",
		"DELETE /api/v1/rooms/{id}/backup_stream_key", "DELETE /api/v1/rooms/{id}/srt_passphrase",
		"POST /api/v1/rooms/{id}/end", "POST /api/v1/rooms/{id}/lock", "POST /api/v1/rooms/{id}/unlock",
		"POST /api/v1/rooms/{id}/suspend", "POST /api/v1/rooms/{id}/resume",
		"GET /api/v1/rooms/{id}/join_tokens", "POST /api/v1/rooms/{id}/join_tokens", "DELETE /api/v1/rooms/{id}/join_tokens/{tid}",
		"GET /api/v1/rooms/{id}/participants", "DELETE /api/v1/rooms/{id}/participants/{pid}",
		"POST /api/v1/rooms/{id}/participants/{pid}/mute", "POST /api/v1/rooms/{id}/participants/{pid}/unmute",
		"GET /api/v1/rooms/{id}/chat", "POST /api/v1/rooms/{id}/chat", "DELETE /api/v1/rooms/{id}/chat/{message_id}",
		"PUT /api/v1/rooms/{id}/chat/pinned", "DELETE /api/v1/rooms/{id}/chat/pinned",
		"GET /api/v1/rooms/{id}/bans", "DELETE /api/v1/rooms/{id}/bans/{bid}",
		"GET /api/v1/rooms/{id}/stream", "DELETE /api/v1/rooms/{id}/stream",
		"POST /api/v1/rooms/{id}/stream/start", "POST /api/v1/rooms/{id}/stream/stop",
		"GET /api/v1/customers", "POST /api/v1/customers", "GET /api/v1/customers/{cid}", "PATCH /api/v1/customers/{cid}",
		"DELETE /api/v1/customers/{cid}",
		"GET /api/v1/subscriptions", "POST /api/v1/subscriptions", "GET /api/v1/subscriptions/{sid}",
		"PATCH /api/v1/subscriptions/{sid}", "DELETE /api/v1/subscriptions/{sid}",
		"POST /api/v1/door", "POST /api/v1/join",
		"GET /api/v1/session", "POST /api/v1/session/refresh", "DELETE /api/v1/session",
		"POST /api/v1/admin/session", "GET /api/v1/admin/session", "DELETE /api/v1/admin/session",
		"GET /healthz", "GET /readyz",
	} {
		method, path, _ := strings.Cut(want, " ")
		op, ok := doc.Paths[path][strings.ToLower(method)]
		if !ok {
			t.Errorf("%s is not in the document", want)
			continue
		}
		if op.Summary == "" || len(op.Tags) != 1 {
			t.Errorf("%s has summary %q and tags %v", want, op.Summary, op.Tags)
		}
	}
}

func TestTheDocumentIsSoundOpenAPI31(t *testing.T) {
	doc, loose := readDocument(t)
	if doc.OpenAPI != "3.1.0" || doc.Info.Title == "" || doc.Info.Version == "" {
		t.Errorf("openapi %q, info %+v", doc.OpenAPI, doc.Info)
	}
	var known []string
	for _, tag := range doc.Tags {
		known = append(known, tag.Name)
	}
	ids := map[string]bool{}
	element := regexp.MustCompile(`\{(\w+)\}`)
	for path, item := range doc.Paths {
		for method, op := range item {
			where := method + " " + path
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s: operationId %q is empty or there twice", where, op.OperationID)
			}
			ids[op.OperationID] = true
			if !slices.Contains(known, op.Tags[0]) {
				t.Errorf("%s: unknown tag %q", where, op.Tags[0])
			}
			for _, match := range element.FindAllStringSubmatch(path, -1) {
				documented := func(p parameter) bool { return p.Name == match[1] && p.In == "path" && p.Required }
				if !slices.ContainsFunc(op.Parameters, documented) {
					t.Errorf("%s: path parameter %s is not documented", where, match[1])
				}
			}
			for _, s := range op.Security {
				for name := range s {
					if _, ok := doc.Components.SecuritySchemes[name]; !ok {
						t.Errorf("%s: unknown security scheme %s", where, name)
					}
				}
			}
			good := 0
			for status, response := range op.Responses {
				if response.Description == "" {
					t.Errorf("%s: response %s has no description", where, status)
				}
				if status[0] == '2' {
					good++
				}
				if status[0] >= '4' && response.Content["application/problem+json"] == nil {
					t.Errorf("%s: response %s is no problem", where, status)
				}
			}
			if good != 1 {
				t.Errorf("%s: %d good answers", where, good)
			}
		}
	}
	checkReferences(t, doc, loose)
}

// checkReferences follows every $ref.
func checkReferences(t *testing.T, doc document, node any) {
	t.Helper()
	switch node := node.(type) {
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok {
			name, local := strings.CutPrefix(ref, "#/components/schemas/")
			if _, known := doc.Components.Schemas[name]; !local || !known {
				t.Errorf("$ref %s leads nowhere", ref)
			}
		}
		for _, child := range node {
			checkReferences(t, doc, child)
		}
	case []any:
		for _, child := range node {
			checkReferences(t, doc, child)
		}
	}
}

func TestTheDocumentIsTheSameEachTime(t *testing.T) {
	first, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	second, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two documents differ: generated clients would change without reason")
	}
}

func TestTheFrontEndsCopyOfTheDocumentIsFresh(t *testing.T) {
	want, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../app/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, have); err != nil {
		t.Fatal(err)
	}
	if compact.String() != string(want) {
		t.Error("web/app/openapi.json is not what the code says; run make generate")
	}
}

func ExampleOpenAPI() {
	raw, err := api.OpenAPI()
	if err != nil {
		fmt.Println(err)
		return
	}
	var doc struct {
		Paths map[string]map[string]struct{ Summary string }
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(doc.Paths["/api/v1/rooms"][strings.ToLower(http.MethodPost)].Summary)
	// Output: Create a room
}
