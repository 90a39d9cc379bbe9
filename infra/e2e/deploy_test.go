//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// deployTime is how long a deployment may take on a busy machine: the build of a control plane is the longest part.
const deployTime = 5 * time.Minute

// sshLong runs a command of a plane that takes its time.
func (s stack) sshLong(t *testing.T, port int, argv ...string) result {
	t.Helper()
	return runWithin(t, deployTime, "ssh", append(s.sshArgs(t, port, s.Key), argv...)...)
}

// sampleClone is a clone of the sample app's repository, as the person who works on the app has it.
type sampleClone struct {
	t   *testing.T
	dir string
}

// cloneSample clones it. When the test is over, branch main is again what it was.
func cloneSample(t *testing.T, s stack) sampleClone {
	t.Helper()
	from := filepath.Join(s.Root, "projects", "ship-sample.git")
	c := sampleClone{t, filepath.Join(t.TempDir(), "ship-sample")}
	if r := run(t, "git", "clone", "-q", from, c.dir); r.code != 0 {
		t.Fatal(r.err)
	}
	before := c.git("rev-parse", "HEAD")
	t.Cleanup(func() { c.git("push", "-q", "--force", "origin", before+":refs/heads/main") })
	return c
}

// git runs git in the clone.
func (c sampleClone) git(args ...string) string {
	c.t.Helper()
	r := run(c.t, "git", append([]string{"-C", c.dir, "-c", "user.name=ann", "-c", "user.email=ann@example.test"}, args...)...)
	if r.code != 0 {
		c.t.Fatalf("git %s: %s", args, r.err)
	}
	return strings.TrimSpace(r.out)
}

// change replaces a text in a file, commits it and pushes it. It gives the commit.
func (c sampleClone) change(file, old, new, subject string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, file)
	raw, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	if !strings.Contains(string(raw), old) {
		c.t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), old, new, 1)), 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.git("commit", "-qam", subject)
	c.git("push", "-q", "origin", "HEAD:refs/heads/main")
	return c.git("rev-parse", "HEAD")
}

// lastDeployment is the newest deployment of a service that a plane knows of.
func lastDeployment(t *testing.T, out result) core.Deployment {
	t.Helper()
	var list []core.Deployment
	if err := json.Unmarshal([]byte(out.out), &list); err != nil || len(list) == 0 {
		t.Fatalf("deployments: %v in %q %q", err, out.out, out.err)
	}
	return list[0]
}

// title is the heading of the sample app's page, as a browser gets it through Traefik.
func title(s stack) (string, error) {
	res, err := s.client().Get(s.url("demo", "/"))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(page), "<h1>")
	heading, _, _ := strings.Cut(rest, "</h1>")
	return heading, nil
}

// serverOf is what Traefik's own API has as the servers of a service.
func serverOf(t *testing.T, s stack, service string) []string {
	t.Helper()
	view := sshJSON[core.RoutingView](t, s, "routes", service)
	for _, route := range view.Routes {
		if route.Service == service && route.OK {
			return route.Servers
		}
	}
	t.Fatalf("no route of %s works: %+v", service, view)
	return nil
}

func TestAChangedLineIsSeenDeployedRoutedAndRolledBackWithoutALostRequest(t *testing.T) {
	s := theStack(t)
	clone := cloneSample(t, s)
	before, err := title(s)
	if err != nil {
		t.Fatal(err)
	}
	sha := clone.change("page.html", "<h1>", "<h1>Better ", "A better title")
	changes := sshJSON[core.Changes](t, s, "changes", "ship-demo")
	if changes.Head.SHA != sha || changes.Need != core.NeedsBuild || !slices.ContainsFunc(changes.Commits, func(c core.Commit) bool { return c.Subject == "A better title" }) {
		t.Fatalf("changes: %+v", changes)
	}
	was := inspect(t, s.container("ship-demo")).ID
	done := s.sshLong(t, s.Ports.ManagerSSH, "deploy", "ship-demo", "--follow")
	if done.code != 0 || !strings.Contains(done.out, core.StepObserve) {
		t.Fatalf("deploy: exit %d\n%s%s", done.code, done.out, done.err)
	}
	now := inspect(t, s.container("ship-demo"))
	if now.ID == was || now.Config.Labels["com.matrx.commit"] != sha {
		t.Errorf("container %s, was %s, runs commit %q", now.ID, was, now.Config.Labels["com.matrx.commit"])
	}
	if got, err := title(s); err != nil || got != "Better "+before {
		t.Errorf("the page says %q, %v", got, err)
	}
	d := lastDeployment(t, s.ssh(t, "deployments", "--service", "ship-demo", "--json"))
	if d.State != core.DeployDone || d.Lost != 0 || d.Asked == 0 || d.Commit.SHA != sha {
		t.Errorf("the record: %+v", d)
	}
	if servers := serverOf(t, s, "ship-demo"); len(servers) != 1 || !strings.Contains(servers[0], d.Alias) {
		t.Errorf("Traefik has %q, the deployment's container is %s", servers, d.Alias)
	}
	back := s.sshLong(t, s.Ports.ManagerSSH, "rollback", "ship-demo", "--follow")
	if back.code != 0 {
		t.Fatalf("rollback: exit %d\n%s%s", back.code, back.out, back.err)
	}
	if got, err := title(s); err != nil || got != before {
		t.Errorf("after the rollback the page says %q, %v", got, err)
	}
	if d := lastDeployment(t, s.ssh(t, "deployments", "--service", "ship-demo", "--json")); d.Kind != "rollback" || d.State != core.DeployDone || d.Lost != 0 || d.Asked == 0 {
		t.Errorf("the record of the rollback: %+v", d)
	}
}

