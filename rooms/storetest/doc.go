// Package storetest is the suite that every rooms.Store must pass. It looks
// only at what the interface promises: what is read back, what a transaction
// leaves behind, and in what order lists come. Durability is for the tests of
// the implementation: only it knows what could be lost.
package storetest
