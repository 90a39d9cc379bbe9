package git_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/git"
)

// unpack lists what a context holds as "type mode name=content".
func unpack(t testing.TB, g *git.Git, sha, dir string) []string {
	t.Helper()
	stream, err := g.Context(t.Context(), "web", sha, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	}()
	var list []string
	for r := tar.NewReader(stream); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if head.Uid != 0 || head.Gid != 0 || head.ModTime.UTC().Format("2006-01-02") != "2026-01-02" {
			t.Errorf("%s has %d:%d, %s", head.Name, head.Uid, head.Gid, head.ModTime)
		}
		list = append(list, fmt.Sprintf("%c %o %s=%s%s", head.Typeflag, head.Mode, head.Name, content, head.Linkname))
	}
}

// link makes a symbolic link in the working tree.
func (r *repo) link(name, target string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		r.t.Fatal(err)
	}
}

func TestTheContextIsTheCommittedFolderAsItIs(t *testing.T) {
	r := newRepo(t)
	r.write(".gitattributes", "* text eol=crlf\n*.txt ident export-subst\nsecret.txt export-ignore\n")
	r.write("app/Dockerfile", "FROM base\n")
	r.write("app/deep/er/a b.txt", "$Id$ $Format:%H$\n")
	r.write("app/secret.txt", "shown all the same\n")
	r.write("app/run", "#!/bin/sh\n")
	r.link("app/deep/up", "../run")
	if err := os.Chmod(filepath.Join(r.dir, "app/run"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.write("outside", "x")
	sha := r.commit("one")
	g := r.reader()
	fetched(t, g, r.source())
	r.write("app/Dockerfile", "FROM later\n")
	r.commit("two")
	fetched(t, g, r.source())
	want := []string{
		"0 644 Dockerfile=FROM base\n", "5 755 deep/=", "5 755 deep/er/=", "0 644 deep/er/a b.txt=$Id$ $Format:%H$\n",
		"2 777 deep/up=../run", "0 755 run=#!/bin/sh\n", "0 644 secret.txt=shown all the same\n",
	}
	if got := unpack(t, g, sha, "app"); !slices.Equal(got, want) {
		t.Fatalf("got\n%s", strings.Join(got, "\n"))
	}
	if got := unpack(t, g, sha, ""); len(got) != len(want)+3 {
		t.Fatalf("the whole has %d entries: %q", len(got), got)
	}
}

func TestAContextThatLeadsOutOfItsFolderIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(r *repo)
		dir     string
		code    core.Code
		says    []string
	}{
		"absolute link":         {func(r *repo) { r.link("app/passwd", "/etc/passwd") }, "app", core.CodeInvalid, []string{"The link passwd leads out", "/etc/passwd"}},
		"link above":            {func(r *repo) { r.link("app/a/up", "../../x") }, "app", core.CodeInvalid, []string{"The link a/up leads out"}},
		"link by another link":  {func(r *repo) { r.link("app/a/b/up", "../.."); r.link("app/y", "a/b/up/../x") }, "app", core.CodeInvalid, []string{"The link y leads out"}},
		"folder above":          {func(*repo) {}, "../x", core.CodeInvalid, []string{"leads out of the repository"}},
		"absolute folder":       {func(*repo) {}, "/etc", core.CodeInvalid, []string{"leads out of the repository"}},
		"folder is a link":      {func(r *repo) { r.link("other", "app") }, "other", core.CodeInvalid, []string{"other is a link"}},
		"folder behind a link":  {func(r *repo) { r.write("app/in/x", "1"); r.link("other", "app") }, "other/in", core.CodeNotFound, []string{"There is no other/in"}},
		"folder is a file":      {func(r *repo) { r.write("plain", "1") }, "plain", core.CodeInvalid, []string{"not a folder"}},
		"no such folder":        {func(*repo) {}, "nothing", core.CodeNotFound, []string{"There is no nothing"}},
		"folder with a pattern": {func(*repo) {}, "ap*", core.CodeNotFound, []string{"There is no ap*"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.write("app/Dockerfile", "FROM base\n")
			tc.prepare(r)
			sha := r.commit("one")
			g := r.reader()
			fetched(t, g, r.source())
			_, err := g.Context(t.Context(), "web", sha, tc.dir)
			wantCode(t, err, tc.code, tc.says...)
		})
	}
}

