package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// The panes of the access screen.
const (
	panePeople = iota
	paneKeys
	paneSessions
	accessPanes
)

// access shows who may act, with which keys, and who is connected now.
type access struct {
	scope
	loaded
	people   rows[core.Person]
	keys     rows[core.Key]
	sessions rows[core.LiveSession]
	data     core.AccessList
	pane     int
}

func newAccess(s scope) Screen {
	return &access{
		scope: s,
		people: newRows(func(p *core.Person) string { return p.Name },
			func(p *core.Person) []string { return []string{p.Name, p.Role.String(), p.Source} }),
		keys: newRows(func(k *core.Key) string { return k.Fingerprint },
			func(k *core.Key) []string { return []string{k.Person, k.Fingerprint, k.Comment, k.Source} }),
		sessions: newRows(func(s *core.LiveSession) string { return s.ID },
			func(s *core.LiveSession) []string { return []string{s.Actor.Name, s.Actor.Address, s.What, s.ID} }),
	}
}

// Title is the breadcrumb.
func (a *access) Title() string { return "Access" }

// Copy is the name, the key or the session under the cursor.
func (a *access) Copy() string {
	switch a.pane {
	case panePeople:
		if p := a.people.current(); p != nil {
			return p.Name
		}
	case paneKeys:
		if k := a.keys.current(); k != nil {
			return k.Line
		}
	default:
		if s := a.sessions.current(); s != nil {
			return s.ID
		}
	}
	return ""
}

// Filter is the one of the pane.
func (a *access) Filter() string { return a.paneRows().Filter() }

// SetFilter narrows the pane.
func (a *access) SetFilter(text string) tea.Cmd { return a.paneRows().SetFilter(text) }

// Back leaves the pane's filter.
func (a *access) Back() (tea.Cmd, bool) { return a.paneRows().Back() }

// paneTable is what the panes have in common.
type paneTable interface {
	filterScreen
	backScreen
	moveIn(tea.KeyPressMsg) bool
}

func (a *access) paneRows() paneTable {
	switch a.pane {
	case panePeople:
		return &a.people
	case paneKeys:
		return &a.keys
	default:
		return &a.sessions
	}
}

// Keys are those of this screen.
func (a *access) Keys() []key.Binding {
	return []key.Binding{keys.pane, keys.person, keys.addKey, keys.role, keys.revoke}
}

// Init lists everybody.
func (a *access) Init() tea.Cmd { return ask(a.scope, a.src.access, struct{}{}) }

// Update takes an answer, a newer state or a key in.
func (a *access) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[core.AccessList]:
		if a.take(msg.err) {
			a.data = msg.val
			a.people.set(msg.val.People)
			a.keys.set(msg.val.Keys)
			a.sessions.set(msg.val.Sessions)
		}
	case result[core.Person]:
		return a.changed("Person "+msg.val.Name, msg.err)
	case tea.KeyPressMsg:
		return a.press(msg)
	}
	return nil
}

// changed looks again after a change.
func (a *access) changed(what string, err error) tea.Cmd {
	if err != nil {
		a.sayError(what, err)
	}
	return a.Init()
}

func (a *access) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.pane):
		a.pane = (a.pane + 1) % accessPanes
	case key.Matches(msg, keys.paneBack):
		a.pane = (a.pane + accessPanes - 1) % accessPanes
	case key.Matches(msg, keys.person):
		return a.whenWritable(a.src.addPerson.info, a.personForm)
	case key.Matches(msg, keys.addKey):
		return a.whenWritable(a.src.addKey.info, a.keyForm)
	case key.Matches(msg, keys.role):
		return a.whenWritable(a.src.setRole.info, a.roleForm)
	case key.Matches(msg, keys.revoke):
		return a.takeAway()
	default:
		a.paneRows().moveIn(msg)
	}
	return nil
}

// whenWritable opens a form for an operation, or says who can change people.
func (a *access) whenWritable(info core.Info, form func() overlay) tea.Cmd {
	if a.data.Writable != "" {
		a.say(noticeWarn, a.data.Writable)
		return nil
	}
	return a.askFor(info, form)
}

