package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// sheet is an overlay that shows facts, and scrolls.
type sheet struct {
	*env
	scroller
	title string
	facts []sheetFact
	page  int
}

// sheetFact is one fact; its text may have several lines.
type sheetFact struct {
	name, text string
	style      *style // nil is plain
}

func newSheet(e *env, title string, facts ...sheetFact) *sheet {
	return &sheet{env: e, title: title, facts: facts}
}

func (s *sheet) update(msg tea.Msg) (bool, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok || s.move(press, s.page) {
		return false, nil
	}
	return key.Matches(press, keys.back, keys.quit, keys.choose), nil
}

func (s *sheet) hints() []key.Binding {
	return []key.Binding{keys.down, keys.up, bind("esc", "close", "esc")}
}

func (s *sheet) view(w, h int) (string, []string) {
	w = min(w, 100)
	var lines []string
	for _, f := range s.facts {
		style := s.st.text
		if f.style != nil {
			style = *f.style
		}
		name := f.name
		for _, part := range strings.Split(blank(f.text), "\n") {
			for _, text := range wrap(safe(part), w-13, 40) {
				lines = append(lines, s.st.dim.draw(fit(name, 12))+" "+style.draw(text))
				name = ""
			}
		}
	}
	s.page = max(h-1, 1)
	part := s.part(lines, h)
	for i, line := range part {
		part[i] = line + blanks(w-width(line))
	}
	return safe(s.title), part
}
