package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// disk is the file system as the journal uses it. Tests put faults in between.
type disk interface {
	MakeDir(dir string) error
	List(dir string) ([]os.DirEntry, error)
	Open(name string, flag int) (file, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(dir string) error       // makes created, renamed and removed names durable
	Free(dir string) (int64, error) // bytes that an unprivileged writer may still use
}

// file is one open file of a disk.
type file interface {
	io.ReadCloser
	io.WriterAt
	Truncate(size int64) error
	Datasync() error                        // fdatasync
	Allocate(size int64) error              // reserves blocks for [0, size)
	Size() (size, allocated int64, _ error) // length, and bytes that blocks are held for
}

// osDisk is the real disk.
type osDisk struct{}

func (osDisk) MakeDir(dir string) error               { return os.MkdirAll(dir, 0o700) }
func (osDisk) List(dir string) ([]os.DirEntry, error) { return os.ReadDir(dir) }
func (osDisk) Rename(from, to string) error           { return os.Rename(from, to) }
func (osDisk) Remove(name string) error               { return os.Remove(name) }

func (osDisk) Open(name string, flag int) (file, error) {
	f, err := os.OpenFile(name, flag|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osDisk) Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := ignoringEINTR(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// osFile is a file of osDisk.
type osFile struct{ *os.File }

func (f osFile) Datasync() error {
	if err := ignoringEINTR(func() error { return unix.Fdatasync(int(f.Fd())) }); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f osFile) Allocate(size int64) error {
	if err := ignoringEINTR(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, size) }); err != nil {
		return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}

func (f osFile) Size() (size, allocated int64, _ error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, 0, &fs.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return st.Size, st.Blocks * 512, nil
}

// ignoringEINTR repeats a call that a signal interrupted before it did anything.
func ignoringEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// isFull says whether the error means that the disk, or a quota on it, has no room.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
