package sshd

import (
	"net"
	"net/netip"
	"testing"
	"time"

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
