//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
)

// feedDeploy sets one value of a service's env at the Deploy Server.
func (s stack) feedDeploy(t *testing.T, service, name, value string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	ssh := append([]string{"ssh"}, append(s.sshArgs(t, s.Ports.DeploySSH, s.Key), "env", "set", service, name)...)
	if r := run(t, "sh", append([]string{"-c", `file=$1; shift; exec "$@" <"$file"`, "sh", file}, ssh...)...); r.code != 0 {
		t.Fatalf("env set: exit %d: %s", r.code, r.err)
	}
}

func TestANewManagerReplaysTheRunningOnesJournalAndABrokenEnvironmentDoesNotStopIt(t *testing.T) {
	s := theStack(t)
	manager := s.container("matrx-manager")
	before := inspect(t, manager)
	began := docker(t, "inspect", "--format", "{{.State.StartedAt}}", manager)
	s.feedDeploy(t, "matrx-manager", "MATRX_LOG_MAX_AGE", "soon")
	t.Cleanup(func() {
		if r := s.sshDeploy(t, "env", "unset", "matrx-manager", "MATRX_LOG_MAX_AGE"); r.code != 0 {
			t.Errorf("env unset: %s", r.err)
		}
	})
	failed := s.sshLong(t, s.Ports.DeploySSH, "deploy", "matrx-manager", "--follow")
	if failed.code != 1 || !strings.Contains(failed.out+failed.err, "The image's own test (check) ended with exit code 1") {
		t.Errorf("deploy: exit %d\n%s%s", failed.code, failed.out, failed.err)
	}
	if now := inspect(t, manager); now.ID != before.ID || docker(t, "inspect", "--format", "{{.State.StartedAt}}", manager) != began {
		t.Errorf("the running one was touched: %s, was %s", now.ID, before.ID)
	}
	d := lastDeployment(t, s.sshDeploy(t, "deployments", "--service", "matrx-manager", "--json"))
	shown := s.sshDeploy(t, "deployments", d.ID)
	if shown.code != 0 || !strings.Contains(shown.out, "MATRX_LOG_MAX_AGE") {
		t.Errorf("the record does not name the variable: %s%s", shown.out, shown.err)
	}
	s.feedDeploy(t, "matrx-manager", "MATRX_LOG_MAX_AGE", "29d")
	if done := s.sshLong(t, s.Ports.DeploySSH, "deploy", "matrx-manager", "--follow"); done.code != 0 {
		t.Fatalf("deploy: exit %d\n%s%s", done.code, done.out, done.err)
	}
	d = lastDeployment(t, s.sshDeploy(t, "deployments", "--service", "matrx-manager", "--json"))
	at := slices.IndexFunc(d.Steps, func(step core.DeployStep) bool { return step.Name == core.StepTest })
	if at < 0 || !strings.Contains(d.Steps[at].Detail, "the journal is whole to record ") {
		t.Errorf("what the test saw: %+v", d.Steps)
	}
	t.Log(d.Steps[at].Detail)
}
