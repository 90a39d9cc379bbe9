package flock

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// childDir tells the test binary to be another process that takes a lock and keeps it.
const childDir = "FLOCK_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		_, err := New(dir).Lock("ship-demo", "bob deploys from matrx-manager")
		fmt.Println(core.CodeOf(err))
		select {} // until it is killed
	}
	os.Exit(m.Run())
}

// child runs another process that has tried to take the lock, and tells how that went.
func child(t *testing.T, dir string) (cmd *exec.Cmd, code string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead already
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestTwoPlanesExcludeEachOtherAndTheNoteSaysWhoHasIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "locks")
	manager, deploy := New(dir), New(dir)
	manager.now = func() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) }
	if got := deploy.Holder("ship-demo"); got != "" {
		t.Errorf("held by %q before anybody took it", got)
	}
	unlock, err := manager.Lock("ship-demo", "ann deploys\nfrom matrx-manager")
	if err != nil {
		t.Fatal(err)
	}
	const note = "ann deploys from matrx-manager, since 2026-11-21 10:00:00 UTC"
	for _, other := range []*Locks{manager, deploy} {
		_, err := other.Lock("ship-demo", "bob rolls back")
		if core.CodeOf(err) != core.CodeConflict || !strings.Contains(core.MessageOf(err), note) {
			t.Errorf("the second got %v", err)
		}
		if got := other.Holder("ship-demo"); got != note {
			t.Errorf("held by %q", got)
		}
	}
	second, err := deploy.Lock("ship-other", "bob")
	if err != nil {
		t.Errorf("another service: %v", err)
	}
	for _, end := range []func() error{unlock, unlock, second} { // twice is once
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if got := deploy.Holder("ship-demo"); got != "" {
		t.Errorf("held by %q after the unlock", got)
	}
	again, err := deploy.Lock("ship-demo", "bob")
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}

func TestALockDiesWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	other, code := child(t, dir)
	if code != "" {
		t.Fatalf("the other process got %s", code)
	}
	locks := New(dir)
	if _, err := locks.Lock("ship-demo", "ann"); core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), "bob deploys from matrx-manager") {
		t.Errorf("beside a living process: %v", err)
	}
	if got := locks.Holder("ship-demo"); !strings.HasPrefix(got, "bob deploys from matrx-manager, since ") {
		t.Errorf("held by %q", got)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // killed
	if got := locks.Holder("ship-demo"); got != "" {
		t.Errorf("held by %q, who is dead", got)
	}
	unlock, err := locks.Lock("ship-demo", "ann")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, code := child(t, dir); code != string(core.CodeConflict) {
		t.Errorf("another process got %q beside us", code)
	}
}

func TestAskingWhoHasALockNeverKeepsAnybodyFromTakingIt(t *testing.T) {
	dir := t.TempDir()
	locks := New(dir)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					locks.Holder("ship-demo")
				}
			}
		})
	}
	for range 200 {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "service-ship-demo.lock"), []byte("a dead one"), 0o600); err != nil {
			t.Fatal(err)
		}
		unlock, err := locks.Lock("ship-demo", "ann")
		if err != nil {
			t.Fatal(err)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestANameThatLeavesTheFolderIsNoLock(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"", "..", "../x", "a/b", "-x", "a\n", strings.Repeat("a", 129)} {
		if _, err := New(dir).Lock(name, "ann"); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%q: %v", name, err)
		}
		if got := New(dir).Holder(name); got != "" {
			t.Errorf("%q is held by %q", name, got)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestALinkedLockFileIsNotFollowedOutOfTheFolder(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "service-ship-demo.lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(dir).Lock("ship-demo", "ann"); err == nil {
		t.Error("it took the lock")
	}
	if raw, err := os.ReadFile(outside); err != nil || string(raw) != "content" {
		t.Errorf("the file outside is %q, %v", raw, err)
	}
}

func TestLocksKeepTheContract(t *testing.T) {
	dir := t.TempDir()
	coretest.TestLocks(t, New(dir), New(dir))
}
