package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// faultDisk is the real disk with faults on request.
type faultDisk struct {
	osDisk
	mu    sync.Mutex
	fault func(op, name string) error // asked before every call; guarded by mu
	ops   []string                    // "op name", in order
	free  int64                       // what Free answers; 0: the truth
}

// partial is a fault that lets n bytes of a write through.
type partial struct {
	n int
	error
}

func (d *faultDisk) set(fault func(op, name string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault
}

func (d *faultDisk) setFree(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = n
}

// log gives all calls so far.
func (d *faultDisk) log() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.ops)
}

// count says how often an operation was called.
func (d *faultDisk) count(op string) int {
	n := 0
	for _, o := range d.log() {
		if strings.HasPrefix(o, op+" ") {
			n++
		}
	}
	return n
}

func (d *faultDisk) call(op, name string) error {
	d.mu.Lock()
	d.ops = append(d.ops, op+" "+filepath.Base(name))
	fault := d.fault
	d.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(op, filepath.Base(name))
}

func (d *faultDisk) List(dir string) ([]os.DirEntry, error) {
	return orFault(d, "list", dir, func() ([]os.DirEntry, error) { return d.osDisk.List(dir) })
}

func (d *faultDisk) Open(name string, flag int) (file, error) {
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	return orFault(d, op, name, func() (file, error) {
		f, err := d.osDisk.Open(name, flag)
		if err != nil {
			return nil, err
		}
		return faultFile{f, d, name}, nil
	})
}

func (d *faultDisk) SyncDir(dir string) error {
	_, err := orFault(d, "syncdir", dir, func() (int, error) { return 0, d.osDisk.SyncDir(dir) })
	return err
}

func (d *faultDisk) Free(dir string) (int64, error) {
	return orFault(d, "free", dir, func() (int64, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.free != 0 {
			return d.free, nil
		}
		return d.osDisk.Free(dir)
	})
}

func orFault[T any](d *faultDisk, op, name string, do func() (T, error)) (T, error) {
	if err := d.call(op, name); err != nil {
		var zero T
		return zero, err
	}
	return do()
}

type faultFile struct {
	file
	d    *faultDisk
	name string
}

func (f faultFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.d.call("write", f.name)
	var part partial
	if errors.As(err, &part) {
		n, _ := f.file.WriteAt(p[:min(part.n, len(p))], off)
		return n, err
	}
	if err != nil {
		return 0, err
	}
	return f.file.WriteAt(p, off)
}

func (f faultFile) Datasync() error {
	if err := f.d.call("sync", f.name); err != nil {
		return err
	}
	return f.file.Datasync()
}

func (f faultFile) Truncate(n int64) error {
	if err := f.d.call("truncate", f.name); err != nil {
		return err
	}
	return f.file.Truncate(n)
}
