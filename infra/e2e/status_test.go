//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// names are the services of the stack, as the planes should know them.
var names = []string{"traefik", "postgres", "matrx-manager", "deploy-server", "ship-demo", "ship-demo-db"}

func TestStatusListsEveryContainerOfTheEngineWithItsHealth(t *testing.T) {
	s := theStack(t)
	eventually(t, 30*time.Second, "every service healthy", func() bool {
		st := sshJSON[core.Status](t, s, "status")
		return len(notHealthy(st)) == 0 && len(st.Services) >= len(names)
	})
	st := sshJSON[core.Status](t, s, "status")
	for _, id := range strings.Fields(docker(t, "ps", "-aq", "--no-trunc", "--filter", "label=com.matrx.project="+s.Project)) {
		if !slices.ContainsFunc(st.Services, func(svc core.Service) bool { return svc.ID == id && svc.Health.State != "" }) {
			t.Errorf("container %s is on the engine and not in the status", id)
		}
	}
	for _, name := range names {
		svc, ok := st.Service(name)
		if !ok || svc.Health.State != core.Healthy || svc.Health.Detail == "" {
			t.Errorf("%s: known %v, health %+v", name, ok, svc.Health)
		}
	}
	if st.Plane != core.ManagerName || !st.Engine.Up || !st.Journal.Writable {
		t.Errorf("plane %q, engine %+v, journal %+v", st.Plane, st.Engine, st.Journal)
	}
}

// notHealthy names the stack's services that are not.
func notHealthy(st core.Status) []string {
	var bad []string
	for _, name := range names {
		if svc, ok := st.Service(name); !ok || svc.Health.State != core.Healthy {
			bad = append(bad, fmt.Sprintf("%s: %s", name, svc.Health.State))
		}
	}
	return bad
}

func TestHomeOpensAtBothSizesAndTheDeployServerOpensOnTheManager(t *testing.T) {
	s := theStack(t)
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		home := s.console(t, s.Ports.ManagerSSH, size[0], size[1])
		home.sees(10*time.Second, "Server Manager", "ship-demo", "ship-demo-db", "healthy")
		home.keys("q")
		if code := home.ended(5 * time.Second); code != 0 {
			t.Errorf("quitting the console gave exit code %d", code)
		}
		deploy := s.console(t, s.Ports.DeploySSH, size[0], size[1])
		deploy.sees(10*time.Second, "Deploy Server", "matrx-manager", "healthy")
	}
}

func TestAStoppedDatabaseIsRedWithinTwoSecondsAndRestartsFromTheConsole(t *testing.T) {
	s := theStack(t)
	db := s.container("ship-demo-db")
	t.Cleanup(func() { docker(t, "start", db) })
	home := s.console(t, s.Ports.ManagerSSH, 120, 40)
	home.sees(10*time.Second, "ship-demo-db")
	eventually(t, 30*time.Second, "a healthy database before the test", func() bool {
		return strings.Contains(line(home.screen(), "ship-demo-db"), "healthy")
	})

	docker(t, "stop", db)
	took := home.sees(2*time.Second, "ship-demo-db is down")
	t.Logf("red on Home %s after docker stop returned", took)

	diagnosis := s.ssh(t, "diagnose")
	if !strings.Contains(diagnosis.out, "ship-demo-db") || diagnosis.code == 0 {
		t.Errorf("diagnose: exit %d\n%s", diagnosis.code, diagnosis.out)
	}

	home.text(":restart ship-demo-db")
	home.keys("Enter")
	home.sees(5*time.Second, "Cancel")
	confirm(home)
	home.until(30*time.Second, "a healthy database", func(screen string) bool {
		return !strings.Contains(screen, "ship-demo-db is down") && strings.Contains(line(screen, "ship-demo-db"), "healthy")
	})

	var events []core.AuditEvent
	eventually(t, 20*time.Second, "the end of the restart in the audit", func() bool { // Home is green before it has ended
		events = sshJSON[[]core.AuditEvent](t, s, "audit", "--op", "service.restart", "--target", "ship-demo-db", "--limit", "1")
		return len(events) == 1 && events[0].Outcome != core.OutcomeOpen
	})
	e := events[0]
	if e.Actor.Name == "" || e.Actor.Address == "" || e.Actor.Fingerprint == "" || e.Actor.Door != core.DoorSSH || e.Outcome != core.OutcomeOK {
		t.Errorf("the audit does not say who, from where and with what outcome: %+v", e)
	}
}

// confirm answers yes once the question takes keys.
func confirm(term *terminal) {
	term.t.Helper()
	eventually(term.t, 5*time.Second, "the question to be answered", func() bool {
		term.keys("y")
		return !strings.Contains(term.screen(), "Cancel")
	})
}

func TestTheScreenFollowsWhatTheDockerCommandDoes(t *testing.T) {
	s := theStack(t)
	name := s.Prefix + "t-follow"
	start := func() string {
		return docker(t, "run", "-d", "--name", name, "--label", "com.matrx.project="+s.Project, "--label", "com.matrx.service=t-follow",
			"--label", "com.matrx.health=skip", "--network", "none", s.Images.Base, "sleep", "600")
	}
	home := s.console(t, s.Ports.ManagerSSH, 120, 40)
	home.sees(10*time.Second, "ship-demo")
	start()
	t.Cleanup(func() { run(t, "docker", "rm", "-f", name, name+"-renamed"); removeService(t, s, "t-follow") })
	home.until(3*time.Second, "the new service", rowHas("t-follow", "unproven"))
	docker(t, "pause", name)
	home.until(3*time.Second, "paused", rowHas("t-follow", "paused"))
	docker(t, "unpause", name)
	home.until(3*time.Second, "running again", rowHas("t-follow", "unproven"))
	docker(t, "rename", name, name+"-renamed")
	docker(t, "kill", name+"-renamed")
	home.until(3*time.Second, "down after a kill under another name", rowHas("t-follow", "down"))
	docker(t, "rm", name+"-renamed")
	start()
	home.until(3*time.Second, "the recreated service", rowHas("t-follow", "unproven"))
}

// rowHas tells whether the table's row of a service has a word.
func rowHas(service, word string) func(string) bool {
	return func(screen string) bool {
		for l := range strings.Lines(screen) {
			if strings.Contains(l, service) && strings.Contains(l, word) {
				return true
			}
		}
		return false
	}
}

// removeService forgets a service whose container is gone.
func removeService(t testing.TB, s stack, name string) {
	t.Helper()
	s.ssh(t, "remove", name, "--confirm", name)
}

func TestAPlaneRefusesToStopItselfAndSaysWhoCan(t *testing.T) {
	s := theStack(t)
	r := s.ssh(t, "stop", "matrx-manager")
	if r.code != 5 || !strings.Contains(r.err, "deploy-server") && !strings.Contains(r.err, "Deploy Server") {
		t.Errorf("the Manager asked to stop itself: exit %d, %s", r.code, r.err)
	}
	r = s.sshDeploy(t, "restart", "deploy-server", "--json")
	var answer struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(r.err), &answer); err != nil {
		t.Fatalf("the error with --json is no JSON: %q", r.err)
	}
	if r.code != 5 || answer.Error.Code != string(core.CodeConflict) {
		t.Errorf("the Deploy Server asked to restart itself: exit %d, %s", r.code, r.err)
	}
}