// person is the one under the cursor, in any pane.
func (a *access) person() string {
	switch {
	case a.pane == panePeople && a.people.current() != nil:
		return a.people.current().Name
	case a.pane == paneKeys && a.keys.current() != nil:
		return a.keys.current().Person
	case a.pane == paneSessions && a.sessions.current() != nil:
		return a.sessions.current().Actor.Name
	}
	return ""
}

// View draws the screen.
func (a *access) View(w, h int) string {
	return a.frame(a.st, w, h, "Access", func(h int) []string {
		lines := []string{a.tabs(w)}
		if a.data.Writable != "" {
			lines = append(lines, a.st.warn.draw(cut(" ▲ "+safe(a.data.Writable), w)))
		}
		for i, warning := range a.data.Warnings {
			if i == 3 {
				lines = append(lines, a.st.warn.draw(cut("   and "+plural(len(a.data.Warnings)-i, "more warning", "more warnings"), w)))
				break
			}
			lines = append(lines, a.st.warn.draw(cut(" ▲ "+safe(warning), w)))
		}
		lines = append(lines, "")
		return append(lines, a.table(w, h-len(lines))...)
	})
}

// tabs names the panes with their counts.
func (a *access) tabs(w int) string {
	titles := []string{
		plural(len(a.people.all), "person", "people"), plural(len(a.keys.all), "key", "keys"), plural(len(a.sessions.all), "session", "sessions"),
	}
	parts := make([]string, len(titles))
	for i, title := range titles {
		parts[i] = a.st.dim.draw(" " + title + " ")
		if i == a.pane {
			parts[i] = a.st.buttonOn.draw(" " + title + " ")
		}
	}
	return cut(" "+strings.Join(parts, " "), w)
}

// The tables' columns; they are never written.
var (
	personColumns  = []column{{title: "PERSON", min: 18, max: 28}, {title: "ROLE", min: 8, max: 8}, {title: "FROM", min: 11, max: 11}, {title: "KEYS", min: 4, max: 4, right: true}, {title: "ADDED", min: 19, max: 19}, {title: "BY", min: 8, drop: 1}}
	keyColumns     = []column{{title: "PERSON", min: 14, max: 24}, {title: "FINGERPRINT", min: 20, max: 50}, {title: "COMMENT", min: 12, max: 30}, {title: "FROM", min: 11, max: 11}, {title: "LAST USED", min: 10, max: 12, right: true}}
	sessionColumns = []column{{title: "PERSON", min: 14, max: 20}, {title: "WHAT", min: 16, max: 30}, {title: "FROM", min: 15, max: 24}, {title: "SINCE", min: 9, max: 11, right: true}, {title: "LAST KEY", min: 9, max: 11, right: true}, {title: "CLIENT", min: 8, drop: 1}}
)

func (a *access) table(w, h int) []string {
	st, now := a.st, a.now()
	switch a.pane {
	case panePeople:
		return a.people.draw(st, w, h, personColumns, true, func(p *core.Person) []value {
			n := 0
			for _, k := range a.data.Keys {
				if k.Person == p.Name {
					n++
				}
			}
			return []value{{safe(p.Name), st.text}, {p.Role.String(), st.accent}, {safe(p.Source), st.dim}, {number(int64(n)), st.text}, {stamp(p.Added), st.dim}, {safe(p.AddedBy), st.dim}}
		})
	case paneKeys:
		return a.keys.draw(st, w, h, keyColumns, true, func(k *core.Key) []value {
			return []value{{safe(k.Person), st.text}, {safe(k.Fingerprint), st.text}, {safe(k.Comment), st.dim}, {safe(k.Source), st.dim}, {ago(now, k.LastUsed), st.dim}}
		})
	default:
		return a.sessions.draw(st, w, h, sessionColumns, true, func(s *core.LiveSession) []value {
			name := st.text
			if s.ID == a.actor.Session && s.ID != "" {
				name = st.accent
			}
			return []value{{safe(s.Actor.Name), name}, {safe(s.What), st.text}, {safe(s.Actor.Address), st.dim}, {ago(now, s.Started), st.dim}, {ago(now, s.Active), st.dim}, {safe(s.Actor.Client), st.dim}}
		})
	}
}
