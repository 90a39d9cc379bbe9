//go:build integration

package docker

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/cgroup"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/moby/moby/api/types/container"
	dockersdk "github.com/moby/moby/client"
)

// guest is a container of the test image with settings of its own.
func guest(host *container.HostConfig, args ...string) dockersdk.ContainerCreateOptions {
	return dockersdk.ContainerCreateOptions{Config: &container.Config{Image: imageName(), Cmd: args}, HostConfig: host}
}

// bounded bounds a story.
func bounded(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func TestALineOfAHundredMegabytesCostsNoMemory(t *testing.T) {
	r := newRig(t, "")
	id, _ := r.Run(t, coretest.Guest{Args: []string{"huge", "100"}})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	total := 0
	for l, err := range r.d.ContainerLogs(bounded(t, time.Minute), id, time.Time{}, true) {
		check(t, err)
		if total += len(l.Text); !l.Partial || len(l.Text) > fragmentSize {
			t.Fatalf("a fragment of %d bytes, partial %v", len(l.Text), l.Partial)
		}
	}
	runtime.ReadMemStats(&after)
	if total != 100<<20 {
		t.Errorf("%d bytes, want %d", total, 100<<20)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

func TestABinaryLogComesAsItIs(t *testing.T) {
	const size = 1 << 20
	r := newRig(t, "")
	id, _ := r.Run(t, coretest.Guest{Args: []string{"binary", strconv.Itoa(size)}})
	var got bytes.Buffer
	for l, err := range r.d.ContainerLogs(bounded(t, time.Minute), id, time.Time{}, true) {
		check(t, err)
		got.Write(l.Text)
		if !l.Partial {
			got.WriteByte('\n')
		}
	}
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(i * 7)
	}
	// The engine keeps logs as JSON text: a byte that is no UTF-8 is the replacement character by then.
	if text := strings.ToValidUTF8(string(want), "\uFFFD"); utf8Runs(got.String()) != utf8Runs(text) {
		t.Errorf("%d bytes came back changed", got.Len())
	}
}

// utf8Runs shortens runs of replacement characters, whose number depends on where the engine cut.
func utf8Runs(s string) string {
	var b strings.Builder
	last := rune(0)
	for _, r := range s {
		if r != '\uFFFD' || last != r {
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

func TestAFollowedLogEndsWhenItsContainerIsRemovedAndSurvivesARename(t *testing.T) {
	r := newRig(t, "")
	ctx := bounded(t, time.Minute)
	id, name := r.Run(t, coretest.Guest{Args: []string{"spew", "1000"}})
	n := 0
	for l, err := range r.d.ContainerLogs(ctx, id, time.Time{}, true) {
		check(t, err)
		switch n++; n {
		case 1:
			r.Rename(t, id, name+"-renamed")
		case 1000:
			if !bytes.HasPrefix(l.Text, []byte("1000 ")) {
				t.Errorf("the last line is %q", l.Text)
			}
			check(t, r.d.Remove(ctx, id, time.Second))
		}
	}
	if n != 1000 || ctx.Err() != nil {
		t.Errorf("%d lines, %v", n, ctx.Err())
	}
}

func TestAFlappingContainersLogIsWholeOverItsRestarts(t *testing.T) {
	r := newRig(t, "")
	ctx := bounded(t, time.Minute)
	id, _ := r.start(t, guest(&container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "always"}}, "flap"))
	var since time.Time
	var seen []string
	coretest.Wait(t, 30*time.Second, "four restarts are seen", func() bool { // as the collector does: again whenever it ends
		for l, err := range r.d.ContainerLogs(ctx, id, since, true) {
			check(t, err)
			seen = append(seen, string(l.Text))
			since = l.At.Add(1)
		}
		return len(seen) >= 4
	})
	if unique := slices.Compact(slices.Sorted(slices.Values(seen))); len(unique) != len(seen) {
		t.Errorf("repeated lines: %q", seen)
	}
}

func TestALogThatIsRotatedIsFollowedToItsEndWithoutRepetition(t *testing.T) {
	const lines = 100_000 // some 11 MB at once, in files of 2 MB
	r := newRig(t, "")
	id, _ := r.start(t, guest(&container.HostConfig{LogConfig: container.LogConfig{Type: "json-file",
		Config: map[string]string{"max-size": "2m", "max-file": "20"}}}, "pour", strconv.Itoa(lines)))
	read := func(follow bool) (count, last int) {
		seen := map[int]bool{}
		for l, err := range r.d.ContainerLogs(bounded(t, 2*time.Minute), id, time.Time{}, follow) {
			check(t, err)
			word, _, _ := strings.Cut(string(l.Text), " ")
			n, err := strconv.Atoi(word)
			if err != nil || seen[n] {
				t.Fatalf("again or damaged: %q", l.Text)
			}
			seen[n], last = true, max(n, last)
		}
		return len(seen), last
	}
	count, last := read(true)
	// An engine before 23 leaves lines out when it rotates faster than it is followed; docker logs -f shows the same.
	t.Logf("followed up to line %d, %d left out by the engine", last, last-count)
	if last != lines {
		t.Errorf("followed up to line %d", last)
	}
	if count, last := read(false); count != lines || last != lines {
		t.Errorf("read at rest: %d lines up to %d", count, last)
	}
}

func TestWhatAShellLeftBehindIsEnded(t *testing.T) {
	r := newRig(t, "")
	ctx := bounded(t, time.Minute)
	id, name := r.start(t, dockersdk.ContainerCreateOptions{Config: &container.Config{Image: imageName(), Cmd: []string{"sleep"}, User: "1234:1234"},
		HostConfig: &container.HostConfig{ReadonlyRootfs: true, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}}})
	before, err := r.d.Container(ctx, id)
	check(t, err)
	x, err := r.d.Exec(ctx, id, core.ExecSpec{Command: r.Exec("spawn"), TTY: true, Marker: "left-behind"})
	check(t, err)
	_, err = io.ReadFull(x, make([]byte, len("spawned")))
	check(t, err)
	check(t, x.Close()) // the client dies
	if n := processes(t, r, name); n < 4 {
		t.Fatalf("%d processes, want the container's own and three left behind", n)
	}
	n, err := r.d.KillExec(ctx, id, "left-behind", 500*time.Millisecond)
	if n != 3 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if n := processes(t, r, name); n != 1 {
		t.Errorf("%d processes, want the container's own", n)
	}
	after, err := r.d.Container(ctx, id)
	check(t, err)
	if after.Pid != before.Pid || after.Restarts != before.Restarts || after.State != "running" {
		t.Errorf("the container was touched: %+v", after)
	}
	list, err := r.d.Containers(ctx)
	check(t, err)
	if i := slices.IndexFunc(list, func(c core.Container) bool { return c.Labels[HelperLabel] != "" && c.ImageID == before.ImageID }); i >= 0 {
		t.Errorf("a helper is left: %+v", list[i])
	}
}

// processes counts what runs in a container.
func processes(t *testing.T, r *rig, name string) int {
	t.Helper()
	top, err := r.api.ContainerTop(t.Context(), name, dockersdk.ContainerTopOptions{})
	check(t, err)
	return len(top.Processes)
}

func TestWithoutAnImageProcessesAreEndedWhereTheyCanBeSeen(t *testing.T) {
	r := newRig(t, "")
	ctx := bounded(t, time.Minute)
	id, _ := r.Run(t, coretest.Guest{Args: []string{"sleep"}})
	start := func(marker string) {
		x, err := r.d.Exec(ctx, id, core.ExecSpec{Command: r.Exec("sleep"), TTY: true, Marker: marker})
		check(t, err)
		check(t, x.Close())
	}
	open := func(proc string) *Docker {
		d, err := Open(Config{Host: r.api.DaemonHost()})
		check(t, err)
		d.proc = proc
		t.Cleanup(func() { check(t, d.Close()) })
		return d
	}
	start("seen")
	if n, err := open("/proc").KillExec(ctx, id, "seen", time.Second); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	start("unseen")
	n, err := open(t.TempDir()).KillExec(ctx, id, "unseen", time.Second)
	if n != 0 || core.CodeOf(err) != core.CodeUnavailable || !strings.Contains(err.Error(), "knows neither an image") {
		t.Errorf("%d ended, %v", n, err)
	}
}

func TestACommandThatDoesNotExistSaysSo(t *testing.T) {
	r := newRig(t, "")
	ctx := bounded(t, time.Minute)
	id, _ := r.Run(t, coretest.Guest{Args: []string{"sleep"}})
	x, err := r.d.Exec(ctx, id, core.ExecSpec{Command: []string{"/no/such"}, TTY: true, Cols: 80, Rows: 24})
	if err != nil {
		if !strings.Contains(err.Error(), "/no/such") {
			t.Errorf("got %v", err)
		}
		return
	}
	out, err := io.ReadAll(x)
	check(t, err)
	code, err := x.ExitCode(ctx)
	check(t, err)
	if !strings.Contains(string(out), "/no/such") || code != 126 && code != 127 {
		t.Errorf("exit code %d, %q", code, out)
	}
	check(t, x.Close())
}

func TestUsageIsReadOnAfterARestartAndGrowsWithWork(t *testing.T) {
	r := newRig(t, "")
	ctx := bounded(t, time.Minute)
	id, _ := r.Run(t, coretest.Guest{Args: []string{"burn"}})
	usage, err := cgroup.Open(cgroup.Config{Root: "/sys/fs/cgroup", Proc: "/proc", Engine: r.d, Else: r.d})
	check(t, err)
	t.Cleanup(func() { check(t, usage.Close()) })
	for range 2 {
		first, err := usage.Stats(ctx, id)
		check(t, err)
		coretest.Wait(t, 20*time.Second, "half a second of CPU is used", func() bool {
			s, err := usage.Stats(ctx, id)
			check(t, err)
			return s.CPU-first.CPU > 500*time.Millisecond && s.Memory > 0 && s.Pids > 0
		})
		check(t, r.d.Restart(ctx, id, time.Second))
	}
}
