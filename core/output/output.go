// Package output keeps the output of builds: one file each in a folder, written while it comes and read meanwhile.
package output

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"sync"

	"github.com/codematrx/matrx-ship/core"
)

// maxBytes bounds one output; the mark that says so comes on top.
const maxBytes = 16 << 20

// idShape is what an output may be called.
var idShape = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}$`)

// Store is a folder of outputs. It is safe for concurrent use.
type Store struct {
	root *os.Root
	max  int64
}

var _ core.OutputStore = (*Store)(nil)

// Open opens the folder, which is made when it is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of outputs: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of outputs: %w", err)
	}
	return &Store{root, maxBytes}, nil
}

// Close lets go of the folder; outputs that are open stay so.
func (s *Store) Close() error { return s.root.Close() }

// Create begins an output; an id that was used is CodeConflict. What goes beyond 16 MiB is dropped, and a last line says
// so: a build must not fail because it talks too much. The writer is safe for concurrent use.
func (s *Store) Create(id string) (io.WriteCloser, error) {
	name, err := fileName(id)
	if err != nil {
		return nil, err
	}
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, wrap(err, "begin", id)
	}
	return &writer{f: f, left: s.max, max: s.max}, nil
}

// Open reads an output from an offset, as far as it goes now. Beyond its end there is nothing, and no error.
func (s *Store) Open(id string, offset int64) (io.ReadCloser, error) {
	name, err := fileName(id)
	if err != nil {
		return nil, err
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, wrap(err, "read", id)
	}
	if _, err := f.Seek(max(offset, 0), io.SeekStart); err != nil {
		return nil, wrap(errors.Join(err, f.Close()), "read", id)
	}
	return f, nil
}

// Remove removes an output; one that is not there is no error.
func (s *Store) Remove(id string) error {
	name, err := fileName(id)
	if err != nil {
		return err
	}
	if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return wrap(err, "remove", id)
	}
	return nil
}

// fileName is where an output lies.
func fileName(id string) (string, error) {
	if !idShape.MatchString(id) {
		return "", core.Errorf(core.CodeInvalid, "%q cannot be the id of an output.", id)
	}
	return id + ".log", nil
}

// wrap makes a core error of what the file system says.
func wrap(err error, action, id string) error {
	code := core.CodeUnavailable // a disk that is full, read-only or broken
	switch {
	case errors.Is(err, fs.ErrNotExist):
		code = core.CodeNotFound
	case errors.Is(err, fs.ErrExist):
		code = core.CodeConflict
	}
	return core.Errorf(code, "Cannot %s the output %s: %w", action, id, err)
}

// writer writes one output.
type writer struct {
	mu   sync.Mutex // guards all below
	f    *os.File
	left int64
	max  int64
	cut  bool
}

// Write adds text up to the bound.
func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return len(p), nil
	}
	fits := p[:min(int64(len(p)), w.left)]
	n, err := w.f.Write(fits)
	w.left -= int64(n)
	if err != nil {
		return n, core.Errorf(core.CodeUnavailable, "Cannot write the output: %w", err)
	}
	if len(fits) < len(p) {
		w.cut = true
		if _, err := fmt.Fprintf(w.f, "\n[cut here: an output is kept up to %d MiB]\n", w.max>>20); err != nil {
			return n, core.Errorf(core.CodeUnavailable, "Cannot write the output: %w", err)
		}
	}
	return len(p), nil
}

// Close ends the output.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.f.Close()
}
