//go:build integration

package git_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/git"
	"golang.org/x/crypto/ssh"
)

// pair is a key: its private part as a file has it, its public part as a line.
type pair struct{ private, public string }

// newPair makes a key; a passphrase locks it.
func newPair(t testing.TB, passphrase string) pair {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return pair{string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line)))}
}

// host is OpenSSH's own server on this machine, with one key that it lets in.
type host struct {
	t       testing.TB
	address string
	user    string
	host    pair
	client  pair
}

// newHost starts the server on a port of its own; it ends with the test.
func newHost(t testing.TB) *host {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, user: me.Username, host: newPair(t, ""), client: newPair(t, "")}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	at, port, _ := net.SplitHostPort(h.address)
	dir := t.TempDir()
	config := "ListenAddress " + at + "\nPort " + port + "\nHostKey " + dir + "/host\nAuthorizedKeysFile " + dir + "/allowed\nPidFile none\n" +
		"StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
	for name, text := range map[string]string{"host": h.host.private, "allowed": h.client.public + "\n", "config": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 { // the folder that a packaged server makes when it starts
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(dir, "config"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	until(t, "OpenSSH's server answers", func() bool {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			return false
		}
		defer conn.Close()
		greeting, err := bufio.NewReader(conn).ReadString('\n')
		return err == nil && strings.HasPrefix(greeting, "SSH-2.0-OpenSSH")
	})
	return h
}

// url is the address of a folder at the host.
func (h *host) url(dir string) string { return "ssh://" + h.user + "@" + h.address + dir }

// known is the line of known_hosts for a key of this host.
func (h *host) known(key pair) string {
	at, port, _ := net.SplitHostPort(h.address)
	return fmt.Sprintf("[%s]:%s %s", at, port, key.public)
}

// trusted sets what is needed to read from the host.
func (h *host) trusted(c *git.Config) {
	c.Nearby, c.SSHKey, c.KnownHosts = true, core.Secret(h.client.private), h.known(h.host)
}

// secretFree fails where a line of a private key shows in a text.
func secretFree(t testing.TB, text string, keys ...pair) {
	t.Helper()
	for _, key := range keys {
		for line := range strings.Lines(key.private) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") && strings.Contains(text, line) {
				t.Fatalf("the key is in %q", text)
			}
		}
	}
}

func TestARepositoryIsFetchedBySSH(t *testing.T) {
	h, r := newHost(t), newRepo(t)
	sha := r.commit("one")
	for name, change := range map[string]func(*git.Config){
		"as it is":                         func(*git.Config) {},
		"a key and hosts with DOS endings": func(c *git.Config) { c.SSHKey, c.KnownHosts = core.Secret(dos(c.SSHKey.Reveal())), dos(c.KnownHosts) },
		"a key without its last newline":   func(c *git.Config) { c.SSHKey = core.Secret(strings.TrimSpace(c.SSHKey.Reveal())) },
	} {
		t.Run(name, func(t *testing.T) {
			reader := newRepo(t)
			var said strings.Builder
			g := reader.reader(h.trusted, change)
			c, err := g.Fetch(t.Context(), "web", core.Source{Repo: h.url(r.dir), Ref: "main"}, func(line string) { said.WriteString(line + "\n") })
			if err != nil || c.SHA != sha {
				t.Fatalf("got %s, %v\n%s", c.SHA, err, said.String())
			}
			secretFree(t, said.String(), h.client)
			if kept := find(t, reader.root, h.client); kept != "" {
				t.Fatalf("the key is in %s", kept)
			}
		})
	}
	if open := held(t); open != 0 {
		t.Errorf("%d files of ssh are still open", open)
	}
}

