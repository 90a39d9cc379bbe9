package sshdtest

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// Eventually waits until ok, looking every few milliseconds; what says in words what should be so.
func Eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.After(Patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			tb.Fatalf("waited %s for: %s", Patience, what)
		case <-tick.C:
		}
	}
}

// NoLeak runs work and then waits until at most slack goroutines more run than before; it fails the test with their
// stacks otherwise.
func NoLeak(tb testing.TB, slack int, work func()) {
	tb.Helper()
	before := runtime.NumGoroutine()
	work()
	deadline := time.After(Patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for runtime.NumGoroutine() > before+slack {
		select {
		case <-deadline:
			tb.Fatalf("%d goroutines before, %d after; they stand at:\n%s", before, runtime.NumGoroutine(), Stacks())
		case <-tick.C:
		}
	}
}

// Stacks gives the stacks of all goroutines, at most 64 KiB of them.
func Stacks() string {
	buf := make([]byte, 1<<16)
	return strings.TrimSpace(string(buf[:runtime.Stack(buf, true)]))
}
