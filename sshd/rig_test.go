package sshd

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// rig is a running server with one key that may log in.
type rig struct {
	*Server
	addr string
	key  gossh.Signer
	log  *logBuffer
}

// fixedKeys lets in a fixed set of keys, which all give one role.
type fixedKeys struct {
	keys []core.AuthorizedKey
	role core.Role
}

// environmentKeys reads keys as those of an environment variable.
func environmentKeys(text string, role core.Role) (fixedKeys, []core.SkippedLine) {
	keys, skipped := core.ParseKeys(text)
	return fixedKeys{keys, role}, skipped
}

func (f fixedKeys) Lookup(_ context.Context, a Attempt) (Identity, error) {
	for _, key := range f.keys {
		if key.Fingerprint() == Fingerprint(a.Key) {
			return Identity{
				Name: key.Comment, Fingerprint: key.Fingerprint(), Source: "environment", Role: f.role, NoPTY: key.NoPTY, Command: key.Command,
			}, judge(key, a)
		}
	}
	return Identity{}, refusedf("the key is not in the environment")
}

// logBuffer takes the log, for tests that read it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start runs a server on a free port until the test ends. change, when not nil, adjusts its settings.
func start(tb testing.TB, handle Handler, change func(*Config)) *rig {
	tb.Helper()
	r := &rig{key: sshdtest.Key(tb), log: &logBuffer{}}
	keys, problems := environmentKeys(sshdtest.Line(r.key, "ada@laptop"), core.RoleAdmin)
	if len(problems) > 0 {
		tb.Fatalf("keys of the test: %v", problems)
	}
	cfg := Config{
		Addr: "127.0.0.1:0", HostKeyPath: filepath.Join(tb.TempDir(), "host_key"), Keys: keys, Handle: handle,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.Server, err = Listen(context.Background(), cfg); err != nil {
		tb.Fatalf("listen: %v", err)
	}
	r.addr = r.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.Serve(context.Background()) }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), sshdtest.Patience)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil && !strings.Contains(tb.Name(), "Outlive") {
			tb.Errorf("shutdown: %v", err)
		}
		<-served
		if tb.Failed() {
			text := r.log.String()
			tb.Logf("end of the server's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return r
}

// dial logs in with the rig's key.
func (r *rig) dial(tb testing.TB) *gossh.Client {
	tb.Helper()
	return sshdtest.Dial(tb, r.addr, r.key)
}

// until is a handler that waits for the end of its session and tells when it was told.
func until(ended chan<- error) Handler {
	return func(s *Session) int {
		<-s.Context().Done()
		ended <- context.Cause(s.Context())
		return 0
	}
}

// receive takes a value within the patience of a test.
func receive[T any](tb testing.TB, what string, ch <-chan T) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(sshdtest.Patience):
		tb.Fatalf("waited %s for %s", sshdtest.Patience, what)
		panic("unreachable")
	}
}

// quick makes the grace periods fit for tests.
func quick(c *Config) {
	c.Limits.EndGrace = 200 * time.Millisecond
	c.Limits.Recheck = 20 * time.Millisecond
}
