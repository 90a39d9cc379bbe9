package git_test

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/git"
)

// repo is a repository below MATRX_ROOT that a test commits to.
type repo struct {
	t    testing.TB
	root string // MATRX_ROOT
	dir  string // working tree
	url  string
}

// newRepo makes an empty repository in a MATRX_ROOT of its own.
func newRepo(t testing.TB) *repo {
	t.Helper()
	root := t.TempDir()
	r := &repo{t: t, root: root, dir: filepath.Join(root, "source"), url: "file://" + filepath.Join(root, "source")}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.git("init", "--quiet", "--initial-branch=main")
	return r
}

// git runs git in the working tree, as its owner would.
func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = r.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.root, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z", "GIT_ALLOW_PROTOCOL=file"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// write puts a file into the working tree.
func (r *repo) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit commits all there is and gives the SHA.
func (r *repo) commit(message string) string {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message)
	return r.git("rev-parse", "HEAD")
}

// source is the repository as a service is built from it.
func (r *repo) source() core.Source { return core.Source{Repo: r.url, Ref: "main"} }

// reader reads repositories below the MATRX_ROOT of r; each change may set more.
func (r *repo) reader(changes ...func(*git.Config)) *git.Git {
	cfg := git.Config{Root: r.root}
	for _, change := range changes {
		change(&cfg)
	}
	return git.New(cfg)
}

// fetched is the commit that a fetch of "web" gives.
func fetched(t testing.TB, g *git.Git, src core.Source) core.Commit {
	t.Helper()
	c, err := g.Fetch(t.Context(), "web", src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantCode fails unless the error has the code and its message holds the words.
func wantCode(t testing.TB, err error, code core.Code, words ...string) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Fatalf("got %q (%v), want %q", core.CodeOf(err), err, code)
	}
	for _, word := range words {
		if !strings.Contains(core.MessageOf(err), word) {
			t.Fatalf("the message %q does not say %q", core.MessageOf(err), word)
		}
	}
}

// forge serves the repositories of a folder by https, to who brings the password.
type forge struct {
	*httptest.Server
	password string
	ca       string // file

	mu    sync.Mutex
	asked []string // "path authorization"
}

// newForge serves root. An empty password lets everybody in.
func newForge(t testing.TB, root, password string, wrap func(http.Handler) http.Handler) *forge {
	t.Helper()
	f := &forge{password: password}
	backend := &cgi.Handler{Path: "/usr/lib/git-core/git-http-backend", Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		f.mu.Lock()
		f.asked = append(f.asked, req.URL.Path+" "+req.Header.Get("Authorization"))
		f.mu.Unlock()
		if _, password, _ := req.BasicAuth(); password != f.password {
			w.Header().Set("WWW-Authenticate", `Basic realm="forge"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, req)
	})
	if wrap != nil {
		handler = wrap(handler)
	}
	f.Server = httptest.NewUnstartedServer(handler)
	f.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	f.StartTLS()
	t.Cleanup(f.Close)
	f.ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(f.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// host is where it listens.
func (f *forge) host() string { return strings.TrimPrefix(f.URL, "https://") }

// requests lists what was asked so far.
func (f *forge) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// argv lists the arguments of every process on this machine whose environment or arguments hold the words.
func argv(t testing.TB, words string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		if line := strings.ReplaceAll(string(raw), "\x00", " "); strings.Contains(line, words) {
			all = append(all, fmt.Sprint(file, ": ", line))
		}
	}
	return all
}
