//go:build integration

package sshd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// startForOpenSSH runs a server that OpenSSH's client can log in to.
func startForOpenSSH(t *testing.T, handle Handler, change func(*Config)) (r *rig, keyPath string) {
	t.Helper()
	key, path := sshdtest.KeyFile(t)
	keys, _ := environmentKeys(sshdtest.Line(key, "openssh"), core.RoleAdmin)
	return start(t, handle, func(c *Config) {
		quick(c)
		c.Keys = keys
		if change != nil {
			change(c)
		}
	}), path
}

// deskOrCommand is the console without a command, and prints who and what with one.
func deskOrCommand(s *Session) int {
	if len(s.Command()) > 0 {
		return sayWho(s)
	}
	return atDesk(bash)(s)
}

func run(t *testing.T, line []string, stdin string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sshdtest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestOpenSSHRunsACommand(t *testing.T) {
	r, key := startForOpenSSH(t, deskOrCommand, nil)
	out, errs, code := run(t, append(sshdtest.OpenSSH(t, r.addr, key), "logs", "'a b'"), "")
	if code != 0 || !strings.HasPrefix(out, "openssh|") || !strings.HasSuffix(out, "|logs a b") {
		t.Fatalf("%q, %q, %d", out, errs, code)
	}
}

func TestOpenSSHIsRefusedWhatIsNotThere(t *testing.T) {
	r, key := startForOpenSSH(t, deskOrCommand, nil)
	if out, _, code := run(t, append(sshdtest.OpenSSH(t, r.addr, key, "-s"), "sftp"), ""); code == 0 {
		t.Errorf("sftp: %q", out)
	}
	if out, _, code := run(t, sshdtest.OpenSSH(t, r.addr, key, "-W", "127.0.0.1:1"), ""); code == 0 {
		t.Errorf("-W: %q", out)
	}
	if _, errs, code := run(t, sshdtest.OpenSSH(t, r.addr, key, "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"), ""); code == 0 {
		t.Errorf("-R: %q", errs)
	}
	scp := sshdtest.Tool(t, "scp")
	_, port, _ := net.SplitHostPort(r.addr)
	if _, errs, code := run(t, []string{scp, "-F", "/dev/null", "-i", key, "-P", port, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "operator@127.0.0.1:/etc/passwd", t.TempDir()}, ""); code == 0 {
		t.Errorf("scp: %q", errs)
	}
}

func TestClosingOneWindowOfAMultiplexedOpenSSHEndsThatSessionAlone(t *testing.T) {
	r, key := startForOpenSSH(t, deskOrCommand, nil)
	mux := []string{"-o", "ControlMaster=auto", "-o", "ControlPath=" + filepath.Join(t.TempDir(), "mux"), "-o", "ControlPersist=yes"}
	line := sshdtest.OpenSSH(t, r.addr, key, append(mux, "-tt")...)
	one := sshdtest.StartTmux(t, "80", "24", line...)
	one.Wait("desk 80x24")
	two := sshdtest.StartTmux(t, "80", "24", line...)
	two.Wait("desk 80x24")
	list := r.Sessions()
	if len(list) != 2 || list[0].Connection != list[1].Connection {
		t.Fatalf("not multiplexed: %+v", list)
	}
	two.Do("kill-server")
	sshdtest.Eventually(t, "one session", func() bool { return len(r.Sessions()) == 1 })
	one.Type("a", "b")
	one.Wait("keys:ab")
	out, _, code := run(t, append(sshdtest.OpenSSH(t, r.addr, key, mux...), "x"), "")
	if code != 0 || len(out) == 0 {
		t.Errorf("a command on the same connection: %q, %d", out, code)
	}
	if _, errs, code := run(t, sshdtest.OpenSSH(t, r.addr, key, append(mux, "-O", "exit")...), ""); code != 0 {
		t.Errorf("end the master: %s", errs)
	}
	sshdtest.Eventually(t, "nothing left", func() bool { return len(r.Sessions()) == 0 && len(r.connections()) == 0 })
}

func TestARealTerminalThroughOpenSSHResizesHasAShellAndIsRestored(t *testing.T) {
	r, key := startForOpenSSH(t, deskOrCommand, nil)
	line := sshdtest.OpenSSH(t, r.addr, key, "-tt")
	shell := []string{sshdtest.Tool(t, "bash"), "--norc", "--noprofile", "-c", `"$@"; echo "code $?"; read -r -t 20 line; echo "then <$line>"; read -r -t 20`, "sh"}
	term := sshdtest.StartTmux(t, "100", "30", append(shell, line...)...)
	term.Wait("desk 100x30")
	term.Do("resize-window", "-x", "90", "-y", "25")
	term.Wait("desk 90x25")
	term.Type("S")
	term.Wait("sh>")
	term.Type("stty size; sleep 100", "Enter")
	term.Wait("25 90")
	term.Type("C-c")
	term.Wait("^C")
	term.Do("resize-window", "-x", "95", "-y", "26")
	term.Type("exit", "Enter")
	term.Wait("back:1")
	term.Wait("desk 95x26")
	term.Type("q")
	term.Wait("left the desk")
	term.Wait("code 0")
	term.Type("clean", "Enter") // no reply of the terminal may have been left in its input
	term.Wait("then <clean>")
}

func TestAnEndedSessionLeavesARealTerminalUsable(t *testing.T) {
	r, key := startForOpenSSH(t, deskOrCommand, nil)
	shell := []string{sshdtest.Tool(t, "bash"), "--norc", "--noprofile", "-c", `"$@"; echo "code $?"; read -r -t 20 line; echo "then <$line>"; read -r -t 20`, "sh"}
	term := sshdtest.StartTmux(t, "100", "30", append(shell, sshdtest.OpenSSH(t, r.addr, key, "-tt")...)...)
	term.Wait("desk")
	if err := r.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	term.Wait("Session ended: The server is shutting down.")
	term.Wait("code 1")
	term.Type("clean", "Enter")
	term.Wait("then <clean>")
	if got := term.Do("display-message", "-p", "#{alternate_on}#{mouse_any_flag}#{cursor_flag}"); strings.TrimSpace(got) != "001" {
		t.Errorf("other screen, mouse, cursor: %s", got)
	}
}

func TestSSHAuditHasNoComplaint(t *testing.T) {
	r, _ := startForOpenSSH(t, deskOrCommand, nil)
	_, port, _ := net.SplitHostPort(r.addr)
	out, errs, code := run(t, []string{sshdtest.Tool(t, "ssh-audit"), "-n", "-p", port, "127.0.0.1"}, "")
	t.Logf("%s", out)
	for _, line := range strings.Split(out, "\n") {
		// Debian's release is older than these two names, and warns that it does not know them.
		unknown := strings.Contains(line, "unknown algorithm") &&
			(strings.Contains(line, "mlkem768x25519-sha256") || strings.Contains(line, "kex-strict-s-v00@openssh.com"))
		if strings.Contains(line, "[fail]") || strings.Contains(line, "[warn]") && !unknown {
			t.Errorf("complaint: %s", line)
		}
	}
	if !strings.Contains(out, "ssh-ed25519") || strings.Contains(out, "rec: ") && strings.Contains(out, "(rec) -") {
		t.Errorf("code %d: %s", code, errs)
	}
	if strings.Contains(out, "Go") {
		t.Errorf("the banner says what the server is made of")
	}
}
