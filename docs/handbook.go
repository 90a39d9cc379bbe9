// Package docs embeds the operator's handbook, so that it can be read on any console, also when nothing else works.
package docs

import (
	"embed"
	"io/fs"
)

//go:embed handbook/*.md
var handbook embed.FS

// Handbook is the folder of pages; a leading number in a file's name orders them and is not part of the page's name.
func Handbook() (fs.FS, error) { return fs.Sub(handbook, "handbook") }
