package tui

import (
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// revealFor is how long a revealed value stays on the screen.
const revealFor = 30 * time.Second

// envScreen shows the env of a service: names with their values masked, and the versions. A value is shown by an operation
// of its own, which the audit records, and hidden again soon.
type envScreen struct {
	scope
	loaded
	ticker
	names    rows[core.EnvName]
	versions rows[core.EnvHistory]
	service  string
	view     core.EnvView
	onPast   bool   // the pane of versions
	name     string // of the revealed variable; empty: none
	value    string
}

// newEnvScreen shows the env of a service.
func newEnvScreen(service string) func(scope) Screen {
	return func(s scope) Screen {
		return &envScreen{
			scope: s, service: service,
			names: newRows(func(n *core.EnvName) string { return n.Name }, func(n *core.EnvName) []string { return []string{n.Name} }),
			versions: newRows(func(v *core.EnvHistory) string { return number(int64(v.Version)) },
				func(v *core.EnvHistory) []string { return []string{number(int64(v.Version)), v.By, v.Note} }),
		}
	}
}

func (s *envScreen) page() string { return "env " + s.service }

// Title is the breadcrumb.
func (s *envScreen) Title() string { return "Env of " + s.service }

// Service is the one whose env it is.
func (s *envScreen) Service() string { return s.service }

// Copy is the name under the cursor, or the value while it is revealed.
func (s *envScreen) Copy() string {
	n := s.names.current()
	switch {
	case n == nil || s.onPast:
		return ""
	case s.name == n.Name:
		return s.value
	default:
		return n.Name
	}
}

// Hides reports whether a value is revealed, which no message may repeat.
func (s *envScreen) Hides() bool { return s.name != "" }

// Filter is the one of the names.
func (s *envScreen) Filter() string { return s.names.Filter() }

// SetFilter narrows the names.
func (s *envScreen) SetFilter(text string) tea.Cmd {
	s.onPast = false
	return s.names.SetFilter(text)
}

// Back hides a value first, then leaves the filter.
func (s *envScreen) Back() (tea.Cmd, bool) {
	if s.name != "" {
		s.hide()
		return nil, true
	}
	return s.names.Back()
}

// Keys are those of the pane.
func (s *envScreen) Keys() []key.Binding {
	if s.onPast {
		return []key.Binding{keys.undo, keys.pane}
	}
	return []key.Binding{keys.change, keys.add, keys.reveal, keys.paste, keys.drop, keys.svcDeploy, keys.pane}
}

// Init asks for the names.
func (s *envScreen) Init() tea.Cmd {
	s.hide()
	return ask(s.scope, s.src.env, core.ServiceIn{Service: s.service})
}

// Return looks again.
func (s *envScreen) Return() tea.Cmd { return s.Init() }

func (s *envScreen) hide() { s.name, s.value = "", "" }

// Update takes an answer or a key in.
func (s *envScreen) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[core.EnvView]:
		if s.take(msg.err) {
			s.view = msg.val
			s.names.set(s.all())
			s.versions.set(msg.val.History)
		}
	case result[core.EnvValues]:
		return s.takeValues(msg)
	case tickMsg:
		if s.due(msg) {
			s.hide()
		}
	case tea.KeyPressMsg:
		return s.press(msg)
	}
	return nil
}

// all are the names of the store, and behind them those of the definition that the store does not set.
func (s *envScreen) all() []core.EnvName {
	set := map[string]bool{}
	for _, n := range s.view.Names {
		set[n.Name] = true
	}
	all := append([]core.EnvName(nil), s.view.Names...)
	for _, n := range s.view.Definition {
		if !set[n.Name] {
			all = append(all, n)
		}
	}
	return all
}

// stored reports whether a variable is one of the store; the others stand in the definition.
func (s *envScreen) stored(name string) bool {
	for _, n := range s.view.Names {
		if n.Name == name {
			return true
		}
	}
	return false
}

// takeValues shows the revealed value for a while.
func (s *envScreen) takeValues(r result[core.EnvValues]) tea.Cmd {
	if r.err != nil {
		s.sayError(s.src.reveal.info.Summary, r.err)
		return nil
	}
	n := s.names.current()
	if n == nil {
		return nil
	}
	value, ok := r.val.Values[n.Name]
	if !ok {
		s.say(noticeInfo, "The env v"+number(int64(r.val.Version))+" has no "+n.Name+".")
		return nil
	}
	s.name, s.value = n.Name, value
	s.say(noticeInfo, "Shown for "+core.FormatAge(revealFor)+"; the audit has it. c copies it, space hides it.")
	return s.again(s.id, revealFor)
}

func (s *envScreen) press(msg tea.KeyPressMsg) tea.Cmd {
	if key.Matches(msg, keys.pane, keys.paneBack) {
		s.onPast = !s.onPast
		return nil
	}
	if s.onPast {
		if key.Matches(msg, keys.undo) {
			return s.undo()
		}
		s.versions.moveIn(msg)
		return nil
	}
	switch {
	case key.Matches(msg, keys.reveal):
		return s.reveal()
	case key.Matches(msg, keys.change):
		return s.edit()
	case key.Matches(msg, keys.add):
		return s.askFor(s.src.setEnv.info, s.addForm)
	case key.Matches(msg, keys.drop):
		return s.drop()
	case key.Matches(msg, keys.paste):
		return s.askFor(s.src.setEnv.info, s.pasteArea)
	}
	if s.names.moveIn(msg) {
		s.hide() // a value is shown beside its own name alone
	}
	return nil
}

