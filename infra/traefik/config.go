// Package traefik holds the part of Traefik's configuration that all routes share. What routes one service is in its
// container's labels and in its switch file (core/traefik).
package traefik

import (
	"embed"
	"io/fs"
)

//go:embed dynamic/*.yml
var files embed.FS

// Dynamic are the files for Traefik's dynamic folder. Their names begin with an underscore, which no service's does.
func Dynamic() fs.FS {
	sub, err := fs.Sub(files, "dynamic")
	if err != nil { // the name is a constant
		panic(err)
	}
	return sub
}
