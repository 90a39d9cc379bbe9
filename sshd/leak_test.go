package sshd

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// rounds is how many sessions each of these tests opens.
const rounds = 100

// slack are goroutines that may come and go meanwhile: timers, the runtime's own.
const slack = 4

// inParallel opens rounds sessions, eight at a time, and waits for all.
func inParallel(work func(i int)) {
	var wg sync.WaitGroup
	tokens := make(chan struct{}, 8)
	for i := range rounds {
		tokens <- struct{}{}
		wg.Go(func() { work(i); <-tokens })
	}
	wg.Wait()
}

func TestSessionsThatQuitLeaveNothingBehind(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	sshdtest.NoLeak(t, slack, func() {
		inParallel(func(int) {
			client := r.dial(t)
			s := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
			s.Wait("desk")
			s.Type("q")
			if code := s.Exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			s.Close()
			_ = client.Close()
		})
	})
}

func TestSessionsThatQuitWhileBeingTypedAtLeaveNothingBehind(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	before := heap()
	sshdtest.NoLeak(t, slack, func() {
		inParallel(func(i int) {
			client := r.dial(t)
			s := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
			s.Wait("desk")
			s.Type(strings.Repeat("x", i*20) + "q" + strings.Repeat("y\x1b[A\x1b[200~pp", 50+i*10)) // a paste stays open
			if code := s.Exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			s.Close()
			_ = client.Close()
		})
	})
	if grown := heap() - before; grown > 20<<20 { // the stock stack keeps 73 to 114 MB
		t.Errorf("%d MiB more are in use", grown>>20)
	}
}

func TestConnectionsThatDropLeaveNothingBehind(t *testing.T) {
	r := start(t, atDesk(nil), nil)
	sshdtest.NoLeak(t, slack, func() {
		inParallel(func(i int) {
			client := r.dial(t)
			s := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
			s.Wait("desk")
			s.Type(strings.Repeat("x", i*10))
			_ = client.Close()
			s.Close()
		})
		sshdtest.Eventually(t, "no session", func() bool { return len(r.Sessions()) == 0 })
	})
}

func TestChannelsOfOneConnectionLeaveNothingBehind(t *testing.T) {
	r := start(t, atDesk(nil), func(c *Config) { c.Limits.Sessions = rounds })
	client := r.dial(t)
	sshdtest.NoLeak(t, slack, func() {
		inParallel(func(i int) {
			s := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
			s.Wait("desk")
			s.Resize(90, 30)
			if i%2 == 0 {
				s.Type("xq")
				_ = s.Exit()
			}
			s.Close()
		})
		sshdtest.Eventually(t, "no session", func() bool { return len(r.Sessions()) == 0 })
	})
	if len(r.connections()) != 1 {
		t.Fatal("the connection is gone")
	}
}

func TestSessionsInAShellThatDropLeaveNothingBehind(t *testing.T) {
	r := start(t, atDesk(echo(1000)), nil)
	sshdtest.NoLeak(t, slack, func() {
		inParallel(func(int) {
			client := r.dial(t)
			s := sshdtest.Open(t, client, sshdtest.ScreenConfig{})
			s.Wait("desk")
			s.Type("Sabc")
			s.Wait("ready")
			_ = client.Close()
			s.Close()
		})
		sshdtest.Eventually(t, "no session", func() bool { return len(r.Sessions()) == 0 })
	})
}

func TestFailedLoginsLeaveNothingBehind(t *testing.T) {
	r := start(t, atDesk(nil), func(c *Config) { c.Limits.Penalties.Least = 1 << 40 })
	keys := []gossh.Signer{sshdtest.Key(t), sshdtest.Key(t), sshdtest.Key(t)}
	sshdtest.NoLeak(t, slack, func() {
		inParallel(func(i int) {
			if _, err := sshdtest.Login(r.addr, sshdtest.ClientConfig("x", keys[:1+i%3]...)); err == nil {
				t.Error("got in")
			}
		})
		sshdtest.Eventually(t, "no connection", func() bool { return len(r.connections()) == 0 })
	})
}

// heap is the memory in use after a collection.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
