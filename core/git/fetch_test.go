package git_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/git"
)

func TestAFetchGivesTheCommitOfTheBranchTagOrSHA(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1")
	first := r.commit("first")
	r.git("tag", "-a", "v1", "-m", "one")
	r.write("a", "2")
	second := r.commit("second \x1b[31m\u202e")
	g := r.reader()
	var lines []string
	c, err := g.Fetch(t.Context(), "web", r.source(), func(line string) { lines = append(lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	if c.SHA != second || c.Author != "Ada" || c.At.Format(time.RFC3339) != "2026-01-02T03:04:05Z" || c.Subject != `second \u202e` || !slices.Equal(c.Files, []string{"a"}) {
		t.Fatalf("got %+v", c)
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "main is commit "+second) {
		t.Fatalf("it said %s", text)
	}
	for ref, want := range map[string]string{"v1": first, first: first, first[:10]: first, "main": second} {
		src := r.source()
		src.Ref = ref
		if got := fetched(t, g, src); got.SHA != want {
			t.Errorf("%s is %s, want %s", ref, got.SHA, want)
		}
	}
}

func TestACommitThatIsHereIsGivenWithoutAskingTheRepository(t *testing.T) {
	r := newRepo(t)
	sha := r.commit("one")
	g := r.reader()
	fetched(t, g, r.source())
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	src := r.source()
	src.Ref = sha
	if got := fetched(t, g, src); got.SHA != sha {
		t.Fatalf("got %s", got.SHA)
	}
}

func TestWhatCannotBeFetchedSaysWhyAndWhatToDo(t *testing.T) {
	full := newRepo(t)
	full.commit("one")
	empty := newRepo(t)
	elsewhere := newRepo(t)
	elsewhere.commit("one")
	if err := os.Symlink(elsewhere.dir, filepath.Join(full.root, "link")); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		r         *repo
		repo, ref string
		code      core.Code
		says      string
	}{
		"missing":                    {full, "file://" + full.root + "/nothing", "main", core.CodeNotFound, "There is no repository at"},
		"not a repository":           {full, "file://" + full.root, "main", core.CodeNotFound, "There is no repository at"},
		"empty":                      {empty, empty.url, "main", core.CodeInvalid, "push a commit"},
		"no such branch":             {full, full.url, "mian", core.CodeNotFound, "its branches are main"},
		"no such commit":             {full, full.url, strings.Repeat("a", 40), core.CodeNotFound, "does not have that commit"},
		"no such short commit":       {full, full.url, "abcdef1", core.CodeNotFound, "full SHA"},
		"branch like an option":      {full, full.url, "--upload-pack=x", core.CodeInvalid, "does not begin with a dash"},
		"branch with a refspec":      {full, full.url, "main:refs/heads/x", core.CodeInvalid, "is not the name"},
		"branch with a range":        {full, full.url, "a..b", core.CodeInvalid, "is not the name"},
		"branch with a newline":      {full, full.url, "a\nb", core.CodeInvalid, "is not the name"},
		"elsewhere":                  {full, elsewhere.url, "main", core.CodeForbidden, "is not below"},
		"elsewhere through a link":   {full, "file://" + full.root + "/link", "main", core.CodeForbidden, "is not below"},
		"elsewhere by two dots":      {full, "file://" + full.root + "/../x", "main", core.CodeForbidden, "is not below"},
		"credential":                 {full, "https://ada:hunter2@example.com/a.git", "main", core.CodeInvalid, "MATRX_GIT_TOKEN"},
		"token as a user":            {full, "https://hunter2@example.com/a.git", "main", core.CodeInvalid, "MATRX_GIT_TOKEN"},
		"plain http":                 {full, "http://example.com/a.git", "main", core.CodeInvalid, "https, ssh or file"},
		"transport of its own":       {full, "ext::sh -c id", "main", core.CodeInvalid, "address"},
		"transport with an address":  {full, "ext://sh", "main", core.CodeInvalid, "names no repository"},
		"no scheme":                  {full, "github.com/a/b.git", "main", core.CodeInvalid, "ssh://git@"},
		"short form without a key":   {full, "git@127.0.0.1:a/b.git", "main", core.CodeForbidden, "ssh://git@127.0.0.1/a/b.git is read by ssh, and there is no key for it: set MATRX_GIT_SSH_KEY"},
		"short form like an option":  {full, "-oProxyCommand=x@host:a", "main", core.CodeInvalid, "full address"},
		"short form with a password": {full, "ada:hunter2@host:a", "main", core.CodeInvalid, "full address"},
		"short form, path option":    {full, "git@host:-x", "main", core.CodeInvalid, "names no repository"},
		"ssh host like an option":    {full, "ssh://-oProxyCommand=x/a", "main", core.CodeInvalid, "not a host name"},
		"ssh user like an option":    {full, "ssh://-oProxyCommand=x@host/a", "main", core.CodeInvalid, "not a user name"},
		"this machine":               {full, "https://127.0.0.1:1/a.git", "main", core.CodeForbidden, "this machine's own"},
		"cloud metadata":             {full, "https://169.254.169.254/a.git", "main", core.CodeForbidden, "this machine's own"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tc.r.reader().Fetch(t.Context(), "web", core.Source{Repo: tc.repo, Ref: tc.ref}, nil)
			wantCode(t, err, tc.code, tc.says)
			if strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("the credential is in %q", err)
			}
		})
	}
	t.Run("service like a path", func(t *testing.T) {
		_, err := full.reader().Fetch(t.Context(), "../web", full.source(), nil)
		wantCode(t, err, core.CodeInvalid, "not the name of a service")
	})
	t.Run("no git", func(t *testing.T) {
		_, err := full.reader(func(c *git.Config) { c.Program = "/nonexistent/git" }).Fetch(t.Context(), "web", full.source(), nil)
		wantCode(t, err, core.CodeUnavailable, "no git program")
	})
}

