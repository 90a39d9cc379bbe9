package git

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	lockEvery = 50 * time.Millisecond  // between two attempts to get a mirror's lock
	sizeEvery = 200 * time.Millisecond // between two looks at a mirror's size
)

// locked is a mirror that nobody else writes to. The lock is on a file, so it holds between control planes, and dies with
// the process and its children.
type locked struct {
	dir  string
	file *os.File
}

// lock waits for a service's mirror and makes it when there is none.
func (g *Git) lock(ctx context.Context, service string) (*locked, error) {
	dir, err := g.mirror(service)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(g.mirrors, 0o700); err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "The folder of the mirrors cannot be made: %w", err)
	}
	file, err := os.OpenFile(strings.TrimSuffix(dir, ".git")+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "The mirror of %s cannot be locked: %w", service, err)
	}
	m := &locked{dir, file}
	if err := m.wait(ctx, service); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := g.prepare(ctx, m); err != nil {
		return nil, errors.Join(err, m.unlock())
	}
	return m, nil
}

// wait tries until the lock is ours.
func (m *locked) wait(ctx context.Context, service string) error {
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(m.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return core.Errorf(core.CodeUnavailable, "The mirror of %s cannot be locked: %w", service, err)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return core.Errorf(core.CodeConflict, "The source of %s is being fetched by somebody else and does not get done. Try again later.", service)
			}
			return gaveUp(ctx)
		case <-tick.C:
		}
	}
}

// unlock lets the next one in. The file stays: removing it would let two in at once.
func (m *locked) unlock() error { return m.file.Close() }

// prepare makes the mirror, and takes away what a killed run left in it. One that git cannot read is made complete, as after a
// crash while it was made; where that does not help it is moved aside and fetched again: everything in it is derived.
func (g *Git) prepare(ctx context.Context, m *locked) error {
	if err := m.clean(); err != nil {
		return core.Errorf(core.CodeUnavailable, "The mirror cannot be tidied: %w", err)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "HEAD")); err == nil {
		if err := g.sound(ctx, m); core.CodeOf(err) != core.CodeConflict {
			return err
		}
	}
	err := g.create(ctx, m)
	if err == nil {
		err = g.sound(ctx, m)
	}
	if core.CodeOf(err) != core.CodeConflict {
		return err
	}
	if err := m.moveAside(); err != nil {
		return core.Errorf(core.CodeUnavailable, "The mirror is damaged and cannot be moved aside: %w", err)
	}
	return g.create(ctx, m)
}

// create makes what the mirror lacks; what is there stays.
func (g *Git) create(ctx context.Context, m *locked) error {
	_, err := g.output(ctx, command{dir: m.dir, args: []string{"init", "--quiet", "--bare", "--template="}}, maxFile)
	return err
}

// sound is CodeConflict for a mirror that git does not take for a repository, or whose references lead nowhere.
func (g *Git) sound(ctx context.Context, m *locked) error {
	broken := ""
	_, err := g.output(ctx, command{dir: m.dir, args: []string{"for-each-ref", "--format=%(objecttype)"}, line: func(line string) {
		if strings.Contains(line, "broken ref") { // a warning alone, but nothing can be fetched into it
			broken = line
		}
	}}, maxRefs)
	if err == nil && broken != "" {
		return core.Errorf(core.CodeConflict, "The mirror of the repository is damaged: git says: %s", broken)
	}
	return err
}

// moveAside keeps the last damaged mirror beside the new one, for people to look at.
func (m *locked) moveAside() error {
	aside := strings.TrimSuffix(m.dir, ".git") + ".damaged"
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	return os.Rename(m.dir, aside)
}

// clean removes locks and half packs of a run that was killed. Nobody else is at it while we have the lock.
func (m *locked) clean() error {
	return filepath.WalkDir(m.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name := entry.Name()
		if strings.HasPrefix(name, "tmp_") || strings.HasSuffix(name, ".lock") {
			return os.Remove(path)
		}
		return nil
	})
}

// sizeWatch ends a run whose mirror grows over its bound.
type sizeWatch struct {
	done    sync.WaitGroup
	tooLong atomic.Bool
}

// over waits for the watch to end, which it does with its context, and tells whether the bound was passed.
func (w *sizeWatch) over() bool {
	w.done.Wait()
	return w.tooLong.Load()
}

// watchSize looks at the mirror of a run until ctx ends.
func (g *Git) watchSize(ctx context.Context, c command, stop context.CancelFunc) *sizeWatch {
	w := &sizeWatch{}
	if c.maxSize == 0 {
		return w
	}
	w.done.Go(func() {
		tick := time.NewTicker(sizeEvery)
		defer tick.Stop()
		for {
			if sizeOf(c.dir) > c.maxSize {
				w.tooLong.Store(true)
				stop()
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return w
}

// sizeOf adds up the files of a folder, in bytes. What disappears meanwhile does not count.
func sizeOf(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // git moves its files while it works; the next look finds them
		}
		if info, err := entry.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
