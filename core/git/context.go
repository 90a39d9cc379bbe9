package git

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	contextWithin = 30 * time.Minute // for a build to read its context
	maxLink       = 4 << 10          // bytes of a link's target
)

// Context writes the folder dir at a commit as a tar stream for a build. It comes from the objects as they were committed:
// no working tree, no attribute, no filter. All entries are checked before the first byte; a link that leads out of the
// folder is an error that names it.
func (g *Git) Context(ctx context.Context, service, sha, dir string) (io.ReadCloser, error) {
	mirror, err := g.holds(ctx, service, sha)
	if err != nil {
		return nil, err
	}
	if dir, err = core.ParseFolder(dir); err != nil {
		return nil, err
	}
	commit, err := g.commit(ctx, mirror, sha)
	if err != nil {
		return nil, err
	}
	entries, err := g.folder(ctx, mirror, sha, dir)
	if err != nil {
		return nil, err
	}
	links, err := g.links(ctx, mirror, entries)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.mode == modeLink && !staysInside(links, e.path) {
			return nil, core.Errorf(core.CodeInvalid, "The link %s leads out of the folder that is built (to %s). Make it point inside, or take it out.",
				cut(core.SafeText(e.path), maxPath), cut(core.SafeText(links[e.path]), maxPath))
		}
	}
	return g.openTar(ctx, mirror, entries, links, commit.At), nil
}

// folder lists the files of a folder with those of submodules that may be built, and keeps the bounds.
func (g *Git) folder(ctx context.Context, mirror, sha, dir string) ([]entry, error) {
	found, err := g.at(ctx, mirror, sha, dir)
	switch {
	case err != nil:
		return nil, err
	case found.mode == modeLink:
		return nil, core.Errorf(core.CodeInvalid, "%s is a link at commit %s; give the folder itself.", dir, sha[:12])
	case found.mode != modeFolder:
		return nil, core.Errorf(core.CodeInvalid, "%s is not a folder at commit %s.", dir, sha[:12])
	}
	tree := sha
	if dir != "." {
		tree = found.sha
	}
	entries, err := g.expand(ctx, mirror, tree, "", 0)
	if err != nil {
		return nil, err
	}
	if entries, err = g.wanted(ctx, mirror, entries); err != nil {
		return nil, err
	}
	var size int64
	for _, e := range entries {
		size += e.size
	}
	switch {
	case len(entries) > maxEntries:
		return nil, core.Errorf(core.CodeInvalid, "There are more than %d files to build from; that is the bound.", maxEntries)
	case size > maxContext:
		return nil, core.Errorf(core.CodeInvalid, "There are %s to build from; %s is the bound.", core.FormatBytes(size), core.FormatBytes(maxContext))
	case len(entries) == 0:
		return nil, core.Errorf(core.CodeInvalid, "There is nothing in %s at commit %s.", dir, sha[:12])
	}
	return entries, nil
}

// expand lists a tree and puts the files of a submodule where it is mounted.
func (g *Git) expand(ctx context.Context, mirror, tree, prefix string, depth int) ([]entry, error) {
	list, err := g.list(ctx, mirror, tree, prefix)
	if err != nil {
		return nil, err
	}
	var all []entry
	for _, e := range list {
		if e.mode != modeSubmodule {
			all = append(all, e)
			continue
		}
		if _, allowed := g.resolve(ctx, mirror, refSub+e.sha); !allowed || depth >= maxDepth {
			return nil, core.Errorf(core.CodeInvalid, "%s is a submodule, and submodules are not allowed for this service. Allow them in its definition, or take it out of the folder that is built.", cut(core.SafeText(e.path), maxPath))
		}
		inner, err := g.expand(ctx, mirror, e.sha, e.path, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, inner...)
	}
	return all, nil
}

