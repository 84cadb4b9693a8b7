package configs

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	// Path is the key, as in the file: "http.address".
	Path string
	// Source is where the value came from: "roomcast.yaml line 3",
	// "ROOMCAST_HTTP_ADDRESS" or "--http-address". Empty when the fault lies
	// between keys or in a default.
	Source string
	// Given is the value as it was given, empty when there was none or when it
	// must not be shown.
	Given string
	// Problem is what is wrong with it.
	Problem string
	// Want is what would be right.
	Want string
}

// String gives the fault as one line.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.Path)
	if f.Source != "" {
		fmt.Fprintf(&b, " (%s)", f.Source)
	}
	b.WriteString(": ")
	if f.Given != "" {
		fmt.Fprintf(&b, "%q ", f.Given)
	}
	b.WriteString(f.Problem)
	if f.Want != "" {
		b.WriteString("; ")
		b.WriteString(f.Want)
	}
	return b.String()
}

// Faults is everything that is wrong with a configuration, as an error.
type Faults []Fault

// Error implements error: one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// nearest finds the candidate that a misspelt name most likely means, or "".
func nearest(name string, candidates []string) string {
	best, bestDistance := "", 1+len(name)/3
	for _, c := range candidates {
		if d := distance(name, c); d <= bestDistance {
			best, bestDistance = c, d-1
		}
	}
	return best
}

// distance is the Levenshtein distance between a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
