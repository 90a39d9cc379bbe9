package tui

import (
	"context"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// deployScreen shows what a deployment would do before it is asked for. While one of the service runs it gives way to that.
type deployScreen struct {
	scope
	loaded
	scroller
	in   core.DeployIn
	plan core.DeployPlan
	live *core.Deployment // the one that runs now
	room int              // lines of the plan drawn last
}

// newDeploy plans a deployment.
func newDeploy(in core.DeployIn) func(scope) Screen {
	return func(s scope) Screen { return &deployScreen{scope: s, in: in} }
}

// Title is the breadcrumb.
func (d *deployScreen) Title() string { return "Deploy " + d.in.Service }

// Service is the one that is deployed.
func (d *deployScreen) Service() string { return d.in.Service }

// Deploys is the same deployment: D on this screen opens nothing.
func (d *deployScreen) Deploys() core.DeployIn { return d.in }

// Copy is the commit that would be deployed.
func (d *deployScreen) Copy() string { return d.plan.Commit.SHA }

// Keys are those of this screen.
func (d *deployScreen) Keys() []key.Binding {
	return []key.Binding{keys.goDeploy, keys.ref, keys.sameImage, keys.noCache, keys.emptyEnv}
}

// Init makes the plan, and looks whether a deployment runs already.
func (d *deployScreen) Init() tea.Cmd {
	return tea.Batch(ask(d.scope, d.src.plan, d.in),
		ask(d.scope, d.src.deployments, core.DeploymentsIn{Service: d.in.Service, State: core.DeployRunning, Limit: 1}))
}

// Return looks again: what is above a plan may have changed it.
func (d *deployScreen) Return() tea.Cmd {
	d.live = nil
	return ask(d.scope, d.src.plan, d.in)
}

// Update takes an answer or a key in.
func (d *deployScreen) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[core.DeployPlan]:
		if d.take(msg.err) {
			d.plan = msg.val
		}
	case result[[]core.Deployment]:
		return d.takeRunning(msg)
	case tea.KeyPressMsg:
		return d.press(msg)
	}
	return nil
}

// takeRunning gives way to a deployment that runs.
func (d *deployScreen) takeRunning(r result[[]core.Deployment]) tea.Cmd {
	if r.err != nil || len(r.val) == 0 || r.val[0].State != core.DeployRunning {
		return nil
	}
	d.live = &r.val[0]
	if d.screen() != Screen(d) || len(d.overlays) > 0 {
		return nil
	}
	return d.giveWay()
}

// giveWay shows the deployment that runs in place of this plan.
func (d *deployScreen) giveWay() tea.Cmd {
	d.pop()
	d.say(noticeInfo, "A deployment of "+d.in.Service+" runs; this is it.")
	return d.push(newDeployment(*d.live))
}

func (d *deployScreen) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.goDeploy):
		return d.begin()
	case key.Matches(msg, keys.ref):
		return d.over(d.refForm())
	case key.Matches(msg, keys.sameImage):
		d.in.Same, d.in.Ref, d.in.Build, d.in.Fresh = !d.in.Same, "", "", false
		return d.planAgain()
	case key.Matches(msg, keys.noCache):
		d.in.Fresh, d.in.Same, d.in.Build = !d.in.Fresh, false, ""
		return d.planAgain()
	case key.Matches(msg, keys.emptyEnv):
		d.in.EnvGone = !d.in.EnvGone
		return d.planAgain()
	}
	d.move(msg, max(d.room-1, 1))
	return nil
}

// planAgain asks for the plan of another wish.
func (d *deployScreen) planAgain() tea.Cmd {
	d.loaded, d.plan, d.top = loaded{}, core.DeployPlan{}, 0
	return ask(d.scope, d.src.plan, d.in)
}

// refForm asks what is deployed.
func (d *deployScreen) refForm() overlay {
	return newForm(d.env, "Deploy another commit", func(v []string) (tea.Cmd, error) {
		d.in.Ref, d.in.Build, d.in.Same = v[0], "", false
		return d.planAgain(), nil
	}, textField("commit", "A commit, a branch or a tag of its repository. Empty: the newest of the branch its definition names.", d.in.Ref))
}

