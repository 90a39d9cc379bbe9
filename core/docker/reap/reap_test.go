package reap

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary play the processes that are to be ended.
func TestMain(m *testing.M) {
	switch os.Getenv("REAP_PLAY") {
	case "":
		os.Exit(m.Run())
	case "stubborn":
		signal.Ignore(syscall.SIGHUP)
	case "parent": // its child forgets the marker and leaves for a session of its own
		child := exec.Command("/proc/self/exe")
		child.Env = []string{"REAP_PLAY=stubborn"}
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		said, err := child.StdoutPipe()
		if err != nil || child.Start() != nil {
			os.Exit(1)
		}
		if _, err := said.Read(make([]byte, 16)); err != nil { // it ignores the hang-up from now on
			os.Exit(1)
		}
		_, _ = fmt.Println(child.Process.Pid)
	}
	hungUp := make(chan os.Signal, 1)
	if role := os.Getenv("REAP_PLAY"); role != "stubborn" { // the tests may themselves run under nohup
		signal.Notify(hungUp, syscall.SIGHUP)
	}
	_, _ = os.Stdout.WriteString("ready\n")
	select {
	case <-hungUp:
		os.Exit(hungUpCode)
	case <-time.After(time.Hour):
	}
}

// hungUpCode is the exit code of a process that obeyed the hang-up.
const hungUpCode = 129

// play starts this binary in a role and waits until it is ready.
func play(t *testing.T, role, marker string) *exec.Cmd {
	t.Helper()
	cmd, _ := playSaying(t, role, marker)
	return cmd
}

// playSaying is play with the first word that the process says.
func playSaying(t *testing.T, role, marker string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"REAP_PLAY=" + role, Variable + "=" + marker}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var word string
	if _, err := fmt.Fscan(out, &word); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, word
}

// ended waits for the end and gives the signal that brought it; a process that obeyed a hang-up says so by its exit code.
func ended(t *testing.T, cmd *exec.Cmd) syscall.Signal {
	t.Helper()
	late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() }) // so that a failure shows instead of hanging
	defer late.Stop()
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() == hungUpCode {
		return syscall.SIGHUP
	}
	return cmd.ProcessState.Sys().(syscall.WaitStatus).Signal()
}

func marker(t *testing.T) string { return "reap-test-" + strconv.Itoa(os.Getpid()) + "-" + t.Name() }

func TestTheMarkedEndAndTheOthersStay(t *testing.T) {
	mine := play(t, "polite", marker(t))
	other := play(t, "polite", marker(t)+"-2")
	n, err := Run(t.Context(), "/proc", marker(t), 5*time.Second)
	if n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if s := ended(t, mine); s != syscall.SIGHUP {
		t.Errorf("ended by %s, want a hang-up", s)
	}
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other one is gone: %v", err)
	}
}

func TestTheStubbornAreKilledAfterTheGrace(t *testing.T) {
	cmd := play(t, "stubborn", marker(t))
	begin := time.Now()
	n, err := Run(t.Context(), "/proc", marker(t), 300*time.Millisecond)
	if took := time.Since(begin); n != 1 || err != nil || took < 300*time.Millisecond {
		t.Errorf("%d ended after %s, %v", n, took, err)
	}
	if s := ended(t, cmd); s != syscall.SIGKILL {
		t.Errorf("ended by %s", s)
	}
}

func TestAStoppedProcessEndsToo(t *testing.T) {
	cmd := play(t, "polite", marker(t))
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if n, err := Run(t.Context(), "/proc", marker(t), 5*time.Second); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if s := ended(t, cmd); s != syscall.SIGHUP {
		t.Errorf("ended by %s", s)
	}
}

func TestAChildThatForgotItsMarkerEndsToo(t *testing.T) {
	cmd, child := playSaying(t, "parent", marker(t))
	n, err := Run(t.Context(), "/proc", marker(t), 300*time.Millisecond)
	if n != 2 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if s := ended(t, cmd); s != syscall.SIGHUP {
		t.Errorf("the parent ended by %s", s)
	}
	stat, err := os.ReadFile("/proc/" + child + "/stat")
	if err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("the child lives: %s", stat)
	}
}

func TestNothingToEndIsNoError(t *testing.T) {
	if n, err := Run(context.Background(), "/proc", marker(t), time.Second); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAMarkerThatCouldBeMistakenIsRefused(t *testing.T) {
	for _, bad := range []string{"", "a b", "a=b", "a\x00b", "ä", strings.Repeat("x", 129)} {
		if err := CheckMarker(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if err := CheckMarker("0192f5c1-aaaa:shell_1.2"); err != nil {
		t.Error(err)
	}
}
