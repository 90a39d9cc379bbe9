package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// The references of a mirror. Every commit that a reference outside ever named here stays reachable by one of keep, also
// after a forced push, so that what runs can always be compared and built again.
const (
	refFetched = "refs/matrx/fetched" // what the last fetch brought
	refKeep    = "refs/matrx/keep/"   // + commit
	refLast    = "refs/matrx/last/"   // + digest of repository and name: what it named last
	refSub     = "refs/matrx/sub/"    // + commit of a submodule that may be built
)

// maxRefs bounds the list of a repository's references, in bytes.
const maxRefs = 8 << 20

// Fetch brings the mirror of a service up to date and gives the commit that the source's ref names now. With an error
// comes the commit that it named last, when there is one.
func (g *Git) Fetch(ctx context.Context, service string, src core.Source, out func(line string)) (_ core.Commit, err error) {
	repo, err := core.ParseRepo(src.Repo)
	if err != nil {
		return core.Commit{}, err
	}
	ref, err := core.ParseRef(src.Ref)
	if err != nil {
		return core.Commit{}, err
	}
	timed, cancel := context.WithTimeout(ctx, g.cfg.Within)
	defer cancel()
	m, err := g.lock(timed, service)
	if err != nil {
		return core.Commit{}, err
	}
	defer func() { err = errors.Join(err, m.unlock()) }()
	f := &fetching{g: g, m: m, repo: repo, ref: ref, out: out}
	defer func() { err = errors.Join(err, f.remote.close()) }()
	sha, err := f.run(timed, src.Submodules)
	if err != nil {
		err = errors.Join(err, m.clean())
		last, known := g.resolve(context.WithoutCancel(ctx), m.dir, f.lastRef())
		if !known {
			return core.Commit{}, err
		}
		commit, _ := g.commit(context.WithoutCancel(ctx), m.dir, last) // without it there is just no last commit to show
		return commit, err
	}
	return g.commit(timed, m.dir, sha)
}

// fetching is one fetch.
type fetching struct {
	g      *Git
	m      *locked
	repo   core.Repo
	ref    core.Ref
	remote *remote
	out    func(string)
}

// say tells whoever watches.
func (f *fetching) say(format string, args ...any) {
	if f.out != nil {
		f.out(fmt.Sprintf(format, args...))
	}
}

// run brings the commit, and those of its submodules where they are allowed.
func (f *fetching) run(ctx context.Context, submodules bool) (string, error) {
	sha, here := f.here(ctx)
	if !here {
		var err error
		if f.remote, err = f.g.remote(ctx, f.repo); err != nil {
			return "", err
		}
		if sha, err = f.bring(ctx); err != nil {
			return "", err
		}
	}
	f.say("%s is commit %s", f.ref, sha)
	if err := f.keep(ctx, sha); err != nil {
		return "", err
	}
	if err := f.submodules(ctx, sha, submodules); err != nil {
		return "", err
	}
	return sha, f.tidy(ctx)
}

// tidy packs the mirror when it has many pieces. It takes nothing away that a reference leads to.
func (f *fetching) tidy(ctx context.Context) error {
	_, err := f.g.output(ctx, command{dir: f.m.dir, within: f.g.cfg.Within, keep: f.m.file, args: []string{"gc", "--auto", "--quiet"}}, maxFile)
	return err
}

// here is true for the full SHA of a commit that the mirror has: it cannot have changed, so nobody is asked.
func (f *fetching) here(ctx context.Context) (string, bool) {
	sha, err := core.ParseSHA(string(f.ref))
	if err != nil {
		return "", false
	}
	return f.g.resolve(ctx, f.m.dir, sha)
}

// bring fetches what the name stands for and gives its commit.
func (f *fetching) bring(ctx context.Context) (string, error) {
	name, err := f.find(ctx)
	if err != nil {
		return "", err
	}
	if name == "" {
		if sha, ok := f.g.resolve(ctx, f.m.dir, string(f.ref)); ok && strings.HasPrefix(sha, string(f.ref)) {
			return sha, nil // the short SHA of a commit that is here
		}
		return "", f.missing(ctx)
	}
	f.say("fetch %s from %s", name, f.repo)
	if err := f.fetch(ctx, f.repo, "+"+name+":"+refFetched); err != nil {
		return "", err
	}
	sha, ok := f.g.resolve(ctx, f.m.dir, refFetched)
	if !ok {
		return "", core.Errorf(core.CodeInvalid, "%s of %s does not name a commit.", f.ref, f.repo)
	}
	return sha, nil
}

