//go:build e2e

// Package e2e looks at a whole local stack from outside, as the person does who typed `make up`: with the scripts themselves,
// the docker command, ssh and HTTP. infra/test.sh brings up the stack that these tests use, under a project of its own.
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
	"strings"
	"testing"
	"time"
)

const (
	commandTime = 5 * time.Minute  // one run of a script
	answerTime  = 30 * time.Second // until something that was changed shows
	pollEvery   = 100 * time.Millisecond
)

// stack is what infra/up.sh writes about the stack it made, in stack.json.
type stack struct {
	Project string            `json:"project"`
	Prefix  string            `json:"prefix"` // of container and network names
	Domain  string            `json:"domain"`
	Key     string            `json:"key"` // private key that may log in
	Root    string            `json:"root"`
	Socket  string            `json:"socket"`
	Images  map[string]string `json:"images"`
	Ports   map[string]int    `json:"ports"`
}

// theStack reads the stack that infra/test.sh made.
func theStack(t testing.TB) stack {
	t.Helper()
	path := os.Getenv("MATRX_STACK")
	if path == "" {
		t.Fatal("MATRX_STACK names no stack: run these tests with make test")
	}
	return readStack(t, path)
}

func readStack(t testing.TB, path string) stack {
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

// container is the name of a service's container.
func (s stack) container(service string) string { return s.Prefix + service }

// env is what the scripts need to act on this stack, and more where given.
func (s stack) env(more ...string) []string {
	shift := s.Ports["manager_ssh"] - 2201
	return append([]string{"MATRX_PROJECT=" + s.Project, fmt.Sprintf("MATRX_PORT_SHIFT=%d", shift)}, more...)
}

// root is the checkout that holds this test.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// command runs a program to its end and returns all it said.
func command(t testing.TB, env []string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), commandTime) // clean-ups run after the test's own context ended
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// must runs a program that has to succeed.
func must(t testing.TB, env []string, name string, args ...string) string {
	t.Helper()
	out, err := command(t, env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out
}

// docker runs the docker command.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	return strings.TrimSpace(must(t, nil, "docker", args...))
}

// up runs infra/up.sh of this checkout for the stack.
func (s stack) up(t testing.TB, more ...string) string {
	t.Helper()
	return must(t, s.env(more...), filepath.Join(root(t), "infra/up.sh"))
}

func (s stack) down(t testing.TB, args ...string) string {
	t.Helper()
	return must(t, s.env(), filepath.Join(root(t), "infra/down.sh"), args...)
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
	address := fmt.Sprintf("127.0.0.1:%d", s.Ports["websecure"])
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

// eventually asks until it is answered without an error.
func eventually(t testing.TB, what string, ask func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerTime)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v: %v", what, answerTime, err)
		case <-tick.C:
		}
	}
}

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