// begin asks once more and begins.
func (d *deployScreen) begin() tea.Cmd {
	switch {
	case d.live != nil:
		return d.giveWay()
	case !d.ok || d.err != nil:
		d.say(noticeWarn, "There is no plan to carry out; ctrl+r makes it again.")
		return nil
	case len(d.plan.Blocked) > 0:
		d.say(noticeWarn, "It would be refused: "+d.plan.Blocked[0])
		return nil
	}
	in, plan := d.in, d.plan
	if plan.Build && in.Ref == "" && plan.Commit.SHA != "" {
		in.Ref = plan.Commit.SHA // what was shown, also when the branch has moved since
	}
	return d.act(action{d.src.deploy.info, in.Service, d.effect(), func(ctx context.Context, _ string) (outcome, error) {
		job, err := d.src.deploy.run(ctx, in)
		return outcome{"The deployment has begun as job " + job.ID + ".", newDeploymentOfJob(job, plan.Steps), d}, err
	}})
}

// effect is what a deployment will do exactly.
func (d *deployScreen) effect() []string {
	p, first := d.plan, ""
	switch {
	case d.in.Same:
		first = "Makes a new container of the image that runs now, with today's definition and env."
	case p.Build:
		first = "Builds an image of " + d.wanted() + " and makes a new container of it."
	default:
		first = "Makes a new container of " + d.wanted() + ". Nothing is built."
	}
	out := []string{first}
	if s := planSummary(p.Changes); s != "" {
		out = append(out, "Differs from what runs: "+s+".")
	}
	if p.Stops {
		out = append(out, "It cannot run twice: the running container stops before the new one starts, and nothing answers in between. When the new one does not pass its health check the old one is started again.")
	} else {
		out = append(out, "The running container goes on serving until the new one has passed its health check; when it does not, it is removed and nothing changes.")
	}
	if d.in.EnvGone {
		out = append(out, "It goes on although the env is empty where the last one was not.")
	}
	return append(out, d.aboutSelf(d.in.Service)...)
}

// wanted is what would be deployed: a commit, or the branch, tag or commit that was asked for while nobody has looked it up.
func (d *deployScreen) wanted() string {
	switch c := d.plan.Commit; {
	case c.SHA != "" && c.Subject != "":
		return "commit " + c.Short() + " (" + c.Subject + ")"
	case c.SHA != "":
		return "commit " + c.Short()
	case d.in.Ref != "":
		return d.in.Ref
	case d.in.Build != "":
		return "build " + d.in.Build
	case d.plan.Build:
		return "the newest commit"
	default:
		return "the image of its definition"
	}
}

// aboutSelf says that a plane does not replace itself.
func (e *env) aboutSelf(name string) []string {
	if name != e.charter.Name {
		return nil
	}
	return []string{"This is the control plane you are in: it refuses to replace itself; " + e.charter.Sibling + " can."}
}

// View draws the screen.
func (d *deployScreen) View(w, h int) string {
	if !d.ok && core.CodeOf(d.err) == core.CodeNotFound {
		return d.unmanaged(d.in.Service, d.err, w, h)
	}
	return d.frame(d.st, w, h, "The plan for "+safe(d.in.Service), func(h int) []string {
		head := d.head(w)
		d.room = max(h-len(head), 1)
		return append(head, d.part(d.body(w), d.room)...)
	})
}

// head is what would run, what runs, and what stands against it.
func (d *deployScreen) head(w int) []string {
	p, st := d.plan, d.st
	lines := append(d.target(w), d.running(w))
	for _, text := range p.Blocked {
		lines = append(lines, marked(st.bad, "✗ refused", text, w)...)
	}
	if p.Held != "" {
		lines = append(lines, marked(st.warn, "▲ locked", p.Held, w)...)
	}
	for _, text := range p.Warn {
		lines = append(lines, marked(st.warn, "▲", text, w)...)
	}
	if d.live != nil {
		lines = append(lines, st.accent.draw(cut(" ◐ A deployment of it runs: enter shows it.", w)))
	}
	if p.Stops && len(p.Warn) == 0 {
		lines = append(lines, marked(st.warn, "▲", "It cannot run twice: the old one stops first, and there is a gap.", w)...)
	}
	return append(lines, "")
}

// marked is a text behind a mark, in at most three lines.
func marked(style style, mark, text string, w int) []string {
	var lines []string
	for i, line := range wrap(safe(text), w-2-width(mark), 3) {
		head := style.draw(mark)
		if i > 0 {
			head = blanks(width(mark))
		}
		lines = append(lines, " "+head+" "+style.draw(line))
	}
	return lines
}

