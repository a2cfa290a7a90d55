// Package web serves the page, its worker and what they load: the artefacts that
// cmd/build writes into the folder dist, embedded in the program.
package web

import (
	"embed"
	"errors"
	"io/fs"
)

// The marker .gitkeep lets a clone compile before anything is built.
//
//go:embed all:dist
var embedded embed.FS

// Dist returns the artefacts: index.html and what it loads, and edge.wasm. It
// fails if the program was built without them.
func Dist() (fs.FS, error) {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, err
	}
	return complete(dist)
}

func complete(dist fs.FS) (fs.FS, error) {
	if _, err := fs.Stat(dist, "index.html"); err != nil {
		return nil, errors.New("this program was built without its web artefacts; run make build")
	}
	return dist, nil
}
