package sshd

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

func TestStartupsAreDroppedAsOpenSSHDoes(t *testing.T) {
	s := newStartups(Limits{Startups: Startups{10, 30, 100}, SilentGrace: time.Second}, func(int) int { return 0 })
	for n, want := range map[int]bool{0: false, 9: false, 10: true, 99: true, 100: true, 200: true} {
		if got := s.drop(n); got != want {
			t.Errorf("%d waiting, worst dice: dropped %v", n, got)
		}
	}
	s.random = func(int) int { return 64 } // 30 + 70*45/90 = 65 at 55
	if !s.drop(55) || s.drop(54) {
		t.Error("the probability does not grow evenly")
	}
	s.random = func(int) int { return 99 }
	if s.drop(99) || !s.drop(100) {
		t.Error("full is not full")
	}
}

func TestASilentConnectionGivesWayToANewOne(t *testing.T) {
	s := newStartups(Limits{Startups: Startups{1, 100, 2}, SilentGrace: time.Second}, func(int) int { return 0 })
	now := time.Now()
	silent, talks, late := &conn{accepted: now}, &conn{accepted: now.Add(-time.Minute)}, &conn{accepted: now}
	talks.heard.Store(true)
	s.waiting[talks], s.waiting[silent] = struct{}{}, struct{}{}
	if ok, evict := s.admit(late, now.Add(time.Second/2)); ok || evict != nil {
		t.Fatal("a connection that had no time to speak was thrown out")
	}
	ok, evict := s.admit(late, now.Add(time.Second))
	if !ok || evict != silent {
		t.Fatalf("admitted %v, evicted the silent one: %v", ok, evict == silent)
	}
	if _, still := s.waiting[silent]; still || len(s.waiting) != 2 {
		t.Fatal("the count is wrong")
	}
}

func addr(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }

func TestPenaltiesGrowAndEnd(t *testing.T) {
	p := newPenalties(Penalties{First: 5 * time.Second, Least: 15 * time.Second, Most: 10 * time.Minute, Sources: 10})
	now, bad := time.Now(), addr("192.0.2.1")
	p.failed(bad, now) // 5 s
	if p.refused(bad, now) {
		t.Fatal("refused after one mistake")
	}
	p.failed(bad, now) // + 10 s
	if !p.refused(bad, now) || p.refused(addr("192.0.2.2"), now) {
		t.Fatal("not refused after two, or somebody else is")
	}
	if !p.refused(bad, now.Add(14*time.Second)) || p.refused(bad, now.Add(16*time.Second)) {
		t.Fatal("the penalty has the wrong length")
	}
	now = now.Add(16 * time.Second)
	p.failed(bad, now) // + 20 s: the third costs more than the first two
	if !p.refused(bad, now.Add(19*time.Second)) || p.refused(bad, now.Add(21*time.Second)) {
		t.Fatal("the penalty does not grow")
	}
	for range 100 {
		p.failed(bad, now)
	}
	if !p.refused(bad, now.Add(9*time.Minute)) || p.refused(bad, now.Add(11*time.Minute)) {
		t.Fatal("the penalty is not bounded")
	}
	p.forgive(bad)
	if p.refused(bad, now) {
		t.Fatal("not forgiven")
	}
}

func TestPenaltiesAreForSourcesAndTheirTableIsBounded(t *testing.T) {
	p := newPenalties(Penalties{First: time.Minute, Least: time.Second, Most: time.Hour, Sources: 100,
		Exempt: []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16")}})
	now := time.Now()
	p.failed(addr("2001:db8::1"), now)
	if !p.refused(addr("2001:db8::ffff"), now) || p.refused(addr("2001:db8:1::1"), now) {
		t.Error("an IPv6 customer has more than one /64, or less")
	}
	p.failed(addr("::ffff:192.0.2.9"), now)
	if !p.refused(addr("192.0.2.9"), now) {
		t.Error("an IPv4 address in IPv6 form is another source")
	}
	p.failed(addr("172.17.0.1"), now)
	if p.refused(addr("172.17.0.1"), now) {
		t.Error("an exempt source is refused")
	}
	worst := addr("198.51.100.1")
	p.failed(worst, now)
	p.failed(worst, now)
	for i := range 1000 {
		p.failed(&net.TCPAddr{IP: net.IPv4(10, 0, byte(i>>8), byte(i))}, now)
	}
	if len(p.table) > 100 {
		t.Errorf("%d sources remembered", len(p.table))
	}
	if !p.refused(worst, now) {
		t.Error("the worst source was forgotten first")
	}
}

func TestFailedLoginsMakeTheSourceWait(t *testing.T) {
	r := start(t, sayWho, func(c *Config) {
		c.Limits.Penalties = Penalties{First: time.Minute, Least: time.Minute, Most: time.Hour, Sources: 10}
	})
	client := r.dial(t) // a login before is not touched
	if _, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("root", sshdtest.Key(t))); err == nil {
		t.Fatal("got in")
	}
	sshdtest.Eventually(t, "to be turned away", func() bool {
		nc, err := net.Dial("tcp", r.addr)
		if err != nil {
			return false
		}
		defer func() { _ = nc.Close() }()
		line := make([]byte, 64)
		n, err := nc.Read(line)
		return err == nil && string(line[:n]) == "Not allowed at this time\r\n"
	})
	if got := sshdtest.Run(t, client, "x", ""); got.Code != 0 {
		t.Fatalf("the live connection: %+v", got)
	}
}

func TestHangingUpBeforeTryingAKeyCostsNothing(t *testing.T) {
	r := start(t, sayWho, func(c *Config) {
		c.Limits.Penalties = Penalties{First: time.Minute, Least: time.Minute, Most: time.Hour, Sources: 10}
	})
	for range 5 {
		nc, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.Close()
	}
	sshdtest.Eventually(t, "them to be gone", func() bool { return len(r.connections()) == 0 })
	_ = r.dial(t).Close()
}

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
	if testing.Short() {
		t.Fatal("this test has no short form")
	}
	r := start(t, sayWho, func(c *Config) { c.Limits.SilentGrace = 100 * time.Millisecond })
	before := r.dial(t)
	flood(t, r.addr, 1000)
	tries := 0
	sshdtest.Eventually(t, "a login in the flood", func() bool {
		tries++
		client, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("ada", r.key))
		if err != nil {
			return false
		}
		defer func() { _ = client.Close() }()
		return sshdtest.Run(t, client, "x", "").Code == 0
	})
	if tries > 50 {
		t.Errorf("it took %d tries", tries)
	}
	if got := sshdtest.Run(t, before, "x", ""); got.Code != 0 {
		t.Errorf("the session before: %+v", got)
	}
	if n := len(r.connections()); n > 110 {
		t.Errorf("%d connections are held", n)
	}
	t.Logf("logged in at try %d", tries)
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
