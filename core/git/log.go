package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of what is told of a commit.
const (
	maxCommits = 1000
	maxFiles   = 200 // of one commit
	maxSubject = 300 // bytes
	maxAuthor  = 120
	maxPath    = 400
	maxShown   = 2 << 10 // read of a field that is shown cut
)

// logFormat begins each commit with an empty field, which no name of a file can be.
const logFormat = "--format=tformat:%x00%H%x00%an%x00%ct%x00%s"

// Commit gives one commit that the mirror has. CodeNotFound when it has not.
func (g *Git) Commit(ctx context.Context, service, sha string) (core.Commit, error) {
	dir, err := g.holds(ctx, service, sha)
	if err != nil {
		return core.Commit{}, err
	}
	return g.commit(ctx, dir, sha)
}

// Log gives the commits that head has and base has not, newest first, at most limit (and 1,000). An empty base means all.
func (g *Git) Log(ctx context.Context, service, base, head string, limit int) ([]core.Commit, error) {
	names := []string{head}
	if base != "" {
		names = append(names, base)
	}
	dir, err := g.holds(ctx, service, names...)
	if err != nil {
		return nil, err
	}
	if limit <= 0 || limit > maxCommits {
		limit = maxCommits
	}
	if base != "" {
		names[1] = "^" + base
	}
	return g.log(ctx, dir, limit, names...)
}

// holds checks that the mirror of a service has the commits.
func (g *Git) holds(ctx context.Context, service string, shas ...string) (string, error) {
	dir, err := g.mirror(service)
	if err != nil {
		return "", err
	}
	for _, sha := range shas {
		if _, err := core.ParseSHA(sha); err != nil {
			return "", err
		}
		if _, ok := g.resolve(ctx, dir, sha); !ok {
			if ctx.Err() != nil {
				return "", gaveUp(ctx)
			}
			return "", core.Errorf(core.CodeNotFound, "The mirror of %s does not have commit %s.", service, sha[:12])
		}
	}
	return dir, nil
}

// commit reads one commit.
func (g *Git) commit(ctx context.Context, dir, sha string) (core.Commit, error) {
	list, err := g.log(ctx, dir, 1, sha)
	if err == nil && len(list) == 0 {
		err = core.Errorf(core.CodeNotFound, "The mirror does not have commit %s.", sha)
	}
	if err != nil {
		return core.Commit{}, err
	}
	return list[0], nil
}

// log reads commits. What a merge changed is told against its first parent.
func (g *Git) log(ctx context.Context, dir string, limit int, names ...string) ([]core.Commit, error) {
	args := []string{"log", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "--diff-merges=first-parent",
		"--no-color", "--no-notes", "--no-mailmap", "--max-count=" + strconv.Itoa(limit), logFormat}
	var list []core.Commit
	err := g.stream(ctx, command{dir: dir, args: append(append(args, names...), "--")}, func(r *bufio.Reader) error {
		var err error
		list, err = parseLog(r)
		return err
	})
	return list, err
}

// parseLog reads what logFormat writes.
func parseLog(r *bufio.Reader) ([]core.Commit, error) {
	list := []core.Commit{}
	for fields := -1; ; {
		field, err := readField(r, maxShown)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, core.Errorf(core.CodeInternal, "read git log: %w", err)
		}
		if field == "" && (fields < 0 || fields >= 4) {
			list, fields = append(list, core.Commit{}), 0
			continue
		}
		if fields < 0 {
			return nil, core.Errorf(core.CodeInternal, "git log answered in a way that is not known.")
		}
		setField(&list[len(list)-1], fields, field)
		fields++
	}
}

// setField takes in one field of a commit: SHA, author, time, subject, then files.
func setField(c *core.Commit, n int, field string) {
	switch n {
	case 0:
		c.SHA = field
	case 1:
		c.Author = cut(core.SafeText(field), maxAuthor)
	case 2:
		if seconds, err := strconv.ParseInt(field, 10, 64); err == nil {
			c.At = time.Unix(seconds, 0).UTC()
		}
	case 3:
		c.Subject = cut(core.SafeText(field), maxSubject)
	case 4:
		field = strings.TrimPrefix(field, "\n") // between a commit and its files
		fallthrough
	default:
		if len(c.Files) < maxFiles {
			c.Files = append(c.Files, cut(core.SafeText(field), maxPath))
		}
	}
}

// readField reads up to the next NUL. What is longer than most bytes is read to its end and cut.
func readField(r *bufio.Reader, most int) (string, error) {
	var field []byte
	for {
		part, err := r.ReadSlice(0)
		ended := err == nil || errors.Is(err, io.EOF) && len(field)+len(part) > 0
		part = bytes.TrimSuffix(part, []byte{0})
		field = append(field, part[:min(len(part), most-len(field))]...)
		switch {
		case ended:
			return string(field), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}
