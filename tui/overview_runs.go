package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// known is one answer on the overview: not yet, there, or not to be had.
type known[T any] struct {
	loaded
	val T
}

func (k *known[T]) take(r result[T]) {
	if k.loaded.take(r.err) {
		k.val = r.val
	}
}

// runs is what a service runs, what would change, and whether its route works: the part of the overview that ties the
// screens of a service together. Each line is an answer of its own, so that none waits for another.
type runs struct {
	releases known[[]core.ReleaseView]
	changes  known[core.Changes]
	last     known[[]core.Deployment]
	env      known[core.EnvView]
	routes   known[core.RoutingView]
}

// load asks for everything.
func (r *runs) load(s scope, name string) tea.Cmd {
	in := core.ServiceIn{Service: name}
	return tea.Batch(ask(s, s.src.releases, in), ask(s, s.src.changes, in), ask(s, s.src.deployments, core.DeploymentsIn{Service: name, Limit: 1}),
		ask(s, s.src.shipSource.env, in), ask(s, s.src.routes, core.RoutesIn{Service: name}))
}

// lookAgain is how often the last deployment is looked at while it runs.
const lookAgain = 2 * time.Second

// lives reports whether a deployment runs.
func (r *runs) lives() bool { return len(r.last.val) > 0 && r.last.val[0].State == core.DeployRunning }

// update takes an answer in.
func (r *runs) update(msg tea.Msg) {
	switch msg := msg.(type) {
	case result[[]core.ReleaseView]:
		r.releases.take(msg)
	case result[core.Changes]:
		r.changes.take(msg)
	case result[core.EnvView]:
		r.env.take(msg)
	case result[core.RoutingView]:
		r.routes.take(msg)
	}
}

// takeLast follows a deployment that runs, and looks at everything again when it has ended.
func (o *overview) takeLast(r result[[]core.Deployment]) tea.Cmd {
	ran := o.runs.lives()
	o.runs.last.take(r)
	switch {
	case o.runs.lives():
		return o.again(o.id, lookAgain)
	case ran:
		return o.Init()
	}
	return nil
}

// running is the release that runs, nil when there is none.
func (r *runs) running() *core.ReleaseView {
	for i := range r.releases.val {
		if r.releases.val[i].Running {
			return &r.releases.val[i]
		}
	}
	return nil
}

// line draws one line of the block, or that its answer is not there yet, or why it is not.
func (o *overview) line(name, press string, l loaded, text func() string) string {
	head := o.st.key.draw(press) + " " + o.st.dim.draw(fit(name, 11)) + " "
	switch {
	case !l.ok && l.err != nil:
		return head + o.st.dim.draw("◇ "+safe(core.MessageOf(l.err)))
	case !l.ok:
		return head + o.st.dim.draw("◐ looking …")
	default:
		return head + text()
	}
}

// runsLines is the block.
func (o *overview) runsLines() []string {
	return []string{
		o.st.title.draw("Runs"),
		o.line("release", "R", o.runs.releases.loaded, o.releaseText),
		o.line("changes", "C", o.runs.changes.loaded, o.changesText),
		o.line("deployment", "↵", o.runs.last.loaded, o.lastText),
		o.line("env", "v", o.runs.env.loaded, o.envText),
		o.line("route", "o", o.runs.routes.loaded, o.routeText),
	}
}

func (o *overview) releaseText() string {
	r := o.runs.running()
	if r == nil {
		return o.st.dim.draw("none of ours: it was not deployed by a control plane")
	}
	return o.st.accent.draw(commitWord(r.Commit)) + " " + o.st.text.draw(safe(cut(r.Commit.Subject, 40))) +
		o.st.dim.draw(" · "+shortID(r.ID)+" since "+ago(o.now(), r.At))
}

func (o *overview) changesText() string {
	c := o.runs.changes.val
	l := o.st.need(c.Need)
	same := len(c.Commits)+otherChanges(c) == 0
	switch {
	case same && c.Note != "":
		return o.st.warn.draw("▲ " + safe(c.Note))
	case same:
		text := o.st.ok.draw("● nothing differs")
		if c.Head.SHA != "" {
			text += o.st.dim.draw(" from the newest commit, " + commitWord(c.Head))
		}
		return text
	}
	return l.style.draw(l.glyph+" "+l.word) + o.st.text.draw(": "+countChanges(c))
}

func (o *overview) lastText() string {
	if len(o.runs.last.val) == 0 {
		return o.st.dim.draw("none so far")
	}
	d := o.runs.last.val[0]
	l := o.st.deployment(d.State)
	text := l.style.draw(l.glyph+" "+l.word) + o.st.text.draw(" "+ago(o.now(), d.Started)+" by "+safe(d.By.Name))
	switch {
	case d.Lost > 0:
		text += o.st.bad.draw(fmt.Sprintf(" · %d of %d requests lost", d.Lost, d.Asked))
	case d.Asked > 0:
		text += o.st.dim.draw(" · 0 requests lost")
	}
	if d.State != core.DeployDone && d.Result != "" {
		text += o.st.dim.draw(" · " + safe(d.Result))
	}
	return text
}

func (o *overview) envText() string {
	v := o.runs.env.val
	if v.Problem != "" {
		return o.st.bad.draw("✗ " + safe(v.Problem))
	}
	names := plural(len(v.Names), "variable", "variables")
	switch {
	case v.Version == 0:
		return o.st.dim.draw("no variables of its own")
	case v.Running == v.Version:
		return o.st.text.draw("v" + number(int64(v.Version)) + " runs, " + names)
	case v.Running < 0:
		return o.st.text.draw("v"+number(int64(v.Version))+", "+names) + o.st.dim.draw("; which version runs is not known")
	default:
		return o.st.warn.draw("▲ v"+number(int64(v.Version))+" is not deployed") + o.st.text.draw("; v"+number(int64(v.Running))+" runs")
	}
}

func (o *overview) routeText() string {
	for _, v := range o.runs.routes.val.Routes {
		if v.Service == o.name {
			l := o.st.route(v.OK)
			return l.style.draw(l.glyph+" "+safe(v.Verdict)) + o.st.dim.draw(" "+strings.TrimSpace(safe(strings.Join(v.Domains, ", "))+" "+safe(v.Probe)))
		}
	}
	return o.st.dim.draw("not routed")
}