func TestACommitThatBreaksTheHealthCheckLeavesTheOldVersionServingAndSaysWhy(t *testing.T) {
	s := theStack(t)
	clone := cloneSample(t, s)
	sha := clone.change("web.go", `"GET /healthz"`, `"GET /gone"`, "Lose the health check")
	was := inspect(t, s.container("ship-demo")).ID
	failed := s.sshLong(t, s.Ports.ManagerSSH, "deploy", "ship-demo", "--follow")
	if failed.code != 1 {
		t.Errorf("deploy: exit %d\n%s%s", failed.code, failed.out, failed.err)
	}
	if now := inspect(t, s.container("ship-demo")); now.ID != was {
		t.Errorf("the old container is gone: %s is there", now.ID)
	}
	if err := s.status(s.url("demo", "/healthz"), http.StatusOK); err != nil {
		t.Errorf("the old version: %v", err)
	}
	last := lastDeployment(t, s.ssh(t, "deployments", "--service", "ship-demo", "--json"))
	d := sshJSON[core.Deployment](t, s, "deployments", last.ID)
	if d.State != core.DeployFailed || d.Commit.SHA != sha || !strings.Contains(d.Result, "404") || len(d.Health) == 0 || len(d.LastLog) == 0 {
		t.Errorf("the record: %+v", d)
	}
	if left := docker(t, "ps", "-aq", "--filter", "name="+s.container("ship-demo")+".new-"); left != "" {
		t.Errorf("the failed candidate is left: %s", left)
	}
	start, end := -1, core.AuditEvent{}
	events := sshJSON[[]core.AuditEvent](t, s, "audit", "--limit", "100")
	for i, e := range events { // newest first: its beginning is behind its end
		switch {
		case e.Op == "deployment.end" && strings.Contains(string(e.Input), d.ID):
			end = e
		case e.Op == "deployment.start" && e.Target == "ship-demo" && start < 0:
			start = i
		}
	}
	if start < 0 || events[start].Outcome != core.OutcomeOK || events[start].Actor.Name != end.Actor.Name {
		t.Errorf("the audit of its beginning: %+v", events)
	}
	if end.Target != "ship-demo" || end.Outcome == core.OutcomeOK || !strings.Contains(end.Message, " to commit "+d.Commit.Short()) || !strings.Contains(end.Message, d.Result) {
		t.Errorf("the audit of its end: %+v", end)
	}
}

func TestTheDeployServerAloneBringsTheManagerBackFromItsSource(t *testing.T) {
	s := theStack(t)
	manager := s.container("matrx-manager")
	image := docker(t, "inspect", "--format", "{{.Image}}", manager)
	docker(t, "rm", "-f", manager)
	removeImage(t, image)
	done := s.sshLong(t, s.Ports.DeploySSH, "deploy", "matrx-manager", "--follow")
	if done.code != 0 {
		t.Fatalf("deploy: exit %d\n%s%s", done.code, done.out, done.err)
	}
	now := inspect(t, manager)
	if built := docker(t, "inspect", "--format", "{{.Image}}", manager); built == image {
		t.Errorf("it runs the image that was there before: %s", built)
	}
	sha := strings.TrimSpace(run(t, "git", "--git-dir", filepath.Join(s.Root, "projects", "matrx-ship"), "rev-parse", "refs/heads/main").out)
	if now.Config.Labels["com.matrx.commit"] != sha {
		t.Errorf("it runs commit %q, the source has %q", now.Config.Labels["com.matrx.commit"], sha)
	}
	answered(t, "the Manager is routed", func() error { return s.status(s.url("manager", "/healthz"), http.StatusOK) })
	eventually(t, answerTime, "the Manager works and knows its commit", func() bool {
		r := s.ssh(t, "status", "--json")
		return r.code == 0 && strings.Contains(r.out, sha[:12])
	})
	if report := sshJSON[core.JournalReport](t, s, "audit", "--verify"); !report.OK {
		t.Errorf("the chain after it: %+v", report)
	}
}

// removeImage takes an image and all its tags away, unless a stack beside this one runs the same: then it stays, and only its
// own container is gone.
func removeImage(t testing.TB, image string) {
	t.Helper()
	if others := docker(t, "ps", "-aq", "--filter", "ancestor="+image); others != "" {
		t.Logf("another stack runs the image too, so it stays on the engine")
		return
	}
	for _, tag := range strings.Fields(docker(t, "image", "inspect", "--format", "{{join .RepoTags \" \"}}", image)) {
		docker(t, "rmi", tag)
	}
	if r := run(t, "docker", "image", "inspect", image); r.code == 0 {
		t.Fatalf("the Manager's image is still there: %s", r.out)
	}
}
