package app

import (
	"embed"
	"io/fs"
)

// dist holds .gitkeep on a clean clone, so that the package builds before the front end was built.
//
//go:embed all:dist
var dist embed.FS

// FS gives the built front end: the HTML entries join.html, embed.html and admin.html at its root, and everything
// they load under assets/, where each name carries a hash of its content and may be cached for ever.
// Before the front end was built it holds no HTML entry: opening one answers fs.ErrNotExist.
func FS() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		// fs.Sub fails only for a path that is not valid, and this one is a constant.
		panic(err)
	}
	return sub
}
