package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// changeRow is one line of the screen: a commit, a file of one that is open, or another difference.
type changeRow struct {
	name   string
	commit *core.Commit // of a commit or a file
	file   string
	item   *core.ChangeItem
}

// changes shows what would change with a deployment: commits with their files, definition, env and images.
type changes struct {
	scope
	loaded
	rows[changeRow]
	service string
	data    core.Changes
	open    map[string]bool // commits whose files are shown
}

// newChanges shows the pending changes of a service.
func newChanges(name string) func(scope) Screen {
	return func(s scope) Screen {
		return &changes{scope: s, service: name, open: map[string]bool{}, rows: newRows(func(r *changeRow) string { return r.name }, (*changeRow).texts)}
	}
}

// texts is what the filter looks at.
func (r *changeRow) texts() []string {
	if r.item != nil {
		return []string{r.item.Kind, r.item.What, r.item.Need}
	}
	return []string{r.commit.SHA, r.commit.Subject, r.commit.Author, r.file}
}

func (c *changes) page() string { return "changes " + c.service }

// Title is the breadcrumb.
func (c *changes) Title() string { return "Changes of " + c.service }

// Service is the one that would change.
func (c *changes) Service() string { return c.service }

// Copy is the commit, the file or the difference under the cursor.
func (c *changes) Copy() string {
	switch r := c.current(); {
	case r == nil:
		return ""
	case r.item != nil:
		return r.item.What
	case r.file != "":
		return r.file
	default:
		return r.commit.SHA
	}
}

// Deploys is the commit under the cursor; the newest is what would be deployed anyway.
func (c *changes) Deploys() core.DeployIn {
	in := core.DeployIn{ServiceIn: core.ServiceIn{Service: c.service}}
	if r := c.current(); r != nil && r.commit != nil && r.commit.SHA != c.data.Head.SHA {
		in.Ref = r.commit.SHA
	}
	return in
}

// Keys are those of this screen.
func (c *changes) Keys() []key.Binding {
	return []key.Binding{keys.files, keys.svcDeploy, keys.svcRollback}
}

// Init asks what differs.
func (c *changes) Init() tea.Cmd {
	return ask(c.scope, c.src.changes, core.ServiceIn{Service: c.service})
}

// Return looks again.
func (c *changes) Return() tea.Cmd { return c.Init() }

// Update takes an answer or a key in.
func (c *changes) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[core.Changes]:
		if c.take(msg.err) {
			c.data = msg.val
			c.fill()
		}
	case tea.KeyPressMsg:
		if key.Matches(msg, keys.files) {
			c.toggle()
			return nil
		}
		c.moveIn(msg)
	}
	return nil
}

// toggle shows or hides the files of the commit under the cursor.
func (c *changes) toggle() {
	r := c.current()
	if r == nil || r.commit == nil {
		return
	}
	sha := r.commit.SHA
	c.open[sha] = !c.open[sha]
	c.fill()
}

// fill makes the rows.
func (c *changes) fill() {
	var all []changeRow
	for i := range c.data.Commits {
		commit := &c.data.Commits[i]
		all = append(all, changeRow{name: commit.SHA, commit: commit})
		if !c.open[commit.SHA] {
			continue
		}
		for _, file := range commit.Files {
			all = append(all, changeRow{name: commit.SHA + " " + file, commit: commit, file: file})
		}
	}
	for i := range c.data.Items {
		item := &c.data.Items[i]
		if item.Kind != core.ChangeCommit { // commits stand above, with their files
			all = append(all, changeRow{name: item.Kind + " " + item.What, item: item})
		}
	}
	c.set(all)
}

// changeColumns are never written.
var changeColumns = []column{{title: "", min: 1, max: 1}, {title: "KIND", min: 10, max: 10, tight: true}, {title: "WHAT", min: 30}, {title: "NEEDS", min: 12, max: 12}, {title: "AGE", min: 6, max: 6, right: true, drop: 1}, {title: "BY", min: 8, max: 16, drop: 2}}

// View draws the screen.
func (c *changes) View(w, h int) string {
	if !c.ok && core.CodeOf(c.err) == core.CodeNotFound {
		return c.unmanaged(c.service, c.err, w, h)
	}
	return c.frame(c.st, w, h, "What would change in "+safe(c.service), func(h int) []string {
		head := c.head(w)
		if len(c.rows.all) == 0 {
			return append(head, strings.Split(emptyView(c.st, w, h-len(head), look{"●", "", c.st.ok}, "Nothing differs from what runs",
				"D deploys it again all the same: the same image with the same definition and env, in a new container."), "\n")...)
		}
		return append(head, c.draw(c.st, w, h-len(head), changeColumns, true, c.cells)...)
	})
}

// head says what runs, what would run, and what that needs.
func (c *changes) head(w int) []string {
	st, d := c.st, c.data
	l := st.need(d.Need)
	runs := "unknown"
	if d.Known && d.Running != "" {
		runs = shortSHA(d.Running)
	}
	lines := []string{
		cut(" "+l.style.draw(l.glyph+" "+l.word)+st.dim.draw("  "+countChanges(d)), w),
		cut(" "+st.dim.draw("runs "+runs+" · newest ")+st.accent.draw(commitWord(d.Head))+" "+st.text.draw(safe(d.Head.Subject)), w),
	}
	if d.Note != "" {
		lines = append(lines, marked(st.warn, "▲", d.Note, w)...)
	}
	return append(lines, "")
}

// commitsNeed is what the commits need: an image may be built already.
func (c *changes) commitsNeed() string {
	for _, item := range c.data.Items {
		if item.Kind == core.ChangeCommit {
			return item.Need
		}
	}
	return core.NeedsBuild
}

// otherChanges counts what differs besides commits.
func otherChanges(d core.Changes) int {
	n := 0
	for _, item := range d.Items {
		if item.Kind != core.ChangeCommit {
			n++
		}
	}
	return n
}

// countChanges counts commits and what differs besides.
func countChanges(d core.Changes) string {
	text := plural(len(d.Commits), "commit", "commits")
	if d.More {
		text = "more than " + text
	}
	if others := otherChanges(d); others > 0 {
		text += " and " + plural(others, "other difference", "other differences")
	}
	return text
}

func (c *changes) cells(r *changeRow) []value {
	st := c.st
	switch {
	case r.item != nil:
		l := st.need(r.item.Need)
		return []value{{l.glyph, l.style}, {safe(r.item.Kind), st.dim}, {safe(r.item.What), st.text}, {l.word, l.style}, {"", st.dim}, {"", st.dim}}
	case r.file != "":
		return []value{{"", st.dim}, {"", st.dim}, {"    " + safe(r.file), st.dim}, {"", st.dim}, {"", st.dim}, {"", st.dim}}
	}
	mark := "▸"
	if c.open[r.commit.SHA] {
		mark = "▾"
	}
	if len(r.commit.Files) == 0 {
		mark = "·"
	}
	l := st.need(c.commitsNeed())
	return []value{
		{mark, st.accent}, {core.ChangeCommit, st.dim}, {commitWord(*r.commit) + " " + safe(r.commit.Subject), st.text}, {l.word, l.style},
		{core.FormatAge(c.now().Sub(r.commit.At)), st.dim}, {authorOf(*r.commit), st.dim},
	}
}
