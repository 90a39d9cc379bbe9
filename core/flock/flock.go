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

const maxNote = 512 // bytes

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
		held := read(f)
		if err = errors.Join(err, f.Close()); !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, core.Errorf(core.CodeInternal, "Cannot lock %s: %w", name, err)
		}
		return nil, core.Errorf(core.CodeConflict, "%s is locked%s. Wait until that is over, or cancel it.", name, held)
	}
	// The lock counts, the note is for people: on a full disk a rollback must still get its lock.
	_ = write(f, fmt.Sprintf("%s, since %s", plain(note), l.now().UTC().Format("2006-01-02 15:04:05 UTC")))
	return sync.OnceValue(func() error {
		return errors.Join(f.Truncate(0), f.Close()) // closing lets go of it, whatever it says
	}), nil
}

// Holder is the note of who has the lock now; empty when nobody has, whatever a dead process left in the file.
func (l *Locks) Holder(name string) string {
	f, err := l.open(name, os.O_RDWR)
	if err != nil {
		return "" // no file: it was never taken
	}
	defer f.Close()
	if held, err := taken(f); err != nil || !held {
		return ""
	}
	return strings.TrimPrefix(read(f), ": ")
}

// open opens the file of a lock.
func (l *Locks) open(name string, flags int) (*os.File, error) {
	if !nameShape.MatchString(name) {
		return nil, core.Errorf(core.CodeInvalid, "%q cannot be the name of a lock.", name)
	}
	root, err := l.root(flags&os.O_CREATE != 0)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "Cannot lock %s: %w", name, err)
	}
	f, err := root.OpenFile("service-"+name+".lock", flags, 0o600)
	if err = errors.Join(err, root.Close()); err != nil {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		return nil, core.Errorf(core.CodeUnavailable, "Cannot lock %s: %w", name, err)
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

// take locks the file. The lock itself is the kernel's flock; a second one, of the kind that can be asked about without taking
// it, is the sign by which Holder knows.
func take(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
}

// taken asks whether somebody has the lock, and disturbs nobody.
func taken(f *os.File) (bool, error) {
	sign := unix.Flock_t{Type: unix.F_WRLCK}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &sign)
	return sign.Type != unix.F_UNLCK, err
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
func read(f *os.File) string {
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