// links reads where the links among the entries lead.
func (g *Git) links(ctx context.Context, mirror string, entries []entry) (map[string]string, error) {
	links := map[string]string{}
	var those []entry
	for _, e := range entries {
		if e.mode != modeLink {
			continue
		}
		if e.size > maxLink {
			return nil, core.Errorf(core.CodeInvalid, "The link %s has a target of %d bytes; %d are the most.", cut(core.SafeText(e.path), maxPath), e.size, maxLink)
		}
		those = append(those, e)
	}
	err := g.blobs(ctx, mirror, those, func(e entry, r io.Reader) error {
		target, err := io.ReadAll(r)
		links[e.path] = string(target)
		return err
	})
	return links, err
}

// blobs gives the content of entries, one after the other.
func (g *Git) blobs(ctx context.Context, mirror string, entries []entry, each func(entry, io.Reader) error) error {
	if len(entries) == 0 {
		return nil
	}
	var names bytes.Buffer
	for _, e := range entries {
		names.WriteString(e.sha + "\n")
	}
	c := command{dir: mirror, within: contextWithin, input: &names, args: []string{"cat-file", "--batch", "--buffer"}}
	return g.stream(ctx, c, func(r *bufio.Reader) error {
		for _, e := range entries {
			head, err := r.ReadString('\n')
			if err != nil {
				return core.Errorf(core.CodeInternal, "read git cat-file: %w", err)
			}
			if head != fmt.Sprintf("%s blob %d\n", e.sha, e.size) {
				return core.Errorf(core.CodeConflict, "%s cannot be read from the mirror.", cut(core.SafeText(e.path), maxPath))
			}
			if err := each(e, io.LimitReader(r, e.size)); err != nil {
				return err
			}
			if _, err := r.Discard(1); err != nil {
				return core.Errorf(core.CodeInternal, "read git cat-file: %w", err)
			}
		}
		return nil
	})
}

// tarStream is a tar that is written while it is read. Close ends the writer and waits for it.
type tarStream struct {
	*io.PipeReader
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Close ends the stream.
func (s *tarStream) Close() error {
	s.cancel()
	err := s.PipeReader.Close()
	s.done.Wait()
	return err
}

// openTar begins to write the entries.
func (g *Git) openTar(ctx context.Context, mirror string, entries []entry, links map[string]string, at time.Time) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	reader, writer := io.Pipe()
	s := &tarStream{PipeReader: reader, cancel: cancel}
	s.done.Go(func() {
		w := &tarWriter{Writer: tar.NewWriter(writer), at: at, made: map[string]bool{".": true}}
		err := g.blobs(ctx, mirror, entries, func(e entry, r io.Reader) error { return w.add(e, links[e.path], r) })
		if err == nil {
			err = w.Close()
		}
		writer.CloseWithError(err) // never fails; without an error it is the end
	})
	return s
}

// tarWriter writes entries with the time of the commit, so that the same commit is the same tar.
type tarWriter struct {
	*tar.Writer
	at   time.Time
	made map[string]bool // folders
}

// add writes one entry, and before it the folders that it lies in.
func (w *tarWriter) add(e entry, target string, content io.Reader) error {
	if err := w.folders(path.Dir(e.path)); err != nil {
		return err
	}
	head := &tar.Header{Name: e.path, ModTime: w.at, Mode: 0o644, Typeflag: tar.TypeReg, Size: e.size}
	switch e.mode {
	case modeLink:
		head.Typeflag, head.Linkname, head.Size, head.Mode = tar.TypeSymlink, target, 0, 0o777
	case modeProgram:
		head.Mode = 0o755
	}
	err := w.WriteHeader(head)
	switch {
	case err != nil:
		return err
	case e.mode == modeLink: // its content is in the header
		_, err = io.Copy(io.Discard, content)
	default:
		_, err = io.Copy(w, content)
	}
	return err
}

// folders writes a folder and those above it once.
func (w *tarWriter) folders(dir string) error {
	if w.made[dir] {
		return nil
	}
	if err := w.folders(path.Dir(dir)); err != nil {
		return err
	}
	w.made[dir] = true
	return w.WriteHeader(&tar.Header{Name: dir + "/", ModTime: w.at, Mode: 0o755, Typeflag: tar.TypeDir})
}
