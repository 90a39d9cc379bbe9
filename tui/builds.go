package tui

import (
	"context"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// tickMsg asks a screen to look again; an older one than the screen's newest is of no use.
type tickMsg struct{ to, n int }

func (m tickMsg) addressee() int { return m.to }

// ticker looks again after a time, one look at once.
type ticker struct{ n int }

// again asks for a look after d.
func (t *ticker) again(id int, d time.Duration) tea.Cmd {
	t.n++
	n := t.n
	return tea.Tick(d, func(time.Time) tea.Msg { return tickMsg{id, n} })
}

// due reports whether a tick is the newest.
func (t *ticker) due(m tickMsg) bool { return m.n == t.n }

// builds lists the builds of a service, newest first.
type builds struct {
	scope
	loaded
	rows[core.Build]
	ticker
	name string
}

// newBuilds lists a service's builds.
func newBuilds(name string) func(scope) Screen {
	return func(s scope) Screen {
		return &builds{scope: s, name: name, rows: newRows(func(b *core.Build) string { return b.ID }, func(b *core.Build) []string {
			return []string{b.ID, string(b.State), b.Ref, b.Commit.SHA, b.Commit.Subject, b.Commit.Author, b.By.Name, b.Tag}
		})}
	}
}

func (b *builds) page() string { return "builds " + b.name }

// Title is the breadcrumb.
func (b *builds) Title() string { return "Builds of " + b.name }

// Service is the one that is built.
func (b *builds) Service() string { return b.name }

// Copy is the image under the cursor, else the build.
func (b *builds) Copy() string {
	switch one := b.current(); {
	case one == nil:
		return ""
	case one.Image != "":
		return one.Image
	default:
		return one.ID
	}
}

// Deploys is the build under the cursor, when it has an image.
func (b *builds) Deploys() core.DeployIn {
	in := core.DeployIn{ServiceIn: core.ServiceIn{Service: b.name}}
	if one := b.current(); one != nil {
		in.Build = deployable(*one)
	}
	return in
}

// deployable is the id of a build whose image can be deployed, else empty.
func deployable(b core.Build) string {
	if b.State == core.BuildDone && !b.Gone {
		return b.ID
	}
	return ""
}

// Keys are those of this screen.
func (b *builds) Keys() []key.Binding {
	return []key.Binding{keys.output, keys.build, keys.svcDeploy, keys.cancelBuild, keys.buildFresh}
}

// Init lists the builds.
func (b *builds) Init() tea.Cmd {
	return ask(b.scope, b.src.builds, core.BuildsIn{Service: b.name})
}

// Return looks again.
func (b *builds) Return() tea.Cmd { return b.Init() }

// Update takes an answer or a key in.
func (b *builds) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[[]core.Build]:
		return b.takeBuilds(msg)
	case tickMsg:
		if b.due(msg) {
			return b.Init()
		}
	case tea.KeyPressMsg:
		return b.press(msg)
	}
	return nil
}

// takeBuilds shows the list and looks again soon while one runs.
func (b *builds) takeBuilds(r result[[]core.Build]) tea.Cmd {
	if b.loaded.take(r.err) {
		b.set(r.val)
	}
	for _, one := range b.all {
		if one.State == core.BuildRunning {
			return b.again(b.id, time.Second)
		}
	}
	return nil
}

func (b *builds) press(msg tea.KeyPressMsg) tea.Cmd {
	one := b.current()
	switch {
	case key.Matches(msg, keys.build):
		return b.act(b.buildAction(b.name, false))
	case key.Matches(msg, keys.buildFresh):
		return b.act(b.buildAction(b.name, true))
	case one != nil && key.Matches(msg, keys.output):
		return b.push(newBuildLog(*one))
	case one != nil && key.Matches(msg, keys.cancelBuild):
		return b.cancelBuild(*one)
	}
	b.moveIn(msg)
	return nil
}

// buildAction builds an image of a service.
func (e *env) buildAction(name string, fresh bool) action {
	effect := []string{"Fetches the newest commit of " + name + "'s source and builds an image of it, as a job. What runs stays as it is: a build deploys nothing."}
	if fresh {
		effect = append(effect, "Nothing of earlier builds is used, so it takes longer.")
	}
	return action{e.src.build.info, name, effect, func(ctx context.Context, _ string) (outcome, error) {
		job, err := e.src.build.run(ctx, core.BuildIn{ServiceIn: core.ServiceIn{Service: name}, Fresh: fresh})
		return outcome{text: "The build has begun as job " + job.ID + "."}, err
	}}
}

