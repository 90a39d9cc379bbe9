package coretest

import (
	"bytes"
	"context"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/codematrx/matrx-ship/core"
)

// Folders is a fake core.FolderWriter in memory.
type Folders struct {
	Trouble
	mu    sync.Mutex // guards files
	files map[string][]byte
}

var _ core.FolderWriter = (*Folders)(nil)

// NewFolders gives an empty root.
func NewFolders() *Folders { return &Folders{files: map[string][]byte{}} }

// local is the one way to write a path below the root, or an error for one that leads out of it.
func local(name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", core.Errorf(core.CodeInvalid, "The path %q leads out of MATRX_ROOT.", name)
	}
	return path.Clean(name), nil
}

// WriteFile replaces a file.
func (f *Folders) WriteFile(name string, data []byte) error {
	if err := f.enter(context.Background(), "WriteFile"); err != nil {
		return err
	}
	name, err := local(name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[name] = bytes.Clone(data)
	return nil
}

// ReadFile gives a file.
func (f *Folders) ReadFile(name string) ([]byte, error) {
	if err := f.enter(context.Background(), "ReadFile"); err != nil {
		return nil, err
	}
	name, err := local(name)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.files[name]
	if !ok {
		return nil, core.Errorf(core.CodeNotFound, "There is no file %s.", name)
	}
	return bytes.Clone(data), nil
}

// List gives the names in a folder that are not hidden, in order.
func (f *Folders) List(dir string) ([]string, error) {
	if err := f.enter(context.Background(), "List"); err != nil {
		return nil, err
	}
	dir, err := local(dir)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	names := map[string]bool{}
	for name := range f.files {
		rest, ok := strings.CutPrefix(name, dir+"/")
		if dir == "." {
			rest, ok = name, true
		}
		if ok {
			entry, _, _ := strings.Cut(rest, "/")
			names[entry] = !strings.HasPrefix(entry, ".")
		}
	}
	maps.DeleteFunc(names, func(_ string, shown bool) bool { return !shown })
	return slices.Sorted(maps.Keys(names)), nil
}

// Remove removes a file; one that is not there is no error.
func (f *Folders) Remove(name string) error {
	if err := f.enter(context.Background(), "Remove"); err != nil {
		return err
	}
	name, err := local(name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.files, name)
	return nil
}