// dos ends lines as they do elsewhere.
func dos(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// find gives the file below a folder that holds a line of the key.
func find(t testing.TB, dir string, key pair) (in string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if strings.Contains(string(raw), strings.Split(key.private, "\n")[1]) {
			in = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// held counts what this process has open for ssh to read.
func held(t testing.TB) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		to, err := os.Readlink(file)
		if err == nil && strings.HasPrefix(to, "/memfd:") { // an error: it was the list itself
			n++
		}
	}
	return n
}

func TestWhatSSHMayNotDoIsRefusedWithTheVariableToSet(t *testing.T) {
	h, r := newHost(t), newRepo(t)
	r.commit("one")
	other, locked := newPair(t, ""), newPair(t, "hunter2")
	for name, tc := range map[string]struct {
		change func(*git.Config)
		code   core.Code
		says   string
		runs   bool
	}{
		"no key":            {func(c *git.Config) { c.SSHKey = "\n" }, core.CodeForbidden, "set MATRX_GIT_SSH_KEY", false},
		"no known host":     {func(c *git.Config) { c.KnownHosts = "" }, core.CodeForbidden, "set MATRX_GIT_KNOWN_HOSTS", false},
		"not a key":         {func(c *git.Config) { c.SSHKey = core.Secret(h.client.private[:200]) }, core.CodeForbidden, "MATRX_GIT_SSH_KEY is not a private key", false},
		"a locked key":      {func(c *git.Config) { c.SSHKey = core.Secret(locked.private) }, core.CodeForbidden, "MATRX_GIT_SSH_KEY has a passphrase", false},
		"another host key":  {func(c *git.Config) { c.KnownHosts = h.known(other) }, core.CodeForbidden, "MATRX_GIT_KNOWN_HOSTS", true},
		"an unknown host":   {func(c *git.Config) { c.KnownHosts = "example.com " + h.host.public }, core.CodeForbidden, "MATRX_GIT_KNOWN_HOSTS", true},
		"hosts of no sense": {func(c *git.Config) { c.KnownHosts = "hunter2\n%h * \x01" }, core.CodeForbidden, "MATRX_GIT_KNOWN_HOSTS", true},
		"another key":       {func(c *git.Config) { c.SSHKey = core.Secret(other.private) }, core.CodeForbidden, "does not let the key in MATRX_GIT_SSH_KEY in", true},
		"this machine":      {func(c *git.Config) { c.Nearby = false }, core.CodeForbidden, "this machine's own", false},
	} {
		t.Run(name, func(t *testing.T) {
			var said strings.Builder
			g := newRepo(t).reader(h.trusted, tc.change)
			_, err := g.Fetch(t.Context(), "web", core.Source{Repo: h.url(r.dir), Ref: "main"}, func(line string) { said.WriteString(line + "\n") })
			wantCode(t, err, tc.code, tc.says)
			secretFree(t, err.Error()+said.String(), h.client, other, locked)
			if strings.Contains(err.Error(), "git says") != tc.runs {
				t.Errorf("git ran: %v; %v", !tc.runs, err)
			}
		})
	}
	t.Run("no such repository", func(t *testing.T) {
		_, err := newRepo(t).reader(h.trusted).Fetch(t.Context(), "web", core.Source{Repo: h.url("/nothing"), Ref: "main"}, nil)
		wantCode(t, err, core.CodeNotFound, "There is no repository")
	})
	if open := held(t); open != 0 {
		t.Errorf("%d files of ssh are still open", open)
	}
}

func TestAnSSHServerThatHangsIsGivenUpAndItsProcessesEnd(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	_, port, _ := net.SplitHostPort(silent.Addr().String())
	h := &host{t: t, address: silent.Addr().String(), user: "git", host: newPair(t, ""), client: newPair(t, "")}
	source := core.Source{Repo: h.url("/a.git"), Ref: "main"}
	t.Run("deadline", func(t *testing.T) {
		g := newRepo(t).reader(h.trusted, func(c *git.Config) { c.Within = time.Second })
		_, err := g.Fetch(t.Context(), "web", source, nil)
		wantCode(t, err, core.CodeUnavailable, "in time")
	})
	t.Run("cancel, with the key nowhere in arguments and environment", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := newRepo(t).reader(h.trusted).Fetch(ctx, "web", source, nil)
			ended <- err
		}()
		words := "-p " + port
		until(t, "ssh asks", func() bool { return len(argv(t, words)) > 0 })
		for _, line := range argv(t, "ssh") {
			secretFree(t, line, h.client)
		}
		for _, line := range argv(t, words) {
			file, _, _ := strings.Cut(line, ": ")
			env, err := os.ReadFile(filepath.Join(filepath.Dir(file), "environ"))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
			secretFree(t, string(env), h.client)
		}
		cancel()
		wantCode(t, <-ended, core.CodeCanceled)
		until(t, "ssh has ended", func() bool { return len(argv(t, words)) == 0 })
	})
}

func TestTheKeyIsNotGivenToAHostThatAsksForAPassword(t *testing.T) {
	// A server that lets nobody in but by password: ssh has none, asks nobody, and ends.
	r := newRepo(t)
	h := &host{t: t, user: "git", host: newPair(t, ""), client: newPair(t, "")}
	signer, err := ssh.ParsePrivateKey([]byte(h.host.private))
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 10)
	cfg := &ssh.ServerConfig{PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		asked <- string(password)
		return nil, io.EOF
	}}
	cfg.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	h.address = l.Addr().String()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _, _, _ = ssh.NewServerConn(conn, cfg) // nobody gets in
			conn.Close()
		}
	}()
	_, err = r.reader(h.trusted).Fetch(t.Context(), "web", core.Source{Repo: h.url("/a.git"), Ref: "main"}, nil)
	wantCode(t, err, core.CodeForbidden, "MATRX_GIT_SSH_KEY")
	if len(asked) > 0 {
		t.Errorf("a password was given: %q", <-asked)
	}
}
