//go:build bench

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

const (
	benchRate, benchSlow            = 1000, 2 // requests a second, and how many of a hundred take a second
	benchDeployments, benchRollback = 30, 10
)

// TestBenchDeploymentsUnderLoad deploys and rolls back again and again while requests come in, and counts those that are
// lost: for an app that ends what it has begun, and for one that ends at once. Beside it the same app is replaced as often
// by docker-compose up -d.
func TestBenchDeploymentsUnderLoad(t *testing.T) {
	s := theStack(t)
	image := guestImage(t, "docker")
	peer := composeUnderLoad(t, s, image)
	for _, app := range []struct{ name, how, word string }{{"bench-drains", ", drain", "drains"}, {"bench-dies", "", "dies at once"}} {
		s.define(t, webApp{name: app.name, image: image, how: app.how})
		s.ship(t, "deploy", app.name)
		l := startLoad(t, s, app.name+"."+s.Domain, benchRate, benchSlow)
		var own []time.Duration
		for n := range benchDeployments {
			if r := s.feed(t, fmt.Sprintf("MARK=%d\n", n), "env", "set", app.name); r.code != 0 { // else no release differs from the one before
				t.Fatalf("env set: exit %d\n%s%s", r.code, r.out, r.err)
			}
			own = append(own, ownTime(s.ship(t, "deploy", app.name)))
		}
		for range benchRollback {
			own = append(own, ownTime(s.ship(t, "rollback", app.name)))
		}
		l.end()
		t.Logf("errors: %v", l.errors)
		coretest.Figure{
			What: fmt.Sprintf("deploy: requests lost in %d deployments and %d rollbacks, app %s", benchDeployments, benchRollback, app.word),
			Ours: fmt.Sprintf("%d of %d", l.lost.Load(), l.asked.Load()), Peer: peer, Limit: "0", Miss: l.lost.Load() > 0,
		}.Report(t)
		worst := coretest.Percentile(own, 1)
		coretest.Figure{
			What: fmt.Sprintf("deploy: our own time in a deployment, longest of %d, app %s", len(own), app.word),
			Ours: worst.Round(10 * time.Millisecond).String(), Limit: "< 5s", Miss: worst >= 5*time.Second,
		}.Report(t)
	}
}

// ownTime is what a deployment took without the app's own start-up and its drain.
func ownTime(d core.Deployment) time.Duration {
	own := d.Took
	for _, step := range d.Steps {
		switch step.Name {
		case core.StepBuild, core.StepHealth, core.StepDrain:
			own -= step.Took
		}
	}
	return own
}

// composeUnderLoad replaces the same app by docker-compose up -d as often, and says how many requests were lost.
func composeUnderLoad(t *testing.T, s stack, image string) string {
	t.Helper()
	const name = "bench-compose"
	dir, host := t.TempDir(), name+"."+s.Domain
	compose := func(mark int) {
		t.Helper()
		text := fmt.Sprintf(composeFile, name, image, s.container(name), s.Project, host, s.Prefix, mark)
		if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		must(t, "docker-compose", "--project-name", s.Project+"-bench", "--project-directory", dir, "--file", filepath.Join(dir, "docker-compose.yml"), "up", "-d")
	}
	t.Cleanup(func() { run(t, "docker", "rm", "-f", s.container(name)) })
	compose(0)
	eventually(t, time.Minute, "the peer's route", func() bool { return s.status(s.url(name, "/healthz"), 200) == nil })
	l := startLoad(t, s, host, benchRate, benchSlow)
	for n := range benchRollback {
		compose(n + 1)
		eventually(t, time.Minute, "the peer serves again", func() bool { return s.status(s.url(name, "/healthz"), 200) == nil })
	}
	l.end()
	return fmt.Sprintf("docker-compose up -d, %d times: %d of %d", benchRollback, l.lost.Load(), l.asked.Load())
}

// composeFile is the same app as a person would write it for docker-compose.
const composeFile = `version: "3.7"
services:
  web:
    image: %[2]s
    container_name: %[3]s
    command: [app, "3000", drain]
    environment: {MARK: "%[7]d"}
    networks: [proxy]
    labels:
      com.matrx.project: %[4]s
      com.matrx.service: %[1]s
      com.matrx.health: "http:/healthz:3000"
      traefik.enable: "true"
      traefik.http.routers.%[1]s.rule: "Host(` + "`%[5]s`" + `)"
      traefik.http.routers.%[1]s.entrypoints: websecure
      traefik.http.routers.%[1]s.tls: "true"
      traefik.http.services.%[1]s.loadbalancer.server.port: "3000"
      traefik.docker.network: %[6]sproxy
networks:
  proxy: {name: %[6]sproxy, external: true}
`
