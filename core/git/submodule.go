package git

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/url"
	"path"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of submodules.
const (
	maxDepth      = 3
	maxSubmodules = 50
)

// submodules brings the commits of submodules into the same mirror where they are allowed, and marks them as such. Where
// they are not, no mark stays, so that none is built from.
func (f *fetching) submodules(ctx context.Context, sha string, allowed bool) error {
	if !allowed {
		return f.unmark(ctx)
	}
	count := 0
	return f.bringSubmodules(ctx, f.repo, sha, 0, &count)
}

// unmark takes the marks of submodules away.
func (f *fetching) unmark(ctx context.Context) error {
	marks, err := f.g.output(ctx, command{dir: f.m.dir, args: []string{"for-each-ref", "--format=delete %(refname)", refSub}}, maxRefs)
	if err != nil || len(marks) == 0 {
		return err
	}
	_, err = f.g.output(ctx, command{dir: f.m.dir, input: strings.NewReader(string(marks)), args: []string{"update-ref", "--stdin"}}, maxFile)
	return err
}

// bringSubmodules brings those of one commit and, in them, of theirs.
func (f *fetching) bringSubmodules(ctx context.Context, repo core.Repo, sha string, depth int, count *int) error {
	list, err := f.g.list(ctx, f.m.dir, sha, "")
	if err != nil {
		return err
	}
	var addresses map[string]string
	for _, e := range list {
		if e.mode != modeSubmodule {
			continue
		}
		if *count++; *count > maxSubmodules || depth >= maxDepth {
			return core.Errorf(core.CodeInvalid, "There are more than %d submodules, or they lie more than %d deep.", maxSubmodules, maxDepth)
		}
		if addresses == nil {
			if addresses, err = f.modules(ctx, sha); err != nil {
				return err
			}
		}
		inner, err := subRepo(repo, e.path, addresses[e.path])
		if err != nil {
			return err
		}
		if err := f.bringSubmodule(ctx, inner, e); err != nil {
			return err
		}
		if err := f.bringSubmodules(ctx, inner, e.sha, depth+1, count); err != nil {
			return err
		}
	}
	return nil
}

// bringSubmodule fetches the one commit of a submodule, under a remote of its own: the token goes to hosts that are named.
func (f *fetching) bringSubmodule(ctx context.Context, repo core.Repo, e entry) (err error) {
	f.say("fetch submodule %s at %s from %s", core.SafeText(e.path), e.sha, repo)
	inner, err := f.g.remote(ctx, repo)
	if err != nil {
		return err
	}
	outer := f.remote
	f.remote = inner
	defer func() { f.remote, err = outer, errors.Join(err, inner.close()) }()
	return f.fetch(ctx, repo, "+"+e.sha+":"+refSub+e.sha)
}

// modules reads the addresses of submodules by path from .gitmodules at a commit.
func (f *fetching) modules(ctx context.Context, sha string) (map[string]string, error) {
	paths, addresses := map[string]string{}, map[string]string{}
	c := command{dir: f.m.dir, args: []string{"config", "--blob", sha + ":.gitmodules", "--null", "--list"}}
	err := f.g.stream(ctx, c, func(r *bufio.Reader) error {
		for {
			field, err := readField(r, maxName)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return core.Errorf(core.CodeInternal, "read git config: %w", err)
			}
			key, value, _ := strings.Cut(field, "\n")
			if name, ok := strings.CutSuffix(key, ".path"); ok {
				paths[name] = value
			} else if name, ok := strings.CutSuffix(key, ".url"); ok {
				addresses[name] = value
			}
		}
	})
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "The file .gitmodules at commit %s cannot be read: %w", sha[:12], err)
	}
	byPath := map[string]string{}
	for name, at := range paths {
		byPath[path.Clean(at)] = addresses[name]
	}
	return byPath, nil
}

// subRepo reads the address of a submodule, which may be relative to its parent's.
func subRepo(parent core.Repo, at, address string) (core.Repo, error) {
	if address == "" {
		return core.Repo{}, core.Errorf(core.CodeInvalid, "The submodule %s has no address in .gitmodules.", cut(core.SafeText(at), maxPath))
	}
	if strings.HasPrefix(address, "./") || strings.HasPrefix(address, "../") {
		relative := parent
		relative.Path = path.Join(parent.Path, address)
		address = relative.String()
	}
	if u, err := url.Parse(address); err == nil && u.Scheme == "file" && parent.Scheme != "file" {
		return core.Repo{}, core.Errorf(core.CodeForbidden, "The submodule %s leads to a file on this machine.", cut(core.SafeText(at), maxPath))
	}
	repo, err := core.ParseRepo(address)
	if err != nil {
		return repo, core.Errorf(core.CodeOf(err), "The submodule %s: %w", cut(core.SafeText(at), maxPath), err)
	}
	return repo, nil
}
