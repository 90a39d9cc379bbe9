//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestAShellResizesTakesInterruptsRunsFullScreenProgramsAndReturns(t *testing.T) {
	s := theStack(t)
	term := s.console(t, s.Ports.ManagerSSH, 100, 30)
	term.sees(10*time.Second, "ship-demo")
	term.text(":shell ship-demo")
	term.keys("Enter")
	term.sees(15*time.Second, "app@ship-demo:~$")

	term.text("stty size; echo mark-$((40+2))")
	term.keys("Enter")
	term.sees(5*time.Second, "mark-42", "30 100")
	term.resize(90, 26)
	eventually(t, 5*time.Second, "the new size in the shell", func() bool {
		term.text("clear; stty size")
		term.keys("Enter")
		return strings.Contains(term.screen(), "26 90")
	})
	term.text("sleep 300")
	term.keys("Enter")
	term.keys("C-c") // what is typed before the shell has its prompt back is flushed by the terminal
	term.until(5*time.Second, "the prompt after ^C", func(screen string) bool {
		return strings.HasSuffix(strings.TrimSpace(screen), "^C\napp@ship-demo:~$")
	})
	term.text("echo after-$((1+1))")
	term.keys("Enter")
	term.sees(5*time.Second, "after-2")
	term.text("vi /tmp/t-shell")
	term.keys("Enter")
	term.until(10*time.Second, "vi", func(screen string) bool { return strings.Count(screen, "~") > 5 })
	term.text("ihello from vi")
	term.keys("Escape")
	term.text(":wq")
	term.keys("Enter")
	term.until(10*time.Second, "the prompt after vi", func(screen string) bool {
		return strings.HasSuffix(strings.TrimSpace(screen), "vi /tmp/t-shell\napp@ship-demo:~$")
	})
	term.text("cat /tmp/t-shell; rm /tmp/t-shell")
	term.keys("Enter")
	term.sees(10*time.Second, "hello from vi")
	term.text("exit")
	term.keys("Enter")
	term.sees(10*time.Second, "Server Manager", "ship-demo-db")

	var recordings []core.Recording
	eventually(t, 10*time.Second, "the recording closed", func() bool {
		recordings = sshJSON[[]core.Recording](t, s, "recordings")
		return len(recordings) > 0 && recordings[0].Service == "ship-demo" && !recordings[0].Open
	})
	if r := s.ssh(t, "replay", recordings[0].ID); r.code != 0 || !strings.Contains(r.out, "mark-42") || !strings.Contains(r.out, "hello from vi") {
		t.Errorf("replay: exit %d, %d bytes, %s", r.code, len(r.out), r.err)
	}
	events := sshJSON[[]core.AuditEvent](t, s, "audit", "--op", "shell.open", "--limit", "1")
	if len(events) != 1 || events[0].Target != "ship-demo" || events[0].Outcome != core.OutcomeOK {
		t.Errorf("audit of the shell: %+v", events)
	}
}

func TestAShellWhoseClientIsKilledLeavesNothingInTheContainer(t *testing.T) {
	s := theStack(t)
	mark := "98765.4321"
	term := open(t, 80, 24, append(append([]string{"ssh", "-tt"}, s.sshArgs(t, s.Ports.ManagerSSH, s.Key)...), "shell", "ship-demo", "sleep", mark)...)
	sleeping := func() bool {
		return strings.Contains(docker(t, "top", s.container("ship-demo"), "-eo", "pid,args"), mark)
	}
	eventually(t, 15*time.Second, "the process in the container", sleeping)
	term.tmux("kill-server")
	took := eventually(t, 20*time.Second, "the process in the container gone", func() bool { return !sleeping() })
	t.Logf("gone %s after the client was killed", took)
}

func TestAShellGivesItsExitCode(t *testing.T) {
	s := theStack(t)
	r := run(t, "ssh", append(append([]string{"-tt"}, s.sshArgs(t, s.Ports.ManagerSSH, s.Key)...), "shell", "ship-demo", "bash", "-c", "'exit 37'")...)
	if r.code != 37 {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	r = run(t, "ssh", append(append([]string{"-tt"}, s.sshArgs(t, s.Ports.ManagerSSH, s.Key)...), "shell", "no-such-service")...)
	if r.code != 3 {
		t.Errorf("a shell in nothing: exit code %d\n%s%s", r.code, r.out, r.err)
	}
}
