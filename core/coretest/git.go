package coretest

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// Git is a fake core.Git: one repository for each service, which tests write, and a mirror of it, which Fetch renews.
type Git struct {
	Trouble
	mu    sync.Mutex // guards repos
	repos map[string]*repo
}

var _ core.Git = (*Git)(nil)

// repo is one service's repository and the mirror of it.
type repo struct {
	commits map[string]*commit
	refs    map[string]string // branches and tags
	mirror  map[string]bool   // commits that were fetched
	last    map[string]string // what refs named at the last fetch
}

// commit is one commit with all of its files.
type commit struct {
	core.Commit
	parent string
	tree   map[string]string
}

// NewGit makes a git without repositories.
func NewGit() *Git { return &Git{repos: map[string]*repo{}} }

// Push commits onto a branch of a service's repository: the files replace those of the same path, an empty text removes one.
func (g *Git) Push(service, branch, subject string, files map[string]string) core.Commit {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.repos[service]
	if r == nil {
		r = &repo{commits: map[string]*commit{}, refs: map[string]string{}, mirror: map[string]bool{}, last: map[string]string{}}
		g.repos[service] = r
	}
	c := &commit{parent: r.refs[branch], tree: map[string]string{}}
	if before := r.commits[c.parent]; before != nil {
		maps.Copy(c.tree, before.tree)
	}
	for name, text := range files {
		if c.tree[name] = text; text == "" {
			delete(c.tree, name)
		}
	}
	sum := sha1.Sum(fmt.Appendf(nil, "%s %s %s %d", service, c.parent, subject, len(r.commits)))
	c.Commit = core.Commit{SHA: hex.EncodeToString(sum[:]), Author: "Ann <ann@example.com>", At: time.Now().UTC(), Subject: subject,
		Files: slices.Sorted(maps.Keys(files))}
	r.commits[c.SHA], r.refs[branch] = c, c.SHA
	return c.Commit
}

// SetRef moves a branch or tag, as a forced push does; an empty sha removes it.
func (g *Git) SetRef(service, ref, sha string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.repos[service]; r != nil && sha == "" {
		delete(r.refs, ref)
	} else if r != nil {
		r.refs[ref] = sha
	}
}

// Fetch renews the mirror. With an error comes the commit that the ref named at the last fetch.
func (g *Git) Fetch(ctx context.Context, service string, src core.Source, out func(line string)) (core.Commit, error) {
	err := g.enter(ctx, "Fetch")
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		if r := g.repos[service]; r != nil && r.commits[r.last[src.Ref]] != nil {
			return r.commits[r.last[src.Ref]].Commit, err
		}
		return core.Commit{}, err
	}
	r := g.repos[service]
	if r == nil {
		return core.Commit{}, core.Errorf(core.CodeNotFound, "There is no repository %s.", src.Repo)
	}
	for _, head := range r.refs {
		for c := r.commits[head]; c != nil; c = r.commits[c.parent] {
			r.mirror[c.SHA] = true
		}
	}
	c, err := r.find(src.Ref)
	if err != nil {
		return core.Commit{}, err
	}
	r.last[src.Ref] = c.SHA
	if out != nil {
		out("fetched " + c.Short())
	}
	return c.Commit, nil
}

// find gives a commit that the mirror has, by ref, sha or the beginning of it.
func (r *repo) find(ref string) (*commit, error) {
	if sha, ok := r.refs[ref]; ok {
		ref = sha
	}
	for sha := range r.mirror {
		if sha == ref || len(ref) >= 7 && strings.HasPrefix(sha, ref) {
			return r.commits[sha], nil
		}
	}
	return nil, core.Errorf(core.CodeNotFound, "The repository has no %s.", ref)
}

// at finds a commit of a service's mirror. Call with mu held.
func (g *Git) at(service, sha string) (*repo, *commit, error) {
	r := g.repos[service]
	if r == nil {
		return nil, nil, core.Errorf(core.CodeNotFound, "There is no mirror of the repository of %s.", service)
	}
	c, err := r.find(sha)
	return r, c, err
}

// Commit gives one commit of the mirror.
func (g *Git) Commit(ctx context.Context, service, sha string) (core.Commit, error) {
	if err := g.enter(ctx, "Commit"); err != nil {
		return core.Commit{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, c, err := g.at(service, sha)
	if err != nil {
		return core.Commit{}, err
	}
	return c.Commit, nil
}

// Log gives the commits that head has and base has not, newest first.
func (g *Git) Log(ctx context.Context, service, base, head string, limit int) ([]core.Commit, error) {
	if err := g.enter(ctx, "Log"); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	r, c, err := g.at(service, head)
	if err != nil {
		return nil, err
	}
	had := map[string]bool{}
	if base != "" {
		from, err := r.find(base)
		if err != nil {
			return nil, err
		}
		for ; from != nil; from = r.commits[from.parent] {
			had[from.SHA] = true
		}
	}
	var list []core.Commit
	for ; c != nil && !had[c.SHA] && len(list) < limit; c = r.commits[c.parent] {
		list = append(list, c.Commit)
	}
	return list, nil
}

// Context gives a folder at a commit as an archive.
func (g *Git) Context(ctx context.Context, service, sha, dir string) (io.ReadCloser, error) {
	if err := g.enter(ctx, "Context"); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, c, err := g.at(service, sha)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for name, text := range c.tree {
		rest, ok := strings.CutPrefix(name, dir+"/")
		if dir == "" || dir == "." {
			rest, ok = name, true
		}
		if ok {
			files[rest] = text
		}
	}
	if len(files) == 0 {
		return nil, core.Errorf(core.CodeNotFound, "There is no folder %s at %s.", dir, c.Short())
	}
	return io.NopCloser(Archive(files)), nil
}

// File gives one file at a commit.
func (g *Git) File(ctx context.Context, service, sha, path string) ([]byte, error) {
	if err := g.enter(ctx, "File"); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, c, err := g.at(service, sha)
	if err != nil {
		return nil, err
	}
	text, ok := c.tree[path]
	if !ok {
		return nil, core.Errorf(core.CodeNotFound, "There is no file %s at %s.", path, c.Short())
	}
	return []byte(text), nil
}
