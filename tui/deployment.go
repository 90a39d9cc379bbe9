package tui

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// waitForDeployment is how long the record of a deployment that has begun is looked for.
const waitForDeployment = 30 * time.Second

// deploymentScreen shows one deployment: live while it runs, and its record afterwards.
type deploymentScreen struct {
	scope
	loaded
	ticker
	job    core.Job // whose deployment is looked for, while d has no id
	asked  time.Time
	steps  []string // that were planned, when known
	d      core.Deployment
	feed   *feed[core.Deployment]
	scroll scroller
	room   int
}

// newDeployment shows a deployment.
func newDeployment(d core.Deployment) func(scope) Screen {
	return func(s scope) Screen { return &deploymentScreen{scope: s, d: d, loaded: loaded{ok: true}} }
}

// newDeploymentOfJob shows the deployment that a job makes, as soon as there is a record of it.
func newDeploymentOfJob(job core.Job, steps []string) func(scope) Screen {
	return func(s scope) Screen {
		return &deploymentScreen{scope: s, job: job, steps: steps, asked: s.now(), d: core.Deployment{Service: job.Target}}
	}
}

// Title is the breadcrumb.
func (s *deploymentScreen) Title() string { return strings.TrimSpace("deployment of " + s.d.Service) }

// Service is the one that is deployed.
func (s *deploymentScreen) Service() string { return s.d.Service }

// Copy is the record in words.
func (s *deploymentScreen) Copy() string {
	return strings.Join(append([]string{s.d.ID + " " + string(s.d.State) + " " + s.d.Result}, s.d.LastLog...), "\n")
}

// Keys are those of this screen.
func (s *deploymentScreen) Keys() []key.Binding {
	var all []key.Binding
	if s.d.State == core.DeployRunning || s.d.State == "" {
		all = append(all, keys.cancelDeploy)
	}
	if s.d.Build != "" {
		all = append(all, keys.output)
	}
	return append(all, keys.svcRollback, keys.svcDeploy, keys.svcLogs)
}

// Init follows the deployment from where it is.
func (s *deploymentScreen) Init() tea.Cmd {
	if s.d.ID == "" {
		return s.find()
	}
	if s.feed != nil {
		s.feed.stop()
	}
	s.feed = follow(s.scope, func(ctx context.Context) iter.Seq2[core.Deployment, error] {
		return s.src.deployment.open(ctx, core.DeploymentIn{Deployment: s.d.ID})
	})
	return s.feed.next()
}

// find looks for the record of the job's deployment, and for the job, which may have failed before there was one.
func (s *deploymentScreen) find() tea.Cmd {
	return tea.Batch(ask(s.scope, s.src.deployments, core.DeploymentsIn{Service: s.d.Service, Limit: 5}), ask(s.scope, s.src.jobs, struct{}{}))
}

// Update takes an answer or a key in.
func (s *deploymentScreen) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batch[core.Deployment]:
		return s.takeLive(msg)
	case result[[]core.Deployment]:
		return s.takeFound(msg)
	case result[[]core.Job]:
		s.takeJob(msg)
	case tickMsg:
		if s.due(msg) && s.d.ID == "" && s.err == nil {
			return s.find()
		}
	case tea.KeyPressMsg:
		return s.press(msg)
	}
	return nil
}

// takeFound follows the deployment of the job, or looks again soon.
func (s *deploymentScreen) takeFound(r result[[]core.Deployment]) tea.Cmd {
	if s.d.ID != "" {
		return nil
	}
	for _, d := range r.val {
		if d.Job == s.job.ID {
			s.take(nil)
			s.d = d
			return s.Init()
		}
	}
	if s.now().Sub(s.asked) > waitForDeployment {
		s.take(core.Errorf(core.CodeUnavailable, "Job %s has made no record of a deployment so far; look at it under Jobs (5).", s.job.ID))
		return nil
	}
	return s.again(s.id, 500*time.Millisecond)
}

// takeJob says so when the job has ended without a record.
func (s *deploymentScreen) takeJob(r result[[]core.Job]) {
	for _, job := range r.val {
		if job.ID == s.job.ID && s.d.ID == "" && job.State != core.JobRunning && job.State != core.JobDone {
			s.take(core.Errorf(core.CodeConflict, "%s", job.Result))
		}
	}
}

