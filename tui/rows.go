package tui

import tea "charm.land/bubbletea/v2"

// rows is a table of things with a cursor and a filter; most screens are one.
type rows[T any] struct {
	filtered
	list  list
	all   []T
	shown []T
	name  func(*T) string   // what tells one from another
	texts func(*T) []string // what the filter looks at
}

func newRows[T any](name func(*T) string, texts func(*T) []string) rows[T] {
	return rows[T]{name: name, texts: texts}
}

// set takes newer things in; the cursor stays on its own.
func (r *rows[T]) set(all []T) {
	r.all = all
	r.narrow()
}

func (r *rows[T]) narrow() {
	under := ""
	if one := r.current(); one != nil {
		under = r.name(one)
	}
	shown := make([]T, 0, len(r.all))
	for i := range r.all {
		if r.keeps(r.texts(&r.all[i])...) {
			shown = append(shown, r.all[i])
		}
	}
	r.shown = shown
	r.list.keep(under, len(shown), func(i int) string { return r.name(&shown[i]) })
}

// current is the one under the cursor, nil when there is none.
func (r *rows[T]) current() *T {
	if r.list.at >= len(r.shown) {
		return nil
	}
	return &r.shown[r.list.at]
}

// moveIn takes a key of a list.
func (r *rows[T]) moveIn(msg tea.KeyPressMsg) bool { return r.list.move(msg, len(r.shown)) }

// SetFilter narrows the rows.
func (r *rows[T]) SetFilter(text string) tea.Cmd {
	r.text = text
	r.narrow()
	return nil
}

// Back leaves the filter.
func (r *rows[T]) Back() (tea.Cmd, bool) {
	had := r.clear()
	r.narrow()
	return nil, had
}

// draw draws the table in at most h lines, the head included.
func (r *rows[T]) draw(st *styles, w, h int, cols []column, focused bool, cells func(*T) []value) []string {
	from, to := r.list.window(len(r.shown), max(h-1, 1))
	drawn, want := make([][]value, 0, to-from), make([]int, len(cols))
	for i := from; i < to; i++ {
		row := cells(&r.shown[i])
		for c := range row {
			want[c] = max(want[c], width(row[c].text), 1)
		}
		drawn = append(drawn, row)
	}
	g := layout(cols, w, want)
	lines := []string{g.head(st, w)}
	for i, row := range drawn {
		lines = append(lines, g.row(st, w, row, focused && from+i == r.list.at))
	}
	if len(r.shown) == 0 {
		text := "Nothing here."
		if r.text != "" {
			text = "Nothing matches " + safe(r.text) + ". esc clears the filter."
		}
		lines = append(lines, st.dim.draw(cut("   "+text, w)))
	}
	return lines[:min(len(lines), max(h, 1))]
}

// loaded is how far a screen's content has come: not yet, there, or not to be had.
type loaded struct {
	ok  bool // there is content, maybe old
	err error
}

// take notes an answer and reports whether there is something new to show.
func (l *loaded) take(err error) bool {
	l.err = err
	l.ok = l.ok || err == nil
	return err == nil
}

// frame draws a screen by how far it has come: body is called when there is content.
func (l *loaded) frame(st *styles, w, h int, what string, body func(h int) []string) string {
	switch {
	case !l.ok && l.err != nil:
		return errorView(st, w, h, what+" cannot be shown", l.err)
	case !l.ok:
		return loadingView(st, w, h, what+": looking …")
	case l.err != nil:
		return joinLines(append([]string{staleLine(st, w, l.err)}, body(h-1)...), h)
	default:
		return joinLines(body(h), h)
	}
}

// joinLines makes at most h lines one text.
func joinLines(lines []string, h int) string {
	lines = lines[:min(len(lines), max(h, 0))]
	n := 0
	for _, line := range lines {
		n += len(line) + 1
	}
	out := make([]byte, 0, n)
	for i, line := range lines {
		if i > 0 {
			out = append(out, '\n')
		}
		out = append(out, line...)
	}
	return string(out)
}
