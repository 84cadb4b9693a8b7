// Command tsgen writes the TypeScript types of the signaling messages from the
// Go ones. It is run by "go generate ./signaling"; a test of package tsgen/ts
// fails when the file in the front end is older than the Go types.
package main

import (
	"fmt"
	"os"

	"roomcast/signaling/internal/tsgen/ts"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: tsgen PROTOCOL_SOURCE_DIR OUTPUT_FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "tsgen:", err)
		os.Exit(1)
	}
}

func run(source, output string) error {
	text, err := ts.Generate(source)
	if err != nil {
		return err
	}
	if err := os.WriteFile(output, text, 0o644); err != nil { //nolint:gosec // a source file is for all to read
		return fmt.Errorf("write types: %w", err)
	}
	return nil
}
