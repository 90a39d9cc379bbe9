package tui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// docList lists the handbook's pages, or the places a search found.
type docList struct {
	scope
	loaded
	rows[core.DocHit]
	sought string // empty: all pages
}

// newDocs opens the handbook: a page by its name, or the list of pages.
func newDocs(page string) func(scope) Screen {
	return func(s scope) Screen {
		if page != "" {
			return &docPage{scope: s, name: page}
		}
		return &docList{scope: s, rows: newRows(func(h *core.DocHit) string { return h.Name + h.Text },
			func(h *core.DocHit) []string { return []string{h.Name, h.Title, h.Text} })}
	}
}

// Title is the breadcrumb.
func (d *docList) Title() string { return "Docs" }

// Keys are those of this screen.
func (d *docList) Keys() []key.Binding { return []key.Binding{keys.open, keys.searchDocs} }

// Init lists the pages, or searches again.
func (d *docList) Init() tea.Cmd {
	if d.sought != "" {
		return ask(d.scope, d.src.findDocs, core.SearchDocsIn{Text: d.sought})
	}
	return ask(d.scope, d.src.docs, struct{}{})
}

// Back leaves the filter, then the search.
func (d *docList) Back() (tea.Cmd, bool) {
	if cmd, left := d.rows.Back(); left {
		return cmd, true
	}
	if d.sought == "" {
		return nil, false
	}
	d.sought = ""
	return d.Init(), true
}

// Update takes an answer, a newer state or a key in.
func (d *docList) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[[]core.Doc]:
		if d.take(msg.err) {
			pages := make([]core.DocHit, len(msg.val))
			for i, page := range msg.val {
				pages[i] = core.DocHit{Name: page.Name, Title: page.Title}
			}
			d.set(pages)
		}
	case result[[]core.DocHit]:
		if d.take(msg.err) {
			d.set(msg.val)
		}
	case tea.KeyPressMsg:
		return d.press(msg)
	}
	return nil
}

func (d *docList) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.open):
		if hit := d.current(); hit != nil {
			return d.push(newDocAt(hit.Name, d.sought))
		}
	case key.Matches(msg, keys.searchDocs):
		return d.over(newForm(d.env, "Search the handbook", func(v []string) (tea.Cmd, error) {
			d.sought = v[0]
			return d.Init(), nil
		}, textField("for", "Any text. Empty lists all pages.", d.sought)))
	default:
		d.moveIn(msg)
	}
	return nil
}

// docColumns are never written.
var docColumns = []column{{title: "PAGE", min: 22, max: 40}, {title: "NAME", min: 14, max: 20}, {title: "LINE", min: 5, max: 5, right: true, drop: 1}, {title: "FOUND", min: 10, drop: 2}}

// View draws the screen.
func (d *docList) View(w, h int) string {
	return d.frame(d.st, w, h, "The handbook", func(h int) []string {
		var lines []string
		if d.sought != "" {
			lines = append(lines, cut(" "+d.st.accent.draw(safe(d.sought))+d.st.dim.draw(" · "+plural(len(d.all), "place", "places")+" · esc lists all pages"), w), "")
		}
		return append(lines, d.draw(d.st, w, h-len(lines), docColumns, true, func(hit *core.DocHit) []value {
			line := ""
			if hit.Line > 0 {
				line = number(int64(hit.Line))
			}
			return []value{{safe(hit.Title), d.st.text}, {safe(hit.Name), d.st.dim}, {line, d.st.dim}, {safe(hit.Text), d.st.text}}
		})...)
	})
}
