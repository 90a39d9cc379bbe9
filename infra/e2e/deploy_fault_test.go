//go:build e2e

package e2e

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/age"
)

// mark is what an app answers at /mark through Traefik: which version serves.
func (s stack) mark(a webApp) string {
	res, err := s.client().Get("https://" + a.host(s) + "/mark")
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return res.Status
	}
	return strings.TrimSpace(string(raw))
}

// firstVersion deploys version one of an app.
func firstVersion(t *testing.T, s stack, a webApp) webApp {
	t.Helper()
	a.image, a.mark = guestImage(t, "docker"), "one"
	s.define(t, a)
	s.ship(t, "deploy", a.name)
	if got := s.mark(a); got != "one" {
		t.Fatalf("after the first deployment it answers %q", got)
	}
	return a
}

// change gives the app a second version that behaves in a way.
func (a webApp) change(t *testing.T, s stack, how string) webApp {
	t.Helper()
	a.how, a.mark = how, "two"
	if r := s.feed(t, a.text(s), "definition", "set"); r.code != 0 {
		t.Fatalf("definition set: exit %d\n%s%s", r.code, r.out, r.err)
	}
	return a
}

// alone wants one container of an app, under its name.
func (s stack) alone(t *testing.T, a webApp) {
	t.Helper()
	if got := docker(t, "ps", "-a", "--filter", "label=com.matrx.service="+a.name, "--filter", "label=com.matrx.project="+s.Project, "--format", "{{.Names}} {{.State}}"); got != s.container(a.name)+" running" {
		t.Errorf("containers of %s: %q", a.name, got)
	}
}

func TestANewVersionThatDoesNotServeNeverTakesTheOldOnesPlace(t *testing.T) {
	s := theStack(t)
	for name, c := range map[string]struct {
		how, drain string
		result     string // words of the record
		health     string // words of the health log
		log        string // words of the last lines
		stopped    bool   // the old one had ended already
	}{
		"never-healthy":     {how: ", sick", drain: "1s", result: "did not pass its health check", health: "503"},
		"dies-while-drains": {how: ", die=2s", drain: "8s", result: "ended after it had passed", health: "200", log: "it dies, as it was told"},
		"dies-after-all":    {how: ", die=4s", drain: "300ms", result: "ended after it had passed", health: "200", log: "it dies, as it was told", stopped: true},
	} {
		t.Run(name, func(t *testing.T) {
			a := firstVersion(t, s, webApp{name: "fault-" + name, drain: c.drain, within: "4s", grace: "2s"})
			was := inspect(t, s.container(a.name))
			a.change(t, s, c.how)
			l := startLoad(t, s, a.host(s), killRate, 0)
			d, said := s.fail(t, a.name)
			l.end()
			now := inspect(t, s.container(a.name))
			if now.ID != was.ID || (now.State.StartedAt != was.State.StartedAt) != c.stopped {
				t.Errorf("container %s since %s, was %s since %s", now.ID, now.State.StartedAt, was.ID, was.State.StartedAt)
			}
			if got := s.mark(a); got != "one" {
				t.Errorf("afterwards it answers %q", got)
			}
			if d.State != core.DeployFailed || !strings.Contains(d.Result, c.result) || !strings.Contains(said.out+said.err, c.result) {
				t.Errorf("the record says %s: %s; the command: %s%s", d.State, d.Result, said.out, said.err)
			}
			if !strings.Contains(strings.Join(d.Health, "\n"), c.health) || !strings.Contains(strings.Join(d.LastLog, "\n"), c.log) {
				t.Errorf("health %q, last lines %q", d.Health, d.LastLog)
			}
			if lost := l.lost.Load(); lost > 0 && c.log == "" {
				t.Errorf("%d of %d requests lost: %s", lost, l.asked.Load(), l.words())
			}
			t.Logf("%d of %d requests lost; %s %s", l.lost.Load(), l.asked.Load(), d.Result, l.words())
			s.alone(t, a)
		})
	}
}

func TestAnOldVersionThatDoesNotEndIsKilledAfterItsGraceAndNoRequestIsLost(t *testing.T) {
	s := theStack(t)
	a := firstVersion(t, s, webApp{name: "fault-deaf", how: ", deaf", drain: "500ms", grace: "2s"})
	a = a.change(t, s, ", deaf")
	l := startLoad(t, s, a.host(s), killRate, 0)
	d := s.ship(t, "deploy", a.name)
	l.end()
	if step := stepOf(t, d, core.StepStop); !strings.Contains(step.Detail, "killed") || step.Took < 2*time.Second || step.Took > 6*time.Second {
		t.Errorf("stopping the old one: %+v", step)
	}
	if l.lost.Load() > 0 || d.Lost > 0 {
		t.Errorf("%d of %d requests lost, %d by the record: %s", l.lost.Load(), l.asked.Load(), d.Lost, l.words())
	}
	if got := s.mark(a); got != "two" {
		t.Errorf("afterwards it answers %q", got)
	}
	s.alone(t, a)
}

