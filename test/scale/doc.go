// Package scale tests how much a server bears: many clients at once, for a
// while, and what each of them got. Its tests need the tag long and are not
// built with the race detector, for they are about time.
package scale
