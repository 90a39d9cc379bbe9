//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// The steps in which a control plane has to die at least once, of what runs twice and of what is stopped first.
var (
	killSteps = []string{
		core.StepLock, core.StepSource, core.StepBuild, core.StepTest, core.StepCandidate, core.StepHealth, core.StepSwitch, core.StepRoute,
		core.StepDrain, core.StepRename, core.StepStop, core.StepObserve, core.StepKeep, core.StepReturn,
	}
	killStepsStopFirst = []string{
		core.StepLock, core.StepSource, core.StepBuild, core.StepTest, core.StepCandidate, core.StepStop, core.StepHealth, core.StepSwitch,
		core.StepRoute, core.StepRename, core.StepObserve, core.StepKeep, core.StepReturn,
	}
)

func TestAManagerKilledAtAnyMomentOfADeploymentLeavesOneVersionThatServes(t *testing.T) {
	s := theStack(t)
	app := webApp{name: "kill-app", drain: "300ms", within: "6s", grace: "5s"}
	target := appTarget(t, s, app)
	target.steps, target.twice = killSteps, true
	newKillCampaign(t, s, target).campaign(killCount() * 4 / 10)
}

func TestAManagerKilledWhileItDeploysWhatCannotRunTwiceLeavesOneVersionThatServes(t *testing.T) {
	s := theStack(t)
	app := webApp{name: "kill-alone", drain: "300ms", within: "6s", grace: "5s", port: freePort(t)}
	target := appTarget(t, s, app)
	target.steps = killStepsStopFirst
	newKillCampaign(t, s, target).campaign(killCount() * 3 / 10)
}

func TestADeployServerKilledWhileItDeploysTheManagerLeavesOneManagerThatServes(t *testing.T) {
	s := theStack(t)
	newKillCampaign(t, s, managerTarget(t, s)).campaign(killCount() * 3 / 10)
}

// freePort is a port that nobody listens on now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// appTarget is an app that the Manager builds and deploys.
func appTarget(t *testing.T, s stack, app webApp) killTarget {
	t.Helper()
	app.source = filepath.Join(s.Root, "projects", app.name+".git")
	image := guestImage(t, "docker")
	clone := newRepository(t, app.source)
	push := func(version int, sick bool) {
		t.Helper()
		args := `"app", "3000"`
		if sick {
			args += `, "sick"`
		}
		clone.write("version", fmt.Sprint(version))
		clone.write("Dockerfile", fmt.Sprintf("FROM %s\nARG VERSION=0\nCOPY version /version\nRUN [\"/guest\", \"print\", \"built\"]\nENV MARK=%d\nCMD [%s]\n", image, version, args))
		clone.commit(version)
	}
	push(0, false)
	s.define(t, app)
	return killTarget{
		plane: "matrx-manager", data: "server-manager", port: s.Ports.ManagerSSH, service: app.name, host: app.host(s), parents: []string{image}, push: push,
	}
}

// commit commits what the clone has, even if that is what it had before, and pushes it.
func (c sampleClone) commit(version int) {
	c.t.Helper()
	c.git("add", "-A")
	c.git("commit", "-q", "--allow-empty", "-m", fmt.Sprintf("Version %d", version))
	c.git("push", "-q", "origin", "HEAD:refs/heads/main")
}

// managerTarget is the Manager, which the Deploy Server builds from its source and deploys. For the campaign the store has its
// definition, not the commit, so that a version can be one that never gets healthy without being compiled anew.
func managerTarget(t *testing.T, s stack) killTarget {
	t.Helper()
	const service = "matrx-manager"
	read := s.sshDeploy(t, "definition", service)
	if read.code != 0 {
		t.Fatalf("definition: exit %d: %s", read.code, read.err)
	}
	set := func(text string) {
		t.Helper()
		if r := s.feedTo(t, s.Ports.DeploySSH, text, "definition", "set"); r.code != 0 {
			t.Fatalf("definition set: exit %d\n%s%s", r.code, r.out, r.err)
		}
	}
	edited := func(pairs ...string) string {
		t.Helper()
		text := read.out
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(text, pairs[i]) {
				t.Fatalf("the definition has no %q:\n%s", pairs[i], text)
			}
			text = strings.Replace(text, pairs[i], pairs[i+1], 1)
		}
		return text
	}
	here := []string{"        definition: infra/manager/compose.yml\n", ""}
	good := edited(append(here, "within: 1m0s", "within: 20s")...)
	ill := edited(append(here, "within: 1m0s", "within: 3s", "http: /healthz\n", "http: /nowhere\n")...)
	now := ""
	push := func(_ int, sick bool) {
		t.Helper()
		text := good
		if sick {
			text = ill
		}
		if text != now {
			set(text)
			now = text
		}
	}
	restore := func() { set(read.out); now = read.out }
	t.Cleanup(func() {
		if now != read.out {
			restore()
		}
		s.up(t) // the folder has what make up makes of the checkout again: with that in the store it is nobody's change
		applied, err := os.ReadFile(filepath.Join(s.Root, "apps", "server-manager", "docker-compose.yml"))
		if err != nil {
			t.Error(err)
		}
		set(string(applied))
		s.up(t)
	})
	parents := []string{"matrx/tools:current-" + s.Project, "matrx/builder:current-" + s.Project}
	return killTarget{
		plane: "deploy-server", data: "deploy", port: s.Ports.DeploySSH, service: service, host: "manager." + s.Domain, steps: killStepsStopFirst,
		parents: parents, push: push, restore: restore,
	}
}
