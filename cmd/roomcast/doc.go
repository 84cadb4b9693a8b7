// Command roomcast is the whole of Roomcast in one process: "roomcast serve"
// starts it, the other commands look after it.
//
// The package wires the parts by hand and holds no logic of its own: main.go
// has the command line, serve.go what runs and in which order it starts and
// ends, welcome.go what an operator reads at the start, demo.go a client of the
// API that makes one room of each type.
package main
