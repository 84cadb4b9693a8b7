// Package harness runs the real Roomcast binary for tests: it builds it, starts
// it on loopback ports with a data directory of its own, speaks to its public
// doors, and sees to it that it ends as it should.
//
// It knows the program only from outside: its environment, its listeners, its
// output and what /proc says about it. It imports none of its packages but the
// public signaling client, so that what it checks is what a stranger gets.
//
// A test calls Start, uses Server.API, Server.Join and Publish, and may Stop,
// Kill or Restart the process; what it leaves running is stopped at its end, and
// a process that raced, panicked or would not stop fails the test.
package harness
