package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"roomcast/web/problem"
)

//go:embed docs
var docsFiles embed.FS

// docsPolicy lets the page use its own style sheet and script, and nothing else.
const docsPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// docsPage is the documentation, written once from the OpenAPI document. It needs no script to be read.
type docsPage struct {
	html, css, js []byte
}

// docsGroup is one tag with its operations.
type docsGroup struct {
	Name, Description, Anchor string
	Operations                []docsOperation
}

type docsOperation struct {
	Method, Path, Anchor, Summary, Description string
	Credentials                                []string
	Parameters                                 []docsField
	Body, Answer                               *docsSchema
	BodyOptional                               bool
	Status                                     int
	Refusals                                   []docsRefusal
	Curl                                       string
}

type docsField struct {
	Name, In, Type, Description string
	Link                        string // Anchor of the type, if it is a schema.
	Required                    bool
}

// docsSchema is a body: a named schema with its fields, or a type in words.
type docsSchema struct {
	Name   string
	Type   string
	Fields []docsField
}

type docsRefusal struct {
	Status int
	Codes  []string
}

type docsNamed struct {
	Name, Anchor string
	Fields       []docsField
}

type docsError struct {
	Code, Title string
	Status      int
}

func newDocsPage(document *huma.OpenAPI) (*docsPage, error) {
	page, err := template.ParseFS(docsFiles, "docs/page.html")
	if err != nil {
		return nil, fmt.Errorf("parse the documentation page: %w", err)
	}
	css, err := docsFiles.ReadFile("docs/page.css")
	if err != nil {
		return nil, fmt.Errorf("read the documentation's style: %w", err)
	}
	js, err := docsFiles.ReadFile("docs/page.js")
	if err != nil {
		return nil, fmt.Errorf("read the documentation's script: %w", err)
	}
	var html bytes.Buffer
	err = page.Execute(&html, struct {
		Info    *huma.Info
		Groups  []docsGroup
		Schemas []docsNamed
		Errors  []docsError
		Version string
	}{document.Info, docsGroups(document), docsSchemas(document), docsErrors(), fingerprint(css, js)})
	if err != nil {
		return nil, fmt.Errorf("write the documentation page: %w", err)
	}
	return &docsPage{html: html.Bytes(), css: css, js: js}, nil
}

// fingerprint changes when the page's files do, so that browsers fetch them anew.
func fingerprint(files ...[]byte) string {
	h := sha256.New()
	for _, f := range files {
		h.Write(f)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

func (p *docsPage) register(mux *http.ServeMux) {
	serve := func(pattern, contentType, cache string, body []byte) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Type", contentType)
			h.Set("Cache-Control", cache)
			h.Set("Content-Security-Policy", docsPolicy)
			h.Set("X-Frame-Options", "DENY")
			h.Set("Content-Length", strconv.Itoa(len(body)))
			if r.Method != http.MethodHead {
				_, _ = w.Write(body) // The caller may have gone.
			}
		})
	}
	serve("/api/docs", "text/html; charset=utf-8", "no-cache", p.html)
	serve("/api/docs/page.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable", p.css)
	serve("/api/docs/page.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", p.js)
}

func docsGroups(document *huma.OpenAPI) []docsGroup {
	groups := make([]docsGroup, 0, len(document.Tags))
	for _, tag := range document.Tags {
		group := docsGroup{Name: tag.Name, Description: tag.Description, Anchor: anchor("group", tag.Name)}
		for _, path := range sortedKeys(document.Paths) {
			item := document.Paths[path]
			for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
				if op != nil && slices.Contains(op.Tags, tag.Name) {
					group.Operations = append(group.Operations, newDocsOperation(document, op))
				}
			}
		}
		groups = append(groups, group)
	}
	return groups
}

func newDocsOperation(document *huma.OpenAPI, op *huma.Operation) docsOperation {
	out := docsOperation{
		Method: op.Method, Path: op.Path, Anchor: anchor("call", op.OperationID), Summary: op.Summary, Description: op.Description,
		Credentials: credentialsOf(op), Curl: curlOf(document, op),
	}
	for _, p := range op.Parameters {
		out.Parameters = append(out.Parameters, docsField{Name: p.Name, In: p.In, Type: typeName(p.Schema), Description: p.Description, Required: p.Required})
	}
	if op.RequestBody != nil {
		out.Body = newDocsSchema(document, op.RequestBody.Content["application/json"].Schema)
		out.BodyOptional = !op.RequestBody.Required
	}
	for _, status := range sortedKeys(op.Responses) {
		response := op.Responses[status]
		n, _ := strconv.Atoi(status) // Written by operation, as numbers.
		switch {
		case n < http.StatusMultipleChoices:
			out.Status = n
			if content := response.Content["application/json"]; content != nil {
				out.Answer = newDocsSchema(document, content.Schema)
			}
		case n >= http.StatusBadRequest:
			_, codes, _ := strings.Cut(response.Description, ": ")
			out.Refusals = append(out.Refusals, docsRefusal{Status: n, Codes: strings.Split(codes, ", ")})
		}
	}
	return out
}

func credentialsOf(op *huma.Operation) []string {
	words := map[string]string{schemeKey: "API key", schemeCookie: "admin cookie", schemeSession: "session"}
	var out []string
	for _, s := range op.Security {
		for name := range s {
			out = append(out, words[name])
		}
	}
	return out
}

