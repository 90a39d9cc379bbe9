//go:build bench

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core/coretest"
)

// TestBenchEngine measures what a Manager costs its engine while nobody looks. The engine is one of its own, so that
// nobody else's containers are in the figures, and the Manager a process beside it.
func TestBenchEngine(t *testing.T) {
	const containers, spans, span = 200, 3, 15 * time.Second
	host, engine := privateEngine(t)
	command := []string{"docker", "--host", host}
	image := guestImage(t, command...)
	startMany(t, containers, append(command, "run", "-d", "--network", "none", image, "sleep"))
	<-time.After(quiet)
	var with, without []float64
	for range spans {
		without = append(without, engine.share(t, span))
	}
	manager := startManager(t, host)
	<-time.After(quiet)
	began, cpu := time.Now(), manager.cpu(t)
	for range spans {
		with = append(with, engine.share(t, span))
	}
	coretest.Figure{
		What: fmt.Sprintf("Manager beside an engine of its own, %d containers without probes: CPU, RSS", containers),
		Ours: fmt.Sprintf("%.2f %% of a core, %.1f MiB", 100*(manager.cpu(t)-cpu).Seconds()/time.Since(began).Seconds(), manager.memory(t)),
	}.Report(t)
	noise, more := max(spread(with), spread(without)), mean(with)-mean(without)
	coretest.Figure{
		What:  fmt.Sprintf("engine's CPU, Manager beside it, %d containers, nobody looking", containers),
		Ours:  fmt.Sprintf("%.2f %% of a core (%s)", mean(with), percents(with)),
		Peer:  fmt.Sprintf("without it %.2f %% (%s)", mean(without), percents(without)),
		Limit: fmt.Sprintf("+ noise, %.2f %%", noise), Miss: more > noise,
	}.Report(t)
}

// startMany runs a command so often, some at a time.
func startMany(t testing.TB, times int, command []string) {
	t.Helper()
	const atOnce = 8
	var group errgroup.Group
	group.SetLimit(atOnce)
	for range times {
		group.Go(func() error {
			if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func mean(all []float64) float64 {
	var sum float64
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all))
}

// spread is between the least and the most.
func spread(all []float64) float64 {
	return coretest.Percentile(all, 1) - coretest.Percentile(all, 0)
}

func percents(all []float64) string {
	var words []string
	for _, v := range all {
		words = append(words, fmt.Sprintf("%.2f", v))
	}
	return strings.Join(words, " ")
}

// privateEngine runs an engine that nobody else uses until the test ends. It gives its address and its processes.
func privateEngine(t *testing.T) (host string, engine processes) {
	t.Helper()
	dir, err := os.MkdirTemp("", "matrx-engine") // a socket's path is bounded to about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	host = "unix://" + filepath.Join(dir, "sock")
	said, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dockerd", "--host", host, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--bridge=none", "--iptables=false")
	cmd.Stdout, cmd.Stderr = said, said
	// In a network namespace of its own: an engine without a bridge removes docker0, which belongs to the machine's engine.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if ids := strings.Fields(run(t, "docker", "--host", host, "ps", "-aq").out); len(ids) > 0 {
			run(t, "docker", append([]string{"--host", host, "rm", "-f"}, ids...)...)
		}
		end(t, cmd)
		_ = said.Close()
		_ = unix.Unmount(filepath.Join(dir, "data"), unix.MNT_DETACH) // an engine may leave one where the file system is not shared
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	eventually(t, time.Minute, "an engine of our own to answer", func() bool { return run(t, "docker", "--host", host, "info").code == 0 })
	engine = processes{cmd.Process.Pid}
	for _, pid := range children(t, strconv.Itoa(cmd.Process.Pid)) {
		if name(t, pid) == "containerd" {
			engine = append(engine, pid)
		}
	}
	return host, engine
}

// startManager runs a Manager over an engine until the test ends, and waits until it is ready.
func startManager(t *testing.T, host string) processes {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "matrx-manager")
	must(t, "go", "build", "-o", bin, "github.com/codematrx/matrx-ship/cmd/matrx-manager")
	web := freeAddress(t)
	cmd := exec.Command(bin)
	cmd.Env = []string{
		"MATRX_ROOT=" + dir, "MATRX_SSH_ADDR=127.0.0.1:0", "MATRX_HTTP_ADDR=" + web, "DOCKER_HOST=" + host, "TRAEFIK_API_URL=http://127.0.0.1:1",
		"MATRX_CGROUP_ROOT=/sys/fs/cgroup",
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cmd) })
	eventually(t, 30*time.Second, "the Manager to be ready", func() bool {
		res, err := http.Get("http://" + web + "/healthz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return processes{cmd.Process.Pid}
}

// end asks a program to end, and waits for it.
func end(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = cmd.Wait() // how it ends is no matter here
}
