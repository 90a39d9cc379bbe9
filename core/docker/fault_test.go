//go:build integration

package docker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"
)

// ownEngine is a dockerd of the test's own, to stop, hang and restart.
type ownEngine struct {
	t     *testing.T
	dir   string
	host  string
	flags []string
	cmd   *exec.Cmd
}

// newEngine starts a dockerd with its own folders, and without networks unless flags say otherwise. It lives in a network namespace of its own, because a
// dockerd without a bridge removes docker0 from the one it starts in, and with it that of the server's engine.
func newEngine(t *testing.T, flags ...string) *ownEngine {
	t.Helper()
	if len(flags) == 0 {
		flags = []string{"--bridge=none"}
	}
	dir, err := os.MkdirTemp("", prefix) // short: the path of a socket has 107 bytes
	check(t, err)
	e := &ownEngine{t: t, dir: dir, host: "unix://" + filepath.Join(dir, "d.sock"), flags: flags}
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	t.Cleanup(e.letGo)
	t.Cleanup(e.stop)
	e.start()
	return e
}

// start runs the engine and waits until it answers.
func (e *ownEngine) start() {
	e.t.Helper()
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(e.t, err)
	defer log.Close()
	e.cmd = exec.Command("dockerd", append(e.flags, "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--host", e.host, "--iptables=false", "--storage-driver=vfs")...)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	check(e.t, e.cmd.Start())
	d, err := Open(Config{Host: e.host})
	check(e.t, err)
	defer d.Close()
	coretest.Wait(e.t, 60*time.Second, "the engine answers", func() bool {
		_, err := d.Info(e.t.Context())
		return err == nil
	})
}

// stop ends the engine, by force when it takes long.
func (e *ownEngine) stop() {
	if e.cmd == nil {
		return
	}
	e.signal(syscall.SIGCONT)
	e.signal(syscall.SIGTERM)
	late := time.AfterFunc(30*time.Second, func() { _ = e.cmd.Process.Kill() })
	defer late.Stop()
	if err := e.cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		e.t.Error(err)
	}
	e.cmd = nil
}

// letGo takes away the mount that an engine makes of its data folder where the file system is not a shared mount, and that
// it leaves when it is killed.
func (e *ownEngine) letGo() {
	err := unix.Unmount(filepath.Join(e.dir, "data"), unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		e.t.Error(err)
	}
}

func (e *ownEngine) signal(s syscall.Signal) {
	if err := e.cmd.Process.Signal(s); err != nil {
		e.t.Error(err)
	}
}

// hang stops the engine's process where it is, and waits until all of its threads stand still.
func (e *ownEngine) hang() {
	e.t.Helper()
	e.signal(syscall.SIGSTOP)
	tasks := filepath.Join("/proc", strconv.Itoa(e.cmd.Process.Pid), "task")
	coretest.Wait(e.t, 5*time.Second, "the engine stands still", func() bool {
		threads, err := os.ReadDir(tasks)
		check(e.t, err)
		return !slices.ContainsFunc(threads, func(d os.DirEntry) bool {
			stat, err := os.ReadFile(filepath.Join(tasks, d.Name(), "stat"))
			return err == nil && !strings.Contains(string(stat), ") T ")
		})
	})
}

// lonely is a guest without a network.
func lonely(args ...string) (opts *container.HostConfig, command []string) {
	return &container.HostConfig{NetworkMode: "none"}, args
}

func TestAHungEngineIsRefusedAtOnceAndFoundAgain(t *testing.T) {
	e := newEngine(t)
	r := newRig(t, e.host)
	ctx := bounded(t, 2*time.Minute)
	host, args := lonely("sleep")
	id, name := r.start(t, guest(host, args...))
	events, stream := make(chan core.EngineEvent, 16), r.d.Events(ctx)
	go func() {
		defer close(events)
		for e, err := range stream {
			if err != nil {
				return
			}
			events <- e
		}
	}()
	r.Rename(t, id, name+"-2")
	for e := range events {
		if e.Action == "rename" { // the stream is open
			break
		}
	}
	e.hang()
	begin := time.Now()
	errs := make(chan error, missesAllowed)
	for range missesAllowed {
		go func() {
			_, err := r.d.Containers(ctx)
			errs <- err
		}()
	}
	for range missesAllowed {
		if err := <-errs; core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("hung: %v", err)
		}
	}
	if took := time.Since(begin); took > readLimit+2*time.Second {
		t.Errorf("callers waited %s", took)
	}
	begin = time.Now()
	_, err := r.d.Containers(ctx)
	if took := time.Since(begin); core.CodeOf(err) != core.CodeUnavailable || took > 50*time.Millisecond || !strings.Contains(err.Error(), "does not answer since") {
		t.Errorf("after %s: %v", took, err)
	}
	e.signal(syscall.SIGCONT)
	coretest.Wait(t, 10*time.Second, "the engine is found again", func() bool { _, err := r.d.Containers(ctx); return err == nil })
	info, err := r.d.Info(ctx)
	check(t, err)
	if !strings.Contains(strings.Join(info.Warnings, "\n"), "The engine did not answer from") {
		t.Errorf("warnings %q", info.Warnings)
	}
	check(t, r.d.Stop(ctx, id, time.Second)) // the event stream lived through it
	for e := range events {
		if e.ID == id && e.Action == "die" {
			return
		}
	}
	t.Error("the event stream ended")
}

func TestARestartedEngineBreaksStreamsAndIsFoundAgain(t *testing.T) {
	e := newEngine(t)
	r := newRig(t, e.host)
	ctx := bounded(t, 3*time.Minute)
	host, args := lonely("say", "hello")
	id, _ := r.start(t, guest(host, args...))
	ready, ended := make(chan struct{}), make(chan error, 2)
	go func() {
		for _, err := range r.d.Events(ctx) {
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- fmt.Errorf("events: ended without an error")
	}()
	go func() {
		for _, err := range r.d.ContainerLogs(ctx, id, time.Time{}, true) {
			if err != nil {
				break
			}
			close(ready)
		}
		ended <- core.Errorf(core.CodeUnavailable, "the log ended") // with or without an error: the container may have been stopped first
	}()
	<-ready
	e.stop()
	for range 2 {
		if err := <-ended; core.CodeOf(err) != core.CodeUnavailable {
			t.Errorf("ended with %v", err)
		}
	}
	if _, err := r.d.Info(ctx); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("stopped: %v", err)
	}
	e.start()
	coretest.Wait(t, 10*time.Second, "the engine is found again", func() bool { _, err := r.d.Containers(ctx); return err == nil })
	check(t, r.d.Start(ctx, id))
	n := 0
	for _, err := range r.d.ContainerLogs(ctx, id, time.Time{}, true) {
		check(t, err)
		if n++; n == 2 {
			break
		}
	}
}

func TestPruneRemovesDanglingImagesOnly(t *testing.T) {
	e := newEngine(t)
	r := newRig(t, e.host)
	ctx := bounded(t, time.Minute)
	root, err := pack("other", []byte("content of its own"))
	check(t, err)
	importRoot(t, r.api, root, "")
	p, err := r.d.Prune(ctx)
	check(t, err)
	if p.Images != 1 || p.Bytes <= 0 {
		t.Errorf("pruned %+v", p)
	}
	images, err := r.d.Images(ctx)
	check(t, err)
	if len(images) != 1 || len(images[0].Tags) != 1 {
		t.Errorf("left %+v", images)
	}
	usage, err := r.d.DiskUsage(ctx)
	check(t, err)
	if usage.Images <= 0 || usage.ImagesUnused <= 0 {
		t.Errorf("usage %+v", usage)
	}
}
