//go:build bench

package e2e

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/sshd/sshdtest"
)

// TestBenchFlood measures a container that writes as fast as it can: how fast its log is collected, and what that does to
// somebody who follows it and to everybody else.
func TestBenchFlood(t *testing.T) {
	s := theStack(t)
	image := guestImage(t, "docker")
	client := sshdtest.Dial(t, s.address(), s.signer(t))
	s.benchCollecting(t, image, client)
	s.benchFollowing(t, image, client)
}

// benchCollecting compares the time until the Manager has collected the last line with the time until docker logs -f has
// printed it, each from the start of a container of its own, in turns.
func (s stack) benchCollecting(t *testing.T, image string, client *gossh.Client) {
	const lines, rounds = 800_000, 3
	var ours, peers []float64
	manager := s.manager(t)
	for n := range rounds {
		service := fmt.Sprintf("bench-pour-%d", n)
		start, cpu := time.Now(), manager.cpu(t)
		s.guest(t, image, s.Project, service, "pour", strconv.Itoa(lines))
		eventually(t, 2*time.Minute, "the last line collected", func() bool { return lastLine(t, client, s.container(service)) == lines })
		ours = append(ours, lines/time.Since(start).Seconds())
		t.Logf("the Manager used %.2f s of CPU over %.2f s", (manager.cpu(t) - cpu).Seconds(), time.Since(start).Seconds())
		start = time.Now()
		id := s.guest(t, image, s.Project+"-peer", service+"-peer", "pour", strconv.Itoa(lines))
		if err := exec.Command("docker", "logs", "-f", id).Run(); err != nil { // its output goes to /dev/null
			t.Fatal(err)
		}
		peers = append(peers, lines/time.Since(start).Seconds())
	}
	o, p := coretest.Percentile(ours, 0.5), coretest.Percentile(peers, 0.5)
	coretest.Figure{
		What: "logs collected by the Manager's container while they are written", Ours: fmt.Sprintf("%.0f lines/s", o),
		Peer: fmt.Sprintf("docker logs -f > /dev/null %.0f lines/s", p), Ratio: o / p,
	}.AtLeast(0.8).Report(t)
}

// lastLine is the number at the beginning of the last line that was collected; 0 when there is none.
func lastLine(t *testing.T, client *gossh.Client, service string) int {
	t.Helper()
	answer := sshdtest.Run(t, client, "logs "+service+" --tail 1", "")
	fields := strings.Fields(answer.Stdout)
	if len(fields) < 2 {
		return 0
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0 // words about missing lines
	}
	return n
}

// benchFollowing measures, while one person follows the flood, the Manager's memory and how fast another session answers.
func (s stack) benchFollowing(t *testing.T, image string, client *gossh.Client) {
	const settle, span = 5 * time.Second, 15 * time.Second
	other := sshdtest.Open(t, client, sshdtest.ScreenConfig{Width: 120, Height: 40})
	other.Wait("ship-demo-db")
	idle := echoes(other, span/3)
	s.guest(t, image, s.Project, "bench-flood", "spew", "0")
	viewer := sshdtest.Open(t, sshdtest.Dial(t, s.address(), s.signer(t)), sshdtest.ScreenConfig{Width: 120, Height: 40})
	viewer.Wait("ship-demo-db")
	viewer.Type(":logs " + s.container("bench-flood") + "\r")
	viewer.Wait("request served")
	manager := s.manager(t)
	<-time.After(settle)
	before, first := manager.memory(t), lastLine(t, client, s.container("bench-flood"))
	began := time.Now()
	busy := echoes(other, span)
	after, last := manager.memory(t), lastLine(t, client, s.container("bench-flood"))
	rate := float64(last-first) / time.Since(began).Seconds()
	coretest.Figure{
		What: "Manager's memory (RSS) while one follows the flood, 15 s later", Ours: fmt.Sprintf("%.1f MiB", after),
		Peer: fmt.Sprintf("at first %.1f MiB; %.0f lines/s collected", before, rate), Ratio: after / before,
	}.AtMost(1.25).Report(t)
	const limit = 50 * time.Millisecond
	p := coretest.Percentile(busy, 0.99)
	coretest.Figure{
		What: "key to changed Home of another session, during the flood, p99", Ours: millis(p),
		Peer:  fmt.Sprintf("before it %s", millis(coretest.Percentile(idle, 0.99))),
		Ratio: float64(p) / float64(coretest.Percentile(idle, 0.99)), Limit: "<= " + limit.String(), Miss: p > limit,
	}.Report(t)
}

// echoes presses keys on Home for a while, and gives the times until each showed.
func echoes(home *sshdtest.Screen, span time.Duration) []time.Duration {
	var took []time.Duration
	for end, n := time.Now().Add(span), 0; time.Now().Before(end); n++ {
		<-time.After(time.Duration(n%7) * 10 * time.Millisecond) // nobody presses in step with the screen's frames
		screen := home.Text()
		before, start := cursor(screen), time.Now()
		home.Type(away(screen))
		home.WaitFor("another row", func(screen string) bool { now := cursor(screen); return now >= 0 && now != before })
		took = append(took, time.Since(start))
	}
	return took
}

// away is the key that moves the cursor, wherever the table's order has put it: up, unless it is in the first row.
func away(screen string) string {
	above, _, _ := strings.Cut(screen, "\n▌")
	if strings.HasPrefix(strings.TrimSpace(above[strings.LastIndexByte(above, '\n')+1:]), "SERVICE") {
		return "j"
	}
	return "k"
}

// cursor is the line of the screen that the cursor is in; -1 when there is none.
func cursor(screen string) int {
	above, _, ok := strings.Cut(screen, "▌")
	if !ok {
		return -1
	}
	return strings.Count(above, "\n")
}
