//go:build bench

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// processes are measured together: their processor time and memory are sums.
type processes []int

// manager is the Manager's process, which is the child of the init process of its container.
func (s stack) manager(t testing.TB) processes {
	t.Helper()
	top := docker(t, "inspect", "--format", "{{.State.Pid}}", s.container("matrx-manager"))
	for _, pid := range children(t, top) {
		if name(t, pid) == "matrx-manager" {
			return processes{pid}
		}
	}
	t.Fatalf("process %s of the Manager's container has no child that is the Manager", top)
	return nil
}

// children are the processes that a process started.
func children(t testing.TB, parent string) []int {
	t.Helper()
	lists, err := filepath.Glob("/proc/" + parent + "/task/*/children") // of each of its threads
	if err != nil || len(lists) == 0 {
		t.Fatalf("children of process %s: %v", parent, err)
	}
	var pids []int
	for _, list := range lists {
		raw, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(raw)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// name is a process's own; empty when it has ended.
func name(t testing.TB, pid int) string {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// cpu is the processor time that the processes have used so far.
func (p processes) cpu(t testing.TB) time.Duration {
	t.Helper()
	const perSecond = 100 // clock ticks of /proc, on every architecture that we run on
	var ticks int
	for _, pid := range p {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:])) // from the third on
		for _, field := range fields[11:13] {
			n, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / perSecond
}

// memory is the resident memory of the processes, in MiB.
func (p processes) memory(t testing.TB) float64 {
	t.Helper()
	var pages int
	for _, pid := range p {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.Fields(string(raw))[1])
		if err != nil {
			t.Fatal(err)
		}
		pages += n
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// share is the part of one core that the processes use over a span, in percent.
func (p processes) share(t testing.TB, span time.Duration) float64 {
	t.Helper()
	began, before := time.Now(), p.cpu(t)
	<-time.After(span)
	return 100 * (p.cpu(t) - before).Seconds() / time.Since(began).Seconds()
}
