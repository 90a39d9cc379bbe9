package tui

import (
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// settle is how long a confirmation swallows keys after it opened, so that a key meant for the screen decides nothing.
const settle = 400 * time.Millisecond

// confirm asks before an action changes something: yes or no for a Change, with no focused; the target's name for a Destroy.
type confirm struct {
	*env
	action action
	opened time.Time
	yes    bool // the focus stands on the button that acts
	typed  input
	wrong  bool // enter was pressed with another name
}

func newConfirm(e *env, a action) *confirm {
	return &confirm{env: e, action: a, opened: e.now()}
}

func (c *confirm) destroys() bool { return c.action.info.Risk == core.Destroy }

func (c *confirm) update(msg tea.Msg) (bool, tea.Cmd) {
	if c.now().Sub(c.opened) < settle {
		return false, nil
	}
	switch msg := msg.(type) {
	case tea.PasteMsg:
		if c.destroys() {
			c.typed.insert(msg.Content)
		}
	case tea.KeyPressMsg:
		if c.destroys() {
			return c.pressTyped(msg)
		}
		return c.press(msg)
	}
	return false, nil
}

// press decides a Change.
func (c *confirm) press(msg tea.KeyPressMsg) (bool, tea.Cmd) {
	switch {
	case key.Matches(msg, keys.yes):
		return true, c.begin(c.action, "")
	case key.Matches(msg, keys.no):
		return true, nil
	case key.Matches(msg, keys.switchTo):
		c.yes = !c.yes
	case key.Matches(msg, keys.choose):
		if c.yes {
			return true, c.begin(c.action, "")
		}
		return true, nil
	}
	return false, nil
}

// pressTyped decides a Destroy.
func (c *confirm) pressTyped(msg tea.KeyPressMsg) (bool, tea.Cmd) {
	switch {
	case key.Matches(msg, keys.back):
		return true, nil
	case key.Matches(msg, keys.choose):
		if c.typed.value() == c.action.target {
			return true, c.begin(c.action, c.typed.value())
		}
		c.wrong = true
	default:
		c.wrong = false
		c.typed.update(msg)
	}
	return false, nil
}

func (c *confirm) hints() []key.Binding {
	if c.destroys() {
		return []key.Binding{bind("enter", "do it, once the name is typed", "enter"), bind("esc", "cancel", "esc")}
	}
	return []key.Binding{keys.yes, keys.no, keys.switchTo, keys.choose}
}

func (c *confirm) view(w, h int) (string, []string) {
	w = min(w, 72)
	lines := []string{""}
	if c.action.target != "" {
		lines = append(lines, c.st.bold.draw(cut(safe(c.action.target), w)), "")
	}
	for _, sentence := range c.action.effect {
		for _, line := range wrap(safe(sentence), w, 6) {
			lines = append(lines, c.st.text.draw(line))
		}
	}
	foot := c.buttons(w)
	if room := h - len(foot); len(lines) > room {
		lines = append(lines[:max(room-1, 0)], c.st.dim.draw("…"))
	}
	return c.action.info.Summary, append(lines, foot...)
}

// buttons is the part that decides.
func (c *confirm) buttons(w int) []string {
	if !c.destroys() {
		no, yes := "  Cancel  ", "  "+verbOf(c.action.info)+"  "
		if strings.TrimSpace(yes) == "Cancel" {
			no = "  Keep it  "
		}
		if c.yes {
			return []string{"", c.st.button.draw(" "+no+" ") + "  " + c.st.buttonOn.draw("["+yes+"]") + c.st.dim.draw("  y n")}
		}
		return []string{"", c.st.buttonOn.draw("["+no+"]") + "  " + c.st.button.draw(" "+yes+" ") + c.st.dim.draw("  y n")}
	}
	lines := []string{"", c.st.warn.draw(cut("This cannot be undone. Type the name to confirm:", w)), "", c.st.accent.draw("› ") + c.typed.view(c.st, w-2, true)}
	switch {
	case c.wrong:
		lines = append(lines, c.st.bad.draw("✗ That is not the name."))
	case c.typed.value() == c.action.target:
		lines = append(lines, c.st.danger.draw("[  "+verbOf(c.action.info)+"  ]")+c.st.dim.draw("  enter"))
	default:
		lines = append(lines, c.st.dim.draw("esc cancels"))
	}
	return lines
}

// verbOf is what the button that acts is called: the verb of what the operation does.
func verbOf(info core.Info) string {
	switch word, _, _ := strings.Cut(info.Summary, " "); word {
	case "Roll":
		return "Roll back"
	case "Take":
		return "Take over"
	default:
		return word
	}
}