func TestWhatTheDockerignoreNamesIsLeftOut(t *testing.T) {
	r := newRepo(t)
	r.write("app/.dockerignore", "# not for images\ntest\n**/*.md\n!keep.md\nDockerfile\n.dockerignore\nout\n")
	for _, name := range []string{"Dockerfile", "main", "test/a", "deep/b.md", "keep.md"} {
		r.write("app/"+name, "x")
	}
	r.link("app/out", "/etc/passwd")
	sha := r.commit("one")
	g := r.reader()
	fetched(t, g, r.source())
	want := []string{"0 644 .dockerignore", "0 644 Dockerfile", "0 644 keep.md", "0 644 main"}
	var got []string
	for _, line := range unpack(t, g, sha, "app") {
		name, _, _ := strings.Cut(line, "=")
		got = append(got, name)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
}

func TestALinkToItselfAndALinkToNothingStayInside(t *testing.T) {
	r := newRepo(t)
	r.link("self", "self")
	r.link("gone", "nothing/here")
	r.link("a/up", "../self")
	sha := r.commit("one")
	g := r.reader()
	fetched(t, g, r.source())
	if got := unpack(t, g, sha, ""); len(got) != 4 {
		t.Fatalf("got %q", got)
	}
}

func TestAContextThatIsNotReadToItsEndEndsItsProcesses(t *testing.T) {
	r := newRepo(t)
	for i := range 200 {
		r.write(fmt.Sprint("f", i), strings.Repeat("x", 20_000))
	}
	sha := r.commit("many")
	g := r.reader()
	fetched(t, g, r.source())
	stream, err := g.Context(t.Context(), "web", sha, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, stream, 1000); err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "git has ended", func() bool { return len(argv(t, mirrorOf(r, "web"))) == 0 })
}

func TestOneFileIsReadAtACommit(t *testing.T) {
	r := newRepo(t)
	r.write("infra/app/compose.yml", "services: {}\n")
	r.write("big", strings.Repeat("x", 1<<20+1))
	r.link("link", "infra/app/compose.yml")
	sha := r.commit("one")
	g := r.reader()
	fetched(t, g, r.source())
	raw, err := g.File(t.Context(), "web", sha, "infra/app/compose.yml")
	if err != nil || string(raw) != "services: {}\n" {
		t.Fatalf("got %q, %v", raw, err)
	}
	for name, tc := range map[string]struct {
		code core.Code
		says string
	}{
		"nothing": {core.CodeNotFound, "There is no nothing"}, "big": {core.CodeInvalid, "1.0 MiB is the most"}, "link": {core.CodeInvalid, "is a link"},
		"infra": {core.CodeInvalid, "not a file"}, "../x": {core.CodeInvalid, "leads out"}, "infra/*/compose.yml": {core.CodeNotFound, "There is no"}, ".git/config": {core.CodeInvalid, "git's own"},
	} {
		_, err := g.File(t.Context(), "web", sha, name)
		wantCode(t, err, tc.code, tc.says)
	}
	for _, bad := range []string{"", "main", "--all", strings.Repeat("g", 40), sha[:12]} {
		_, err := g.File(t.Context(), "web", bad, "big")
		wantCode(t, err, core.CodeInvalid, "full SHA")
	}
	_, err = g.Commit(t.Context(), "web", strings.Repeat("a", 40))
	wantCode(t, err, core.CodeNotFound, "does not have commit")
	_, err = g.Commit(t.Context(), "other", sha)
	wantCode(t, err, core.CodeNotFound)
}