func (s *deploymentScreen) takeLive(b batch[core.Deployment]) tea.Cmd {
	if b.from != s.feed {
		return nil
	}
	if len(b.items) > 0 {
		s.take(nil)
		s.d = b.items[len(b.items)-1]
	}
	if b.done {
		s.take(b.err)
		return nil
	}
	return s.feed.next()
}

func (s *deploymentScreen) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.cancelDeploy):
		return s.cancelDeployment(s.d)
	case key.Matches(msg, keys.output) && s.d.Build != "":
		return s.push(newBuildLog(core.Build{ID: s.d.Build, Service: s.d.Service, Commit: s.d.Commit, By: s.d.By, Started: s.d.Started}))
	}
	s.scroll.move(msg, max(s.room-1, 1))
	return nil
}

// cancelDeployment asks whether a deployment shall be cancelled.
func (e *env) cancelDeployment(d core.Deployment) tea.Cmd {
	if d.ID == "" || d.State != core.DeployRunning {
		e.say(noticeInfo, "That deployment does not run: "+blank(string(d.State))+".")
		return nil
	}
	return e.act(doneAction(e.src.cancelIt, d.Service, func(string) core.DeploymentIn { return core.DeploymentIn{Deployment: d.ID} },
		"Cancels the "+kindWord(d)+" begun by "+d.By.Name+" "+ago(e.now(), d.Started)+".",
		"The new container is removed and the old version goes on serving. Once the route has been switched it is too late, and it says so."))
}

// kindWord is what a deployment is called.
func kindWord(d core.Deployment) string {
	if d.Kind == "rollback" {
		return "rollback"
	}
	return "deployment"
}

// View draws the screen.
func (s *deploymentScreen) View(w, h int) string {
	if s.d.ID == "" && s.err == nil {
		return loadingView(s.st, w, h, "The deployment of "+safe(s.d.Service)+" begins …")
	}
	return s.frame(s.st, w, h, "The deployment of "+safe(s.d.Service), func(h int) []string {
		head := s.head(w)
		s.room = max(h-len(head), 1)
		return append(head, s.scroll.part(s.body(w), s.room)...)
	})
}

// head is the verdict: how it stands, between what, and what it cost.
func (s *deploymentScreen) head(w int) []string {
	d, st := &s.d, s.st
	l, word := st.deployment(d.State), ", took "
	if d.State == core.DeployRunning {
		word = ", for "
	}
	lines := []string{
		cut(" "+l.style.draw(l.glyph+" "+l.word)+st.dim.draw("  "+kindWord(*d)+" of "+safe(d.Service)+" by "+safe(d.By.Name)+" "+ago(s.now(), d.Started)+word+
			lasted(s.now(), d.Started, d.Took, d.State == core.DeployRunning)), w),
		cut(" "+st.dim.draw(shortSHA(d.FromSHA)+" → ")+st.accent.draw(commitWord(d.Commit))+" "+st.bold.draw(safe(d.Commit.Subject))+st.dim.draw(envWord(d.Env)), w),
		cut(" "+s.progress(w)+"  "+s.cost(), w),
	}
	if d.Result != "" {
		lines = append(lines, marked(l.style, l.glyph, d.Result, w)...)
	}
	return append(lines, "")
}

// shortSHA is a commit that may not be known.
func shortSHA(sha string) string { return commitWord(core.Commit{SHA: sha}) }

// progress draws how many of the planned steps are behind it, and at the end how far it came.
func (s *deploymentScreen) progress(w int) string {
	done, last := 0, ""
	for _, step := range s.d.Steps {
		if last == "" && step.State == "failed" {
			last = step.Name
		}
		if step.State == "done" || step.State == "skipped" {
			done++
		}
	}
	switch {
	case s.d.State == core.DeployDone:
		return s.st.dim.draw(plural(len(s.d.Steps), "step", "steps"))
	case s.d.State != core.DeployRunning:
		if last == "" {
			return s.st.dim.draw("ended after " + plural(len(s.d.Steps), "step", "steps"))
		}
		return s.st.bad.draw("failed at: " + safe(last))
	}
	all := len(s.steps)
	if all == 0 {
		all = mostSteps
	}
	return s.st.accent.draw(gauge(int64(done), int64(max(all, len(s.d.Steps), 1)), min(w/4, 24))) + s.st.dim.draw(fmt.Sprintf(" step %d", len(s.d.Steps)))
}

