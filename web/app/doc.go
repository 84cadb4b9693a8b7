// Package app carries the front end inside the binary.
//
// The TypeScript sources stand beside this file (README.md says how they are laid out); `npm run build` writes the
// pages to dist, and the compiler embeds them from there. The package only hands the files out: which page answers
// which address, and with which headers, is decided where HTTP is served.
package app