func TestTheLogTellsCommitsNewestFirstWithTheirFiles(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1")
	base := r.commit("first")
	r.write("b\nc", "1")
	r.write("d/é", "1")
	r.commit("")
	r.git("checkout", "--quiet", "-b", "side", base)
	r.write("side", "1")
	r.commit("side")
	r.git("checkout", "--quiet", "main")
	r.git("merge", "--quiet", "--no-edit", "side")
	for i := range 300 {
		r.write(fmt.Sprintf("many/%03d", i), "1")
	}
	head := r.commit("many")
	g := r.reader()
	fetched(t, g, r.source())
	list, err := g.Log(t.Context(), "web", base, head, 10)
	if err != nil {
		t.Fatal(err)
	}
	bySubject := map[string][]string{}
	for _, c := range list {
		bySubject[c.Subject] = c.Files
	}
	if len(list) != 4 || list[0].SHA != head || len(list[0].Files) != 200 {
		t.Fatalf("%d commits, the first %s with %d files", len(list), list[0].SHA, len(list[0].Files))
	}
	for subject, want := range map[string][]string{"": {"b␊c", "d/é"}, "side": {"side"}, "Merge branch 'side'": {"side"}} {
		if !slices.Equal(bySubject[subject], want) {
			t.Errorf("%q has %q", subject, bySubject[subject])
		}
	}
	if all, err := g.Log(t.Context(), "web", "", head, 2); err != nil || len(all) != 2 {
		t.Fatalf("%d commits of all, %v", len(all), err)
	}
	if none, err := g.Log(t.Context(), "web", head, base, 10); err != nil || len(none) != 0 {
		t.Fatalf("got %+v, %v", none, err)
	}
}

func TestSubmodulesAreBuiltOnlyWhereTheyAreAllowed(t *testing.T) {
	r := newRepo(t)
	inner := &repo{t: t, root: r.root, dir: filepath.Join(r.root, "inner")}
	if err := os.Mkdir(inner.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	inner.git("init", "--quiet", "--initial-branch=main")
	inner.write("lib.txt", "lib")
	inner.commit("lib")
	r.write("Dockerfile", "FROM base\n")
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../inner", "lib")
	sha := r.commit("with a submodule")
	g := r.reader()
	src := r.source()
	fetched(t, g, src)
	_, err := g.Context(t.Context(), "web", sha, "")
	wantCode(t, err, core.CodeInvalid, "lib is a submodule", "not allowed")
	src.Submodules = true
	inner.write("lib.txt", "later")
	inner.commit("later")
	fetched(t, g, src)
	if got := unpack(t, g, sha, ""); !slices.Contains(got, "0 644 lib/lib.txt=lib") {
		t.Fatalf("got %q", got)
	}
	src.Submodules = false
	fetched(t, g, src)
	_, err = g.Context(t.Context(), "web", sha, "")
	wantCode(t, err, core.CodeInvalid, "not allowed")
}

func TestASubmoduleThatLeadsElsewhereIsRefused(t *testing.T) {
	elsewhere := newRepo(t)
	elsewhere.commit("lib")
	for name, tc := range map[string]struct {
		address string
		code    core.Code
		says    string
	}{
		"outside MATRX_ROOT": {elsewhere.url, core.CodeForbidden, "is not below"},
		"credential":         {"https://ada:hunter2@example.com/a.git", core.CodeInvalid, "credential"},
		"option":             {"--upload-pack=x", core.CodeInvalid, "disallowed submodule url"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.write(".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = "+tc.address+"\n")
			r.git("add", ".gitmodules")
			r.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("a", 40)+",lib")
			r.git("commit", "--quiet", "-m", "one")
			src := r.source()
			src.Submodules = true
			_, err := r.reader().Fetch(t.Context(), "web", src, nil)
			wantCode(t, err, tc.code, tc.says)
			if strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("the credential is in %q", err)
			}
		})
	}
}