// reveal asks for the value under the cursor, or hides it.
func (s *envScreen) reveal() tea.Cmd {
	n := s.names.current()
	switch {
	case n == nil:
		return nil
	case s.name == n.Name:
		s.hide()
		return nil
	case !s.stored(n.Name):
		s.say(noticeInfo, n.Name+" stands in the definition and is not secret.")
		return nil
	case !s.may(s.src.reveal.info):
		return nil
	}
	return ask(s.scope, s.src.reveal, core.RevealEnvIn{ServiceIn: core.ServiceIn{Service: s.service}, Names: []string{n.Name}, Version: s.view.Version})
}

// The columns are never written.
var (
	envColumns     = []column{{title: "", min: 1, max: 1}, {title: "NAME", min: 20, max: 40, tight: true}, {title: "VALUE", min: 20}, {title: "", min: 8, max: 24}}
	versionColumns = []column{{title: "", min: 1, max: 1}, {title: "VERSION", min: 7, max: 7, tight: true}, {title: "AGE", min: 6, max: 6, right: true}, {title: "BY", min: 8, max: 14}, {title: "WHAT", min: 20}}
)

// View draws the screen.
func (s *envScreen) View(w, h int) string {
	return s.frame(s.st, w, h, "The env of "+safe(s.service), func(h int) []string {
		lines := s.head(w)
		past := 0
		if len(s.versions.all) > 0 {
			past = min(len(s.versions.all)+2, max((h-len(lines))/3, 4))
		}
		shown := s.revealed(w)
		room := max(h-len(lines)-past-len(shown), 2)
		lines = append(lines, block(s.nameLines(w, room), room)...)
		lines = append(lines, shown...)
		if past > 0 {
			lines = append(lines, "")
			lines = append(lines, s.versions.draw(s.st, w, past-1, versionColumns, s.onPast, s.versionCells)...)
		}
		return lines
	})
}

// revealed is a value that does not fit into its row, whole as far as some lines go.
func (s *envScreen) revealed(w int) []string {
	if s.name == "" || width(s.value) < w/2 && !strings.Contains(s.value, "\n") {
		return nil
	}
	lines := []string{"", cut(" "+s.st.dim.draw(safe(s.name)+", "+plural(len(s.value), "byte", "bytes")+"; c copies all of it"), w)}
	for _, part := range strings.Split(s.value, "\n") {
		for _, line := range wrap(safe(part), w-3, 5) {
			lines = append(lines, "   "+s.st.accent.draw(line))
		}
	}
	return lines[:min(len(lines), 7)]
}

func (s *envScreen) nameLines(w, h int) []string {
	if len(s.names.all) > 0 {
		return s.names.draw(s.st, w, h, envColumns, !s.onPast, s.nameCells)
	}
	return strings.Split(emptyView(s.st, w, h, look{"◇", "", s.st.dim}, safe(s.service)+" has no variables",
		"a adds one, p pastes a whole .env file. They are kept encrypted and reach its container with the next deployment."), "\n")
}

// head says which version is the newest and which one runs.
func (s *envScreen) head(w int) []string {
	st, v := s.st, s.view
	newest := "no version yet"
	if v.Version > 0 {
		newest = "v" + number(int64(v.Version)) + " by " + safe(v.By) + " " + ago(s.now(), v.At)
	}
	line := st.dim.draw("newest ") + st.bold.draw(newest) + st.dim.draw(" · ")
	switch {
	case v.Version == 0 && v.Running <= 0:
		line = st.dim.draw("no variables of its own so far")
	case v.Running < 0:
		line += st.warn.draw("▲ which version runs is not known")
	case v.Running == v.Version:
		line += st.ok.draw("● it is the one that runs")
	case v.Running == 0:
		line += st.warn.draw("▲ what runs has none of it: D deploys it")
	default:
		line += st.warn.draw("▲ v" + number(int64(v.Running)) + " runs: D deploys the newest")
	}
	lines := []string{cut(" "+line, w)}
	if v.Problem != "" {
		lines = append(lines, marked(st.bad, "✗", v.Problem, w)...)
	}
	return append(lines, "")
}

func (s *envScreen) nameCells(n *core.EnvName) []value {
	st := s.st
	glyph, shown, note := value{"", st.dim}, value{"••••••••", st.dim}, value{"", st.dim}
	switch {
	case !s.stored(n.Name):
		shown, note = value{safe(n.Value), st.text}, value{"from the definition", st.dim}
	case n.Changed:
		glyph, note = value{"▲", st.warn}, value{"changed since it runs", st.warn}
	}
	if s.name == n.Name && n.Name != "" {
		shown = value{safe(strings.ReplaceAll(s.value, "\n", "⏎")), st.accent}
	}
	return []value{glyph, {safe(n.Name), st.text}, shown, note}
}

func (s *envScreen) versionCells(v *core.EnvHistory) []value {
	st := s.st
	glyph, note := value{"", st.dim}, safe(v.Note)
	if v.Version == s.view.Running {
		glyph, note = value{"●", st.ok}, "runs now · "+note
	}
	return []value{glyph, {"v" + number(int64(v.Version)), st.text}, {core.FormatAge(s.now().Sub(v.At)), st.dim}, {safe(v.By), st.dim}, {note, st.dim}}
}
