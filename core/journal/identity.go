package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

const (
	identityName = "identity.json"
	lockName     = "lock"
	format       = 1 // of the lines and files; a release reads its own and the one before
)

// identity says whose journal a directory holds.
type identity struct {
	Format int       `json:"format"`
	Server string    `json:"server"`
	Writer string    `json:"writer"`
	Made   time.Time `json:"made"`
}

// takeLock keeps every other process out. The lock dies with the process.
func (j *Journal) takeLock() error {
	if j.lock != nil {
		return nil
	}
	f, err := os.OpenFile(j.path(lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, unix.EROFS) {
		f, err = os.Open(j.path(lockName)) // enough for the lock, if the file is there
	}
	if err != nil {
		return fmt.Errorf("open the journal's lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close() // only read
		if errors.Is(err, unix.EWOULDBLOCK) {
			return core.Errorf(core.CodeConflict, "The journal in %s is in use by %s.", j.cfg.Dir, holder(f))
		}
		return fmt.Errorf("lock the journal: %w", err)
	}
	j.lock = f
	host, _ := os.Hostname() // the text is for people; the lock holds without it, and on a full disk too
	_ = f.Truncate(0)
	_, _ = f.WriteAt(fmt.Appendf(nil, "process %d on %s since %s\n", os.Getpid(), host, j.cfg.Now().UTC().Format(time.RFC3339)), 0)
	return nil
}

// holder reads who holds the lock.
func holder(f io.Reader) string {
	text, err := io.ReadAll(io.LimitReader(f, 256))
	if who := strings.TrimSpace(string(text)); err == nil && who != "" {
		return who
	}
	return "another process"
}

// checkIdentity refuses a directory that belongs to somebody else, and makes the identity of a new one.
func (j *Journal) checkIdentity() error {
	err := j.readIdentity()
	if errors.Is(err, fs.ErrNotExist) {
		return j.writeIdentity()
	}
	return err
}

// readIdentity refuses a directory that belongs to somebody else. Without an identity it is fs.ErrNotExist.
func (j *Journal) readIdentity() error {
	f, err := j.disk.Open(j.path(identityName), os.O_RDONLY)
	if err != nil {
		return fmt.Errorf("open the journal's identity: %w", err)
	}
	defer f.Close() // only read
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return fmt.Errorf("read the journal's identity: %w", err)
	}
	var id identity
	switch err := json.Unmarshal(text, &id); {
	case err != nil:
		return &damage{file: identityName, why: "it is not JSON"}
	case id.Format != format:
		return &damage{file: identityName, why: fmt.Sprintf("its format is %d, and this release reads %d", id.Format, format)}
	case id.Server != j.cfg.Server || id.Writer != j.cfg.Writer:
		return core.Errorf(core.CodeConflict, "The journal in %s belongs to %q of server %q, not to %q of server %q.",
			j.cfg.Dir, id.Writer, id.Server, j.cfg.Writer, j.cfg.Server)
	}
	return nil
}

// writeIdentity makes the identity by a new file and a rename, so that it is whole or not there.
func (j *Journal) writeIdentity() error {
	text, err := json.Marshal(identity{format, j.cfg.Server, j.cfg.Writer, j.cfg.Now().UTC()})
	if err != nil {
		return fmt.Errorf("encode the journal's identity: %w", err)
	}
	err = j.writeFile(identityName+".new", append(text, '\n'))
	if err == nil {
		err = j.disk.Rename(j.path(identityName+".new"), j.path(identityName))
	}
	if err == nil {
		err = j.disk.SyncDir(j.cfg.Dir)
	}
	if err != nil {
		return fmt.Errorf("write the journal's identity: %w", err)
	}
	return nil
}

// writeFile writes and syncs a whole file. A part of it is not left lying on a disk that is full.
func (j *Journal) writeFile(name string, data []byte) error {
	f, err := j.disk.Open(j.path(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Datasync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = j.disk.Remove(j.path(name)) // the first error is the one that matters
	}
	return err
}