// cancelBuild asks whether a build shall be cancelled: its job is.
func (e *env) cancelBuild(b core.Build) tea.Cmd {
	if b.State != core.BuildRunning {
		e.say(noticeInfo, "That build has ended already: "+string(b.State)+".")
		return nil
	}
	return e.act(doneAction(e.src.cancelJob, b.Job, func(string) core.JobIn { return core.JobIn{ID: b.Job} },
		"Stops build "+b.ID+" of "+b.Service+", begun by "+b.By.Name+" "+ago(e.now(), b.Started)+".",
		"No image is made, and what runs stays as it is."))
}

// buildColumns are never written.
var buildColumns = []column{{title: "", min: 1, max: 1}, {title: "STATE", min: 11, max: 11, tight: true}, {title: "COMMIT", min: 12, max: 12}, {title: "MESSAGE", min: 16, max: 50, eager: true}, {title: "AGE", min: 7, max: 7, right: true}, {title: "TOOK", min: 6, max: 6, right: true}, {title: "SIZE", min: 9, max: 9, right: true, drop: 1}, {title: "IMAGE", min: 12, max: 12, drop: 3}, {title: "BY", min: 6, max: 12, drop: 2}, {title: "BUILD", min: 8, max: 14, drop: 4}}

// View draws the screen.
func (b *builds) View(w, h int) string {
	return b.frame(b.st, w, h, "The builds of "+safe(b.name), func(h int) []string {
		if len(b.all) == 0 {
			return strings.Split(emptyView(b.st, w, h, look{"◇", "", b.st.dim}, "Nothing was built of "+safe(b.name)+" yet",
				"a builds an image of the newest commit; D shows what a deployment would do, which builds one when it needs one."), "\n")
		}
		return b.draw(b.st, w, h, buildColumns, true, b.cells)
	})
}

func (b *builds) cells(one *core.Build) []value {
	l, st := b.st.build(one.State), b.st
	image, style := imageWord(one.Image), st.dim
	if one.Gone {
		image, style = "gone", st.warn
	}
	said, saidStyle := one.Commit.Subject, st.text
	if one.Message != "" && one.State != core.BuildDone {
		said, saidStyle = one.Message, l.style
	}
	return []value{
		{l.glyph, l.style}, {l.word, l.style}, {commitWord(one.Commit), st.accent}, {safe(said), saidStyle}, {core.FormatAge(b.now().Sub(one.Started)), st.dim},
		{lasted(b.now(), one.Started, one.Took, one.State == core.BuildRunning), st.text}, {sizeWord(one.Size), st.dim}, {blank(image), style},
		{safe(one.By.Name), st.dim}, {shortID(one.ID), st.dim},
	}
}

// commitWord is a commit as screens show it; an image that names none is never called by one.
func commitWord(c core.Commit) string {
	if c.SHA == "" {
		return "unknown"
	}
	return safe(c.Short())
}

// authorOf is the name in a commit's author, without the address.
func authorOf(c core.Commit) string {
	name, _, _ := strings.Cut(c.Author, " <")
	return safe(name)
}

// shortID is an id as screens show it: long ones begin alike when they were made at one time, so their end tells them apart.
func shortID(id string) string {
	if len(id) <= 20 {
		return safe(id)
	}
	return "…" + safe(id[len(id)-8:])
}

// lasted is how long something took, or has taken so far.
func lasted(now, began time.Time, took time.Duration, running bool) string {
	switch {
	case running && !began.IsZero():
		return span(now.Sub(began))
	case took <= 0:
		return "-"
	default:
		return span(took)
	}
}

// span is a length of time, the more exact the shorter it is.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < 10*time.Minute:
		return d.Round(time.Second).String()
	default:
		return core.FormatAge(d)
	}
}

// sizeWord is a size, or nothing.
func sizeWord(n int64) string {
	if n <= 0 {
		return "-"
	}
	return core.FormatBytes(n)
}

// imageWord is the id of an image as screens show it.
func imageWord(id string) string { return safe(core.ShortID(id)) }
