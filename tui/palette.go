package tui

import (
	"sort"
	"strings"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// choice is one line of a picker.
type choice struct {
	name, note string // drawn safe
	run        func() tea.Cmd
}

// picker finds one of many by a few letters of its name.
type picker struct {
	*env
	title   string
	choices []choice
	found   []int
	in      input
	list    list
}

func newPicker(e *env, title string, choices []choice) *picker {
	p := &picker{env: e, title: title, choices: choices}
	p.find()
	return p
}

// newPalette offers every screen, service, action and page of the handbook.
func newPalette(e *env) *picker {
	var all []choice
	for _, p := range placeList() {
		all = append(all, choice{p.key.Help().Desc, "screen " + p.key.Help().Key, func() tea.Cmd { return e.goTo(p.make(e)) }})
	}
	if e.selected != "" {
		all = append(all, e.serviceChoices(e.selected)...)
	}
	if e.snap != nil {
		for _, s := range e.snap.Services {
			name := s.Name
			all = append(all, choice{name, "describe " + string(s.Kind), func() tea.Cmd { return e.openOverview(name) }},
				choice{"logs " + name, "log", func() tea.Cmd { return e.openLogs(name) }},
				choice{"deploy " + name, "plan of a deployment", func() tea.Cmd { return e.openDeploy(core.DeployIn{ServiceIn: core.ServiceIn{Service: name}}) }},
				choice{"rollback " + name, "releases", func() tea.Cmd { return e.openPage("rollback "+name, newRollback(name)) }})
		}
	}
	for _, d := range e.docs {
		name := d.Name
		all = append(all, choice{d.Title, "handbook", func() tea.Cmd { return e.push(newDocs(name)) }})
	}
	for _, t := range Themes() {
		all = append(all, choice{"theme " + t, "look", func() tea.Cmd { return func() tea.Msg { return themeMsg{t} } }})
	}
	return newPicker(e, "Palette", append(all, choice{"quit", "leave the console", func() tea.Cmd { return tea.Quit }}))
}

// serviceChoices are the actions on one service.
func (e *env) serviceChoices(name string) []choice {
	var all []choice
	for _, v := range serviceVerbs() {
		all = append(all, choice{v.name + " " + name, v.note, func() tea.Cmd { return v.run(e, name, nil) }})
	}
	return all
}

// find lists what matches, best first.
func (p *picker) find() {
	type hit struct{ at, score int }
	var hits []hit
	for i, c := range p.choices {
		if score, ok := fuzzy(p.in.value(), c.name); ok {
			hits = append(hits, hit{i, score})
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].score > hits[j].score })
	p.found = p.found[:0]
	for _, h := range hits {
		p.found = append(p.found, h.at)
	}
	p.list = list{}
}

// fuzzy matches when the letters of what is sought occur in order; runs and beginnings of words score more.
func fuzzy(sought, name string) (score int, ok bool) {
	rest, last, at := strings.ToLower(name), -2, 0
	before := ' '
	if strings.TrimSpace(sought) == "" {
		return 0, true
	}
	for _, want := range strings.ToLower(sought) {
		if want == ' ' {
			continue
		}
		for {
			r, size := utf8.DecodeRuneInString(rest)
			if size == 0 {
				return 0, false
			}
			rest = rest[size:]
			here := at
			at++
			if r == want {
				score += 1
				if here == last+1 {
					score += 3
				}
				if strings.ContainsRune(" -_./", before) {
					score += 4
				}
				last, before = here, r
				break
			}
			before = r
		}
	}
	return score*100 - len(name), true
}

func (p *picker) update(msg tea.Msg) (bool, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		p.in.insert(msg.Content)
		p.find()
	case tea.KeyPressMsg:
		return p.press(msg)
	}
	return false, nil
}

func (p *picker) press(msg tea.KeyPressMsg) (bool, tea.Cmd) {
	n := len(p.found)
	switch msg.String() {
	case "esc", "ctrl+p":
		return true, nil
	case "down", "ctrl+n", "tab":
		p.list.at = min(p.list.at+1, max(n-1, 0))
	case "up", "shift+tab":
		p.list.at = max(p.list.at-1, 0)
	case "pgdown":
		p.list.at = min(p.list.at+max(p.list.h-1, 1), max(n-1, 0))
	case "pgup":
		p.list.at = max(p.list.at-max(p.list.h-1, 1), 0)
	case "enter":
		if n == 0 {
			return false, nil
		}
		return true, p.choices[p.found[p.list.at]].run()
	default:
		if p.in.update(msg) {
			p.find()
		}
	}
	return false, nil
}

func (p *picker) hints() []key.Binding {
	return []key.Binding{bind("↑↓", "move", "up", "down"), keys.choose, bind("esc", "close", "esc")}
}

func (p *picker) view(w, h int) (string, []string) {
	w = min(w, 64)
	lines := []string{p.st.accent.draw("› ") + p.in.view(p.st, w-2, true), p.st.faint.draw(strings.Repeat("─", w))}
	rows := max(min(h-2, 16), 1)
	if len(p.found) == 0 {
		lines = append(lines, p.st.dim.draw(fit("Nothing is called that.", w)))
	}
	from, to := p.list.window(len(p.found), rows)
	for i := from; i < to; i++ {
		c := p.choices[p.found[i]]
		note := cut(safe(c.note), 28)
		name := fit(safe(c.name), w-width(note)-3)
		if i == p.list.at {
			lines = append(lines, p.st.selBar.draw("▌")+p.st.sel.draw(name+" "+note+" "))
		} else {
			lines = append(lines, " "+p.st.text.draw(name)+" "+p.st.dim.draw(note)+" ")
		}
	}
	return p.title, block(lines, rows+2)
}
