package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// KeyFile is an authorized_keys file that is read again when it changes. What cannot be used (the file is gone, is
// unreadable, may be written by others, or holds only damage) leaves the last good set in force.
type KeyFile struct {
	path   string
	source string
	role   core.Role
	logger *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	set    *KeySet
	loaded fileState // what set was read from
	seen   fileState // what the last look saw
	looked time.Time
	failed string // the last failure that was logged, so that it is said once
}

// fileState tells one content of a file from another without reading it.
type fileState struct {
	modified time.Time
	size     int64
}

const (
	// lookEvery is how often the file is looked at. A change counts when two looks see the same, so that a file in the
	// middle of being written locks nobody out.
	lookEvery  = 500 * time.Millisecond
	maxKeyFile = 1 << 20 // bytes
)

// OpenKeyFile reads a file of keys that give role. A file that cannot be used yet is no error: it is logged, and looked
// at again.
func OpenKeyFile(path, source string, role core.Role, logger *slog.Logger) *KeyFile {
	return openKeyFile(path, source, role, logger, time.Now)
}

func openKeyFile(path, source string, role core.Role, logger *slog.Logger, now func() time.Time) *KeyFile {
	f := &KeyFile{path: path, source: source, role: role, logger: logger, now: now, set: NewKeySet(source, role, nil)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look(true)
	return f
}

// Lookup looks at the file where due, and then asks the last good set.
func (f *KeyFile) Lookup(ctx context.Context, a Attempt) (Identity, error) {
	f.mu.Lock()
	if f.now().Sub(f.looked) >= lookEvery {
		f.look(false)
	}
	set := f.set
	f.mu.Unlock()
	return set.Lookup(ctx, a)
}

// look reads the file when its state is new and settled, or at once when told so. The caller holds mu.
func (f *KeyFile) look(atOnce bool) {
	f.looked = f.now()
	info, err := os.Stat(f.path)
	if err != nil {
		f.fail(err)
		return
	}
	state := fileState{info.ModTime(), info.Size()}
	settled := state == f.seen
	f.seen = state
	if state == f.loaded || (!settled && !atOnce) {
		return
	}
	if err := f.load(); err != nil {
		f.fail(err)
		return
	}
	f.loaded, f.failed = state, ""
}

func (f *KeyFile) load() error {
	text, err := readKeyFile(f.path)
	if err != nil {
		return err
	}
	keys, problems := ParseAuthorizedKeys(text)
	if len(keys) == 0 && len(problems) > 0 {
		return fmt.Errorf("no usable line; the first: %s", problems[0])
	}
	for _, p := range problems {
		f.logger.Warn("authorized keys: "+p.String(), "file", f.path)
	}
	f.set = NewKeySet(f.source, f.role, keys)
	f.logger.Info("authorized keys read", "file", f.path, "keys", len(keys), "skipped", len(problems))
	return nil
}

// fail says once that the file cannot be used.
func (f *KeyFile) fail(err error) {
	if errors.Is(err, fs.ErrNotExist) && f.set.Len() == 0 {
		return // not there yet
	}
	if err.Error() != f.failed {
		f.failed = err.Error()
		f.logger.Warn("authorized keys cannot be read; the last good set stays in force", "file", f.path, "keys", f.set.Len(), "error", err)
	}
}

func readKeyFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open authorized keys: %w", err)
	}
	defer func() { _ = file.Close() }() // opened for reading: nothing to lose
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("stat authorized keys: %w", err)
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("others may write it (mode %04o)", info.Mode().Perm())
	case info.Size() > maxKeyFile:
		return nil, fmt.Errorf("it is larger than %d bytes", maxKeyFile)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read authorized keys: %w", err)
	}
	return text, nil
}