// target says what would run, and how it comes to be.
func (d *deployScreen) target(w int) []string {
	p, st := d.plan, d.st
	how := "the image is there already"
	switch {
	case d.in.Same:
		how = "the image that runs now, again, with today's definition and env"
	case p.Build && d.in.Fresh:
		how = "builds an image without the cache"
	case p.Build:
		how = "builds an image"
	}
	if p.Commit.Author != "" {
		how = "by " + authorOf(p.Commit) + " " + ago(d.now(), p.Commit.At) + " · " + how
	}
	if d.in.EnvGone {
		how += " · an empty env is allowed"
	}
	what := st.accent.draw(commitWord(p.Commit)) + " " + st.bold.draw(safe(p.Commit.Subject))
	if p.Commit.SHA == "" {
		what = st.bold.draw(safe(d.wanted()))
		if d.in.Same {
			what = st.bold.draw("the same image")
		}
	}
	return []string{
		cut(" "+st.dim.draw("deploy ")+what, w),
		st.dim.draw(cut("        "+how, w)),
	}
}

// running says what runs now.
func (d *deployScreen) running(w int) string {
	st, from := d.st, d.plan.From
	if from == nil {
		return st.dim.draw(cut(" now    nothing that this control plane has deployed", w))
	}
	text := " now    " + commitWord(from.Commit) + " " + safe(from.Commit.Subject) + " · release " + shortID(from.ID) + envWord(from.EnvVersion) + " · since " + ago(d.now(), from.At)
	return st.dim.draw(cut(text, w))
}

// envWord names a version of an env.
func envWord(version int) string {
	if version <= 0 {
		return " · no env"
	}
	return " · env v" + number(int64(version))
}

// body lists what changes and the steps.
func (d *deployScreen) body(w int) []string {
	if len(d.plan.Steps) == 0 {
		return []string{d.st.dim.draw(cut(" There are no steps: nothing would be done.", w))}
	}
	st := d.st
	lines := []string{cut(" "+st.title.draw("What changes")+st.dim.draw("  "+plural(len(d.plan.Changes), "difference", "differences")+" to what runs"), w)}
	if d.plan.From == nil && len(d.plan.Changes) == 0 {
		lines = []string{" " + st.title.draw("What changes"), st.dim.draw(cut("   It is deployed for the first time: everything.", w))}
	} else {
		lines = append(lines, changeLines(st, d.plan.Changes, w)...)
	}
	lines = append(lines, "", " "+st.title.draw("Steps"))
	for i, name := range d.plan.Steps {
		lines = append(lines, cut(" "+st.dim.draw(fitRight(number(int64(i+1)), 3))+" "+st.text.draw(fit(safe(name), 16))+" "+st.dim.draw(stepMeans(name)), w))
	}
	return lines
}

// changeLines lists differences, each with what it needs.
func changeLines(st *styles, items []core.ChangeItem, w int) []string {
	if len(items) == 0 {
		return []string{st.dim.draw(cut("   Nothing differs: the same would be made again.", w))}
	}
	var lines []string
	for _, item := range items {
		l := st.need(item.Need)
		lines = append(lines, cut("   "+l.style.draw(l.glyph)+" "+st.dim.draw(fit(safe(item.Kind), 11))+st.text.draw(fit(safe(item.What), max(w-32, 20)))+" "+l.style.draw(l.word), w))
	}
	return lines
}

// stepMeans says what a step does.
func stepMeans(name string) string {
	switch name {
	case core.StepLock:
		return "nobody else deploys it meanwhile"
	case core.StepSource:
		return "fetch the commit"
	case core.StepBuild:
		return "make the image; the old version serves"
	case core.StepTest:
		return "architecture, labels, its own test"
	case core.StepCandidate:
		return "the new container"
	case core.StepHealth:
		return "it must pass, or it goes again"
	case core.StepSwitch:
		return "lead the route to it; no cancelling after this"
	case core.StepRoute:
		return "Traefik's own API shows it"
	case core.StepDrain:
		return "requests under way end on the old one"
	case core.StepStop:
		return "stop signal and grace for the old one"
	case core.StepRename:
		return "it takes the old one's name"
	case core.StepObserve:
		return "image, definition, env and route are as intended"
	case core.StepKeep:
		return "the old image stays for a rollback"
	case core.StepReturn:
		return "back to the old version"
	default:
		return ""
	}
}

// planSummary is what changes in a few words: "2 commit, 1 env".
func planSummary(items []core.ChangeItem) string {
	var kinds []string
	count := map[string]int{}
	for _, item := range items {
		if count[item.Kind] == 0 {
			kinds = append(kinds, item.Kind)
		}
		count[item.Kind]++
	}
	for i, kind := range kinds {
		kinds[i] = number(int64(count[kind])) + " " + kind
	}
	return strings.Join(kinds, ", ")
}
