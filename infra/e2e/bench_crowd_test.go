//go:build bench

package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// TestBenchCrowd measures the Manager in its container beside 50 real containers that run and are probed: first while
// nobody looks, then with 50 people on Home.
func TestBenchCrowd(t *testing.T) {
	const containers = 50
	s := theStack(t)
	docker(t, "restart", s.container("matrx-manager")) // what others did with it before is not measured
	image := guestImage(t, "docker")
	for n := range containers {
		s.guest(t, image, s.Project, fmt.Sprintf("bench-%02d", n), "http", "3000")
	}
	var looked time.Time
	eventually(t, 2*time.Minute, "50 healthy containers", func() bool {
		if time.Since(looked) < 2*time.Second { // a crowd of lookers would be in the memory that is measured
			return false
		}
		healthy := 0
		looked = time.Now()
		for _, svc := range sshJSON[core.Status](t, s, "status").Services {
			if strings.HasPrefix(svc.Name, s.container("bench-")) && svc.Health.State == core.Healthy {
				healthy++
			}
		}
		return healthy == containers
	})
	s.benchIdle(t)
	s.benchSessions(t)
}

// quiet is how long a plane is left alone before it is measured: longer than what it does at another rhythm after it was
// started, or somebody looked.
const quiet = 15 * time.Second

// benchIdle measures the Manager while nobody looks.
func (s stack) benchIdle(t *testing.T) {
	<-time.After(quiet)
	manager := s.manager(t)
	share, memory := manager.share(t, time.Minute), manager.memory(t)
	coretest.Figure{
		What: "Manager, 50 containers, nobody looking: CPU over 60 s", Ours: fmt.Sprintf("%.2f %% of a core", share),
		Limit: "< 1 %", Miss: share >= 1,
	}.Report(t)
	coretest.Figure{
		What: "Manager, 50 containers, nobody looking: memory (RSS)", Ours: fmt.Sprintf("%.1f MiB", memory), Limit: "< 60 MiB", Miss: memory >= 60,
	}.Report(t)
}

// benchSessions measures the Manager with 50 people on Home, which shows new figures once a second.
func (s stack) benchSessions(t *testing.T) {
	const sessions, span = 50, 30 * time.Second
	keys := []gossh.Signer{s.signer(t), s.viewer(t, "bench-crowd")} // one person may not have so many connections
	var received atomic.Int64
	for n := range sessions {
		watchHome(t, s.address(), keys[n%len(keys)], &received)
	}
	<-time.After(quiet)
	manager := s.manager(t)
	began, bytes := time.Now(), received.Load()
	share := manager.share(t, span)
	each := float64(received.Load()-bytes) / time.Since(began).Seconds() / sessions
	coretest.Figure{
		What: "Manager, 50 containers, 50 sessions on Home: CPU over 30 s", Ours: fmt.Sprintf("%.1f %% of a core", share),
		Limit: "< 60 %", Miss: share >= 60,
	}.Report(t)
	coretest.Figure{
		What: "Manager, 50 containers, 50 sessions on Home: memory (RSS)", Ours: fmt.Sprintf("%.1f MiB", manager.memory(t)),
	}.Report(t)
	coretest.Figure{What: "Manager, 50 sessions on Home: sent to each", Ours: fmt.Sprintf("%.0f bytes/s", each)}.Report(t)
}

// viewer adds a person until the test ends and gives the key.
func (s stack) viewer(t *testing.T, name string) gossh.Signer {
	t.Helper()
	key := sshdtest.Key(t)
	if r := s.ssh(t, "person-add", name, "--role", "viewer", "--key", "'"+sshdtest.Line(key, name)+"'"); r.code != 0 {
		t.Fatalf("person-add: exit %d: %s", r.code, r.err)
	}
	t.Cleanup(func() { s.ssh(t, "person-remove", name, "--confirm", name) })
	return key
}

// counter counts what is written to it.
type counter struct{ total *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.total.Add(int64(len(p)))
	return len(p), nil
}

// watchHome opens a console on a connection of its own until the test ends.
func watchHome(t *testing.T, addr string, key gossh.Signer, received *atomic.Int64) {
	t.Helper()
	session, err := sshdtest.Dial(t, addr, key).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	session.Stdout = counter{received}
	if _, err := session.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := session.RequestPty("xterm-256color", 40, 120, gossh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
}
