// Package bench loads a running server as its users would and says what that
// cost: it makes rooms through the API, publishes a real encoding with a wall
// clock in every picture, watches it many times over, and reads the server's
// processor time from the kernel. Beside the server, in the same run, it asks a bare
// net/http handler for the same bytes by the same protocol (HTTP/1.1, or HTTP/2
// over TLS with the same kind of key), so that figures of a noisy machine still
// say something as a ratio. The rooms' rewind windows are full before anything
// is measured.
//
// It is a client: it imports nothing of the server, and runs against any
// Roomcast on this machine or, without processor time, elsewhere.
//
// Data flows clip (ffmpeg, once) -> publishers -> server -> viewers -> tally ->
// [Report].
package bench
