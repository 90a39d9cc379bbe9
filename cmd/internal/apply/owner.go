package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/codematrx/matrx-ship/core"
)

// routesDir is where the files that lead routes are, below MATRX_ROOT.
const routesDir = "traefik/dynamic"

// Owner gives what is written below a root folder to the folder's owner: this runs as root, and the control planes, which
// have to go on with the same files, run as a user of their own.
type Owner struct {
	root     *os.Root
	uid, gid int
	change   bool // we are root, and the owner is somebody else
}

// OpenOwner looks whose the root folder is. The files that lead routes already are handed over at once.
func OpenOwner(dir string) (*Owner, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, core.Errorf(core.CodeNotFound, "MATRX_ROOT cannot be opened: %w", err)
	}
	o := &Owner{root: root}
	info, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at MATRX_ROOT: %w", err), root.Close())
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		o.uid, o.gid = int(stat.Uid), int(stat.Gid)
		o.change = os.Geteuid() == 0 && o.uid != 0
	}
	if err := o.routes(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return o, nil
}

// Close lets go of the folder.
func (o *Owner) Close() error { return o.root.Close() }

// routes hands over the folder of the files that lead routes. Traefik's certificates, beside it, stay Traefik's.
func (o *Owner) routes() error { return errors.Join(o.give(routesDir), o.tree(routesDir)) }

// tree hands over a folder and everything in it.
func (o *Owner) tree(dir string) error {
	if !o.change {
		return nil
	}
	return fs.WalkDir(o.root.FS(), dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return o.root.Lchown(name, o.uid, o.gid)
	})
}

// give hands over a file and the folders above it.
func (o *Owner) give(name string) error {
	if !o.change {
		return nil
	}
	for name = path.Clean(name); name != "."; name = path.Dir(name) {
		if err := o.root.Lchown(name, o.uid, o.gid); err != nil {
			return core.Errorf(core.CodeInternal, "hand %s to the control planes: %w", name, err)
		}
	}
	return nil
}

// Folders hands over what is written.
func (o *Owner) Folders(w core.FolderWriter) core.FolderWriter { return ownedFolders{w, o} }

type ownedFolders struct {
	core.FolderWriter
	own *Owner
}

func (f ownedFolders) WriteFile(name string, data []byte) error {
	if err := f.FolderWriter.WriteFile(name, data); err != nil {
		return err
	}
	return f.own.give(name)
}

// Locks hands over the files of locks that are taken, in the folder "locks".
func (o *Owner) Locks(l core.Locker) core.Locker { return ownedLocks{l, o} }

type ownedLocks struct {
	core.Locker
	own *Owner
}

func (l ownedLocks) Lock(name, note string) (func() error, error) {
	unlock, err := l.Locker.Lock(name, note)
	if err != nil {
		return nil, err
	}
	if err := l.own.tree("locks"); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// Switch hands over the files that lead routes.
func (o *Owner) Switch(s core.Switch) core.Switch { return ownedSwitch{s, o} }

type ownedSwitch struct {
	core.Switch
	own *Owner
}

func (s ownedSwitch) Point(ctx context.Context, t core.SwitchTarget) error {
	if err := s.Switch.Point(ctx, t); err != nil {
		return err
	}
	return s.own.routes()
}
