//go:build integration

package traefik

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core/coretest"
)

// The two addresses at which the app of these tests listens, and the names by which Traefik finds them.
const (
	oldAlias, oldAddress = "web-0000000a", "127.0.0.1"
	newAlias, newAddress = "web-0000000b", "127.0.0.2"
	host                 = "web.example.com"
)

// realTraefik is a Traefik in a container with the host's network, on ports of its own.
type realTraefik struct {
	*Client
	sw        *Switch
	dynamic   string
	name      string // of the container
	websecure string // address of the TLS entry point
	ssh       string // address of the TCP entry point
	app       int    // port of the app behind it
}

// traefikImage is the newest image of Traefik that the engine has.
func traefikImage(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"matrx/traefik", "traefik"} {
		if list := docker(t, "images", "--format", "{{.Repository}}:{{.Tag}}", name); list != "" {
			image, _, _ := strings.Cut(list, "\n")
			return image
		}
	}
	t.Fatal("the engine has no image of Traefik: make up makes one")
	return ""
}

// docker runs the engine's own client.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	var out, problem bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %s: %v\n%s", args[0], err, problem.String())
	}
	return strings.TrimSpace(out.String())
}

// freePorts are ports that nobody listens on now.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range n {
		l, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// startTraefik starts a Traefik with the project's static and shared configuration and the files and environment given.
func startTraefik(t testing.TB, files map[string]string, env ...string) *realTraefik {
	t.Helper()
	root := t.TempDir()
	sw, err := OpenSwitch(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sw.Close() })
	ports := freePorts(t, 5)
	r := &realTraefik{
		sw: sw, dynamic: filepath.Join(root, "traefik", "dynamic"), name: fmt.Sprintf("route-t-%d-%d", os.Getpid(), ports[0]),
		websecure: "127.0.0.1:" + strconv.Itoa(ports[1]), ssh: "127.0.0.1:" + strconv.Itoa(ports[4]), app: ports[3],
	}
	for name, text := range files {
		r.write(t, name, text)
	}
	r.point(t, oldAlias)
	args := []string{"run", "--detach", "--name", r.name, "--network", "host", "--user", "65532:65532", "--label", "com.matrx.helper=route-test",
		"--add-host", oldAlias + ":" + oldAddress, "--add-host", newAlias + ":" + newAddress, "--volume", r.dynamic + ":/etc/traefik/dynamic:ro"}
	for _, pair := range env {
		args = append(args, "--env", pair)
	}
	docker(t, append(append(args, traefikImage(t)), staticFlags(t, ports)...)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(docker(t, "logs", "--tail", "40", r.name))
		}
		docker(t, "rm", "--force", "--volumes", r.name)
	})
	if r.Client, err = New("http://127.0.0.1:" + strconv.Itoa(ports[2])); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Client.Close)
	coretest.Wait(t, 20*time.Second, "Traefik's API", func() bool {
		overview, err := r.Overview(t.Context())
		return err == nil && len(overview.Providers) > 0
	})
	return r
}

// routerFile is what on a server the labels of a container say.
const routerFile = "http:\n  routers:\n    web:\n      rule: Host(`" + host + "`)\n      entryPoints: [websecure]\n      service: web\n" +
	"      middlewares: [secure-headers, compress]\n      tls: {}\n"

// write puts a file into Traefik's folder as somebody with an editor would.
func (r *realTraefik) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dynamic, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