func TestAnAppThatAnswersSlowlyIsDeployedWithoutALostRequest(t *testing.T) {
	s := theStack(t)
	a := firstVersion(t, s, webApp{name: "fault-slow", how: ", drain, lag=1s", drain: "2s"})
	a = a.change(t, s, ", drain, lag=1s")
	l := startLoad(t, s, a.host(s), killRate, 0)
	d := s.ship(t, "deploy", a.name)
	l.end()
	if l.lost.Load() > 0 || d.Lost > 0 {
		t.Errorf("%d of %d requests lost, %d by the record: %s", l.lost.Load(), l.asked.Load(), d.Lost, l.words())
	}
	if got := s.mark(a); got != "two" {
		t.Errorf("afterwards it answers %q", got)
	}
}

// stepOf finds a step in a record.
func stepOf(t *testing.T, d core.Deployment, name string) core.DeployStep {
	t.Helper()
	for _, step := range d.Steps {
		if step.Name == name {
			return step
		}
	}
	t.Fatalf("no step %q in %+v", name, d.Steps)
	return core.DeployStep{}
}

func TestOfTwoDeploymentsThroughBothPlanesTheSecondIsRefusedAndNamesTheFirst(t *testing.T) {
	s := theStack(t)
	a := firstVersion(t, s, webApp{name: "fault-twice", drain: "4s"})
	a.change(t, s, "")
	s.ship(t, "deploy", a.name) // now there is another release to return to
	var known result
	eventually(t, planeTime, "the Deploy Server knows the app", func() bool {
		known = s.sshDeploy(t, "definition", a.name)
		return known.code == 0
	})
	if r := s.ssh(t, "deploy", a.name); r.code != 0 {
		t.Fatalf("deploy: exit %d: %s", r.code, r.err)
	}
	for _, other := range []struct {
		plane string
		do    func(testing.TB, ...string) result
	}{{"the Deploy Server", s.sshDeploy}, {"the Manager", s.ssh}} {
		for _, command := range []string{"deploy", "rollback"} {
			r := other.do(t, command, a.name)
			if r.code != 5 || !strings.Contains(r.err, "deploy of "+a.name) || !strings.Contains(r.err, "Server Manager") {
				t.Errorf("%s by %s beside it: exit %d: %s", command, other.plane, r.code, r.err)
			}
		}
	}
	eventually(t, deployTime, "the first one ends", func() bool { return s.newestDeployment(t, a.name).State != core.DeployRunning })
	if d := s.newestDeployment(t, a.name); d.State != core.DeployDone {
		t.Errorf("the first one: %+v", d)
	}
	if got := s.mark(a); got != "two" {
		t.Errorf("afterwards it answers %q", got)
	}
	s.alone(t, a)
}

func TestWithoutTraefikADeploymentIsRefusedAndTheOldVersionServesWhenItIsBack(t *testing.T) {
	s := theStack(t)
	a := firstVersion(t, s, webApp{name: "fault-away", drain: "1s"})
	traefik, was := s.container("traefik"), inspect(t, s.container(a.name))
	t.Cleanup(func() { run(t, "docker", "start", traefik) })
	back := func(when string) {
		t.Helper()
		docker(t, "start", traefik)
		eventually(t, planeTime, "the old version serves, "+when, func() bool { return s.mark(a) == "one" })
		now := inspect(t, s.container(a.name))
		if now.ID != was.ID || now.State.StartedAt != was.State.StartedAt {
			t.Errorf("%s: container %s since %s, was %s since %s", when, now.ID, now.State.StartedAt, was.ID, was.State.StartedAt)
		}
		s.alone(t, a)
	}
	a.change(t, s, "")
	docker(t, "stop", traefik)
	d, said := s.fail(t, a.name)
	if d.State != core.DeployFailed || !strings.Contains(said.err+said.out, "Traefik does not answer") {
		t.Errorf("before it: %s: %s\n%s%s", d.State, d.Result, said.out, said.err)
	}
	back("stopped before")
	for _, at := range []string{core.StepHealth, core.StepSwitch} {
		d, said := deployWithout(t, s, a.name, traefik, at)
		if d.State != core.DeployFailed || !strings.Contains(d.Result, "Traefik") || !strings.Contains(d.Result, "old version") {
			t.Errorf("stopped at %q: %s: %s\n%s%s", at, d.State, d.Result, said.out, said.err)
		}
		back("stopped at " + at)
	}
	s.ship(t, "deploy", a.name)
	if got := s.mark(a); got != "two" {
		t.Errorf("afterwards it answers %q", got)
	}
}

