package git

import (
	"context"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/codematrx/matrx-ship/core"
)

// ignoreFile names what a build does not get. Engines leave it to their clients to read it.
const ignoreFile = ".dockerignore"

// wanted leaves out what the folder's .dockerignore names, as docker build does. The file itself and Dockerfiles stay,
// because the engine needs them.
func (g *Git) wanted(ctx context.Context, mirror string, entries []entry) ([]entry, error) {
	at := slices.IndexFunc(entries, func(e entry) bool { return e.path == ignoreFile && e.mode != modeLink })
	if at < 0 {
		return entries, nil
	}
	if entries[at].size > maxFile {
		return nil, core.Errorf(core.CodeInvalid, "%s has %s; %s is the most.", ignoreFile, core.FormatBytes(entries[at].size), core.FormatBytes(maxFile))
	}
	var patterns []string
	err := g.blobs(ctx, mirror, entries[at:at+1], func(_ entry, r io.Reader) (err error) {
		patterns, err = ignorefile.ReadAll(r)
		return err
	})
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "%s cannot be read: %w", ignoreFile, err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "%s has a pattern that is none: %w", ignoreFile, err)
	}
	kept := entries[:0]
	for _, e := range entries {
		ignored, err := matcher.MatchesOrParentMatches(e.path)
		if err != nil {
			return nil, core.Errorf(core.CodeInvalid, "%s has a pattern that is none: %w", ignoreFile, err)
		}
		if !ignored || e.path == ignoreFile || isDockerfile(e.path) {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// isDockerfile is true for the names that Dockerfiles have.
func isDockerfile(name string) bool {
	base := strings.ToLower(path.Base(name))
	return strings.HasPrefix(base, "dockerfile") || strings.HasSuffix(base, ".dockerfile")
}
