// Package ingesttest makes real media for the tests of the doors, with ffmpeg,
// and asks ffmpeg whether what came out of them can be decoded.
package ingesttest
