package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// help lists every key that works now and every command. It is made of the key table, so it cannot be wrong.
type help struct {
	*env
	scroller
	page int
}

func newHelp(e *env) *help { return &help{env: e} }

func (h *help) update(msg tea.Msg) (bool, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok || h.move(press, h.page) {
		return false, nil
	}
	return key.Matches(press, keys.back, keys.quit, keys.help, keys.choose), nil
}

func (h *help) hints() []key.Binding {
	return []key.Binding{keys.down, keys.up, bind("esc", "close", "esc")}
}

// section is one block of the help.
type section struct {
	title string
	keys  []key.Binding
}

// sections are the keys that work on the screen on top.
func (h *help) sections() []section {
	screen := h.screen()
	all := []section{{"On " + safe(screen.Title()), screen.Keys()}}
	if s, ok := screen.(serviceScreen); ok && s.Service() != "" {
		all = append(all, section{"On " + safe(s.Service()), onService()})
	}
	frame := everywhere()
	frame = frame[:len(frame)-len(places())]
	return append(all, section{"In lists", moving()}, section{"Screens", places()}, section{"Everywhere", frame})
}

func (h *help) view(w, rows int) (string, []string) {
	w = min(w, 100)
	var left, right []string
	for i, s := range h.sections() {
		lines := h.draw(s)
		if w >= 72 && i >= 2 {
			right = append(right, lines...)
		} else {
			left = append(left, lines...)
		}
	}
	lines := beside(left, right, w/2)
	lines = append(lines, h.st.title.draw("Commands"))
	for _, c := range commands() {
		name := ":" + c.name
		if c.args != "" {
			name += " " + c.args
		}
		lines = append(lines, "  "+h.st.key.draw(fit(name, 22))+" "+h.st.keyText.draw(cut(c.note, w-26)))
	}
	h.page = max(rows-1, 1)
	part := h.part(lines, rows)
	for i, line := range part {
		part[i] = line + blanks(w-width(line))
	}
	return "Help", part
}

// draw draws one section.
func (h *help) draw(s section) []string {
	lines := []string{h.st.title.draw(s.title)}
	for _, b := range s.keys {
		if need := h.duties.of(b); need > h.actor.Role {
			lines = append(lines, "  "+h.st.faint.draw(fit(b.Help().Key, 10)+" "+b.Help().Desc+", needs "+need.String()))
			continue
		}
		lines = append(lines, "  "+h.st.key.draw(fit(b.Help().Key, 10))+" "+h.st.keyText.draw(b.Help().Desc))
	}
	return append(lines, "")
}

// beside puts two blocks of lines next to each other, the left one w cells wide.
func beside(left, right []string, w int) []string {
	out := make([]string, max(len(left), len(right)))
	for i := range out {
		if i < len(left) {
			out[i] = left[i]
		}
		if i < len(right) {
			out[i] = fit(out[i], w) + right[i]
		}
	}
	return out
}

// messages is the history of what the console has said, newest first.
type messages struct {
	*env
	scroller
	page int
}

func newMessages(e *env) *messages { return &messages{env: e} }

func (m *messages) update(msg tea.Msg) (bool, tea.Cmd) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok || m.move(press, m.page) {
		return false, nil
	}
	return key.Matches(press, keys.back, keys.quit, keys.messages, keys.choose), nil
}

func (m *messages) hints() []key.Binding {
	return []key.Binding{keys.down, keys.up, bind("esc", "close", "esc")}
}

func (m *messages) view(w, h int) (string, []string) {
	w = min(w, 110)
	var lines []string
	for i := len(m.notices) - 1; i >= 0; i-- {
		n := m.notices[i]
		l := n.look(m.st)
		for j, text := range wrap(n.text, w-13, 4) {
			if j == 0 {
				lines = append(lines, m.st.dim.draw(clock(n.at))+"  "+l.style.draw(l.glyph)+"  "+m.st.text.draw(text))
				continue
			}
			lines = append(lines, blanks(13)+m.st.text.draw(text))
		}
	}
	if len(lines) == 0 {
		lines = []string{m.st.dim.draw("Nothing has been said yet.")}
	}
	m.page = max(h-1, 1)
	return "Messages", m.part(lines, h)
}

// hintLine draws as many of the keys as fit.
func hintLine(st *styles, w int, bindings ...key.Binding) string {
	var b strings.Builder
	b.WriteString(" ")
	for i, k := range bindings[:hintsThatFit(w, bindings)] {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(st.key.draw(k.Help().Key) + " " + st.keyText.draw(k.Help().Desc))
	}
	return b.String()
}

// hintsThatFit is how many of the keys fit into a line.
func hintsThatFit(w int, bindings []key.Binding) int {
	used := 1
	for i, k := range bindings {
		used += width(k.Help().Key) + 1 + width(k.Help().Desc)
		if i > 0 {
			used += 2
		}
		if used > w {
			return i
		}
	}
	return len(bindings)
}
