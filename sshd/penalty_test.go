package sshd

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
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
	if p.applies(bad, now) {
		t.Fatal("refused after one mistake")
	}
	p.failed(bad, now) // + 10 s
	if !p.applies(bad, now) || p.applies(addr("192.0.2.2"), now) {
		t.Fatal("not refused after two, or somebody else is")
	}
	if !p.applies(bad, now.Add(14*time.Second)) || p.applies(bad, now.Add(16*time.Second)) {
		t.Fatal("the penalty has the wrong length")
	}
	now = now.Add(16 * time.Second)
	p.failed(bad, now) // + 20 s: the third costs more than the first two
	if !p.applies(bad, now.Add(19*time.Second)) || p.applies(bad, now.Add(21*time.Second)) {
		t.Fatal("the penalty does not grow")
	}
	for range 100 {
		p.failed(bad, now)
	}
	if !p.applies(bad, now.Add(9*time.Minute)) || p.applies(bad, now.Add(11*time.Minute)) {
		t.Fatal("the penalty is not bounded")
	}
	p.forgive(bad)
	if p.applies(bad, now) {
		t.Fatal("not forgiven")
	}
}

func TestPenaltiesAreForSourcesAndTheirTableIsBounded(t *testing.T) {
	p := newPenalties(Penalties{First: time.Minute, Least: time.Second, Most: time.Hour, Sources: 100,
		Exempt: []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16")}})
	now := time.Now()
	p.failed(addr("2001:db8::1"), now)
	if !p.applies(addr("2001:db8::ffff"), now) || p.applies(addr("2001:db8:1::1"), now) {
		t.Error("an IPv6 customer has more than one /64, or less")
	}
	p.failed(addr("::ffff:192.0.2.9"), now)
	if !p.applies(addr("192.0.2.9"), now) {
		t.Error("an IPv4 address in IPv6 form is another source")
	}
	p.failed(addr("172.17.0.1"), now)
	if p.applies(addr("172.17.0.1"), now) {
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
	if !p.applies(worst, now) {
		t.Error("the worst source was forgotten first")
	}
}

// strict makes a source come under penalty with its first failed login.
func strict(c *Config) {
	c.Limits.Penalties = Penalties{First: time.Minute, Least: time.Minute, Most: time.Hour, Sources: 10}
}

// failOnce tries an unknown key, and waits until its source is under penalty.
func failOnce(t *testing.T, r *rig) {
	t.Helper()
	if _, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("root", sshdtest.Key(t))); err == nil {
		t.Fatal("got in")
	}
	sshdtest.Eventually(t, "the penalty", func() bool { return r.penalties.applies(addr("127.0.0.1"), time.Now()) })
}

func TestAKnownKeyPassesFromASourceUnderPenalty(t *testing.T) {
	r := start(t, sayWho, strict)
	before := r.dial(t)
	for range 5 {
		failOnce(t, r)
	}
	sshdtest.Eventually(t, "them to be gone", func() bool { return len(r.connections()) == 1 })
	if got := sshdtest.Run(t, r.dial(t), "x", ""); got.Code != 0 {
		t.Fatalf("the one with a good key: %+v", got)
	}
	if got := sshdtest.Run(t, before, "x", ""); got.Code != 0 {
		t.Fatalf("the connection from before: %+v", got)
	}
	if r.penalties.applies(addr("127.0.0.1"), time.Now()) {
		t.Fatal("a login forgives nothing")
	}
}

func TestASourceUnderPenaltyHasOneTryAndIsToldSo(t *testing.T) {
	r := start(t, sayWho, strict)
	several := sshdtest.ClientConfig("ada", sshdtest.Key(t), sshdtest.Key(t), r.key)
	client, err := sshdtest.Login(r.addr, several)
	if err != nil {
		t.Fatalf("the third key, without a penalty: %v", err)
	}
	_ = client.Close()
	failOnce(t, r)
	told := ""
	several.BannerCallback = func(message string) error { told += message; return nil }
	if _, err := sshdtest.Login(r.addr, several); err == nil || !strings.Contains(err.Error(), "too many authentication failures") {
		t.Fatalf("the second key was tried: %v", err)
	}
	if !strings.Contains(told, "IdentitiesOnly") {
		t.Errorf("told %q", told)
	}
	cfg := sshdtest.ClientConfig("root")
	cfg.Auth = []gossh.AuthMethod{gossh.Password("secret")}
	if _, err := sshdtest.Login(r.addr, cfg); err == nil {
		t.Error("a password got in")
	}
}

func TestASourceUnderPenaltyHasLittleTimeUntilItsKeyIsKnown(t *testing.T) {
	r := start(t, sayWho, func(c *Config) { strict(c); c.Limits.PenaltyGrace = 200 * time.Millisecond })
	failOnce(t, r)
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	if err := nc.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil { // the grace of others is 10 s
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("it holds its place")
	}
	slow := sshdtest.ClientConfig("ada", thoughtful{r.key.(gossh.AlgorithmSigner), 600 * time.Millisecond})
	client, err := sshdtest.Login(r.addr, slow)
	if err != nil {
		t.Fatalf("somebody who types a passphrase: %v", err)
	}
	_ = client.Close()
}

// thoughtful is a key that takes its time to sign.
type thoughtful struct {
	gossh.AlgorithmSigner
	takes time.Duration
}

func (k thoughtful) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*gossh.Signature, error) {
	<-time.After(k.takes)
	return k.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

func TestAConnectionUnderPenaltyGivesWayToOneThatIsNot(t *testing.T) {
	s := newStartups(Limits{Startups: Startups{1, 100, 2}, SilentGrace: time.Second}, func(int) int { return 0 })
	now := time.Now()
	suspect, fair := &conn{accepted: now, suspect: true}, &conn{accepted: now.Add(-time.Minute)}
	suspect.heard.Store(true)
	fair.heard.Store(true)
	s.waiting[suspect], s.waiting[fair] = struct{}{}, struct{}{}
	if ok, evict := s.admit(&conn{accepted: now, suspect: true}, now); ok || evict != nil {
		t.Fatal("one under penalty drove another out")
	}
	if ok, evict := s.admit(&conn{accepted: now}, now); !ok || evict != suspect {
		t.Fatalf("admitted %v, evicted the one under penalty: %v", ok, evict == suspect)
	}
	if ok, _ := s.admit(&conn{accepted: now}, now); ok {
		t.Fatal("one that is not under penalty had to go")
	}
}

func TestHangingUpBeforeTryingAKeyCostsNothing(t *testing.T) {
	r := start(t, sayWho, strict)
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
