package git

import (
	"path"
	"strings"
)

// maxHops bounds how many links are followed for one path, as kernels do.
const maxHops = 40

// staysInside follows a path step by step through the links of a folder and tells whether it never leaves it. A text that
// looks harmless may lead out by way of another link. A circle of links leads nowhere, so it stays.
func staysInside(links map[string]string, name string) bool {
	at, rest := ".", strings.Split(name, "/")
	for hops := 0; len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		switch step {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return false
			}
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, step)
		target, link := links[next]
		switch {
		case !link:
			at = next
		case strings.HasPrefix(target, "/"):
			return false
		case hops >= maxHops:
			return true
		default:
			hops++
			rest = append(strings.Split(target, "/"), rest...)
		}
	}
	return true
}
