package git_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/git"
)

func TestADamagedMirrorIsMadeCompleteOrFetchedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		damage func(dir string) error
		aside  bool // what was there is kept beside
	}{
		"HEAD alone":    {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "objects")) }, true},
		"nothing yet":   {func(dir string) error { return os.RemoveAll(dir) }, false},
		"an empty HEAD": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "HEAD"), nil, 0o600) }, true},
		"no HEAD":       {func(dir string) error { return os.Remove(filepath.Join(dir, "HEAD")) }, false},
		"an empty reference": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "refs", "matrx", "fetched"), nil, 0o600)
		}, true},
		"a commit is gone": {func(dir string) error {
			return filepath.WalkDir(filepath.Join(dir, "objects"), func(path string, entry os.DirEntry, err error) error {
				if err != nil || entry.IsDir() {
					return err
				}
				return os.Remove(path)
			})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.write("a", "1")
			sha := r.commit("one")
			g := r.reader()
			fetched(t, g, r.source())
			dir := mirrorOf(r, "web")
			if err := tc.damage(dir); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got := fetched(t, g, r.source()); got.SHA != sha {
					t.Fatalf("got %s", got.SHA)
				}
			}
			_, err := os.Stat(strings.TrimSuffix(dir, ".git") + ".damaged")
			if aside := err == nil; aside != tc.aside {
				t.Errorf("moved aside: %t", aside)
			}
		})
	}
}

func TestAMirrorOfWhichOnlyHEADWasMadeIsMadeComplete(t *testing.T) {
	r := newRepo(t)
	sha := r.commit("one")
	dir := mirrorOf(r, "web")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := fetched(t, r.reader(), r.source()); got.SHA != sha {
		t.Fatalf("got %s", got.SHA)
	}
}

func TestASoundMirrorStaysWhenGitCannotBeRun(t *testing.T) {
	r := newRepo(t)
	r.commit("one")
	fetched(t, r.reader(), r.source())
	_, err := r.reader(func(c *git.Config) { c.Program = "/nowhere/git" }).Fetch(t.Context(), "web", r.source(), nil)
	wantCode(t, err, core.CodeUnavailable, "no git program")
	if _, err := os.Stat(filepath.Join(mirrorOf(r, "web"), "HEAD")); err != nil {
		t.Error(err)
	}
}
