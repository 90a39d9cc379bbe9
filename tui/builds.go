package tui

import (
	"context"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

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
