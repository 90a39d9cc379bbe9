package plane

import (
	"runtime/debug"
	"testing"
)

func TestTheVersionSaysTheCommitAndWhetherItIsExact(t *testing.T) {
	const sha = "0123456789abcdef0123456789abcdef01234567"
	stamped := func(modified string) func() (*debug.BuildInfo, bool) {
		return func() (*debug.BuildInfo, bool) {
			return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: sha}, {Key: "vcs.modified", Value: modified}}}, true
		}
	}
	none := func() (*debug.BuildInfo, bool) { return nil, false }
	empty := func() (*debug.BuildInfo, bool) { return &debug.BuildInfo{}, true }
	for _, c := range []struct {
		name, linked string
		read         func() (*debug.BuildInfo, bool)
		want         string
	}{
		{"built from an archive", sha, none, sha[:12]},
		{"built from an archive of a changed tree", sha + "-dirty", none, sha[:12] + "-dirty"},
		{"the linker wins", "f" + sha[1:], stamped("true"), "f123456789ab"},
		{"built in a checkout", "", stamped("false"), sha[:12]},
		{"built in a changed checkout", "", stamped("true"), sha[:12] + "-dirty"},
		{"an archive without a commit", "unknown", empty, "unknown"},
		{"nothing is known", "", none, "unknown"},
	} {
		if got := versionOf(c.linked, c.read); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
