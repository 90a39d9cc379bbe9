//go:build e2e || bench

package e2e

import (
	"archive/tar"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// guestImage makes an image of the guest program alone, with the docker command given, and removes it when the test ends.
func guestImage(t testing.TB, command ...string) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "guest")
	build := exec.Command("go", "build", "-o", bin, "github.com/codematrx/matrx-ship/core/coretest/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the guest program: %v\n%s", err, out)
	}
	root := filepath.Join(dir, "root.tar")
	pack(t, bin, root)
	image := fmt.Sprintf("matrx-test-guest:%d", os.Getpid())
	must(t, append(command, "import", "--change", `ENTRYPOINT ["/guest"]`, root, image)...)
	t.Cleanup(func() { run(t, command[0], append(command[1:], "rmi", "-f", image)...) })
	return image
}

// pack makes a tar archive that holds a program as /guest.
func pack(t testing.TB, bin, archive string) {
	t.Helper()
	program, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(out)
	if err := w.WriteHeader(&tar.Header{Name: "guest", Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// guest starts a container that runs the guest program, and removes it when the test ends. Its service has the container's
// name. Another project than the stack's hides it from the stack's planes.
func (s stack) guest(t testing.TB, image, project, service string, args ...string) (id string) {
	t.Helper()
	name := s.container(service)
	line := []string{"run", "-d", "--name", name, "--network", s.Prefix + "proxy", "--label", "com.matrx.project=" + project}
	if args[0] == "http" {
		line = append(line, "--label", "com.matrx.health=http:/:"+args[1])
	}
	t.Cleanup(func() { run(t, "docker", "rm", "-f", name) })
	return docker(t, append(append(line, image), args...)...)
}
