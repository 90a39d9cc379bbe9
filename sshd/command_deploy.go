package sshd

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func deployCommands() []command {
	follow := func(k *call) {
		k.flags.BoolVar(&k.opt.follow, "follow", false, "show each step until it ends; ctrl-C leaves it running")
	}
	return []command{
		{"deploy", "SERVICE", "Deploy a service; the old version serves until the new one does", func(k *call) {
			follow(k)
			k.flags.StringVar(&k.opt.ref, "ref", "", "this commit, branch or tag instead of the definition's")
			k.flags.StringVar(&k.opt.build, "build", "", "the image of this earlier build")
			k.flags.BoolVar(&k.opt.same, "same", false, "the running image again, with today's definition and env")
			k.flags.BoolVar(&k.opt.fresh, "fresh", false, "build without the cache")
			k.flags.BoolVar(&k.opt.envGone, "env-gone", false, "go on though the env is empty where the last one was not")
			k.flags.BoolVar(&k.opt.plan, "plan", false, "only say what it would do")
		}, runDeploy},
		{"rollback", "SERVICE [RELEASE]", "Return to an earlier release: image, definition and env together", follow, runRollback},
		{"deployments", "[ID]", "List deployments, newest first, or show one", func(k *call) {
			follow(k)
			k.flags.StringVar(&k.opt.service, "service", "", "only of this service")
			k.flags.StringVar(&k.opt.state, "state", "", "only these: running, done, failed, canceled, interrupted")
			k.flags.StringVar(&k.opt.by, "by", "", "only of this person")
			k.flags.IntVar(&k.opt.limit, "limit", 0, "how many; 50 unless said")
		}, runDeployments},
		{"deployment-cancel", "ID", "Cancel a deployment; the old version goes on serving", nil, runDeploymentCancel},
		{"releases", "SERVICE", "List releases, and what a rollback to each would change", nil, runReleases},
	}
}

func runDeploy(k *call) error {
	name, err := k.one("service")
	if err != nil {
		return err
	}
	in := core.DeployIn{
		ServiceIn: core.ServiceIn{Service: name}, Ref: k.opt.ref, Build: k.opt.build, Same: k.opt.same, Fresh: k.opt.fresh, EnvGone: k.opt.envGone,
	}
	if k.opt.plan {
		plan, err := core.PlanDeploy.Run(k.ctx, k.core, in)
		if err != nil {
			return err
		}
		return k.answer(plan, func(w io.Writer) { printPlan(w, plan) })
	}
	job, err := core.Deploy.Run(k.ctx, k.core, in)
	if err != nil {
		return err
	}
	return k.deploying(job)
}

func printPlan(w io.Writer, p core.DeployPlan) {
	from := "nothing that is known"
	if p.From != nil {
		from = "release " + core.SafeText(p.From.ID) + commitWords(p.From.Commit)
	}
	fmt.Fprintf(w, "%s: from %s to%s\n", core.SafeText(p.Service), from, commitWords(p.Commit))
	fmt.Fprintln(w, "steps: "+core.SafeText(strings.Join(p.Steps, ", ")))
	if p.Stops {
		fmt.Fprintln(w, "▲ It cannot run twice: there is a gap while it is replaced.")
	}
	if p.Held != "" {
		fmt.Fprintln(w, "▲ Locked: "+core.SafeText(p.Held))
	}
	for _, text := range p.Warn {
		fmt.Fprintln(w, "▲ "+core.SafeText(text))
	}
	for _, text := range p.Blocked {
		fmt.Fprintln(w, "✗ "+core.SafeText(text))
	}
	fmt.Fprintln(w)
	printItems(w, p.Changes, "It changes nothing.")
}

// commitWords is a commit in a sentence, with the blank before it.
func commitWords(c core.Commit) string {
	if c.SHA == "" {
		return " no known commit"
	}
	return fmt.Sprintf(" %s %q", core.SafeText(c.Short()), core.SafeText(c.Subject))
}

// printItems lists what changes.
func printItems(w io.Writer, items []core.ChangeItem, none string) {
	t := table{head: []string{"KIND", "WHAT", "NEEDS"}}
	for _, item := range items {
		t.add(item.Kind, item.What, item.Need)
	}
	t.print(w, none)
}

func runRollback(k *call) error {
	if len(k.args) < 1 || len(k.args) > 2 {
		return core.Errorf(core.CodeInvalid, "Give a service, and the release when it is not the one before: releases SERVICE lists them.")
	}
	in := core.RollbackIn{ServiceIn: core.ServiceIn{Service: k.args[0]}}
	if len(k.args) == 2 {
		in.Release = k.args[1]
	}
	job, err := core.Rollback.Run(k.ctx, k.core, in)
	if err != nil {
		return err
	}
	return k.deploying(job)
}

