// Package folder writes small derived files below one root: each by temporary file and rename, so that a reader sees the
// old text or the new one, and readable by the owner alone, because some hold secrets.
package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/codematrx/matrx-ship/core"
	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// maxBytes is how much of a file is read.
const maxBytes = 16 << 20

// Root is the folder below which everything lies; no path and no link leads out of it. It is safe for concurrent use.
type Root struct {
	root *os.Root
}

var _ core.FolderWriter = (*Root)(nil)

// Open opens the root, which must be there.
func Open(dir string) (*Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open MATRX_ROOT: %w", err)
	}
	return &Root{root}, nil
}

// Close lets go of the root.
func (r *Root) Close() error { return r.root.Close() }

// WriteFile replaces a file, durably, and makes the folders above it. A link in its place is replaced, not followed.
func (r *Root) WriteFile(path string, data []byte) error {
	path, err := local(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := r.root.MkdirAll(dir, 0o700); err != nil {
		return wrap(err, "write", path)
	}
	in, err := r.root.OpenRoot(dir) // the temporary file lies beside the other: a rename works within a file system only
	if err != nil {
		return wrap(err, "write", path)
	}
	err = errors.Join(replace(in, filepath.Base(path), data), in.Close())
	return wrap(err, "write", path)
}

// replace writes a temporary file, renames it, and makes the rename durable.
func replace(in *os.Root, name string, data []byte) error {
	f, err := renameio.NewPendingFile(name, renameio.WithRoot(in), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Cleanup())
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return errors.Join(err, f.Cleanup())
	}
	dir, err := in.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ReadFile gives a file of at most 16 MiB. What is no regular file is CodeInvalid.
func (r *Root) ReadFile(path string) ([]byte, error) {
	path, err := local(path)
	if err != nil {
		return nil, err
	}
	f, err := r.root.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe must not hold us up
	if err != nil {
		return nil, wrap(err, "read", path)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, wrap(err, "read", path)
	case !info.Mode().IsRegular():
		return nil, core.Errorf(core.CodeInvalid, "Cannot read %s: it is no regular file.", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	switch {
	case err != nil:
		return nil, wrap(err, "read", path)
	case len(data) > maxBytes:
		return nil, core.Errorf(core.CodeInvalid, "Cannot read %s: it has more than %d MiB.", path, maxBytes>>20)
	}
	return data, nil
}

// List gives the names in a folder, in order; none when there is no such folder. Hidden ones are left out: a crash may leave
// temporary files.
func (r *Root) List(dir string) ([]string, error) {
	dir, err := local(dir)
	if err != nil {
		return nil, err
	}
	f, err := r.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err, "list", dir)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, wrap(err, "list", dir)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") })
	slices.Sort(names)
	return names, nil
}

// Remove removes a file or an empty folder; one that is not there is no error.
func (r *Root) Remove(path string) error {
	path, err := local(path)
	if err != nil {
		return err
	}
	if err := r.root.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return wrap(err, "remove", path)
	}
	return nil
}

// local is a path below the root, clean.
func local(path string) (string, error) {
	if !filepath.IsLocal(path) || strings.ContainsRune(path, 0) {
		return "", core.Errorf(core.CodeInvalid, "The path %q does not lie below MATRX_ROOT.", path)
	}
	return filepath.Clean(path), nil
}

// wrap makes a core error of what the file system says; nil stays nil.
func wrap(err error, action, path string) error {
	code := core.CodeUnavailable // a disk that is full, read-only or broken
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		code = core.CodeNotFound
	case errors.Is(err, fs.ErrExist), errors.Is(err, unix.ENOTEMPTY):
		code = core.CodeConflict
	case escapes(err), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EISDIR):
		code = core.CodeInvalid
	}
	return core.Errorf(code, "Cannot %s %s: %w", action, path, err)
}

// escapes knows the error of a link that leads out of the root, which has no name.
func escapes(err error) bool { return strings.Contains(err.Error(), "path escapes from parent") }
