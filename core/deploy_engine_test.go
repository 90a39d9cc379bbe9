//go:build integration

package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core/coretest"
)

// ownEngine is a dockerd of the test's own, to hang, restart and fill. It lives in a network namespace that another process holds, so
// that its networks survive it, and that a pair of links ties to this one, so that the test reaches what runs there. Its data lies on
// a file system of its own.
type ownEngine struct {
	t      *testing.T
	dir    string
	host   string // address of its socket
	subnet string // first three numbers of the addresses in it
	holder *exec.Cmd
	cmd    *exec.Cmd
}

// engineSize is room for Traefik's image and for what deployments make.
const engineSize = "1g"

// newOwnEngine starts one, with the images given of the shared engine, and with one network of that name.
func newOwnEngine(t *testing.T, network string, images ...string) *ownEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "deploy-t-") // short: the path of a socket has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	e := &ownEngine{t: t, dir: dir, host: "unix://" + filepath.Join(dir, "d.sock"), subnet: fmt.Sprintf("10.218.%d", os.Getpid()%250)}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	mountTmpfs(t, e.data(), engineSize)
	e.hold()
	t.Cleanup(e.stop)
	e.start()
	e.cli("network", "create", "--subnet", e.subnet+".0/25", "--ip-range", e.subnet+".0/26", network)
	for _, image := range images {
		e.load(image)
	}
	return e
}

// mountTmpfs mounts a file system of a size until the test ends.
func mountTmpfs(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=711,size="+size); err != nil {
		t.Fatalf("mount a file system, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// hold starts the process that holds the namespace, and ties it to this one.
func (e *ownEngine) hold() {
	e.t.Helper()
	e.holder = exec.Command("sleep", "infinity")
	e.holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := e.holder.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		_ = e.holder.Process.Kill()
		_ = e.holder.Wait()
	})
	pid, link := fmt.Sprint(e.holder.Process.Pid), fmt.Sprintf("dpl%d", os.Getpid())
	inside := append(e.inside(), "ip")
	for _, line := range [][]string{
		{"ip", "link", "add", link, "type", "veth", "peer", "name", "up0", "netns", pid},
		{"ip", "addr", "add", e.subnet + ".253/30", "dev", link},
		{"ip", "link", "set", link, "up"},
		append(inside, "addr", "add", e.subnet+".254/30", "dev", "up0"),
		append(inside, "link", "set", "up0", "up"),
		append(inside, "link", "set", "lo", "up"),
		{"ip", "route", "add", e.subnet + ".0/25", "via", e.subnet + ".254"},
	} {
		e.run(line...)
	}
}

// inside begins a command line that runs in the namespace.
func (e *ownEngine) inside() []string {
	return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", e.holder.Process.Pid)}
}

// run runs a program, which must succeed, and gives what it says.
func (e *ownEngine) run(argv ...string) string {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, problem bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		e.t.Fatalf("%s: %v %s", strings.Join(argv, " "), err, problem.String())
	}
	return strings.TrimSpace(out.String())
}

// cli runs the engine's own client.
func (e *ownEngine) cli(args ...string) string {
	e.t.Helper()
	return e.run(append([]string{"docker", "--host", e.host}, args...)...)
}

// load copies an image of the shared engine.
func (e *ownEngine) load(image string) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	from, to := exec.CommandContext(ctx, "docker", "save", image), exec.CommandContext(ctx, "docker", "--host", e.host, "load")
	pipe, err := from.StdoutPipe()
	if err != nil {
		e.t.Fatal(err)
	}
	to.Stdin = pipe
	if err := errors.Join(from.Start(), to.Run(), from.Wait()); err != nil {
		e.t.Fatalf("load %s: %v", image, err)
	}
}

// start runs the engine and waits until it answers.
func (e *ownEngine) start() {
	e.t.Helper()
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	line := append(e.inside(), "dockerd", "--data-root", e.data(), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--host", e.host, "--bridge=none", "--iptables=false")
	e.cmd = exec.Command(line[0], line[1:]...)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	coretest.Wait(e.t, time.Minute, "the engine answers", func() bool {
		return exec.CommandContext(e.t.Context(), "docker", "--host", e.host, "version").Run() == nil
	})
}

// data is the folder, and the file system, that the engine keeps everything in.
func (e *ownEngine) data() string { return filepath.Join(e.dir, "data") }

// stop ends the engine, by force when it takes long.
func (e *ownEngine) stop() {
	if e.cmd == nil {
		return
	}
	_ = e.cmd.Process.Signal(syscall.SIGCONT)
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(30*time.Second, func() { _ = e.cmd.Process.Kill() })
	defer late.Stop()
	if err := e.cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		e.t.Error(err)
	}
	e.cmd = nil
}

// signal sends the engine a signal.
func (e *ownEngine) signal(s syscall.Signal) {
	if err := e.cmd.Process.Signal(s); err != nil {
		e.t.Error(err)
	}
}

// fillUp writes into a folder until its file system has no room, and gives what makes room again.
func fillUp(t *testing.T, dir string) (clear func()) {
	t.Helper()
	path := filepath.Join(dir, "filling")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 1<<20); len(chunk) > 0; {
		if _, err = f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			chunk = chunk[:len(chunk)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// lastOf is the end of the engine's log.
func (e *ownEngine) lastOf() string {
	raw, err := os.ReadFile(filepath.Join(e.dir, "log"))
	if err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-4000):])
}