func newDocsSchema(document *huma.OpenAPI, s *huma.Schema) *docsSchema {
	if name, ok := strings.CutPrefix(s.Ref, schemaPrefix); ok {
		return &docsSchema{Name: name, Fields: docsFields(document.Components.Schemas.SchemaFromRef(s.Ref))}
	}
	return &docsSchema{Type: typeName(s)}
}

func docsSchemas(document *huma.OpenAPI) []docsNamed {
	schemas := document.Components.Schemas.Map()
	out := make([]docsNamed, 0, len(schemas))
	for _, name := range sortedKeys(schemas) {
		out = append(out, docsNamed{Name: name, Anchor: anchor("schema", name), Fields: docsFields(schemas[name])})
	}
	return out
}

func docsFields(s *huma.Schema) []docsField {
	fields := make([]docsField, 0, len(s.Properties))
	for _, name := range sortedKeys(s.Properties) {
		property := s.Properties[name]
		field := docsField{Name: name, Type: typeName(property), Description: property.Description, Required: slices.Contains(s.Required, name)}
		if target := refOf(property); target != "" {
			field.Link = anchor("schema", strings.TrimPrefix(target, schemaPrefix))
		}
		fields = append(fields, field)
	}
	return fields
}

// refOf gives the schema that a property refers to, itself, in a list or besides null.
func refOf(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return s.Ref
	case s.Items != nil:
		return refOf(s.Items)
	case len(s.OneOf) > 0:
		return refOf(s.OneOf[0])
	}
	return ""
}

func docsErrors() []docsError {
	kinds := problem.Kinds()
	out := make([]docsError, 0, len(kinds))
	for code, k := range kinds {
		out = append(out, docsError{Code: code, Title: k.Title, Status: k.Status})
	}
	slices.SortFunc(out, func(a, b docsError) int {
		if a.Status != b.Status {
			return a.Status - b.Status
		}
		return strings.Compare(a.Code, b.Code)
	})
	return out
}

// typeName says in words what a schema takes.
func typeName(s *huma.Schema) string {
	name := s.Type
	switch {
	case s.Ref != "":
		name = strings.TrimPrefix(s.Ref, schemaPrefix)
	case len(s.OneOf) > 0:
		words := make([]string, len(s.OneOf))
		for i, one := range s.OneOf {
			words[i] = typeName(one)
		}
		return strings.Join(words, " | ")
	case s.Type == huma.TypeArray:
		name = "list of " + typeName(s.Items)
	case s.Type == "":
		name = "any"
	case s.Format == "date-time":
		name = "time"
	case s.Format == "uri":
		name = "URL"
	}
	if len(s.Enum) > 0 {
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i] = fmt.Sprint(e)
		}
		name = strings.Join(words, " | ")
	}
	if s.Nullable {
		name += " | null"
	}
	if s.Minimum != nil && s.Maximum != nil {
		name += fmt.Sprintf(", %v to %v", *s.Minimum, *s.Maximum)
	}
	if s.Default != nil {
		name += fmt.Sprintf(", default %v", s.Default)
	}
	return name
}

// curlOf is a call as one types it.
func curlOf(document *huma.OpenAPI, op *huma.Operation) string {
	path := strings.NewReplacer("{id}", "$ROOM", "{pid}", "$PARTICIPANT", "{tid}", "$TOKEN_ID", "{bid}", "$BAN", "{cid}", "$CUSTOMER", "{sid}", "$SUBSCRIPTION").Replace(op.Path)
	lines := []string{"curl"}
	if op.Method != http.MethodGet {
		lines[0] += " -X " + op.Method
	}
	lines[0] += ` "$ROOMCAST` + path + `"`
	for _, s := range op.Security {
		if _, ok := s[schemeKey]; ok {
			lines = append(lines, `-H "Authorization: Bearer $API_KEY"`)
			break
		}
		if _, ok := s[schemeSession]; ok {
			lines = append(lines, `-H "Authorization: Bearer $SESSION"`)
			break
		}
		lines = append(lines, "-b cookies.txt")
		if op.Method != http.MethodGet {
			lines = append(lines, `-H "X-CSRF-Token: $CSRF"`)
		}
	}
	if op.RequestBody != nil && op.RequestBody.Required {
		mediaType := "application/json"
		if op.RequestBody.Content["application/merge-patch+json"] != nil {
			mediaType = "application/merge-patch+json"
		}
		example, _ := json.Marshal(exampleOf(document, op.RequestBody.Content["application/json"].Schema)) // Strings and numbers.
		lines = append(lines, `-H "Content-Type: `+mediaType+`"`, "-d '"+string(example)+"'")
	}
	return strings.Join(lines, " \\\n  ")
}

// exampleOf makes the least body that a schema takes, or its first field when it needs none.
func exampleOf(document *huma.OpenAPI, s *huma.Schema) any {
	if s.Ref != "" {
		s = document.Components.Schemas.SchemaFromRef(s.Ref)
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == huma.TypeObject:
		out := map[string]any{}
		names := slices.Clone(s.Required)
		if len(names) == 0 {
			for _, name := range sortedKeys(s.Properties) {
				if p := s.Properties[name]; len(p.Examples) > 0 || (p.Type == huma.TypeString && name == "token") {
					names = append(names, name)
					break
				}
			}
		}
		for _, name := range names {
			out[name] = exampleOf(document, s.Properties[name])
		}
		return out
	case s.Type == huma.TypeInteger, s.Type == huma.TypeNumber:
		return 1
	case s.Type == huma.TypeBoolean:
		return true
	default:
		return "…"
	}
}

func anchor(kind, name string) string {
	return kind + "-" + strings.ReplaceAll(strings.ToLower(name), " ", "-")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
