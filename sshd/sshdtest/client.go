package sshdtest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// Key makes a new ed25519 key.
func Key(tb testing.TB) gossh.Signer {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatalf("make key: %v", err)
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		tb.Fatalf("make signer: %v", err)
	}
	return signer
}

// Line gives the authorized_keys line of a key.
func Line(key gossh.Signer, comment string) string {
	line := bytes.TrimSpace(gossh.MarshalAuthorizedKey(key.PublicKey()))
	return string(line) + " " + comment
}

// ClientConfig is a client's for a user with keys, which are offered in their order.
func ClientConfig(user string, keys ...gossh.Signer) *gossh.ClientConfig {
	return &gossh.ClientConfig{
		User:            user,
		Auth:            []gossh.AuthMethod{gossh.PublicKeys(keys...)},
		HostKeyCallback: gossh.InsecureIgnoreHostKey(), // the tests of the host key check it themselves
		Timeout:         Patience,
	}
}

// Login tries to log in once.
func Login(addr string, cfg *gossh.ClientConfig) (*gossh.Client, error) {
	nc, err := net.DialTimeout("tcp", addr, Patience)
	if err != nil {
		return nil, err
	}
	return LoginOn(nc, cfg)
}

// LoginOn logs in on an open connection, and closes it when that fails or takes too long.
func LoginOn(nc net.Conn, cfg *gossh.ClientConfig) (*gossh.Client, error) {
	late := time.AfterFunc(Patience, func() { _ = nc.Close() })
	defer late.Stop()
	conn, channels, requests, err := gossh.NewClientConn(nc, nc.RemoteAddr().String(), cfg)
	if err != nil {
		_ = nc.Close() // closed already, mostly
		return nil, err
	}
	return gossh.NewClient(conn, channels, requests), nil
}

// Dial logs in or fails the test; the connection is closed when the test ends.
func Dial(tb testing.TB, addr string, keys ...gossh.Signer) *gossh.Client {
	tb.Helper()
	client, err := Login(addr, ClientConfig("operator", keys...))
	if err != nil {
		tb.Fatalf("log in: %v", err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// Result is what a command without a terminal gave.
type Result struct {
	Stdout, Stderr string
	Code           int // -1 when the connection broke
}

// Run runs a command without a terminal, with stdin as its input.
func Run(tb testing.TB, client *gossh.Client, command, stdin string) Result {
	tb.Helper()
	session, err := client.NewSession()
	if err != nil {
		tb.Fatalf("open session: %v", err)
	}
	defer func() { _ = session.Close() }()
	var out, errs bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = bytes.NewBufferString(stdin), &out, &errs
	late := time.AfterFunc(Patience, func() { _ = client.Close() })
	defer late.Stop()
	code := exitCode(session.Run(command))
	return Result{out.String(), errs.String(), code}
}

// exitCode gives the exit code that an error of a session holds.
func exitCode(err error) int {
	var exit *gossh.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitStatus()
	default:
		return -1
	}
}
