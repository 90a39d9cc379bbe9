package tui

import (
	"context"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// rollbackScreen lists the releases of a service and what a return to each would change.
type rollbackScreen struct {
	scope
	loaded
	rows[core.ReleaseView]
	name  string
	moved bool // the operator has chosen; until then the release before the running one is under the cursor
}

// newRollback lists a service's releases.
func newRollback(name string) func(scope) Screen {
	return func(s scope) Screen {
		return &rollbackScreen{scope: s, name: name, rows: newRows(func(r *core.ReleaseView) string { return r.ID }, func(r *core.ReleaseView) []string {
			return []string{r.ID, r.Commit.SHA, r.Commit.Subject, r.Commit.Author, r.Tag, r.Build, r.Note}
		})}
	}
}

func (r *rollbackScreen) page() string { return "rollback " + r.name }

// Title is the breadcrumb.
func (r *rollbackScreen) Title() string { return "Rollback of " + r.name }

// Service is the one whose releases are listed.
func (r *rollbackScreen) Service() string { return r.name }

// Copy is the id of the release under the cursor.
func (r *rollbackScreen) Copy() string {
	if one := r.current(); one != nil {
		return one.ID
	}
	return ""
}

// Keys are those of this screen.
func (r *rollbackScreen) Keys() []key.Binding { return []key.Binding{keys.goBack, keys.svcDeploy} }

// Init lists the releases.
func (r *rollbackScreen) Init() tea.Cmd {
	return ask(r.scope, r.src.releases, core.ServiceIn{Service: r.name})
}

// Return looks again.
func (r *rollbackScreen) Return() tea.Cmd { return r.Init() }

// Update takes an answer or a key in.
func (r *rollbackScreen) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[[]core.ReleaseView]:
		if r.take(msg.err) {
			r.set(msg.val)
			r.choose()
		}
	case tea.KeyPressMsg:
		if key.Matches(msg, keys.goBack) {
			return r.begin()
		}
		r.moved = r.moveIn(msg) || r.moved
	}
	return nil
}

// choose puts the cursor on the release before the running one that differs from it: the same may have been deployed again.
func (r *rollbackScreen) choose() {
	if r.moved {
		return
	}
	for i := range r.shown {
		if !r.shown[i].Running || i+1 >= len(r.shown) {
			continue
		}
		r.list.at = i + 1
		if j := slices.IndexFunc(r.shown[i+1:], func(v core.ReleaseView) bool { return len(v.Diff) > 0 }); j > 0 {
			r.list.at += j
		}
		return
	}
}

// begin asks once more and goes back.
func (r *rollbackScreen) begin() tea.Cmd {
	one := r.current()
	switch {
	case one == nil:
		return nil
	case one.Running:
		r.say(noticeInfo, "That is the release that runs. Choose an earlier one; D deploys it again.")
		return nil
	case !one.EnvHere:
		r.say(noticeWarn, "Its env v"+number(int64(one.EnvVersion))+" cannot be decrypted here: "+blank(one.Note))
		return nil
	case one.ImageGone:
		r.say(noticeWarn, "The engine no longer has its image. Deploy its commit instead: :deploy "+r.name+" "+commitWord(one.Commit))
		return nil
	}
	in := core.RollbackIn{ServiceIn: core.ServiceIn{Service: r.name}, Release: one.ID}
	return r.act(action{r.src.rollback.info, r.name, r.effect(one), func(ctx context.Context, _ string) (outcome, error) {
		job, err := r.src.rollback.run(ctx, in)
		return outcome{text: "The rollback has begun as job " + job.ID + ".", then: newDeploymentOfJob(job, nil)}, err
	}})
}

// effect is what a rollback will do exactly.
func (r *rollbackScreen) effect(one *core.ReleaseView) []string {
	env := "without an env"
	if one.EnvVersion > 0 {
		env = "env v" + number(int64(one.EnvVersion))
	}
	out := []string{"Makes release " + shortID(one.ID) + " of " + ago(r.now(), one.At) + " the running one again: commit " + commitWord(one.Commit) + ", image " +
		core.ShortID(one.Image) + ", its definition and " + env + " together."}
	if s := planSummary(one.Diff); s != "" {
		out = append(out, "Differs from what runs: "+s+".")
	}
	return append(append(out, "Nothing is built. When the older version does not pass its health check, what runs now goes on or is started again.", one.Note), r.aboutSelf(r.name)...)
}

