// Package sqlstore keeps everything of package rooms in SQLite: the embedded
// default, in pure Go. It decides nothing; rules live in package rooms.
//
// A Store is one file in a data directory that it takes for itself, so that no
// two processes write it. One connection writes, so that transactions follow
// one another without conflicts; several read, undisturbed by it (WAL). A
// transaction is on disk when Update returns (synchronous=FULL).
//
// Times are stored as microseconds since 1970 UTC; metadata, features, limits
// and quotas as JSON text, so that numbers keep every digit. Tokens and stream
// keys are found by the SHA-256 of them, in room_credentials.
package sqlstore
