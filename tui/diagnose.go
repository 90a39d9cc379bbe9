package tui

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// diagnose checks everything and lists what it found as it comes, worst first.
type diagnose struct {
	scope
	rows[core.Check]
	feed  *feed[core.Check]
	done  bool
	moved bool
	err   error
	began time.Time
	ended time.Time
}

func newDiagnose(s scope) Screen {
	return &diagnose{scope: s, rows: newRows(func(c *core.Check) string { return c.Area + " " + c.Name },
		func(c *core.Check) []string { return []string{c.Area, c.Name, c.State, c.Found, c.Do} })}
}

// Title is the breadcrumb.
func (d *diagnose) Title() string { return "Diagnose" }

// Copy is the finding under the cursor.
func (d *diagnose) Copy() string {
	if c := d.current(); c != nil {
		return c.Area + ": " + c.Name + ": " + c.Found + " " + c.Do
	}
	return ""
}

// Keys are those of this screen.
func (d *diagnose) Keys() []key.Binding { return []key.Binding{keys.open} }

// Init runs every check.
func (d *diagnose) Init() tea.Cmd {
	if d.feed != nil {
		d.feed.stop()
	}
	d.set(nil)
	d.done, d.moved, d.err, d.began = false, false, nil, d.now()
	d.feed = follow(d.scope, func(ctx context.Context) iter.Seq2[core.Check, error] { return d.src.diagnose.open(ctx, struct{}{}) })
	return d.feed.next()
}

// Update takes an answer, a newer state or a key in.
func (d *diagnose) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batch[core.Check]:
		return d.take(msg)
	case tea.KeyPressMsg:
		if c := d.current(); c != nil && key.Matches(msg, keys.open) {
			l := d.st.check(c.State)
			return d.over(newSheet(d.env, c.Area+": "+c.Name, sheetFact{"state", l.glyph + " " + l.word, &l.style},
				sheetFact{"found", c.Found, nil}, sheetFact{"what to do", c.Do, nil}, sheetFact{"took", c.Took.Round(time.Millisecond).String(), nil}))
		}
		d.moved = d.moveIn(msg) || d.moved
	}
	return nil
}

// take sorts what has come in.
func (d *diagnose) take(b batch[core.Check]) tea.Cmd {
	if b.from != d.feed {
		return nil
	}
	next := append(slices.Clone(d.all), b.items...)
	slices.SortStableFunc(next, func(a, b core.Check) int { return rank(a.State) - rank(b.State) })
	d.set(next)
	if !d.moved {
		d.list.at = 0 // whoever has not moved sees the worst
	}
	if b.done {
		d.done, d.err, d.ended = true, b.err, d.now()
		return nil
	}
	return d.feed.next()
}

// rank orders states of checks, worst first.
func rank(state string) int {
	return slices.Index([]string{core.CheckFail, core.CheckWarn, core.CheckUnknown, core.CheckOK}, state)
}

// checkColumns are never written.
var checkColumns = []column{{title: "", min: 1, max: 1}, {title: "STATE", min: 7, max: 7, tight: true}, {title: "AREA", min: 10, max: 12}, {title: "CHECKED", min: 18, max: 36}, {title: "FOUND", min: 16}}

// View draws the screen.
func (d *diagnose) View(w, h int) string {
	status := d.status(w)
	if len(d.all) == 0 {
		switch {
		case d.err != nil:
			return status + "\n" + errorView(d.st, w, h-1, "The checks", d.err)
		case d.done:
			return status + "\n" + emptyView(d.st, w, h-1, look{"◇", "", d.st.dim}, "Nothing was checked")
		default:
			return status + "\n" + loadingView(d.st, w, h-1, "Checking …")
		}
	}
	foot := d.finding(w)
	lines := append([]string{status, ""}, d.draw(d.st, w, h-2-len(foot), checkColumns, true, func(c *core.Check) []value {
		l := d.st.check(c.State)
		return []value{{l.glyph, l.style}, {l.word, l.style}, {safe(c.Area), d.st.dim}, {safe(c.Name), d.st.text}, {safe(c.Found), l.style}}
	})...)
	return joinLines(append(block(lines, h-len(foot)), foot...), h)
}

// finding is what the check under the cursor found, and what to do.
func (d *diagnose) finding(w int) []string {
	c := d.current()
	if c == nil {
		return nil
	}
	l := d.st.check(c.State)
	lines := []string{d.st.faint.draw(strings.Repeat("─", w))}
	for _, text := range wrap(safe(c.Found), w-4, 2) {
		lines = append(lines, " "+l.style.draw(l.glyph)+" "+d.st.text.draw(text))
		l.glyph = " "
	}
	mark := "→"
	for _, text := range wrap(safe(c.Do), w-4, 2) {
		lines = append(lines, " "+d.st.accent.draw(mark)+" "+d.st.text.draw(text))
		mark = " "
	}
	return lines
}

// status counts what was found.
func (d *diagnose) status(w int) string {
	count := map[string]int{}
	for _, c := range d.all {
		count[c.State]++
	}
	var parts []string
	switch {
	case d.err != nil:
		parts = append(parts, d.st.bad.draw("✗ "+safe(core.MessageOf(d.err))))
	case d.done:
		parts = append(parts, d.st.text.draw(fmt.Sprintf("%s in %s at %s UTC", plural(len(d.all), "check", "checks"), took(d.ended.Sub(d.began)), clock(d.ended))))
	default:
		parts = append(parts, d.st.accent.draw("◐ checking, "+plural(len(d.all), "answer", "answers")+" so far"))
	}
	for _, state := range []string{core.CheckFail, core.CheckWarn, core.CheckUnknown, core.CheckOK} {
		if n := count[state]; n > 0 {
			l := d.st.check(state)
			parts = append(parts, l.style.draw(fmt.Sprintf("%s %d %s", l.glyph, n, l.word)))
		}
	}
	return cut(" "+strings.Join(parts, d.st.faint.draw(" · ")), w)
}