func TestACommitStaysThroughAForcedPush(t *testing.T) {
	r := newRepo(t)
	r.commit("root")
	old := r.commit("old")
	g := r.reader()
	fetched(t, g, r.source())
	r.git("reset", "--quiet", "--hard", "HEAD~1")
	r.write("a", "new")
	newer := r.commit("new")
	if got := fetched(t, g, r.source()); got.SHA != newer {
		t.Fatalf("got %s", got.SHA)
	}
	gc(t, r, "web")
	if c, err := g.Commit(t.Context(), "web", old); err != nil || c.Subject != "old" {
		t.Fatalf("the commit before the forced push: %+v, %v", c, err)
	}
	list, err := g.Log(t.Context(), "web", old, newer, 10)
	if err != nil || len(list) != 1 || list[0].SHA != newer {
		t.Fatalf("got %+v, %v", list, err)
	}
	if stream, err := g.Context(t.Context(), "web", newer, ""); err != nil {
		t.Fatal(err)
	} else if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReferencesThatKeepCommitsDoNotGrowWithEachFetch(t *testing.T) {
	r := newRepo(t)
	g := r.reader()
	for range 4 {
		r.commit("one more")
		fetched(t, g, r.source())
	}
	refs := r.git("--git-dir="+mirrorOf(r, "web"), "for-each-ref", "--format=%(refname)", "refs/matrx/keep")
	if n := len(strings.Fields(refs)); n != 1 {
		t.Fatalf("%d references: %s", n, refs)
	}
}

func TestWithAnErrorComesTheCommitThatTheBranchNamedLast(t *testing.T) {
	r := newRepo(t)
	sha := r.commit("one")
	g := r.reader()
	fetched(t, g, r.source())
	if err := os.Rename(r.dir, r.dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	c, err := g.Fetch(t.Context(), "web", r.source(), nil)
	wantCode(t, err, core.CodeNotFound, "There is no repository")
	if c.SHA != sha {
		t.Fatalf("the last known head is %q", c.SHA)
	}
	other := r.source()
	other.Ref = "other"
	if c, err = g.Fetch(t.Context(), "web", other, nil); err == nil || c.SHA != "" {
		t.Fatalf("a branch that was never seen: %+v, %v", c, err)
	}
}

func TestARepositoryOverTheBoundIsStoppedAndLeavesNothing(t *testing.T) {
	r := newRepo(t)
	noise := make([]byte, 3<<20)
	state := uint32(1)
	for i := range noise {
		state = state*1664525 + 1013904223
		noise[i] = byte(state >> 24)
	}
	r.write("big", string(noise))
	r.commit("big")
	g := r.reader(func(c *git.Config) { c.MaxBytes = 1 << 20 })
	var err error
	for range 20 { // a small repository may be here before the first look; the next one sees it
		if _, err = g.Fetch(t.Context(), "web", r.source(), nil); err != nil {
			break
		}
	}
	wantCode(t, err, core.CodeInvalid, "larger than the bound of 1.0 MiB")
	left, globErr := filepath.Glob(mirrorOf(r, "web") + "/objects/pack/tmp_*")
	if globErr != nil || len(left) > 0 {
		t.Fatalf("left behind: %v, %v", left, globErr)
	}
}

func TestAHostThatNeverAnswersIsGivenUpAndItsProcessesEnd(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	r := newRepo(t)
	address := "https://" + silent.Addr().String() + "/a.git"
	hosts := []string{silent.Addr().String()}
	t.Run("deadline", func(t *testing.T) {
		g := r.reader(func(c *git.Config) { c.Nearby, c.Within = true, 300*time.Millisecond })
		_, err := g.Fetch(t.Context(), "web", core.Source{Repo: address, Ref: "main"}, nil)
		wantCode(t, err, core.CodeUnavailable, "in time")
	})
	t.Run("cancel, with the token nowhere in the arguments", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g := r.reader(func(c *git.Config) { c.Nearby, c.Token, c.TokenHosts = true, "hunter2-token", hosts })
		ended := make(chan error, 1)
		go func() {
			_, err := g.Fetch(ctx, "web", core.Source{Repo: address, Ref: "main"}, nil)
			ended <- err
		}()
		until(t, "git asks", func() bool { return len(argv(t, address)) >= 2 })
		for _, line := range argv(t, address) {
			if strings.Contains(line, "hunter2") || strings.Contains(line, "Authorization") {
				t.Errorf("a secret in the arguments: %s", line)
			}
		}
		cancel()
		wantCode(t, <-ended, core.CodeCanceled)
	})
	until(t, "all of git has ended", func() bool { return len(argv(t, address)) == 0 })
}

func TestAPrivateRepositoryIsReadWithTheTokenThatGoesToItsHostAlone(t *testing.T) {
	r := newRepo(t)
	sha := r.commit("one")
	f := newForge(t, r.root, "hunter2-token", nil)
	src := core.Source{Repo: f.URL + "/source/.git", Ref: "main"}
	with := func(hosts ...string) func(*git.Config) {
		return func(c *git.Config) { c.Nearby, c.CAFile, c.Token, c.TokenHosts = true, f.ca, "hunter2-token\n", hosts }
	}
	if got := fetched(t, r.reader(with(f.host())), src); got.SHA != sha {
		t.Fatalf("got %+v", got)
	}
	before := len(f.requests())
	_, err := r.reader(with("github.com")).Fetch(t.Context(), "other", src, nil)
	wantCode(t, err, core.CodeForbidden, "MATRX_GIT_TOKEN_HOSTS")
	for _, asked := range f.requests()[before:] {
		if !strings.HasSuffix(asked, " ") {
			t.Errorf("the token went to a host that is not named: %s", asked)
		}
	}
	wrong := with(f.host())
	_, err = r.reader(wrong, func(c *git.Config) { c.Token = "wrong-hunter3" }).Fetch(t.Context(), "other", src, nil)
	wantCode(t, err, core.CodeForbidden)
	if strings.Contains(err.Error(), "hunter3") {
		t.Fatalf("the token is in %q", err)
	}
	missing := core.Source{Repo: f.URL + "/nothing/.git", Ref: "main"}
	_, err = r.reader(with(f.host())).Fetch(t.Context(), "other", missing, nil)
	wantCode(t, err, core.CodeNotFound)
}

func TestARedirectIsNotFollowed(t *testing.T) {
	r := newRepo(t)
	r.commit("one")
	target := newForge(t, r.root, "", nil)
	f := newForge(t, r.root, "", func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, target.URL+req.URL.RequestURI(), http.StatusFound)
		})
	})
	g := r.reader(func(c *git.Config) { c.Nearby, c.CAFile = true, f.ca })
	_, err := g.Fetch(t.Context(), "web", core.Source{Repo: f.URL + "/source/.git", Ref: "main"}, nil)
	wantCode(t, err, core.CodeInvalid, "redirects are not followed")
	if asked := target.requests(); len(asked) > 0 {
		t.Fatalf("it went there: %v", asked)
	}
}

