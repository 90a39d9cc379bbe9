package plane

import (
	"runtime/debug"
	"strings"
)

// commit is what the linker sets where the program is built from an archive of a commit, which has no repository to ask
// (infra/manager/Dockerfile): the full SHA, with "-dirty" behind it when the tree was not clean.
var commit string

// Version names this program: the commit it was built from, marked when the tree was not clean, or unknown.
func Version() string { return versionOf(commit, debug.ReadBuildInfo) }

// versionOf prefers what the linker set over what the Go tool recorded.
func versionOf(linked string, read func() (*debug.BuildInfo, bool)) string {
	if sha, dirty := strings.CutSuffix(linked, "-dirty"); len(sha) >= 12 {
		return mark(sha, dirty)
	}
	info, ok := read()
	if !ok {
		return "unknown"
	}
	sha, dirty := "", false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			sha = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if len(sha) < 12 {
		return "unknown"
	}
	return mark(sha, dirty)
}

// mark shortens a commit as people write it.
func mark(sha string, dirty bool) string {
	if dirty {
		return sha[:12] + "-dirty"
	}
	return sha[:12]
}
