// Package flock is the lock that the control planes of a server share: one file for each name below a common folder,
// locked by the kernel (flock), which lets go of it when the process that has it dies.
package flock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/codematrx/matrx-ship/core"
	"golang.org/x/sys/unix"
)

const (
	maxNote  = 512 // bytes
	lookTime = 100 * time.Millisecond
	lookTick = 5 * time.Millisecond
)

// nameShape is what a lock may be called: a service or container name, which cannot leave the folder.
var nameShape = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$`)

// Locks are the locks in one folder. They are safe for concurrent use, and exclude each other within a process as well.
type Locks struct {
	dir string
	now func() time.Time
}

var _ core.Locker = (*Locks)(nil)

// New gives the locks in a folder, which is made when the first one is taken.
func New(dir string) *Locks { return &Locks{dir: dir, now: time.Now} }

// Lock takes a lock, or is CodeConflict at once with the note of who has it. The note says who and what for; the time is added.
// unlock may be called more than once.
func (l *Locks) Lock(name, note string) (unlock func() error, err error) {
	f, err := l.open(name, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return nil, err
	}
	if err := take(f); err != nil {
		held := l.read(f)
		if err = errors.Join(err, f.Close()); !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, core.Errorf(core.CodeInternal, "Cannot lock %s: %w", name, err)
		}
		return nil, core.Errorf(core.CodeConflict, "%s is locked%s. Wait until that is over, or cancel it.", name, held)
	}
	if err := write(f, fmt.Sprintf("%s, since %s", plain(note), l.now().UTC().Format("2006-01-02 15:04:05 UTC"))); err != nil {
		return nil, errors.Join(core.Errorf(core.CodeInternal, "Cannot note who locks %s: %w", name, err), f.Close())
	}
	return sync.OnceValue(func() error {
		return errors.Join(f.Truncate(0), f.Close()) // closing lets go of it, whatever it says
	}), nil
}

// Holder is the note of who has the lock now; empty when nobody has. What a dead process left is cleared away.
func (l *Locks) Holder(name string) string {
	f, err := l.open(name, os.O_RDWR)
	if err != nil {
		return "" // no file: it was never taken
	}
	defer f.Close()
	note := strings.TrimPrefix(l.read(f), ": ")
	if note == "" {
		return ""
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return note
	}
	if err := f.Truncate(0); err != nil {
		return "" // read again and found stale the next time
	}
	return ""
}

// open opens the file of a lock.
func (l *Locks) open(name string, flags int) (*os.File, error) {
	if !nameShape.MatchString(name) {
		return nil, core.Errorf(core.CodeInvalid, "%q cannot be the name of a lock.", name)
	}
	root, err := l.root(flags&os.O_CREATE != 0)
	if err != nil {
		return nil, core.Errorf(core.CodeInternal, "Cannot lock %s: %w", name, err)
	}
	f, err := root.OpenFile("service-"+name+".lock", flags, 0o600)
	if err = errors.Join(err, root.Close()); err != nil {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		return nil, core.Errorf(core.CodeInternal, "Cannot lock %s: %w", name, err)
	}
	return f, nil
}

// root opens the folder.
func (l *Locks) root(create bool) (*os.Root, error) {
	if create {
		if err := os.MkdirAll(l.dir, 0o700); err != nil {
			return nil, err
		}
	}
	return os.OpenRoot(l.dir)
}

// take locks the file. It tries for a moment, because Holder takes a lock that nobody has for an instant.
func take(f *os.File) error {
	tick := time.NewTicker(lookTick)
	defer tick.Stop()
	for end := time.Now().Add(lookTime); ; <-tick.C {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(end) {
			return err
		}
	}
}

// write replaces the note in a file.
func write(f *os.File, note string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(note), 0)
	return err
}

// read is the note in a file after a colon, empty without one.
func (l *Locks) read(f *os.File) string {
	raw, err := io.ReadAll(io.NewSectionReader(f, 0, maxNote))
	if err != nil || len(raw) == 0 {
		return ""
	}
	return ": " + plain(string(raw))
}

// plain is a note as one bounded line.
func plain(note string) string {
	line := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(note, "?"))
	if len(line) > maxNote-64 {
		line = strings.ToValidUTF8(line[:maxNote-64], "")
	}
	return strings.TrimSpace(line)
}