func runDeployments(k *call) error {
	if len(k.args) > 0 {
		id, err := k.one("deployment")
		if err != nil {
			return err
		}
		if k.opt.follow {
			return k.followDeployment(id)
		}
		d, err := core.ShowDeployment.Run(k.ctx, k.core, core.DeploymentIn{Deployment: id})
		if err != nil {
			return err
		}
		return k.answer(d, func(w io.Writer) { printDeployment(w, d) })
	}
	list, err := core.ListDeployments.Run(k.ctx, k.core, core.DeploymentsIn{
		Service: k.opt.service, State: core.DeployState(k.opt.state), By: k.opt.by, Limit: k.opt.limit,
	})
	if err != nil {
		return err
	}
	return k.answer(notNil(list), func(w io.Writer) {
		t := table{head: []string{"DEPLOYMENT", "SERVICE", "KIND", "STATE", "COMMIT", "ENV", "BY", "STARTED", "TOOK", "LOST", "RESULT"}}
		for _, d := range list {
			t.add(d.ID, d.Service, d.Kind, string(d.State), d.Commit.Short(), fmt.Sprint(d.Env), d.By.Name, stamp(d.Started), short(d.Took),
				fmt.Sprintf("%d of %d", d.Lost, d.Asked), d.Result)
		}
		t.print(w, "Nothing has been deployed.")
	})
}

// short is a length of time to the tenth of a second.
func short(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

func printDeployment(w io.Writer, d core.Deployment) {
	fmt.Fprintf(w, "%s  %s of %s by %s: %s\n", core.SafeText(d.ID), core.SafeText(d.Kind), core.SafeText(d.Service), core.SafeText(d.By.Name), d.State)
	fmt.Fprintf(w, "from %s to %s,%s, env %d\n\n", orDash(d.From), orDash(d.To), commitWords(d.Commit), d.Env)
	for _, s := range d.Steps {
		fmt.Fprintln(w, stepText(s))
	}
	printDeploymentEnd(w, d)
}

// orDash is a text, or a dash for none.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return core.SafeText(s)
}

// printDeploymentEnd prints what came of a deployment, with the evidence when it failed.
func printDeploymentEnd(w io.Writer, d core.Deployment) {
	for _, part := range []struct {
		head  string
		lines []string
	}{{"what its health check said", d.Health}, {"the last lines of the failed candidate", d.LastLog}} {
		if d.State == core.DeployDone || len(part.lines) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s:\n", part.head)
		for _, line := range part.lines {
			fmt.Fprintln(w, "  "+core.SafeText(line))
		}
	}
	if d.State == core.DeployRunning {
		return
	}
	fmt.Fprintf(w, "\n%s after %s; %d of %d requests lost during the swap", d.State, short(d.Took), d.Lost, d.Asked)
	if d.Gap > 0 {
		fmt.Fprintf(w, "; nothing served for %s", short(d.Gap))
	}
	fmt.Fprintln(w, ".")
	if d.Result != "" {
		fmt.Fprintln(w, core.SafeText(d.Result))
	}
}

func runDeploymentCancel(k *call) error {
	id, err := k.one("deployment")
	if err != nil {
		return err
	}
	return k.done(core.CancelDeployment.Run(k.ctx, k.core, core.DeploymentIn{Deployment: id}))
}

func runReleases(k *call) error {
	name, err := k.one("service")
	if err != nil {
		return err
	}
	list, err := core.ListReleases.Run(k.ctx, k.core, core.ServiceIn{Service: name})
	if err != nil {
		return err
	}
	return k.answer(notNil(list), func(w io.Writer) {
		t := table{head: []string{"RELEASE", "SINCE", "COMMIT", "ENV", "IMAGE", "", "A ROLLBACK CHANGES"}}
		for _, r := range list {
			t.add(r.ID, stamp(r.At), r.Commit.Short(), fmt.Sprint(r.EnvVersion), core.ShortID(r.Image), releaseState(r), releaseDiff(r))
		}
		t.print(w, "It has no releases yet: deploy it.")
		if len(list) > 1 {
			fmt.Fprintf(w, "\n%s\n", core.Undone)
		}
	})
}

// releaseState says whether a release runs, or why it cannot be returned to.
func releaseState(r core.ReleaseView) string {
	switch {
	case r.Running:
		return "runs"
	case r.ImageGone:
		return "image is gone"
	case !r.EnvHere:
		return "env cannot be read"
	default:
		return ""
	}
}

// releaseDiff is what a rollback changes, in one line.
func releaseDiff(r core.ReleaseView) string {
	parts := make([]string, 0, len(r.Diff)+1)
	for _, item := range r.Diff {
		parts = append(parts, item.Kind+": "+item.What)
	}
	if note := strings.TrimSpace(strings.TrimPrefix(r.Note, core.Undone)); note != "" {
		parts = append(parts, note)
	}
	return strings.Join(parts, "; ")
}
