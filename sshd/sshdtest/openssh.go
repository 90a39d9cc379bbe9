package sshdtest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// KeyFile makes a new ed25519 key and the file of it that OpenSSH's client reads.
func KeyFile(tb testing.TB) (key gossh.Signer, path string) {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatalf("make key: %v", err)
	}
	block, err := gossh.MarshalPrivateKey(private, "")
	if err != nil {
		tb.Fatalf("encode key: %v", err)
	}
	path = filepath.Join(tb.TempDir(), "id_ed25519")
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		tb.Fatalf("write key: %v", err)
	}
	if key, err = gossh.NewSignerFromKey(private); err != nil {
		tb.Fatalf("make signer: %v", err)
	}
	return key, path
}

// Tool finds a program that a test needs, and fails the test when it is not there: a test that is left out says
// nothing.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Fatalf("this test needs %s: %v", name, err)
	}
	return path
}

// OpenSSH gives the command line of OpenSSH's client for a server: nothing is read from the user's own settings.
func OpenSSH(tb testing.TB, addr, keyPath string, args ...string) []string {
	tb.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		tb.Fatalf("address: %v", err)
	}
	line := []string{Tool(tb, "ssh"), "-F", "/dev/null", "-i", keyPath, "-p", port,
		"-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"}
	return append(append(line, args...), "operator@"+host)
}

// Tmux is a real terminal emulator in which a command runs.
type Tmux struct {
	tb     testing.TB
	tool   string
	socket string
}

// StartTmux runs a command in a terminal of its own until the test ends.
func StartTmux(tb testing.TB, width, height string, command ...string) *Tmux {
	tb.Helper()
	t := &Tmux{tb: tb, tool: Tool(tb, "tmux"), socket: filepath.Join(tb.TempDir(), "tmux")}
	t.Do(append([]string{"-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height}, command...)...)
	tb.Cleanup(func() {
		_ = exec.Command(t.tool, "-S", t.socket, "kill-server").Run() // gone already when the command has ended
	})
	return t
}

// Do runs a tmux command and gives its output.
func (t *Tmux) Do(args ...string) string {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.tool, append([]string{"-S", t.socket}, args...)...)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.tb.Fatalf("tmux %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Text is what the terminal shows.
func (t *Tmux) Text() string {
	t.tb.Helper()
	return strings.TrimRight(t.Do("capture-pane", "-p"), "\n ")
}

// Type sends keys by tmux's names ("Enter", "C-c") or as they are.
func (t *Tmux) Type(keys ...string) {
	t.tb.Helper()
	t.Do(append([]string{"send-keys"}, keys...)...)
}

// Wait waits until text is on the screen.
func (t *Tmux) Wait(text string) {
	t.tb.Helper()
	deadline := time.After(Patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		screen := t.Text()
		if strings.Contains(screen, text) {
			return
		}
		select {
		case <-deadline:
			t.tb.Fatalf("waited %s for %q; the screen:\n%s", Patience, text, screen)
		case <-tick.C:
		}
	}
}
