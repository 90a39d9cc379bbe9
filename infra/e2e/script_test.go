//go:build e2e || bench

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	scriptTime = 5 * time.Minute  // one run of a script
	answerTime = 30 * time.Second // until something that was changed shows
)

// shift is what was added to every published port of the stack.
func (s stack) shift() int { return s.Ports.ManagerSSH - 2201 }

// stackAt is a stack of another project, or of another checkout.
func stackAt(t testing.TB, path string) stack {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s stack
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return s
}

// projectEnv is what tells the scripts which stack is meant.
func projectEnv(project string, shift int) []string {
	return []string{"MATRX_PROJECT=" + project, fmt.Sprintf("MATRX_PORT_SHIFT=%d", shift)}
}

// checkout is the folder that holds this test.
func checkout(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// script runs infra/NAME of a checkout to its end and returns all it said.
func script(t testing.TB, dir, name string, env []string, args ...string) (string, error) {
	t.Helper()
	// Clean-ups run scripts too, after the test's own context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), scriptTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "infra", name), args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// up runs infra/up.sh for the stack, with more settings where given.
func (s stack) up(t testing.TB, more ...string) string {
	t.Helper()
	out, err := script(t, checkout(t), "up.sh", append(projectEnv(s.Project, s.shift()), more...))
	if err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	return out
}

// down runs infra/down.sh for the stack.
func (s stack) down(t testing.TB, args ...string) string {
	t.Helper()
	out, err := script(t, checkout(t), "down.sh", projectEnv(s.Project, s.shift()), args...)
	if err != nil {
		t.Fatalf("down: %v\n%s", err, out)
	}
	return out
}

// inspected is what the engine says of a container, as far as these tests look.
type inspected struct {
	ID    string `json:"Id"`
	State struct {
		StartedAt string
	}
	Config struct {
		User   string
		Env    []string
		Labels map[string]string
	}
	HostConfig struct {
		ReadonlyRootfs bool
		Privileged     bool
		CapDrop        []string
		CapAdd         []string
		SecurityOpt    []string
		Memory         int64
		PidsLimit      *int64
		PortBindings   map[string][]struct{ HostIP string }
	}
	NetworkSettings struct {
		Networks map[string]any
	}
}

func inspect(t testing.TB, name string) inspected {
	t.Helper()
	var all []inspected
	if err := json.Unmarshal([]byte(docker(t, "container", "inspect", name)), &all); err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// client reaches the stack's routes by their names, at Traefik's port on this machine.
func (s stack) client() *http.Client {
	address := fmt.Sprintf("127.0.0.1:%d", s.Ports.WebSecure)
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the local stack has Traefik's self-signed certificate
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, network, address)
			},
		},
	}
}

// url is the address of a routed service.
func (s stack) url(host, path string) string { return "https://" + host + "." + s.Domain + path }

// status asks for a page and wants this status.
func (s stack) status(url string, want int) error {
	res, err := s.client().Get(url)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != want {
		return errors.New(res.Status)
	}
	return nil
}

// answered waits until a question is answered without an error, and fails with the last one.
func answered(t testing.TB, what string, ask func() error) {
	t.Helper()
	last := errors.New("not asked")
	defer func() {
		if last != nil {
			t.Logf("%s: %v", what, last)
		}
	}()
	eventually(t, answerTime, what, func() bool {
		last = ask()
		return last == nil
	})
}
