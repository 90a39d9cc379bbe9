//go:build e2e

package e2e

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

	"golang.org/x/sys/unix"
)

// guestPlane is a Server Manager of a test's own, in its container, on a file system that the test can put into trouble.
type guestPlane struct {
	stack
	t      testing.TB
	name   string   // of its container
	victim string   // service that it manages
	state  string   // its MATRX_ROOT
	line   []string // of docker run, to its image
	image  string
	port   int
}

// planeTime is how long a plane may take to come up or to notice something.
const planeTime = 30 * time.Second

// newGuestPlane starts a plane of another project than the stack's on a file system of the given size, and one service for
// it to manage. docker is the command that reaches the engine at socket.
func newGuestPlane(t testing.TB, s stack, size, socket string, docker ...string) *guestPlane {
	t.Helper()
	project := fmt.Sprintf("%s-guest-%d", s.Project, time.Now().UnixNano()%1e6)
	g := &guestPlane{stack: s, t: t, name: project + "-manager", victim: project + "-victim", state: mountState(t, size)}
	for _, dir := range []string{"locks", "apps/server-manager/data"} {
		if err := os.MkdirAll(filepath.Join(g.state, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "chown", "-R", "10001:10001", g.state)
	t.Cleanup(func() { run(t, docker[0], append(docker[1:], "rm", "-f", g.victim)...) })
	must(t, append(docker, "run", "-d", "--name", g.victim, "--label", "com.matrx.project="+project, "--label", "com.matrx.service=victim",
		"--label", "com.matrx.health=skip:a test", "--restart", "unless-stopped", "--network", "none", "--stop-timeout", "1",
		"--entrypoint", "/bin/sleep", s.Images.Base, "infinity")...)
	key, err := os.ReadFile(s.Key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	group := strings.TrimSpace(must(t, "stat", "-c", "%g", socket))
	g.image = strings.TrimSpace(must(t, "docker", "inspect", "--format", "{{.Image}}", s.container("matrx-manager")))
	t.Cleanup(func() { run(t, "docker", "rm", "-f", g.name) })
	g.line = []string{"docker", "run", "-d", "--name", g.name, "--label", "com.matrx.project=" + project, "--user", "10001:10001", "--group-add", group,
		"--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp", "--publish", "127.0.0.1::2222",
		"--volume", socket + ":/var/run/docker.sock", "--volume", g.state + ":/state",
		"--env", "MATRX_SERVER_NAME=guest", "--env", "MATRX_PROJECT=" + project, "--env", "MATRX_ROOT=/state", "--env", "MATRX_SSH_ADDR=:2222",
		"--env", "MATRX_ADMIN_KEYS=" + string(key), "--env", "TRAEFIK_API_URL=http://127.0.0.1:1"}
	g.begin()
	return g
}

// begin makes the plane's container, with further variables NAME=VALUE, in place of the one that there may be.
func (g *guestPlane) begin(env ...string) {
	g.t.Helper()
	run(g.t, "docker", "rm", "-f", g.name)
	line := slices.Clone(g.line)
	for _, pair := range env {
		line = append(line, "--env", pair)
	}
	must(g.t, append(line, g.image)...)
	g.up()
}

// mountState mounts a file system for a plane's state. The path is short and not below the test's own folder, because the
// engine mounts it too.
func mountState(t testing.TB, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "matrx-guest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,size="+size); err != nil {
		t.Fatalf("mount a file system, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// up waits until the plane answers a login, and learns its port.
func (g *guestPlane) up() {
	g.t.Helper()
	eventually(g.t, planeTime, "the plane answers", func() bool {
		address := run(g.t, "docker", "port", g.name, "2222/tcp").out
		_, port, _ := strings.Cut(strings.TrimSpace(address), ":")
		g.port, _ = strconv.Atoi(port)
		return g.port > 0 && g.do("status").code == 0
	})
}

// do runs a command of the plane.
func (g *guestPlane) do(argv ...string) result {
	g.t.Helper()
	return run(g.t, "ssh", append(g.sshArgs(g.t, g.port, g.Key), argv...)...)
}

// says waits until a command's answer holds the text.
func (g *guestPlane) says(text string, argv ...string) {
	g.t.Helper()
	var last result
	defer func() {
		if g.t.Failed() {
			g.t.Logf("%v: exit %d\n%s%s", argv, last.code, last.out, last.err)
		}
	}()
	eventually(g.t, planeTime, fmt.Sprintf("%q from %v", text, argv), func() bool {
		last = g.do(argv...)
		return strings.Contains(last.out+last.err, text)
	})
}

// works runs a command that must succeed.
func (g *guestPlane) works(argv ...string) string {
	g.t.Helper()
	r := g.do(argv...)
	if r.code != 0 {
		g.t.Fatalf("%v: exit %d\n%s%s", argv, r.code, r.out, r.err)
	}
	return r.out
}

// fill writes until the file system has no room, and gives what makes room again.
func (g *guestPlane) fill() (clear func()) {
	g.t.Helper()
	path := filepath.Join(g.state, "filling")
	f, err := os.Create(path)
	if err != nil {
		g.t.Fatal(err)
	}
	for chunk := make([]byte, 1<<20); len(chunk) > 0; {
		if _, err = f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			chunk = chunk[:len(chunk)/2]
		} else if err != nil {
			g.t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		g.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			g.t.Error(err)
		}
	}
}

// ownDockerd starts an engine of the test's own, with the images of the stack that a plane's test needs, and gives its socket
// and its process. It has a network namespace of its own: a dockerd without a bridge removes docker0 where it starts.
func ownDockerd(t testing.TB, images ...string) (socket string, engine *os.Process) {
	t.Helper()
	dir, err := os.MkdirTemp("", "matrx-dockerd") // the path of a socket has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "d.sock")
	cmd := exec.Command("dockerd", "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--host", "unix://"+socket, "--bridge=none", "--iptables=false", "--storage-driver=vfs")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(planeTime, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		_ = cmd.Wait()
		_ = unix.Unmount(filepath.Join(dir, "data"), unix.MNT_DETACH) // an engine that is killed may leave one
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	eventually(t, time.Minute, "the engine answers", func() bool {
		return run(t, "docker", "--host", "unix://"+socket, "info").code == 0
	})
	archive := filepath.Join(dir, "images.tar")
	docker(t, append([]string{"save", "--output", archive}, images...)...)
	must(t, "docker", "--host", "unix://"+socket, "load", "--input", archive)
	return socket, cmd.Process
}
