package tui

import (
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// terminal opens shells, and lists the shells that were recorded.
type terminal struct {
	scope
	loaded
	services rows[core.Service]
	casts    rows[core.Recording]
	onCasts  bool
}

func newTerminal(s scope) Screen {
	t := &terminal{
		scope: s,
		services: newRows(func(s *core.Service) string { return s.Name },
			func(s *core.Service) []string { return []string{s.Name, string(s.Kind), s.State} }),
		casts: newRows(func(r *core.Recording) string { return r.ID },
			func(r *core.Recording) []string { return []string{r.Service, r.By.Name, r.ID} }),
	}
	t.takeServices()
	return t
}

// Title is the breadcrumb.
func (t *terminal) Title() string { return "Terminal" }

// Service is the one under the cursor.
func (t *terminal) Service() string {
	if s := t.services.current(); s != nil && !t.onCasts {
		return s.Name
	}
	if r := t.casts.current(); r != nil && t.onCasts {
		return r.Service
	}
	return ""
}

// Filter is the one of the pane.
func (t *terminal) Filter() string {
	if t.onCasts {
		return t.casts.Filter()
	}
	return t.services.Filter()
}

// SetFilter narrows the pane.
func (t *terminal) SetFilter(text string) tea.Cmd {
	if t.onCasts {
		return t.casts.SetFilter(text)
	}
	return t.services.SetFilter(text)
}

// Back leaves the pane's filter.
func (t *terminal) Back() (tea.Cmd, bool) {
	if t.onCasts {
		return t.casts.Back()
	}
	return t.services.Back()
}

// Keys are those of this screen.
func (t *terminal) Keys() []key.Binding { return []key.Binding{keys.open, keys.pane} }

// Init lists the recordings.
func (t *terminal) Init() tea.Cmd { return ask(t.scope, t.src.casts, struct{}{}) }

func (t *terminal) takeServices() {
	if t.snap == nil {
		return
	}
	first := len(t.services.all) == 0
	t.services.set(t.snap.Services)
	if first {
		t.services.list.keep(t.selected, len(t.services.shown), func(i int) string { return t.services.shown[i].Name })
	}
}

// Update takes an answer, a newer state or a key in.
func (t *terminal) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case snapshotMsg:
		t.takeServices()
	case result[[]core.Recording]:
		if t.take(msg.err) {
			t.casts.set(msg.val)
		}
	case tea.KeyPressMsg:
		return t.press(msg)
	}
	return nil
}

func (t *terminal) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.pane, keys.paneBack):
		t.onCasts = !t.onCasts
	case t.onCasts && key.Matches(msg, keys.open):
		if r := t.casts.current(); r != nil {
			return t.push(newReplay(*r))
		}
	case key.Matches(msg, keys.open):
		if s := t.services.current(); s != nil {
			return t.askFor(core.ShellInfo(), func() overlay { return t.shellForm(s.Name) })
		}
	case t.onCasts:
		t.casts.moveIn(msg)
	default:
		t.services.moveIn(msg)
	}
	return nil
}

// shellForm asks how to open a shell.
func (t *terminal) shellForm(name string) overlay {
	submit := func(v []string) (tea.Cmd, error) {
		return t.openShell(core.OpenShellIn{Service: name, Command: strings.Fields(v[0]), User: v[1]}), nil
	}
	return newForm(t.env, "Shell in "+safe(name), submit,
		textField("command", "Empty: the best shell the container has. Words are split at blanks; there is no quoting.", ""),
		textField("user", "Empty: the container's own.", ""))
}

// The tables' columns; they are never written.
var (
	shellColumns = []column{{title: "", min: 1, max: 1}, {title: "OPEN A SHELL IN", min: 18, max: 28, tight: true}, {title: "STATE", min: 10, max: 10}, {title: "KIND", min: 8, max: 8}, {title: "IMAGE", min: 16, drop: 1}}
	castColumns  = []column{{title: "", min: 1, max: 1}, {title: "RECORDED", min: 14, max: 24, tight: true}, {title: "STARTED", min: 19, max: 19}, {title: "TOOK", min: 6, max: 6, right: true}, {title: "BY", min: 8, max: 14}, {title: "EXIT", min: 7, max: 7, right: true}, {title: "SIZE", min: 8, max: 8, right: true, drop: 1}}
)

// View draws the screen.
func (t *terminal) View(w, h int) string {
	if t.snap == nil {
		return loadingView(t.st, w, h, "Looking for services …")
	}
	top := max(min(len(t.services.shown)+2, h/2), 4)
	lines := t.services.draw(t.st, w, top, shellColumns, !t.onCasts, t.serviceCells)
	lines = append(block(lines, top), "")
	below := t.frame(t.st, w, h-len(lines), "Recorded shells", func(h int) []string {
		if len(t.casts.all) == 0 {
			return []string{t.st.head.draw(" RECORDED"), t.st.dim.draw(cut("   No shell has been opened yet. Every shell is recorded while it runs.", w))}
		}
		return t.casts.draw(t.st, w, h, castColumns, t.onCasts, t.castCells)
	})
	return strings.Join(lines, "\n") + "\n" + below
}

func (t *terminal) serviceCells(s *core.Service) []value {
	l := t.st.health(s.Health.State)
	return []value{{l.glyph, l.style}, {safe(s.Name), t.st.text}, {safe(s.State), t.st.dim}, {safe(string(s.Kind)), t.st.dim}, {safe(s.Image), t.st.dim}}
}

func (t *terminal) castCells(r *core.Recording) []value {
	l, exit := look{"●", "", t.st.ok}, strconv.Itoa(r.ExitCode)
	switch {
	case r.Open:
		l, exit = look{"◐", "", t.st.accent}, "open"
	case r.ExitCode != 0:
		l = look{"■", "", t.st.warn}
	}
	return []value{
		{l.glyph, l.style}, {safe(r.Service), t.st.text}, {stamp(r.Started), t.st.dim}, {core.FormatAge(r.Took), t.st.text},
		{safe(r.By.Name), t.st.dim}, {exit, l.style}, {core.FormatBytes(r.Size), t.st.dim},
	}
}
