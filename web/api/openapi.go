package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"roomcast/live"
	"roomcast/rooms"
	"roomcast/web/problem"
)

// The tags that group the documentation, in its order.
const (
	tagRooms      = "Rooms"
	tagSecrets    = "Room secrets"
	tagRuns       = "Runs"
	tagPeople     = "People"
	tagJoinTokens = "Join tokens"
	tagChat       = "Chat"
	tagStream     = "Broadcast"
	tagRecordings = "Recordings"
	tagDoor       = "Door"
	tagBilling    = "Customers and subscriptions"
	tagAdmin      = "Admin login"
	tagOperations = "Operations"
)

var tags = []*huma.Tag{
	{Name: tagRooms, Description: "A room is what you make and hand out: its type is for life, everything else may change."},
	{Name: tagSecrets, Description: "Tokens, keys and passphrases are made by the server and regenerated, never set."},
	{Name: tagRuns, Description: "A run is one continuous use of a room."},
	{Name: tagPeople, Description: "Who is inside, and who may not come back."},
	{Name: tagJoinTokens, Description: "Doors minted for one person or a few."},
	{Name: tagChat, Description: "What is said in a room: plain text, kept for the run."},
	{Name: tagStream, Description: "What a live or simulcast room is sending."},
	{Name: tagRecordings, Description: "Files of broadcasts: whole shows of rooms with the feature recording, and clips."},
	{Name: tagDoor, Description: "How participants get in. No API key is used here."},
	{Name: tagBilling, Description: "Customers are billed; subscriptions set the limits of their rooms."},
	{Name: tagAdmin, Description: "The login of the admin pages."},
	{Name: tagOperations, Description: "Probes."},
}

// The security schemes.
const (
	schemeKey     = "apiKey"
	schemeCookie  = "adminCookie"
	schemeSession = "session"
)

// schemaPrefix begins every reference to a schema.
const schemaPrefix = "#/components/schemas/"

// newDocument is the OpenAPI document before any operation.
func newDocument() *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Roomcast", Version: "1",
			Description: "Rooms for meetings, live broadcasts, restreams and video. JSON in UTF-8; times RFC 3339 in UTC, sizes in bytes, " +
				"rates in bits per second, durations in seconds. Lists are newest first. Errors are application/problem+json (RFC 9457); decide by their code.",
		},
		Tags: tags,
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry(schemaPrefix, schemaName),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				schemeKey:     {Type: "http", Scheme: "bearer", Description: "An API key."},
				schemeCookie:  {Type: "apiKey", In: "cookie", Name: adminCookieName(true), Description: "The admin pages' login (roomcast_admin over plain HTTP), with X-CSRF-Token for every change. Same origin only."},
				schemeSession: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The session of a joined participant, for its own room."},
			},
		},
	}
}

// schemaNames are types of other packages whose own names say too little in the API.
var schemaNames = map[reflect.Type]string{
	reflect.TypeFor[live.State]():          "Broadcast",
	reflect.TypeFor[live.Brief]():          "BroadcastBrief",
	reflect.TypeFor[live.PublisherState](): "BroadcastPublisher",
	reflect.TypeFor[live.TrackState]():     "BroadcastTrack",
	reflect.TypeFor[live.Warning]():        "BroadcastWarning",
}

// schemaName names lists after their items.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name, ok := schemaNames[t]; ok {
		return name
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if item, ok := strings.CutPrefix(name, "List"); ok && item != "" {
		return item + "List"
	}
	return name
}

// operation describes a call.
func (s *Service) operation(document *huma.OpenAPI, c *call) *huma.Operation {
	schemas := document.Components.Schemas
	op := &huma.Operation{
		OperationID: c.id, Method: c.method, Path: c.path, Tags: []string{c.tag}, Summary: c.summary, Description: c.description,
		Security: securityOf(c), Parameters: parametersOf(c), Responses: map[string]*huma.Response{},
	}
	if c.body != nil {
		schema := schemas.Schema(reflect.TypeOf(c.body), true, "")
		content := map[string]*huma.MediaType{"application/json": {Schema: schema}}
		if c.patch {
			content["application/merge-patch+json"] = &huma.MediaType{Schema: schema}
		}
		op.RequestBody = &huma.RequestBody{Required: !c.bodyOptional, Content: content}
	}
	good := &huma.Response{Description: http.StatusText(c.status), Headers: headersOf(c)}
	if c.answer != nil {
		good.Content = map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeOf(c.answer), true, "")}}
	}
	op.Responses[strconv.Itoa(c.status)] = good
	if c.preconditions && c.method == http.MethodGet {
		op.Responses["304"] = &huma.Response{Description: "Not changed since the ETag in If-None-Match"}
	}
	addProblems(op, schemas, codesOf(c))
	return op
}

