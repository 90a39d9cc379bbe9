package sshd

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

func TestAClientThatDoesNotLogInIsCutAfterTheGrace(t *testing.T) {
	r := start(t, sayWho, func(c *Config) { c.Limits.LoginGrace = 200 * time.Millisecond })
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	began := time.Now()
	if err := nc.SetReadDeadline(began.Add(sshdtest.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, nc); err != nil && errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("not cut")
	}
	if took := time.Since(began); took < 150*time.Millisecond || took > 5*time.Second {
		t.Fatalf("cut after %s", took)
	}
}

func TestAThousandSilentConnectionsDoNotKeepALoginOut(t *testing.T) {
	r := start(t, sayWho, nil)
	before := r.dial(t)
	flood(t, r.addr, 1000)
	const most = 40 // ten tries a second, as somebody in a hurry would
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	tries, in := 0, false
	for began := time.Now(); !in && tries < most; <-tick.C {
		tries++
		client, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("ada", r.key))
		if err == nil {
			in = sshdtest.Run(t, client, "x", "").Code == 0
			_ = client.Close()
			t.Logf("logged in at try %d, after %s", tries, time.Since(began).Round(time.Millisecond))
		}
	}
	if !in {
		t.Errorf("not logged in after %d tries", tries)
	}
	if got := sshdtest.Run(t, before, "x", ""); got.Code != 0 {
		t.Errorf("the session before: %+v", got)
	}
	if n := len(r.connections()); n > 110 {
		t.Errorf("%d connections are held", n)
	}
}

// flood opens n connections that say nothing, and opens each again that is closed, until the test ends.
func flood(t *testing.T, addr string, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var workers, opened sync.WaitGroup
	t.Cleanup(func() { cancel(); workers.Wait() })
	opened.Add(n)
	for range n {
		workers.Go(func() {
			once := sync.OnceFunc(opened.Done)
			for ctx.Err() == nil {
				holdSilently(ctx, addr, once)
			}
			once()
		})
	}
	opened.Wait()
}

// holdSilently holds one connection until the server or the test ends it, and waits a little before the next.
func holdSilently(ctx context.Context, addr string, opened func()) {
	nc, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
	if err == nil {
		opened()
		stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
		_, _ = io.Copy(io.Discard, nc)
		stop()
		_ = nc.Close()
	}
	select {
	case <-ctx.Done():
	case <-time.After(500 * time.Millisecond):
	}
}

func TestConnectionsAndSessionsAreCounted(t *testing.T) {
	ended := make(chan error, 10)
	r := start(t, until(ended), func(c *Config) { c.Limits.Connections, c.Limits.Sessions = 2, 3 })
	first := r.dial(t)
	for range 3 {
		sshdtest.Open(t, first, sshdtest.ScreenConfig{})
	}
	if _, err := first.NewSession(); err == nil || !strings.Contains(err.Error(), "too many sessions") {
		t.Fatalf("a fourth session: %v", err)
	}
	second := r.dial(t)
	if _, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("ada", r.key)); err == nil {
		t.Fatal("a third connection")
	}
	_ = second.Close()
	sshdtest.Eventually(t, "room for a connection", func() bool {
		client, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("ada", r.key))
		if err != nil {
			return false
		}
		_ = client.Close()
		return true
	})
}

// pipe is a client's end that the test can freeze: while frozen, nothing is read and nothing is answered.
type pipe struct {
	net.Conn
	mu     sync.Mutex
	frozen chan struct{} // nil, or closed to thaw
}

func (p *pipe) freeze() (thaw func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	frozen := make(chan struct{})
	p.frozen = frozen
	return sync.OnceFunc(func() { close(frozen) })
}

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	return n, err
}

// dialFreezable logs in on a connection with small buffers that the test can freeze.
func (r *rig) dialFreezable(t *testing.T) (*gossh.Client, *pipe) {
	t.Helper()
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	p := &pipe{Conn: nc}
	client, err := sshdtest.LoginOn(p, sshdtest.ClientConfig("ada", r.key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return client, p
}

func TestAClientThatDoesNotAnswerKeepaliveIsCut(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, until(ended), func(c *Config) {
		quick(c)
		c.Limits.Keepalive, c.Limits.KeepaliveReply = 50*time.Millisecond, 200*time.Millisecond
	})
	client, p := r.dialFreezable(t)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		t.Fatalf("a client that answers was cut: %v", err)
	case <-time.After(600 * time.Millisecond):
	}
	defer p.freeze()()
	if cause := receive(t, "the cut", ended); !errors.Is(cause, errHungUp) {
		t.Fatal(cause)
	}
	sshdtest.Eventually(t, "no connection", func() bool { return len(r.connections()) == 0 })
}

// pour writes until it cannot.
func pour(ended chan<- error) Handler {
	return func(s *Session) int {
		block := make([]byte, 256<<10)
		for {
			if _, err := s.Write(block); err != nil {
				ended <- err
				return 1
			}
		}
	}
}

func TestAClientThatStopsReadingIsEvictedAndNobodyElseIsDisturbed(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, func(s *Session) int {
		if len(s.Command()) > 0 {
			return sayWho(s)
		}
		return pour(ended)(s)
	}, func(c *Config) { quick(c); c.Limits.WriteStall = 300 * time.Millisecond })
	other := r.dial(t)

	// One stops reading from the network: nothing reaches it, keepalives neither.
	client, p := r.dialFreezable(t)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	defer p.freeze()()
	_ = receive(t, "the eviction", ended)
	if got := sshdtest.Run(t, other, "x", ""); got.Code != 0 {
		t.Fatalf("another session: %+v", got)
	}

	// The other one is alive, but does not take the output of one of its sessions.
	lazy := r.dial(t)
	session, err = lazy.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.StdoutPipe(); err != nil { // never read
		t.Fatal(err)
	}
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	_ = receive(t, "the eviction", ended)
	if got := sshdtest.Run(t, lazy, "x", ""); got.Code != 0 {
		t.Fatalf("another session of the same connection: %+v", got)
	}
	if !strings.Contains(r.log.String(), "took no output") {
		t.Errorf("the log does not say why:\n%s", r.log)
	}
}

func TestAConnectionHasALongestLife(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, until(ended), func(c *Config) { quick(c); c.Limits.MaxDuration = 300 * time.Millisecond })
	screen := sshdtest.Open(t, r.dial(t), sshdtest.ScreenConfig{})
	_ = receive(t, "the end", ended)
	screen.Wait("longest life")
	if screen.Exit() == 0 {
		t.Fatal("exit code 0")
	}
}

func TestAConnectionWithoutASessionIsClosed(t *testing.T) {
	r := start(t, sayWho, func(c *Config) { c.Limits.NoSession = 200 * time.Millisecond })
	client := r.dial(t)
	if got := sshdtest.Run(t, client, "x", ""); got.Code != 0 {
		t.Fatal(got)
	}
	done := make(chan error, 1)
	go func() { done <- client.Wait() }()
	_ = receive(t, "the close", done)
}