// deployWithout deploys a service and freezes, then kills a container as soon as a step is on record.
func deployWithout(t *testing.T, s stack, service, container, step string) (core.Deployment, result) {
	t.Helper()
	freeze := s.processes(t, container)
	frozen := watchStep(t, s, step, func() {
		for _, pid := range freeze {
			_ = syscall.Kill(pid, syscall.SIGSTOP) // at this very moment; the engine takes its time
		}
		run(t, "docker", "kill", container)
	})
	r := s.ssh(t, "deploy", service, "--follow")
	frozen()
	return s.newestDeployment(t, service), r
}

// watchStep does something as soon as a new deployment is in a step. The function it gives waits until that was done.
func watchStep(t *testing.T, s stack, step string, do func()) (wait func()) {
	t.Helper()
	j := tailJournal(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	done := make(chan bool, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			if j.read(); j.step() == step {
				do()
				done <- true
				return
			}
			select {
			case <-ctx.Done():
				done <- false
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		t.Helper()
		defer cancel()
		if !<-done {
			t.Fatalf("no deployment came to step %q", step)
		}
	}
}

func TestAnEnvThatNoProcessCouldBeGivenIsRefusedInWordsThatDoNotRepeatIt(t *testing.T) {
	s := theStack(t)
	a := firstVersion(t, s, webApp{name: "fault-env", drain: "300ms"})
	const secret = "hunter2-hunter2"
	before := sshJSON[core.EnvView](t, s, "env", a.name).Version
	for name, c := range map[string]struct {
		text  string
		names []string
		want  string
	}{
		"a NUL in a value":             {text: "A=" + secret + "\x00x", want: "NUL"},
		"a NUL by name":                {text: secret + "\x00x", names: []string{"A"}, want: "NUL"},
		"a mebibyte":                   {text: "A=" + strings.Repeat(secret, 1<<20/len(secret)+1), want: "kernel"},
		"a mebibyte by name":           {text: strings.Repeat(secret, 1<<20/len(secret)+1), names: []string{"A"}, want: "kernel"},
		"more than is read":            {text: "A=" + strings.Repeat(secret, 3<<20/len(secret)), want: "MiB"},
		"a line feed in a name":        {text: secret, names: []string{"'A\nB'"}, want: "name"},
		"a blank in a name":            {text: "GOOD=1\nBAD NAME=" + secret + "\n", want: "Line 2"},
		"a value that goes on and on":  {text: "GOOD=1\nA=\"" + secret + "\n", want: "Line 2"},
		"a value instead of a name":    {text: secret + "\n", want: "Line 1"},
		"a name that begins a comment": {text: "=" + secret + "\n", want: "Line 1"},
	} {
		r := s.feed(t, c.text, append([]string{"env", "set", a.name}, c.names...)...)
		if r.code != 2 || !strings.Contains(r.err, c.want) {
			t.Errorf("%s: exit %d: %.300s", name, r.code, r.err)
		}
		if strings.Contains(r.err+r.out, "hunter2") {
			t.Errorf("%s: the answer repeats the value: %.300s", name, r.err)
		}
	}
	if view := sshJSON[core.EnvView](t, s, "env", a.name); view.Version != before {
		t.Errorf("something was set: %+v", view)
	}
	if r := s.feed(t, "PEM=\""+secret+"\nsecond line\"\n", "env", "set", a.name); r.code != 0 {
		t.Fatalf("a value of two lines: exit %d: %s", r.code, r.err)
	}
	s.ship(t, "deploy", a.name)
	if env := docker(t, "inspect", "--format", "{{json .Config.Env}}", s.container(a.name)); !strings.Contains(env, `"PEM=`+secret+`\nsecond line"`) {
		t.Errorf("the container's env is %s", env)
	}
}

func TestADomainThatIsTakenReservedOrNoneIsRefused(t *testing.T) {
	s := theStack(t)
	for name, c := range map[string]struct {
		domain string
		code   int
		want   string
	}{
		"taken":                  {"demo." + s.Domain, 5, "is taken by ship-demo"},
		"taken, in capitals":     {"DEMO." + strings.ToUpper(s.Domain) + ".", 5, "is taken by ship-demo"},
		"the Manager's":          {"manager." + s.Domain, 0, "matrx-manager"},
		"reserved":               {"traefik." + s.Domain, 2, "reserved for traefik"},
		"a backtick":             {"a`) || Host(`b." + s.Domain, 2, "domain"},
		"a backtick, encoded":    {"a\\x60." + s.Domain, 2, "domain"},
		"a line feed":            {"a\\nb." + s.Domain, 2, "domain"},
		"everything":             {"*." + s.Domain, 2, "domain"},
		"an address":             {"127.0.0.1", 2, "domain"},
		"longer than names are":  {strings.Repeat("a", 64) + "." + s.Domain, 2, "63"},
		"a name without a point": {"localhost", 2, "domain"},
	} {
		a := webApp{name: "fault-domain", image: s.Images.Base, domain: c.domain}
		r := s.feed(t, a.text(s), "definition", "set")
		if r.code == 0 || c.code != 0 && r.code != c.code || !strings.Contains(r.err, c.want) {
			t.Errorf("%s: exit %d: %s", name, r.code, r.err)
		}
	}
	if r := s.ssh(t, "definition", "fault-domain"); r.code == 0 {
		t.Errorf("one of them was kept:\n%s", r.out)
	}
}

// ageIdentity makes a key of the kind that the planes keep secrets with.
func ageIdentity(t *testing.T) string {
	t.Helper()
	identity, err := age.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func TestAnEnvThatTheKeyDoesNotOpenKeepsTheOldVersionAndSaysWhichKeyIsMissing(t *testing.T) {
	s := theStack(t)
	g := newGuestPlane(t, s, stateSize, dockerSocket, "docker")
	project := strings.TrimSuffix(g.name, "-manager")
	const service = "sealed"
	container := project + "-" + service
	t.Cleanup(func() {
		run(t, "docker", "rm", "-f", container)
		run(t, "docker", "network", "rm", project+"-net")
	})
	g.stack.Ports.ManagerSSH = g.port
	if r := g.feed(t, "WORD=first\n", "env", "set", "victim"); r.code == 0 || !strings.Contains(r.err, "MATRX_AGE_IDENTITIES") {
		t.Errorf("an env without a key: exit %d: %s", r.code, r.err)
	}
	one, two := ageIdentity(t), ageIdentity(t)
	begin := func(identities string) {
		t.Helper()
		g.begin("MATRX_AGE_IDENTITIES=" + identities)
		g.stack.Ports.ManagerSSH = g.port
	}
	begin(one)
	text := "services:\n  " + service + ":\n    image: " + s.Images.Base + "\n    container_name: " + container + "\n    command: [sleep, infinity]\n" +
		"    stop_grace_period: 1s\n    networks: [net]\n    x-matrx: {kind: custom, project: " + project + ", health: {skip: a test}, drain: 0s}\n" +
		"networks:\n  net: {name: " + project + "-net, internal: true}\n"
	for _, step := range []struct {
		text string
		argv []string
	}{{text, []string{"definition", "set"}}, {"WORD=first\n", []string{"env", "set", service}}, {"", []string{"deploy", service, "--follow"}}} {
		if r := g.feed(t, step.text, step.argv...); r.code != 0 {
			t.Fatalf("%v: exit %d\n%s%s", step.argv, r.code, r.out, r.err)
		}
	}
	was := inspect(t, container)
	begin(two)
	for _, argv := range [][]string{{"deploy", service, "--follow"}, {"env", service, "--reveal"}} {
		r := g.do(argv...)
		if r.code == 0 || !strings.Contains(r.out+r.err, "encrypted with") || strings.Contains(r.out+r.err, "AGE-SECRET-KEY") {
			t.Errorf("%v with another key: exit %d\n%s%s", argv, r.code, r.out, r.err)
		}
	}
	if now := inspect(t, container); now.ID != was.ID || now.State.StartedAt != was.State.StartedAt {
		t.Errorf("the container is another one: %s since %s", now.ID, now.State.StartedAt)
	}
	begin(two + "\n" + one) // the old key as a further one
	if r := g.do("deploy", service, "--follow"); r.code != 0 {
		t.Errorf("with both keys: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if env := docker(t, "inspect", "--format", "{{json .Config.Env}}", container); !strings.Contains(env, "WORD=first") {
		t.Errorf("the container's env is %s", env)
	}
}
