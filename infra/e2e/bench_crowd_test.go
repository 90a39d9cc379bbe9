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
	image := guestImage(t)
	for n := range containers {
		s.guest(t, image, s.Project, fmt.Sprintf("bench-%02d", n), "http", "3000")
	}
	eventually(t, time.Minute, "50 healthy containers", func() bool {
		healthy := 0
		for _, svc := range sshJSON[core.Status](t, s, "status").Services {
			if strings.HasPrefix(svc.Name, "bench-") && svc.Health.State == core.Healthy {
				healthy++
			}
		}
		return healthy == containers
	})
	s.benchIdle(t)
	s.benchSessions(t)
}

// quiet is how long the planes are left alone before they are measured: longer than what they do at another rhythm
// after somebody looked.
const quiet = 15 * time.Second

// benchIdle measures the Manager while nobody looks, and the engine with and without the planes.
func (s stack) benchIdle(t *testing.T) {
	const span, spans = 20 * time.Second, 3
	manager, engine := s.manager(t), s.engine(t)
	<-time.After(quiet)
	var with, without []float64
	began, before := time.Now(), manager.cpu(t)
	for range spans {
		with = append(with, engine.share(t, span))
	}
	share := 100 * (manager.cpu(t) - before).Seconds() / time.Since(began).Seconds()
	memory := manager.memory(t)
	docker(t, "stop", s.container("matrx-manager"), s.container("deploy-server"))
	t.Cleanup(func() { s.startPlanes(t) })
	for range spans {
		without = append(without, engine.share(t, span))
	}
	coretest.Figure{
		What: "Manager, 50 containers, nobody looking: CPU over 60 s", Ours: fmt.Sprintf("%.2f %% of a core", share),
		Limit: "< 1 %", Miss: share >= 1,
	}.Report(t)
	coretest.Figure{
		What: "Manager, 50 containers, nobody looking: memory (RSS)", Ours: fmt.Sprintf("%.1f MiB", memory), Limit: "< 60 MiB", Miss: memory >= 60,
	}.Report(t)
	reportEngine(t, with, without)
}

// reportEngine reports the engine's processor time. What differs by no more than two spans of one kind do is not measurable.
func reportEngine(t *testing.T, with, without []float64) {
	t.Helper()
	noise := max(spread(with), spread(without))
	more := mean(with) - mean(without)
	coretest.Figure{
		What: "engine's CPU with both planes, 50 containers, nobody looking",
		Ours: fmt.Sprintf("%.2f %% (spans %s)", mean(with), percents(with)),
		Peer: fmt.Sprintf("without planes %.2f %% (spans %s)", mean(without), percents(without)), Ratio: mean(with) / max(mean(without), 0.01),
		Limit: fmt.Sprintf("no more than noise, %.2f %%", noise), Miss: more > noise,
	}.Report(t)
}

func mean(all []float64) float64 {
	var sum float64
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all))
}

// spread is between the least and the most.
func spread(all []float64) float64 {
	return coretest.Percentile(all, 1) - coretest.Percentile(all, 0)
}

func percents(all []float64) string {
	var words []string
	for _, v := range all {
		words = append(words, fmt.Sprintf("%.2f", v))
	}
	return strings.Join(words, " ")
}

// startPlanes starts both planes and waits until the Manager answers.
func (s stack) startPlanes(t testing.TB) {
	t.Helper()
	docker(t, "start", s.container("matrx-manager"), s.container("deploy-server"))
	eventually(t, time.Minute, "the Manager to answer", func() bool { return s.ssh(t, "status").code >= 0 && s.ssh(t, "help").code == 0 })
}

// benchSessions measures the Manager with 50 people on Home, which shows new figures once a second.
func (s stack) benchSessions(t *testing.T) {
	const sessions, span = 50, 30 * time.Second
	s.startPlanes(t)
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
