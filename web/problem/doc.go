// Package problem writes refusals: application/problem+json as RFC 9457 has it, with the codes of the public contract.
//
// Every error that leaves an HTTP door goes through Write, whether it came from package rooms (which decides) or from
// the doors themselves (malformed bodies, unknown routes). An error that is no *rooms.Error is ours, not the
// caller's: it is answered as a plain 500 with code "internal", and what went wrong stands in the log only.
package problem
