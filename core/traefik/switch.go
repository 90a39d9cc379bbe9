package traefik

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
	shared "github.com/codematrx/matrx-ship/infra/traefik"
)

// The places below MATRX_ROOT. A new file is written beside the folder that Traefik reads, not in it: a file that comes
// and goes while Traefik starts to watch would end its watching.
const (
	home       = "traefik"
	dynamicDir = "dynamic"
	fresh      = ".new-"
	maxFile    = 64 << 10 // bytes of a switch file
	folderMode = 0o755    // Traefik runs as a user of its own
	fileMode   = 0o644
)

// Switch implements core.Switch over the folder MATRX_ROOT/traefik/dynamic, which Traefik watches. Its files hold no secret.
type Switch struct {
	root *os.Root // MATRX_ROOT/traefik
	path string
}

// OpenSwitch opens the folder below matrxRoot, makes it when it is missing, and renders what all routes share into it
// (middlewares, TLS options, dashboard: see infra/traefik/dynamic). Close it when done.
func OpenSwitch(matrxRoot string) (*Switch, error) {
	path := filepath.Join(matrxRoot, home)
	if err := os.MkdirAll(filepath.Join(path, dynamicDir), folderMode); err != nil {
		return nil, fmt.Errorf("make Traefik's folder: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open Traefik's folder: %w", err)
	}
	s := &Switch{root: root, path: path}
	if err := errors.Join(s.tidy(), s.render(shared.Dynamic())); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

// Close lets go of the folder.
func (s *Switch) Close() error { return s.root.Close() }

// Point leads a service to one container, by one rename. A file that somebody else wrote is CodeInvalid and stays.
func (s *Switch) Point(ctx context.Context, t core.SwitchTarget) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("point %s: %w", t.Service, err)
	}
	if err := t.Validate(); err != nil {
		return err
	}
	name, err := fileOf(t.Service)
	if err != nil {
		return err
	}
	old, err := s.read(name)
	switch {
	case core.CodeOf(err) == core.CodeNotFound:
	case err != nil:
		return err
	case len(old) > 0 && !isOurs(old): // an empty one is what is left of ours after a crash
		return s.foreign(name)
	}
	return s.write(name, render(t))
}

// Target reads where a service is led.
func (s *Switch) Target(ctx context.Context, service string) (core.SwitchTarget, error) {
	if err := ctx.Err(); err != nil {
		return core.SwitchTarget{}, fmt.Errorf("read the switch of %s: %w", service, err)
	}
	name, err := fileOf(service)
	if err != nil {
		return core.SwitchTarget{}, err
	}
	text, err := s.read(name)
	if err != nil {
		return core.SwitchTarget{}, err
	}
	if !isOurs(text) {
		return core.SwitchTarget{}, s.foreign(name)
	}
	t, ok := parse(service, text)
	if !ok {
		return core.SwitchTarget{}, core.Errorf(core.CodeInvalid,
			"The switch file %s is damaged. It is rendered anew within half a minute from the running container; a deployment writes it too: deploy %s", s.in(name), service)
	}
	return t, nil
}

// Remove takes the file of a service away. There being none is no error; one that somebody else wrote stays.
func (s *Switch) Remove(ctx context.Context, service string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("remove the switch of %s: %w", service, err)
	}
	name, err := fileOf(service)
	if err != nil {
		return err
	}
	text, err := s.read(name)
	switch {
	case core.CodeOf(err) == core.CodeNotFound:
		return nil
	case err != nil:
		return err
	case len(text) > 0 && !isOurs(text):
		return s.foreign(name)
	}
	if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.failed("remove", name, err)
	}
	return nil
}

// read gives a switch file. None is CodeNotFound; what cannot be one is CodeInvalid.
func (s *Switch) read(name string) ([]byte, error) {
	info, err := s.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, core.Errorf(core.CodeNotFound, "There is no switch file %s.", s.in(name))
	case err != nil:
		return nil, s.failed("read", name, err)
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, s.foreign(name)
	}
	f, err := s.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, core.Errorf(core.CodeNotFound, "There is no switch file %s.", s.in(name))
	} else if err != nil {
		return nil, s.failed("read", name, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, s.failed("read", name, err)
	}
	return text, nil
}

// write puts a file in its place whole: written aside, made durable, renamed.
func (s *Switch) write(name string, text []byte) error {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	aside := fresh + hex.EncodeToString(random[:])
	if err := s.writeAside(aside, text); err != nil {
		return errors.Join(s.failed("write", name, err), s.drop(aside))
	}
	if err := s.root.Rename(aside, name); err != nil {
		return errors.Join(s.failed("write", name, err), s.drop(aside))
	}
	folder, err := s.root.Open(dynamicDir)
	if err != nil {
		return s.failed("write", name, err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return s.failed("write", name, err)
	}
	return nil
}

// writeAside makes a file that Traefik's user can read, whatever the umask.
func (s *Switch) writeAside(name string, text []byte) error {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Chmod(fileMode), f.Sync(), f.Close())
}

// drop takes away what was written aside.
func (s *Switch) drop(aside string) error {
	if err := s.root.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", aside, err)
	}
	return nil
}

// tidyAge is how old a file that was written aside must be to be nobody's: another control plane may be about to rename its own.
const tidyAge = time.Minute

// tidy removes what an earlier process wrote aside and did not rename.
func (s *Switch) tidy() error {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("list Traefik's folder: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), fresh) || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // renamed by now
		case err != nil:
			errs = append(errs, fmt.Errorf("look at what was written aside: %w", err))
		case time.Since(info.ModTime()) > tidyAge:
			errs = append(errs, s.drop(entry.Name()))
		}
	}
	return errors.Join(errs...)
}

// render writes what all routes share, where it differs. The names begin with an underscore, which no service's does.
func (s *Switch) render(files fs.FS) error {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return fmt.Errorf("list the shared configuration of Traefik: %w", err)
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(files, entry.Name())
		if err != nil {
			return fmt.Errorf("read the shared configuration of Traefik: %w", err)
		}
		name := path.Join(dynamicDir, entry.Name())
		if there, err := fs.ReadFile(s.root.FS(), name); err == nil && string(there) == string(text) {
			continue
		}
		if err := s.write(name, text); err != nil {
			return err
		}
	}
	return nil
}

// in is the whole path of a file, for people.
func (s *Switch) in(name string) string { return filepath.Join(s.path, name) }

// foreign is the error about a file that is not one of ours.
func (s *Switch) foreign(name string) error {
	return core.Errorf(core.CodeInvalid,
		"%s was not written by a control plane, so it is left alone. Move it away, or give what it says another file name, and try again.", s.in(name))
}

// failed is the error of a call to the file system.
func (s *Switch) failed(action, name string, err error) error {
	return core.Errorf(core.CodeUnavailable, "The switch file %s cannot be %s: %w. Is the disk full, or the folder not the control plane's?",
		s.in(name), map[string]string{"read": "read", "write": "written", "remove": "removed"}[action], bare(err))
}

// bare leaves out the path, which the message names already.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
