package tui

import "strings"

// column is one column of a table.
type column struct {
	title string
	min   int  // cells
	max   int  // cells; 0 means as many as there are
	right bool // aligned to the right
	tight bool // one cell away from the column before it, not two
	eager bool // takes what it wants before columns that may go are kept
	drop  int  // the highest goes first when the window is narrow; 0 never goes
}

// value is one cell: its text is safe already, cut and padded when drawn.
type value struct {
	text  string
	style style
}

// grid is a table's columns laid out for a width.
type grid struct {
	cols   []column
	widths []int // 0: left out
}

// edge is the mark before a row.
const edge = 1

// gap is what stands before a column that is not the first.
func (c column) gap() int {
	if c.tight {
		return 1
	}
	return 2
}

// layout gives each column its width: the minimum first, then what is left in order of the columns, but no more than
// it wants. want may be nil or hold 0 for a column that takes what it gets.
func layout(cols []column, w int, want []int) grid {
	g := grid{cols, make([]int, len(cols))}
	used := edge - cols[0].gap()
	for i, c := range cols {
		g.widths[i] = c.min
		if c.eager && want != nil {
			g.widths[i] = max(c.min, min(c.max, want[i]))
		}
		used += g.widths[i] + c.gap()
	}
	for used > w {
		i := g.mostDroppable()
		if i < 0 {
			break
		}
		used -= g.widths[i] + cols[i].gap()
		g.widths[i] = 0
	}
	for i, c := range cols { // what was taken eagerly is given back before the row is cut
		back := min(max(used-w, 0), max(g.widths[i]-c.min, 0))
		g.widths[i] -= back
		used -= back
	}
	free := w - used
	for i, c := range cols {
		if free <= 0 || g.widths[i] == 0 {
			continue
		}
		more := free
		if c.max > 0 {
			more = min(more, c.max-g.widths[i])
		}
		if want != nil && want[i] > 0 {
			more = min(more, max(want[i], width(c.title))-g.widths[i])
		}
		g.widths[i] += max(more, 0)
		free -= max(more, 0)
	}
	return g
}

func (g grid) mostDroppable() int {
	best := -1
	for i, c := range g.cols {
		if c.drop > 0 && g.widths[i] > 0 && (best < 0 || c.drop > g.cols[best].drop) {
			best = i
		}
	}
	return best
}

// shows reports whether a column is drawn.
func (g grid) shows(i int) bool { return g.widths[i] > 0 }

// head draws the line of titles.
func (g grid) head(st *styles, w int) string {
	var b strings.Builder
	b.WriteString(blanks(edge))
	first := true
	for i, c := range g.cols {
		if g.widths[i] == 0 {
			continue
		}
		if !first {
			b.WriteString(blanks(c.gap()))
		}
		first = false
		b.WriteString(g.align(i, c.title))
	}
	return st.head.draw(cut(b.String(), w))
}

func (g grid) align(i int, text string) string {
	if g.cols[i].right {
		return fitRight(text, g.widths[i])
	}
	return fit(text, g.widths[i])
}

// row draws one row in w cells.
func (g grid) row(st *styles, w int, cells []value, selected bool) string {
	var b strings.Builder
	b.Grow(w * 3)
	back := ""
	if selected {
		back = st.sel.on
		b.WriteString(st.selBar.draw("▌"))
	} else {
		b.WriteString(blanks(edge))
	}
	used, first := edge, true
	for i, v := range cells {
		if g.widths[i] == 0 {
			continue
		}
		b.WriteString(back)
		if !first {
			b.WriteString(blanks(g.cols[i].gap()))
			used += g.cols[i].gap()
		}
		first = false
		b.WriteString(v.style.on)
		b.WriteString(g.align(i, v.text))
		b.WriteString(v.style.off)
		used += g.widths[i]
	}
	if selected && used < w {
		b.WriteString(back + blanks(w-used) + st.sel.off)
	}
	if used > w {
		return cut(b.String(), w)
	}
	return b.String()
}