func securityOf(c *call) []map[string][]string {
	switch c.access {
	case open:
		return []map[string][]string{}
	case byCookie:
		return []map[string][]string{{schemeCookie: {}}}
	case bySession:
		return []map[string][]string{{schemeSession: {}}}
	case byModerator, byParticipant:
		return []map[string][]string{{schemeKey: {}}, {schemeCookie: {}}, {schemeSession: {}}}
	default:
		return []map[string][]string{{schemeKey: {}}, {schemeCookie: {}}}
	}
}

func parametersOf(c *call) []*huma.Param {
	var all []*huma.Param
	for _, element := range strings.Split(c.path, "/") {
		if name, ok := strings.CutPrefix(element, "{"); ok {
			all = append(all, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
		}
	}
	for _, q := range c.query {
		schema := q.schema
		all = append(all, &huma.Param{Name: q.name, In: "query", Description: q.description, Schema: &schema})
	}
	header := func(name, description string) {
		all = append(all, &huma.Param{Name: name, In: "header", Description: description, Schema: &huma.Schema{Type: "string"}})
	}
	if c.creates {
		header(idempotencyHeader, "Makes a repetition within 24 h answer the same again")
	}
	if c.preconditions && c.method == http.MethodGet {
		header("If-None-Match", "An ETag that the caller has")
	} else if c.preconditions {
		header("If-Match", "Only if this is still the ETag")
	}
	return all
}

func headersOf(c *call) map[string]*huma.Param {
	headers := map[string]*huma.Param{}
	text := &huma.Schema{Type: "string"}
	if c.etag {
		headers["ETag"] = &huma.Param{Description: "Over what is stored", Schema: text}
	}
	if c.creates {
		headers["Location"] = &huma.Param{Description: "Path of what was created", Schema: text}
	}
	return headers
}

// codesOf are a call's own codes and those that follow from its kind.
func codesOf(c *call) []string {
	codes := slices.Clone(c.codes)
	switch c.access {
	case open:
	case bySession:
		codes = append(codes, rooms.CodeSessionInvalid)
	case byModerator, byParticipant:
		codes = append(codes, rooms.CodeUnauthorized, rooms.CodeSessionInvalid, rooms.CodeSessionExpired, rooms.CodeForbidden, rooms.CodeTooManyAttempts)
	default:
		codes = append(codes, rooms.CodeUnauthorized, rooms.CodeForbidden, rooms.CodeOriginNotAllowed, rooms.CodeTooManyAttempts)
	}
	if c.body != nil {
		codes = append(codes, rooms.CodeMalformedJSON, rooms.CodeBodyTooLarge, rooms.CodeUnsupportedMedia, rooms.CodeUnknownField, rooms.CodeValidationFailed)
	}
	if len(c.query) > 0 {
		codes = append(codes, rooms.CodeValidationFailed)
	}
	if strings.Contains(c.path, "{") {
		codes = append(codes, rooms.CodeNotFound)
	}
	if c.preconditions && c.method != http.MethodGet {
		codes = append(codes, rooms.CodePreconditionFailed)
	}
	if c.creates {
		codes = append(codes, rooms.CodeIdempotencyReused, rooms.CodeReadOnly)
	}
	return append(codes, rooms.CodeShuttingDown)
}

// addProblems documents refusals by status.
func addProblems(op *huma.Operation, schemas huma.Registry, codes []string) {
	kinds := problem.Kinds()
	byStatus := map[int][]string{}
	for _, code := range codes {
		status := kinds[code].Status
		if !slices.Contains(byStatus[status], code) {
			byStatus[status] = append(byStatus[status], code)
		}
	}
	content := map[string]*huma.MediaType{problem.ContentType: {Schema: schemas.Schema(reflect.TypeFor[problem.Problem](), true, "")}}
	for status, codes := range byStatus {
		slices.Sort(codes)
		response := &huma.Response{
			Description: fmt.Sprintf("%s: %s", http.StatusText(status), strings.Join(codes, ", ")), Content: content,
		}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			response.Headers = map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait", Schema: &huma.Schema{Type: "integer"}}}
		}
		op.Responses[strconv.Itoa(status)] = response
	}
}