// mostSteps is how many steps the longest deployment has.
const mostSteps = 13

// cost is what clients noticed of it.
func (s *deploymentScreen) cost() string {
	st, d := s.st, s.d
	var parts []string
	switch {
	case d.Lost > 0:
		parts = append(parts, st.bad.draw(fmt.Sprintf("✗ %s of %s requests lost", number(int64(d.Lost)), number(int64(d.Asked)))))
	case d.Asked > 0:
		parts = append(parts, st.ok.draw("● 0 of "+plural(d.Asked, "request", "requests")+" lost"))
	default:
		parts = append(parts, st.dim.draw("no requests measured yet"))
		if d.State != core.DeployRunning {
			parts[0] = st.dim.draw("no requests measured")
		}
	}
	if d.Gap > 0 {
		parts = append(parts, st.warn.draw("▲ nothing served for "+span(d.Gap)))
	}
	return strings.Join(parts, st.faint.draw(" · "))
}

// body is the steps, then why it failed.
func (s *deploymentScreen) body(w int) []string {
	lines := s.stepLines(w)
	if len(s.d.LastLog) > 0 {
		lines = append(lines, "", " "+s.st.title.draw("Last lines of the new container")+s.st.dim.draw(" ("+plural(len(s.d.LastLog), "line", "lines")+")"))
		for _, text := range s.d.LastLog {
			lines = append(lines, s.st.text.draw(cut("   "+safe(briefLine(text)), w)))
		}
	}
	if len(s.d.Health) > 0 {
		lines = append(lines, "", " "+s.st.title.draw("Health checks of the new container"))
		for _, text := range folded(s.d.Health) {
			lines = append(lines, s.st.dim.draw(cut("   "+safe(text), w)))
		}
	}
	return append(lines, "", s.st.dim.draw(cut(" "+s.identity(), w)))
}

// folded puts answers of health checks that are equal but for their times into one line.
func folded(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && said(lines[i+n]) == said(lines[i]) {
			n++
		}
		line := lines[i]
		if n > 1 {
			line += ", " + number(int64(n)) + " times"
		}
		out = append(out, line)
		i += n
	}
	return out
}

// said is what a line of the health log says behind its times.
func said(line string) string {
	if _, text, ok := strings.Cut(line, ": "); ok {
		return text
	}
	return line
}

// identity is what names the record and what it is made of.
func (s *deploymentScreen) identity() string {
	d := s.d
	parts := []string{"deployment " + safe(d.ID), "job " + safe(blank(d.Job)), "on " + safe(d.Plane), "began " + stamp(d.Started)}
	if d.From != "" || d.To != "" {
		parts = append(parts, "release "+blank(shortID(d.From))+" → "+blank(shortID(d.To)))
	}
	if d.Build != "" {
		parts = append(parts, "build "+shortID(d.Build))
	}
	return strings.Join(parts, " · ")
}

// stepLines are the steps with their times, and those to come when they are known.
func (s *deploymentScreen) stepLines(w int) []string {
	st := s.st
	var lines []string
	seen := map[string]bool{}
	for _, step := range s.d.Steps {
		seen[step.Name] = true
		l := st.step(step.State)
		detail, style := step.Detail, st.dim
		if step.State == "failed" {
			style = st.bad
		}
		if detail == "" && step.State == "running" {
			detail = stepMeans(step.Name) + " …"
		}
		took := lasted(s.now(), step.At, step.Took, step.State == "running" && s.d.State == core.DeployRunning)
		lines = append(lines, cut(" "+l.style.draw(l.glyph+" "+fit(safe(step.Name), 16))+" "+st.text.draw(fitRight(took, 7))+"  "+style.draw(shortIDs(safe(detail))), w))
	}
	if s.d.State != core.DeployRunning {
		return lines
	}
	for _, name := range s.steps {
		if !seen[name] {
			lines = append(lines, cut(" "+st.faint.draw("· "+fit(safe(name), 16)), w))
		}
	}
	return lines
}