// releaseColumns are never written.
var releaseColumns = []column{{title: "", min: 1, max: 1}, {title: "AGE", min: 6, max: 6, right: true, tight: true}, {title: "COMMIT", min: 12, max: 12}, {title: "MESSAGE", min: 16, max: 60, eager: true}, {title: "ENV", min: 4, max: 4, right: true}, {title: "IMAGE", min: 5, max: 12}, {title: "BY", min: 6, max: 14, drop: 1}, {title: "RELEASE", min: 10, max: 16, drop: 2}}

// View draws the screen.
func (r *rollbackScreen) View(w, h int) string {
	return r.frame(r.st, w, h, "The releases of "+safe(r.name), func(h int) []string {
		if len(r.all) == 0 {
			return strings.Split(emptyView(r.st, w, h, look{"◇", "", r.st.dim}, safe(r.name)+" has no release to go back to yet",
				"A release is kept by each deployment; the first one keeps what ran before it. D shows what a deployment would do."), "\n")
		}
		top := max(min(len(r.shown)+1, h/2), 3)
		lines := block(r.draw(r.st, w, top, releaseColumns, true, r.cells), top)
		return append(lines, r.diff(w, h-top)...)
	})
}

func (r *rollbackScreen) cells(one *core.ReleaseView) []value {
	st := r.st
	l := look{"◇", "", st.dim}
	if one.Running {
		l = look{"●", "", st.ok}
	}
	image, imageStyle := "unknown", st.dim
	switch {
	case one.ImageHere:
		image, imageStyle = "here", st.text
	case one.ImageGone:
		image, imageStyle = "gone", st.warn
	}
	env, envStyle := "-", st.dim
	if one.EnvVersion > 0 {
		env, envStyle = "v"+number(int64(one.EnvVersion)), st.text
	}
	if !one.EnvHere {
		envStyle = st.bad
	}
	said := one.Commit.Subject
	if one.Running {
		said = "runs now: " + said
	}
	return []value{
		{l.glyph, l.style}, {core.FormatAge(r.now().Sub(one.At)), st.dim}, {commitWord(one.Commit), st.accent}, {safe(said), st.text}, {env, envStyle},
		{image, imageStyle}, {authorOf(one.Commit), st.dim}, {shortID(one.ID), st.dim},
	}
}

// diff is what a return to the release under the cursor would change.
func (r *rollbackScreen) diff(w, h int) []string {
	one, st := r.current(), r.st
	lines := []string{st.faint.draw(strings.Repeat("─", w))}
	if one == nil {
		return lines
	}
	if one.Running {
		return append(lines, cut(" "+st.ok.draw("● This release runs now.")+st.dim.draw(" Choose another one to see what it would change."), w))
	}
	lines = append(lines, cut(" "+st.title.draw("Going back to "+shortID(one.ID))+st.dim.draw(" from what runs now"), w))
	if one.ImageGone {
		lines = append(lines, marked(st.warn, "▲", "The engine no longer has its image.", w)...)
	}
	if !one.EnvHere {
		lines = append(lines, marked(st.bad, "✗", "Its env cannot be decrypted here.", w)...)
	}
	items, last := backLines(st, one.Diff, w), marked(st.warn, "▲", one.Note, w) // what stays, in the words of core
	room := h - len(lines) - len(last)
	if len(items) > room && room > 0 {
		items = append(items[:room-1], st.dim.draw(cut("   and "+plural(len(items)-room+1, "more difference", "more differences"), w)))
	}
	return append(append(lines, items...), last...)
}

// backLines lists what differs; nothing of it needs a build.
func backLines(st *styles, items []core.ChangeItem, w int) []string {
	if len(items) == 0 {
		return []string{st.dim.draw(cut("   Nothing differs from what runs.", w))}
	}
	lines := make([]string, len(items))
	for i, item := range items {
		lines[i] = cut("   "+st.accent.draw("◆ ")+st.dim.draw(fit(safe(item.Kind), 11))+st.text.draw(safe(item.What)), w)
	}
	return lines
}