// fetch brings what one refspec names.
func (f *fetching) fetch(ctx context.Context, repo core.Repo, refspec string) error {
	_, err := f.g.output(ctx, command{
		dir: f.m.dir, remote: f.remote, within: f.g.cfg.Within, keep: f.m.file, maxSize: f.g.cfg.MaxBytes, line: f.out,
		args: []string{"fetch", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc", "--", repo.String(), refspec},
	}, maxFile)
	return err
}

// find asks the repository what the name stands for: a branch, else a tag, else a commit. It is empty for what may be
// the short SHA of a commit.
func (f *fetching) find(ctx context.Context) (string, error) {
	branch, tag := "refs/heads/"+string(f.ref), "refs/tags/"+string(f.ref)
	names, err := f.list(ctx, branch, tag)
	if err != nil {
		return "", err
	}
	for _, name := range []string{branch, tag} {
		if slices.Contains(names, name) {
			return name, nil
		}
	}
	if sha, err := core.ParseSHA(string(f.ref)); err == nil {
		return sha, nil
	}
	return "", nil
}

// list gives the names of the repository's references that match, or all.
func (f *fetching) list(ctx context.Context, patterns ...string) ([]string, error) {
	raw, err := f.g.output(ctx, command{
		dir: f.m.dir, remote: f.remote, within: f.g.cfg.Within,
		args: append([]string{"ls-remote", "--quiet", "--refs", "--", f.repo.String()}, patterns...),
	}, maxRefs)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(raw)) {
		if _, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// missing says that the repository has no such name, and which it has.
func (f *fetching) missing(ctx context.Context) error {
	names, err := f.list(ctx)
	if err != nil {
		return err
	}
	var branches []string
	for _, name := range names {
		if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok && len(branches) < 10 {
			branches = append(branches, cut(core.SafeText(branch), 60))
		}
	}
	switch {
	case len(names) == 0:
		return core.Errorf(core.CodeInvalid, "%s is empty: push a commit to it first.", f.repo)
	case len(branches) == 0:
		return core.Errorf(core.CodeNotFound, "%s has no branch, tag or known commit %q. A commit is named by its full SHA.", f.repo, f.ref)
	default:
		return core.Errorf(core.CodeNotFound, "%s has no branch, tag or known commit %q; its branches are %s. A commit is named by its full SHA.", f.repo, f.ref, strings.Join(branches, ", "))
	}
}

// keep makes the commit stay, and notes that the name stands for it. What the commit has behind it needs no reference of
// its own any more.
func (f *fetching) keep(ctx context.Context, sha string) error {
	behind, err := f.g.output(ctx, command{dir: f.m.dir, args: []string{"for-each-ref", "--format=%(refname)", "--merged=" + sha, refKeep}}, maxRefs)
	if err != nil {
		return err
	}
	var b strings.Builder
	for line := range strings.Lines(string(behind)) {
		if name := strings.TrimSpace(line); name != refKeep+sha {
			fmt.Fprintf(&b, "delete %s\n", name)
		}
	}
	fmt.Fprintf(&b, "update %s %s\nupdate %s %s\n", refKeep+sha, sha, f.lastRef(), sha)
	_, err = f.g.output(ctx, command{dir: f.m.dir, input: strings.NewReader(b.String()), args: []string{"update-ref", "--stdin"}}, maxFile)
	return err
}

// lastRef is the reference that notes what the name stood for last. It is a digest, because a name may be the folder of another.
func (f *fetching) lastRef() string {
	sum := sha256.Sum256([]byte(f.repo.String() + "\n" + string(f.ref)))
	return refLast + hex.EncodeToString(sum[:12])
}

// resolve gives the commit that a checked name stands for in the mirror.
func (g *Git) resolve(ctx context.Context, dir, name string) (string, bool) {
	raw, err := g.output(ctx, command{dir: dir, args: []string{"rev-parse", "--quiet", "--verify", "--end-of-options", name + "^{commit}"}}, maxFile)
	if err != nil {
		return "", false
	}
	sha, err := core.ParseSHA(strings.TrimSpace(string(raw)))
	return sha, err == nil
}
