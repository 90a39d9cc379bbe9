package tui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// field is one line of a form: typed, or chosen of a few.
type field struct {
	label   string
	hint    string
	in      input
	choices []string // not nil: left and right choose
	at      int      // of choices
}

func textField(label, hint, text string) *field {
	return &field{label: label, hint: hint, in: newInput(text)}
}

func choiceField(label, hint, chosen string, choices ...string) *field {
	return &field{label: label, hint: hint, choices: choices, at: max(slices.Index(choices, chosen), 0)}
}

// value is what the field holds now.
func (f *field) value() string {
	if f.choices != nil {
		return f.choices[f.at]
	}
	return strings.TrimSpace(f.in.value())
}

// form asks for a few values and hands them to submit, in order of the fields.
type form struct {
	*env
	title  string
	fields []*field
	at     int
	wrong  string // why submit did not take them
	submit func(values []string) (tea.Cmd, error)
}

func newForm(e *env, title string, submit func([]string) (tea.Cmd, error), fields ...*field) *form {
	return &form{env: e, title: title, fields: fields, submit: submit}
}

func (f *form) update(msg tea.Msg) (bool, tea.Cmd) {
	now := f.fields[f.at]
	switch msg := msg.(type) {
	case tea.PasteMsg:
		if now.choices == nil {
			now.in.insert(msg.Content)
		}
	case tea.KeyPressMsg:
		return f.press(msg, now)
	}
	return false, nil
}

func (f *form) press(msg tea.KeyPressMsg, now *field) (bool, tea.Cmd) {
	f.wrong = ""
	switch msg.String() {
	case "esc":
		return true, nil
	case "tab", "down":
		f.at = (f.at + 1) % len(f.fields)
	case "shift+tab", "up":
		f.at = (f.at + len(f.fields) - 1) % len(f.fields)
	case "enter":
		if f.at < len(f.fields)-1 {
			f.at++
			return false, nil
		}
		return f.send()
	default:
		f.edit(msg, now)
	}
	return false, nil
}

// edit changes the field under the cursor.
func (f *form) edit(msg tea.KeyPressMsg, now *field) {
	if now.choices == nil {
		now.in.update(msg)
		return
	}
	switch msg.String() {
	case "right", "space", "l":
		now.at = (now.at + 1) % len(now.choices)
	case "left", "h":
		now.at = (now.at + len(now.choices) - 1) % len(now.choices)
	}
}

// send hands the values over; a form that is refused stays open and says why.
func (f *form) send() (bool, tea.Cmd) {
	values := make([]string, len(f.fields))
	for i, field := range f.fields {
		values[i] = field.value()
	}
	cmd, err := f.submit(values)
	if err != nil {
		f.wrong = err.Error()
		return false, nil
	}
	return true, cmd
}

func (f *form) hints() []key.Binding {
	return []key.Binding{
		bind("tab", "next field", "tab"), bind("←→", "choose", "left", "right"), bind("enter", "next, then do it", "enter"), bind("esc", "cancel", "esc"),
	}
}

func (f *form) view(w, h int) (string, []string) {
	w = min(w, 76)
	var lines []string
	for i, field := range f.fields {
		here := i == f.at
		mark, name := "  ", f.st.dim
		if here {
			mark, name = f.st.accent.draw("› "), f.st.bold
		}
		lines = append(lines, mark+name.draw(fit(field.label, 10))+" "+f.draw(field, w-13, here))
		if here && field.hint != "" && h >= 2*len(f.fields) {
			for _, line := range wrap(safe(field.hint), w-13, 2) {
				lines = append(lines, blanks(13)+f.st.dim.draw(line))
			}
		}
	}
	if f.wrong != "" {
		for _, line := range wrap("✗ "+safe(f.wrong), w, 3) {
			lines = append(lines, f.st.bad.draw(line))
		}
	}
	for i, line := range lines {
		lines[i] = line + blanks(w-width(line))
	}
	return safe(f.title), lines
}

// draw draws one field's value.
func (f *form) draw(field *field, w int, here bool) string {
	if field.choices == nil {
		return field.in.view(f.st, w, here)
	}
	parts := make([]string, len(field.choices))
	for i, choice := range field.choices {
		switch {
		case i == field.at && here:
			parts[i] = f.st.buttonOn.draw("[" + safe(choice) + "]")
		case i == field.at:
			parts[i] = f.st.accent.draw("[" + safe(choice) + "]")
		default:
			parts[i] = f.st.dim.draw(" " + safe(choice) + " ")
		}
	}
	return cut(strings.Join(parts, " "), w)
}
