//go:build bench

package e2e

import (
	"archive/tar"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// guestImage makes an image of the guest program alone, and removes it when the test ends.
func guestImage(t testing.TB) string {
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
	image := fmt.Sprintf("matrx-bench-guest:%d", os.Getpid())
	docker(t, "import", "--change", `ENTRYPOINT ["/guest"]`, root, image)
	t.Cleanup(func() { run(t, "docker", "rmi", "-f", image) })
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

// guest starts a container of the stack that runs the guest program, and removes it when the test ends. Another project
// than the stack's hides it from the stack's planes.
func (s stack) guest(t testing.TB, image, project, service string, args ...string) (id string) {
	t.Helper()
	line := []string{
		"run", "-d", "--name", s.Prefix + service, "--network", s.Prefix + "proxy",
		"--label", "com.matrx.project=" + project, "--label", "com.matrx.service=" + service,
	}
	if args[0] == "http" {
		line = append(line, "--label", "com.matrx.health=http:/:"+args[1])
	}
	t.Cleanup(func() {
		run(t, "docker", "rm", "-f", s.Prefix+service)
		s.ssh(t, "remove", service, "--confirm", service)
	})
	return docker(t, append(append(line, image), args...)...)
}
