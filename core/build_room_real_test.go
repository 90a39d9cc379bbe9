//go:build integration

package core_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/docker"
	"github.com/codematrx/matrx-ship/core/host"
	"golang.org/x/sys/unix"
)

// smallDisk is the disk of an engine's own, wherever it is asked for.
type smallDisk struct {
	*host.Meter
	at string
}

// FileSystem measures that disk.
func (s smallDisk) FileSystem(ctx context.Context, _ string) (core.FileSystem, error) {
	return s.Meter.FileSystem(ctx, s.at)
}

// smallEngine starts a dockerd in a network of its own, whose data lie on a disk of 256 MiB, with the guest in it.
func smallEngine(t *testing.T, buildKit string) (*docker.Docker, smallDisk) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "room-t-")
	must(err)
	t.Cleanup(func() { must(os.RemoveAll(dir)) })
	data := filepath.Join(dir, "data")
	must(os.Mkdir(data, 0o700))
	must(unix.Mount("room", data, "tmpfs", 0, "size=256m"))
	t.Cleanup(func() {
		for err == nil { // dockerd may have mounted it over itself
			err = unix.Unmount(data, unix.MNT_DETACH)
		}
	})
	config, log := filepath.Join(dir, "daemon.json"), filepath.Join(dir, "log")
	must(os.WriteFile(config, []byte(`{"features": {"buildkit": `+buildKit+`}}`), 0o600))
	out, err := os.Create(log)
	must(err)
	defer out.Close()
	socket := "unix://" + filepath.Join(dir, "d.sock")
	cmd := exec.Command("dockerd", "--data-root", data, "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--host", socket, "--config-file", config, "--bip=10.220.0.1/24", "--iptables=false", "--storage-driver=vfs")
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	must(cmd.Start())
	t.Cleanup(func() {
		must(cmd.Process.Signal(syscall.SIGTERM))
		late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Error(err)
		}
	})
	engine, err := docker.Open(docker.Config{Host: socket})
	must(err)
	t.Cleanup(func() { must(engine.Close()) })
	coretest.Wait(t, time.Minute, "the engine answers", func() bool { _, err := engine.Info(t.Context()); return err == nil })
	program := exec.Command("go", "build", "-o", filepath.Join(dir, "guest"), "github.com/codematrx/matrx-ship/core/coretest/guest")
	program.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := program.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	guest, err := os.ReadFile(filepath.Join(dir, "guest"))
	must(err)
	_, err = engine.BuildImage(t.Context(), core.BuildSpec{Dockerfile: "Dockerfile", Tag: "guest:1",
		Context: guestArchive(t, map[string][]byte{"Dockerfile": []byte("FROM scratch\nCOPY guest /guest\nENTRYPOINT [\"/guest\"]\n"), "guest": guest})}, nil)
	must(err)
	return engine, smallDisk{host.New("/proc", data), data}
}

func TestARealBuildThatFillsTheEnginesDiskIsEndedAndTheRestGoesOn(t *testing.T) {
	for name, buildKit := range map[string]string{"classic": "false", "BuildKit": "true"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine, disk := smallEngine(t, buildKit)
			img, err := engine.ImageDetail(t.Context(), "guest:1")
			if err != nil {
				t.Fatal(err)
			}
			beside, err := engine.CreateContainer(t.Context(), core.ContainerSpec{Name: "beside", Image: img.ID, Alone: true, Command: []string{"sleep"}})
			if err == nil {
				err = engine.Start(t.Context(), beside)
			}
			if err != nil {
				t.Fatal(err)
			}
			y := newYard(t, func(y *yard) { y.disks, y.real, y.planeRig.ship.Images = disk, engine, engine })
			before, err := disk.FileSystem(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			y.push("one", map[string]string{"Dockerfile": "FROM guest:1\nRUN [\"/guest\", \"fill\", \"20\"]\n"})
			if ended := y.ended(y.start(core.BuildIn{})); ended.State != core.JobFailed {
				t.Errorf("the job is %s", ended.State)
			}
			b := y.builds()[0]
			t.Logf("%s\n%s", b.Message, y.output(b.ID))
			if b.State != core.BuildFailed || !strings.HasPrefix(b.Message, "The build was ended. The disk of ") {
				t.Errorf("%s: %s", b.State, b.Message)
			}
			after, err := disk.FileSystem(t.Context(), "")
			if err != nil || after.Used > before.Used+(20<<20) {
				t.Errorf("%s used before, %s after; %v", core.FormatBytes(before.Used), core.FormatBytes(after.Used), err)
			}
			y.push("two", map[string]string{"Dockerfile": "FROM guest:1\nRUN [\"/guest\", \"print\", \"well\"]\n"})
			if again := y.ended(y.start(core.BuildIn{})); again.State != core.JobDone {
				t.Errorf("the next build: %s", y.builds()[0].Message)
			}
			if c, err := engine.Container(t.Context(), beside); err != nil || c.State != "running" {
				t.Errorf("the one beside it is %s, %v", c.State, err)
			}
			if err := engine.Remove(t.Context(), beside, time.Second); err != nil {
				t.Error(err)
			}
		})
	}
}
