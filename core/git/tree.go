package git

import (
	"bufio"
	"context"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// The modes of entries in a tree.
const (
	modeFolder    = "040000"
	modeProgram   = "100755"
	modeLink      = "120000"
	modeSubmodule = "160000"
)

// maxName bounds one entry of a tree as it is listed, in bytes.
const maxName = 4 << 10

// entry is one file, link, folder or submodule of a tree.
type entry struct {
	mode string
	sha  string
	size int64  // of files and links, bytes
	path string // in the tree that was listed
}

// File gives one file at a commit, at most 1 MiB. CodeNotFound when there is none. Links are not followed.
func (g *Git) File(ctx context.Context, service, sha, name string) ([]byte, error) {
	dir, err := g.holds(ctx, service, sha)
	if err != nil {
		return nil, err
	}
	name, err = core.ParseFolder(name)
	if err != nil {
		return nil, err
	}
	found, err := g.at(ctx, dir, sha, name)
	switch {
	case err != nil:
		return nil, err
	case found.mode == modeLink:
		return nil, core.Errorf(core.CodeInvalid, "%s is a link at commit %s; links are not followed.", name, sha[:12])
	case found.mode == modeFolder || found.mode == modeSubmodule:
		return nil, core.Errorf(core.CodeInvalid, "%s is not a file at commit %s.", name, sha[:12])
	case found.size > maxFile:
		return nil, core.Errorf(core.CodeInvalid, "%s has %s at commit %s; %s is the most.", name, core.FormatBytes(found.size), sha[:12], core.FormatBytes(maxFile))
	}
	return g.output(ctx, command{dir: dir, args: []string{"cat-file", "blob", found.sha}}, maxFile)
}

// at finds one entry by its path.
func (g *Git) at(ctx context.Context, dir, sha, name string) (entry, error) {
	if name == "." {
		return entry{mode: modeFolder, path: "."}, nil
	}
	list, err := g.list(ctx, dir, sha, "", "--", name)
	switch {
	case err != nil:
		return entry{}, err
	case len(list) != 1 || list[0].path != name:
		return entry{}, core.Errorf(core.CodeNotFound, "There is no %s at commit %s. (Links are not followed.)", name, sha[:12])
	}
	return list[0], nil
}

// list reads the entries of a tree, each under prefix.
func (g *Git) list(ctx context.Context, dir, tree, prefix string, more ...string) ([]entry, error) {
	args := []string{"ls-tree", "-z", "-l", "--full-tree"}
	if len(more) == 0 {
		args = append(args, "-r")
	}
	var list []entry
	err := g.stream(ctx, command{dir: dir, args: append(append(args, tree), more...)}, func(r *bufio.Reader) error {
		for {
			field, err := readField(r, maxName)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return core.Errorf(core.CodeInternal, "read git ls-tree: %w", err)
			}
			if len(list) >= maxEntries {
				return core.Errorf(core.CodeInvalid, "There are more than %d files at commit %s; that is the bound.", maxEntries, cut(tree, 12))
			}
			if len(field) == maxName {
				return core.Errorf(core.CodeInvalid, "A name in the repository is longer than %d bytes.", maxName)
			}
			e, err := parseEntry(field)
			if err != nil {
				return err
			}
			e.path = path.Join(prefix, e.path)
			list = append(list, e)
		}
	})
	return list, err
}

// parseEntry reads "mode type sha size<TAB>path".
func parseEntry(line string) (entry, error) {
	head, name, _ := strings.Cut(line, "\t")
	words := strings.Fields(head)
	if len(words) != 4 || !isPath(name) {
		return entry{}, core.Errorf(core.CodeInvalid, "The entry %q of the repository is not one that can be built from.", cut(core.SafeText(line), maxPath))
	}
	e := entry{mode: words[0], sha: words[2], path: name}
	if words[3] != "-" {
		size, err := strconv.ParseInt(words[3], 10, 64)
		if err != nil {
			return entry{}, core.Errorf(core.CodeInternal, "read the size of %q: %w", core.SafeText(name), err)
		}
		e.size = size
	}
	return e, nil
}

// isPath is true for a relative path that stays where it is: no part is empty, "." or "..", nor git's own folder.
func isPath(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.ContainsRune(part, 0) {
			return false
		}
	}
	return true
}
