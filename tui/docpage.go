package tui

import (
	"context"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"charm.land/glamour/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of rendering: Markdown costs 25 ms a kilobyte.
const (
	docPart  = 20 << 10 // bytes rendered at once
	docParts = 4        // of a page
	docWidth = 100      // cells of the widest text
	docCache = 16       // rendered pages kept
)

// rendered is a page drawn for one width and theme.
type rendered struct {
	doc   string
	width int
	theme string
	lines []string
}

// docPage shows one page of the handbook.
type docPage struct {
	scope
	loaded
	scroller
	name   string
	doc    core.Doc
	pages  []rendered // newest last
	sought string
	page   int
}

// resizedMsg tells a screen that the terminal has another size.
type resizedMsg struct{}

// newDocAt opens a page at the first place of a text.
func newDocAt(name, sought string) func(scope) Screen {
	return func(s scope) Screen { return &docPage{scope: s, name: name, sought: sought} }
}

// Title is the breadcrumb.
func (d *docPage) Title() string {
	if d.doc.Title != "" {
		return d.doc.Title
	}
	return d.name
}

// Keys are those of this screen.
func (d *docPage) Keys() []key.Binding {
	return []key.Binding{keys.down, keys.up, keys.pageDown, keys.pageUp, keys.next, keys.prev}
}

// Filter is the text that n and N go to.
func (d *docPage) Filter() string { return d.sought }

// SetFilter goes to the first place of a text.
func (d *docPage) SetFilter(text string) tea.Cmd {
	d.sought = text
	d.seek(d.top-1, 1)
	return nil
}

// Back forgets the text.
func (d *docPage) Back() (tea.Cmd, bool) {
	had := d.sought != ""
	d.sought = ""
	return nil, had
}

// Init reads the page.
func (d *docPage) Init() tea.Cmd { return ask(d.scope, d.src.doc, core.DocIn{Name: d.name}) }

// Update takes an answer, a newer state or a key in.
func (d *docPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[core.Doc]:
		if d.loaded.take(msg.err) {
			d.doc, d.pages = msg.val, nil
			return d.render()
		}
	case result[rendered]:
		d.keep(msg)
	case resizedMsg, themeMsg:
		return d.render()
	case tea.KeyPressMsg:
		d.press(msg)
	}
	return nil
}

func (d *docPage) press(msg tea.KeyPressMsg) {
	switch {
	case key.Matches(msg, keys.next):
		d.seek(d.top, 1)
	case key.Matches(msg, keys.prev):
		d.seek(d.top, -1)
	default:
		d.move(msg, d.page)
	}
}

// seek goes to the next line with the text that is sought.
func (d *docPage) seek(from, step int) {
	lines := d.lines()
	if d.sought == "" || lines == nil {
		return
	}
	want := strings.ToLower(d.sought)
	for i := from + step; i >= 0 && i < len(lines); i += step {
		if strings.Contains(strings.ToLower(ansi.Strip(lines[i])), want) {
			d.top = i
			return
		}
	}
	d.say(noticeInfo, "No further "+d.sought+" on this page.")
}

// keep takes a rendered page in, with its first hit in sight.
func (d *docPage) keep(r result[rendered]) {
	if r.err != nil {
		d.err = r.err
		return
	}
	first := len(d.pages) == 0
	d.pages = append(d.pages, r.val)
	if len(d.pages) > docCache {
		d.pages = d.pages[1:]
	}
	if first {
		d.seek(-1, 1)
	}
}

// wide is the width to render for.
func (d *docPage) wide() int { return min(max(d.env.width-2, 20), docWidth) }

// lines are those of the page for this width and theme; nil while they are being drawn.
func (d *docPage) lines() []string {
	for _, p := range d.pages {
		if p.width == d.wide() && p.theme == d.st.theme {
			return p.lines
		}
	}
	return nil
}

// render draws the page beside the event loop.
func (d *docPage) render() tea.Cmd {
	if !d.ok || d.lines() != nil {
		return nil
	}
	doc, w, theme := d.doc, d.wide(), d.st.theme
	return do(d.scope, func(ctx context.Context) (rendered, error) {
		lines, err := renderMarkdown(ctx, doc.Text, w, theme)
		return rendered{doc.Name, w, theme, lines}, err
	})
}

// renderMarkdown draws Markdown in parts, so that a page that is left stops costing soon.
func renderMarkdown(ctx context.Context, text string, w int, theme string) ([]string, error) {
	name := map[string]string{ThemeLight: "light", ThemeMono: "notty"}[theme]
	if name == "" {
		name = "dark"
	}
	r, err := glamour.NewTermRenderer(glamour.WithStandardStyle(name), glamour.WithWordWrap(w-4))
	if err != nil {
		return nil, err
	}
	var lines []string
	for n := 0; text != ""; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if n == docParts {
			lines = append(lines, "", "  The page is longer than a console shows; the rest is on the web.")
			break
		}
		var part string
		part, text = cutMarkdown(text)
		out, err := r.Render(part)
		if err != nil {
			return nil, err
		}
		for _, line := range strings.Split(strings.Trim(out, "\n"), "\n") {
			lines = append(lines, strings.TrimRight(line, " "))
		}
	}
	return lines, nil
}

// cutMarkdown takes at most one part off, at a blank line where there is one.
func cutMarkdown(text string) (part, rest string) {
	if len(text) <= docPart {
		return text, ""
	}
	at := strings.LastIndex(text[:docPart], "\n\n")
	if at <= 0 {
		at = docPart
	}
	return text[:at], text[at:]
}

// View draws the screen.
func (d *docPage) View(w, h int) string {
	d.page = max(h-1, 1)
	return d.frame(d.st, w, h, safe(d.name), func(h int) []string {
		lines := d.lines()
		if lines == nil {
			return strings.Split(loadingView(d.st, w, h, "Drawing the page …"), "\n")
		}
		return d.part(lines, h)
	})
}
