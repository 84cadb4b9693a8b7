// Package api is the REST API under /api/v1: it turns requests into calls on the registry, the door, the hub and the
// signaling server, and their answers into JSON.
//
// It decides nothing about rooms: bodies that make or change one are checked to be well-formed JSON objects and
// handed to package rooms as they are, which validates every field. What is decided here is HTTP's own: who asks (API
// key, admin cookie or a participant's session), which media type is read, preconditions, idempotency, and which URLs
// an answer names.
//
// Each operation is one call value: method, path, documentation and handler together. Service.Register mounts them on
// a multiplexer and, by huma, writes the OpenAPI 3.1 document from the same values and the Go types they name, so the
// document cannot drift from the code. huma's own validation and error model are not used: refusals are package
// problem's.
//
// A request flows: router -> call -> body and query (body.go, query.go) -> credential (credential.go) -> handler ->
// reply (reply.go).
package api
