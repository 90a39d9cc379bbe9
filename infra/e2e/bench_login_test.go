//go:build bench

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// TestBenchLoginToFirstFrame measures what it takes from connecting to the Manager until its first whole screen has
// arrived, beside connecting to OpenSSH's server and running `true` there. Both are measured in turns by the same client.
func TestBenchLoginToFirstFrame(t *testing.T) {
	const rounds = 60
	s := theStack(t)
	key := s.signer(t)
	peer, account := openSSHServer(t, key)
	manager := s.address()
	var ours, peers []time.Duration
	for range rounds {
		ours = append(ours, timeFirstFrame(t, manager, sshdtest.ClientConfig("operator", key)))
		peers = append(peers, timeTrue(t, peer, sshdtest.ClientConfig(account, key)))
	}
	for _, q := range []float64{0.5, 0.95} {
		o, p := coretest.Percentile(ours, q), coretest.Percentile(peers, q)
		coretest.Figure{
			What: fmt.Sprintf("ssh: connect to first full frame of the Manager's container, p%.0f", q*100), Ours: millis(o),
			Peer: "ssh host true, OpenSSH's sshd " + millis(p), Ratio: float64(o) / float64(p),
		}.AtMost(2).Report(t)
	}
}

// millis writes a time to a tenth of a millisecond.
func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

// address is that of the Manager's SSH door.
func (s stack) address() string { return fmt.Sprintf("127.0.0.1:%d", s.Ports.ManagerSSH) }

// signer is the key of the stack.
func (s stack) signer(t testing.TB) gossh.Signer {
	t.Helper()
	raw, err := os.ReadFile(s.Key)
	if err != nil {
		t.Fatal(err)
	}
	key, err := gossh.ParsePrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// firstFrame closes whole when all that the first screen must show has come: a service, and the hints in the last line.
type firstFrame struct {
	got   strings.Builder
	whole chan struct{}
	done  bool
}

// Write takes the server's output; the session calls it, never twice at once.
func (f *firstFrame) Write(p []byte) (int, error) {
	f.got.Write(p)
	text := f.got.String()
	if !f.done && strings.Contains(text, "matrx-manager") && strings.Contains(text, "ship-demo-db") && strings.Contains(text, "command") {
		f.done = true
		close(f.whole)
	}
	return len(p), nil
}

// timeFirstFrame connects and waits for the console.
func timeFirstFrame(t *testing.T, addr string, cfg *gossh.ClientConfig) time.Duration {
	t.Helper()
	start := time.Now()
	client, err := sshdtest.Login(addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	frame := &firstFrame{whole: make(chan struct{})}
	session.Stdout = frame
	if _, err := session.StdinPipe(); err != nil { // open, as a terminal's is: the console ends with its input
		t.Fatal(err)
	}
	if err := session.RequestPty("xterm-256color", 40, 120, gossh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-frame.whole:
	case <-time.After(sshdtest.Patience):
		t.Fatalf("no whole frame has come: %q", frame.got.String())
	}
	return time.Since(start)
}

// timeTrue connects and runs true.
func timeTrue(t *testing.T, addr string, cfg *gossh.ClientConfig) time.Duration {
	t.Helper()
	start := time.Now()
	client, err := sshdtest.Login(addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Run("true"); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

// openSSHServer runs OpenSSH's server on a port of its own, with keys of its own, until the test ends. It gives the address
// and the account that the key may log in to.
func openSSHServer(t *testing.T, key gossh.Signer) (addr, account string) {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	addr = freeAddress(t)
	host, port, _ := strings.Cut(addr, ":")
	_, hostKey := sshdtest.KeyFile(t)
	dir := t.TempDir()
	allowed, config := filepath.Join(dir, "authorized_keys"), filepath.Join(dir, "sshd_config")
	write(t, allowed, sshdtest.Line(key, "bench")+"\n")
	write(t, config, strings.Join([]string{
		"ListenAddress " + host, "Port " + port, "HostKey " + hostKey, "AuthorizedKeysFile " + allowed, "PidFile none",
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin prohibit-password", "MaxStartups 100", "",
	}, "\n"))
	if os.Geteuid() == 0 { // the folder that a packaged server makes when it starts
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, 10*time.Second, "OpenSSH's server to answer", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return addr, me.Username
}

// freeAddress is an address on which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