func TestTwoFetchesOfOneServiceWaitForEachOther(t *testing.T) {
	r := newRepo(t)
	sha := r.commit("one")
	g := r.reader()
	ended := make(chan error, 8)
	for range cap(ended) {
		go func() {
			c, err := g.Fetch(t.Context(), "web", r.source(), nil)
			if err == nil && c.SHA != sha {
				err = core.Errorf(core.CodeConflict, "got %s", c.SHA)
			}
			ended <- err
		}()
	}
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestWhatAKilledRunLeftBehindIsTakenAway(t *testing.T) {
	r := newRepo(t)
	r.commit("one")
	g := r.reader()
	fetched(t, g, r.source())
	for _, name := range []string{"packed-refs.lock", "refs/matrx/fetched.lock", "objects/pack/tmp_pack_x"} {
		path := filepath.Join(mirrorOf(r, "web"), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second := r.commit("two")
	if got := fetched(t, g, r.source()); got.SHA != second {
		t.Fatalf("got %+v", got)
	}
	if _, err := os.Stat(filepath.Join(mirrorOf(r, "web"), "objects/pack/tmp_pack_x")); err == nil {
		t.Fatal("half a pack is left")
	}
}

func TestNoHookAndNoConfigurationOfTheMachineRuns(t *testing.T) {
	r := newRepo(t)
	r.commit("one")
	g := r.reader()
	fetched(t, g, r.source())
	marker := filepath.Join(r.root, "ran")
	hook := filepath.Join(mirrorOf(r, "web"), "hooks", "reference-transaction")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\ntouch "+marker+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.commit("two")
	fetched(t, g, r.source())
	if _, err := os.Stat(marker); err == nil {
		t.Fatal("a hook ran")
	}
}

// mirrorOf is the folder of a service's mirror.
func mirrorOf(r *repo, service string) string {
	return filepath.Join(r.root, "projects", ".mirrors", service+".git")
}

// gc throws away what no reference of a mirror leads to.
func gc(t testing.TB, r *repo, service string) {
	t.Helper()
	r.git("--git-dir="+mirrorOf(r, service), "gc", "--quiet", "--prune=now")
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(20 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not in time: %s", what)
		}
	}
}
