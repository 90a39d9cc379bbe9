// Package cgroup measures containers from the kernel's own files: the cgroups of version 1 or 2 and the network counters of
// a container's process. That costs microseconds where the engine's statistics cost milliseconds of its time, and it works when the
// engine hangs. A container whose files cannot be found is measured by the engine instead.
package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	// idle is how long a container's files stay open without being read.
	idle = time.Minute
	// retry is how long a container whose files were not found is left to the engine.
	retry = 30 * time.Second
	// maxDirs bounds the search for a container's folder in an unusual layout.
	maxDirs = 20_000
)

// Config says where the kernel's files are and who knows the containers.
type Config struct {
	Root   string           // the host's /sys/fs/cgroup, as mounted here
	Proc   string           // the host's /proc, as mounted here
	Engine core.Engine      // knows a container's process
	Else   core.StatsSource // measures what cannot be measured here; often the engine too
}

// Source measures containers. It is safe for concurrent use.
type Source struct {
	cfg     Config
	unified bool // cgroup version 2

	mu    sync.Mutex // guards files and swept
	files map[string]*files
	swept time.Time
}

var _ core.StatsSource = (*Source)(nil)

// Open finds out which version of cgroups the root holds. It fails with CodeUnavailable when there is none.
func Open(cfg Config) (*Source, error) {
	s := &Source{cfg: cfg, files: map[string]*files{}}
	if _, err := os.Stat(filepath.Join(cfg.Root, "cgroup.controllers")); err == nil {
		s.unified = true
		return s, nil
	}
	if _, err := os.Stat(filepath.Join(cfg.Root, "memory", "memory.stat")); err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "%s holds no cgroups of version 1 or 2: mount the server's /sys/fs/cgroup there", cfg.Root)
	}
	return s, nil
}

// Version is that of the cgroups, "1" or "2".
func (s *Source) Version() string {
	if s.unified {
		return "2"
	}
	return "1"
}

// Close closes all files.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for id, f := range s.files {
		errs = append(errs, f.close())
		delete(s.files, id)
	}
	return errors.Join(errs...)
}

// Stats measures a running container. It fails with CodeNotFound for an unknown one and CodeConflict for one that does not run.
func (s *Source) Stats(ctx context.Context, container string) (core.StatsSample, error) {
	f := s.take(container)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.used = time.Now()
	for range 2 { // the second time after a restart, which makes the open files stale
		if f.missing.IsZero() && !f.ready {
			if err := s.find(ctx, container, f); err != nil {
				return core.StatsSample{}, err
			}
		}
		if !f.missing.IsZero() {
			break
		}
		sample, err := f.read(s.unified)
		if err == nil {
			return sample, nil
		}
		if err := errors.Join(f.close(), notGone(err)); err != nil {
			return core.StatsSample{}, core.Errorf(core.CodeInternal, "measure %s: %w", container, err)
		}
	}
	if time.Since(f.missing) > retry {
		f.missing = time.Time{}
	}
	return s.cfg.Else.Stats(ctx, container)
}

// take gives the container's entry, and closes those that nobody has asked for lately.
func (s *Source) take(container string) *files {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.swept) > idle {
		s.swept = time.Now()
		for id, f := range s.files {
			if f.mu.TryLock() {
				if id != container && time.Since(f.used) > idle {
					_ = f.close() // read-only files
					delete(s.files, id)
				}
				f.mu.Unlock()
			}
		}
	}
	f := s.files[container]
	if f == nil {
		f = &files{used: time.Now()}
		s.files[container] = f
	}
	return f
}

// find opens the container's files. One that runs but has no files that are surely its own becomes missing.
func (s *Source) find(ctx context.Context, container string, f *files) error {
	c, err := s.cfg.Engine.Container(ctx, container)
	if err != nil {
		return err
	}
	if c.Pid == 0 {
		return core.Errorf(core.CodeConflict, "Cannot measure %s: it is not running.", c.Name)
	}
	proc := filepath.Join(s.cfg.Proc, strconv.Itoa(c.Pid))
	own, err := os.ReadFile(filepath.Join(proc, "cgroup"))
	if err != nil || !strings.Contains(string(own), c.ID) { // not the server's /proc, or another process by now
		f.missing = time.Now()
		return nil
	}
	f.host = slices.ContainsFunc(c.Networks, func(a core.Attachment) bool { return a.Network == "host" })
	f.net = filepath.Join(proc, "net", "dev")
	if err := s.open(f, c.ID, parsePaths(string(own))); err != nil {
		f.missing = time.Now()
		return f.close()
	}
	f.ready = true
	return nil
}

// open opens what is read each time.
func (s *Source) open(f *files, id string, paths map[string]string) error {
	want := version1
	if s.unified {
		want = version2
	}
	for i, w := range want {
		dir, err := s.dir(w.controller, id, paths)
		if err != nil {
			return err
		}
		fd, err := os.Open(filepath.Join(dir, w.name))
		if err != nil {
			if w.optional && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return err
		}
		f.fd[i] = fd
	}
	return nil
}

// dir finds the container's folder of a controller: where its process says it is, where the engine puts it by default, or
// wherever there is a folder with its id. The first fails where we live in a cgroup namespace of our own, or the engine does.
func (s *Source) dir(controller, id string, paths map[string]string) (string, error) {
	root := filepath.Join(s.cfg.Root, controller)
	candidates := []string{"docker/" + id, "system.slice/docker-" + id + ".scope"}
	if p, ok := paths[controller]; ok && !strings.Contains(p, "..") {
		candidates = slices.Insert(candidates, 0, p)
	}
	for _, c := range candidates {
		dir := filepath.Join(root, c)
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return search(root, id)
}

// search walks the folders for the container's own.
func search(root, id string) (string, error) {
	found, seen := "", 0
	root, err := filepath.EvalSymlinks(root) // cpuacct is often a link to cpu,cpuacct
	if err != nil {
		return "", err
	}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil: // gone meanwhile
			return nil
		case !e.IsDir():
			return nil
		}
		if seen++; seen > maxDirs {
			return fs.SkipAll
		}
		if strings.Contains(e.Name(), id) {
			found = path
			return fs.SkipAll
		}
		return nil
	})
	if err == nil && found == "" {
		err = fmt.Errorf("no folder of %s in %s", id, root)
	}
	return found, err
}

// parsePaths reads /proc/PID/cgroup: "4:memory:/docker/..." for each controller, "0::/..." for version 2.
func parsePaths(text string) map[string]string {
	paths := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for c := range strings.SplitSeq(f[1], ",") {
			paths[c] = f[2]
		}
	}
	return paths
}

// notGone drops the errors that mean that the cgroup went away under the open file.
func notGone(err error) error {
	if errors.Is(err, syscall.ENODEV) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
