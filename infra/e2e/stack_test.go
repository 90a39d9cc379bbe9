//go:build e2e || bench

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stack is what infra/up.sh wrote about the stack it brought up.
type stack struct {
	Project string
	Prefix  string
	Domain  string
	Key     string
	Root    string
	Images  struct{ Base, Sample, Postgres, Traefik string }
	Ports   struct {
		ManagerSSH  int `json:"manager_ssh"`
		ManagerHTTP int `json:"manager_http"`
		DeploySSH   int `json:"deploy_ssh"`
		DeployHTTP  int `json:"deploy_http"`
		WebSecure   int
	}
}

// theStack reads MATRX_STACK; without a stack there is nothing to test, which is a failure and not a skip.
func theStack(t testing.TB) stack {
	t.Helper()
	raw, err := os.ReadFile(os.Getenv("MATRX_STACK"))
	if err != nil {
		t.Fatalf("MATRX_STACK names no stack (make test sets it): %v", err)
	}
	var s stack
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// container is the name on the engine of a service of the stack.
func (s stack) container(service string) string { return s.Prefix + service }

// result is what a program said.
type result struct {
	out, err string
	code     int
}

// run runs a program to its end, at most two minutes.
func run(t testing.TB, name string, args ...string) result {
	t.Helper()
	return runWithin(t, 2*time.Minute, name, args...)
}

// runWithin runs a program to its end, at most this long.
func runWithin(t testing.TB, limit time.Duration, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errw strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errw
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return result{out.String(), errw.String(), cmd.ProcessState.ExitCode()}
}

// docker runs the docker command, which must succeed.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	r := run(t, "docker", args...)
	if r.code != 0 {
		t.Fatalf("docker %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return strings.TrimSpace(r.out)
}

// must runs a program, which has to succeed, and gives its output.
func must(t testing.TB, argv ...string) string {
	t.Helper()
	r := run(t, argv[0], argv[1:]...)
	if r.code != 0 {
		t.Fatalf("%s: exit %d\n%s%s", strings.Join(argv, " "), r.code, r.out, r.err)
	}
	return strings.TrimSpace(r.out)
}

// sshArgs are the arguments of the OpenSSH client for a port of the stack and a key.
func (s stack) sshArgs(t testing.TB, port int, key string) []string {
	t.Helper()
	known := filepath.Join(t.TempDir(), "known_hosts")
	return []string{
		"-F", "none", "-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + known, "-o", "IdentitiesOnly=yes",
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR", "-i", key, "-p", fmt.Sprint(port), "127.0.0.1",
	}
}

// ssh runs a command of the Manager.
func (s stack) ssh(t testing.TB, argv ...string) result {
	t.Helper()
	return run(t, "ssh", append(s.sshArgs(t, s.Ports.ManagerSSH, s.Key), argv...)...)
}

// sshDeploy runs a command of the Deploy Server.
func (s stack) sshDeploy(t testing.TB, argv ...string) result {
	t.Helper()
	return run(t, "ssh", append(s.sshArgs(t, s.Ports.DeploySSH, s.Key), argv...)...)
}

// sshJSON runs a command of the Manager and decodes its answer.
func sshJSON[T any](t testing.TB, s stack, argv ...string) T {
	t.Helper()
	r := s.ssh(t, append(argv, "--json")...)
	if r.code != 0 {
		t.Fatalf("ssh %s: exit %d\n%s%s", strings.Join(argv, " "), r.code, r.out, r.err)
	}
	var v T
	if err := json.Unmarshal([]byte(r.out), &v); err != nil {
		t.Fatalf("ssh %s: %v in\n%s", strings.Join(argv, " "), err, r.out)
	}
	return v
}

// eventually waits until the condition holds and gives how long that took. It polls, because what it watches is
// outside this process.
func eventually(t testing.TB, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if holds() {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			t.Fatalf("after %s still not: %s", limit, what)
		}
		<-tick.C
	}
}
