package tui

import (
	"strings"
	"unicode"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// maxArea bounds what can be pasted into a text area, in bytes.
const maxArea = 1 << 20

// textArea is an overlay for text of several lines that is pasted rather than typed, and taken exactly as it is: the value
// of a variable, or a whole .env file, of which what stands behind a = is not shown.
type textArea struct {
	*env
	title  string
	hint   string
	file   bool // a .env file
	lines  []string
	wrong  string
	submit func(text string) (tea.Cmd, error)
}

func newTextArea(e *env, title, hint string, file bool, submit func(string) (tea.Cmd, error)) *textArea {
	return &textArea{env: e, title: title, hint: hint, file: file, lines: []string{""}, submit: submit}
}

// text is what stands in it.
func (t *textArea) text() string { return strings.Join(t.lines, "\n") }

func (t *textArea) update(msg tea.Msg) (bool, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		t.insert(msg.Content)
	case tea.KeyPressMsg:
		return t.press(msg)
	}
	return false, nil
}

func (t *textArea) press(msg tea.KeyPressMsg) (bool, tea.Cmd) {
	t.wrong = ""
	last := len(t.lines) - 1
	switch msg.String() {
	case "esc":
		return true, nil
	case "ctrl+s":
		cmd, err := t.submit(t.text())
		if err != nil {
			t.wrong = err.Error()
			return false, nil
		}
		return true, cmd
	case "ctrl+u":
		t.lines = []string{""}
	case "enter":
		t.insert("\n")
	case "backspace":
		if r := []rune(t.lines[last]); len(r) > 0 {
			t.lines[last] = string(r[:len(r)-1])
		} else if last > 0 {
			t.lines = t.lines[:last]
		}
	default:
		t.insert(msg.Text)
	}
	return false, nil
}

// insert adds text at the end. Controls are left out, but for tabs and the ends of lines.
func (t *textArea) insert(text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	text = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	if len(t.text())+len(text) > maxArea {
		t.wrong = "That is more than 1 MiB; it was not taken."
		return
	}
	parts := strings.Split(text, "\n")
	last := len(t.lines) - 1
	t.lines[last] += parts[0]
	t.lines = append(t.lines, parts[1:]...)
}

func (t *textArea) hints() []key.Binding {
	return []key.Binding{bind("ctrl+s", "take it", "ctrl+s"), bind("ctrl+u", "empty it", "ctrl+u"), bind("esc", "cancel", "esc")}
}

func (t *textArea) view(w, h int) (string, []string) {
	w = min(w, 90)
	var lines []string
	for _, line := range wrap(t.hint, w, 3) {
		lines = append(lines, t.st.dim.draw(line))
	}
	lines = append(lines, "")
	foot := []string{"", t.st.text.draw(cut(t.count(), w))}
	for _, line := range wrap(safe(t.wrong), w-2, 3) {
		if t.wrong != "" {
			foot = append(foot, t.st.bad.draw("✗ "+line))
		}
	}
	room := min(max(h-len(lines)-len(foot), 1), 16)
	shown := t.lines[max(len(t.lines)-room, 0):]
	for i, line := range shown {
		text := t.st.text.draw(t.draw(line, w-1))
		if i == len(shown)-1 {
			text += t.st.matchHere.draw(" ")
		}
		lines = append(lines, text)
	}
	lines = append(lines, foot...)
	for i, line := range lines {
		lines[i] = line + blanks(w-ansi.StringWidth(line))
	}
	return t.title, lines
}

// count says how much there is.
func (t *textArea) count() string {
	text := t.text()
	if !t.file {
		return plural(len(text), "byte", "bytes") + " in " + plural(len(t.lines), "line", "lines")
	}
	return plural(len(envNames(text)), "variable", "variables") + " in " + plural(len(t.lines), "line", "lines")
}

// draw is one line as it may be seen; of a long one the end, where text is added.
func (t *textArea) draw(line string, w int) string {
	if t.file {
		return masked(line, w)
	}
	line = safe(line[max(len(line)-8*w, 0):])
	for width(line) > w {
		_, line, _ = cutRune(line)
	}
	return line
}

// masked is a line of a .env file without its value. A line that names nothing may be a part of a value, and is hidden too.
func masked(line string, w int) string {
	trimmed := strings.TrimSpace(line)
	name, value, ok := strings.Cut(line, "=")
	switch {
	case trimmed == "":
		return ""
	case strings.HasPrefix(trimmed, "#"):
		return cut(safe(line), w)
	case !ok || !isEnvName(envName(name)):
		return "••••"
	case value == "":
		return cut(safe(name)+"=", w)
	default:
		return cut(safe(name)+"=••••••••", w)
	}
}

// envName is the name before a =, without export.
func envName(s string) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), "export "))
}

func isEnvName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// envNames are the names that the lines of a .env file seem to set, each once, for the eye: core reads the text itself.
func envNames(text string) []string {
	var names []string
	seen := map[string]bool{}
	for line := range strings.SplitSeq(text, "\n") {
		before, _, ok := strings.Cut(line, "=")
		name := envName(before)
		if ok && !strings.HasPrefix(name, "#") && isEnvName(name) && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// few names the first of many.
func few(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:limit], ", ") + " and " + number(int64(len(names)-limit)) + " more"
}
