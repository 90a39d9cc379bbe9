package tui

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of what a search keeps.
const (
	maxHits     = 5000
	maxHitBytes = 4 << 20
)

// logSearch goes backwards through everything collected, also of containers that are gone, and lists what it finds.
type logSearch struct {
	scope
	filtered
	query    core.LogQuery
	re       *regexp.Regexp
	feed     *feed[core.LogHit]
	hits     []core.LogLine
	shown    []int // hits that the filter keeps
	bytes    int
	progress core.LogProgress
	done     bool
	full     bool
	err      error
	list     list
}

// newLogSearch searches for a query's pattern.
func newLogSearch(q core.LogQuery) func(scope) Screen {
	return func(s scope) Screen {
		q.Backwards = true
		re, err := smartCase(q.Match)
		return &logSearch{scope: s, query: q, re: re, err: err}
	}
}

// Title is the breadcrumb.
func (l *logSearch) Title() string { return "Search" }

// Service is that of the hit under the cursor.
func (l *logSearch) Service() string {
	if hit := l.hit(); hit != nil {
		return hit.Service
	}
	return ""
}

// Copy is the text of the hit under the cursor.
func (l *logSearch) Copy() string {
	if hit := l.hit(); hit != nil {
		return hit.Text
	}
	return ""
}

// SetFilter narrows the hits.
func (l *logSearch) SetFilter(text string) tea.Cmd {
	l.text = text
	l.narrow(0)
	return nil
}

// Back leaves the filter first.
func (l *logSearch) Back() (tea.Cmd, bool) {
	had := l.clear()
	l.narrow(0)
	return nil, had
}

// Keys are those of this screen.
func (l *logSearch) Keys() []key.Binding { return []key.Binding{keys.open, keys.next, keys.prev} }

// Init begins the search.
func (l *logSearch) Init() tea.Cmd {
	if l.re == nil {
		return nil
	}
	if l.feed != nil {
		l.feed.stop()
	}
	l.hits, l.shown, l.bytes, l.done, l.full, l.err, l.list = nil, nil, 0, false, false, nil, list{}
	l.feed = follow(l.scope, func(ctx context.Context) iter.Seq2[core.LogHit, error] {
		q := l.query
		q.Match = asDrawn(q.Match)
		return l.src.search.open(ctx, q)
	})
	return l.feed.next()
}

// Update takes an answer, a newer state or a key in.
func (l *logSearch) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batch[core.LogHit]:
		return l.take(msg)
	case tea.KeyPressMsg:
		if hit := l.hit(); hit != nil && key.Matches(msg, keys.open) {
			return l.push(newLogsAround(*hit))
		}
		l.list.move(msg, len(l.shown))
	}
	return nil
}

// take adds what was found; at the bound the search ends.
func (l *logSearch) take(b batch[core.LogHit]) tea.Cmd {
	if b.from != l.feed {
		return nil
	}
	known := len(l.hits)
	for _, hit := range b.items {
		if hit.Progress != nil {
			l.progress = *hit.Progress
		}
		if hit.Line != nil && !l.full {
			l.hits = append(l.hits, *hit.Line)
			l.bytes += sizeOf(*hit.Line)
			l.full = len(l.hits) >= maxHits || l.bytes >= maxHitBytes
		}
	}
	l.narrow(known)
	if b.done {
		l.done, l.err = true, b.err
		return nil
	}
	if l.full {
		l.done = true
		l.feed.stop()
		return nil
	}
	return l.feed.next()
}

// narrow applies the filter to the hits from a number on.
func (l *logSearch) narrow(from int) {
	if from == 0 {
		l.shown = l.shown[:0]
	}
	for i := from; i < len(l.hits); i++ {
		if l.keeps(l.hits[i].Service, l.hits[i].Text) {
			l.shown = append(l.shown, i)
		}
	}
	l.list.clamp(len(l.shown))
}

// hit is the one under the cursor.
func (l *logSearch) hit() *core.LogLine {
	if l.list.at >= len(l.shown) {
		return nil
	}
	return &l.hits[l.shown[l.list.at]]
}

// View draws the screen.
func (l *logSearch) View(w, h int) string {
	head := []string{l.status(w), ""}
	room := max(h-len(head), 1)
	switch {
	case l.err != nil && len(l.hits) == 0:
		return strings.Join(head, "\n") + "\n" + errorView(l.st, w, room, "The search cannot go on", l.err)
	case len(l.shown) == 0 && l.done:
		return strings.Join(head, "\n") + "\n" + emptyView(l.st, w, room, look{"◇", "", l.st.dim}, "No collected line matches",
			"Lower-case patterns ignore case; a pattern with an upper-case letter does not.")
	case len(l.shown) == 0:
		return strings.Join(head, "\n") + "\n" + loadingView(l.st, w, room, "Nothing found so far, searching …")
	}
	from, to := l.list.window(len(l.shown), room)
	for i := from; i < to; i++ {
		head = append(head, l.draw(&l.hits[l.shown[i]], w, i == l.list.at))
	}
	return strings.Join(head, "\n")
}

// status is how far the search has come.
func (l *logSearch) status(w int) string {
	st, p := l.st, l.progress
	parts := []string{st.accent.draw("/" + safe(l.query.Match)), st.bold.draw(plural(len(l.hits), "hit", "hits"))}
	if len(l.query.Services) > 0 {
		parts = append(parts, st.text.draw("in "+safe(strings.Join(l.query.Services, " + "))))
	}
	switch {
	case l.err != nil:
		parts = append(parts, st.bad.draw("✗ "+safe(core.MessageOf(l.err))))
	case l.full:
		parts = append(parts, st.warn.draw("▲ stopped at "+number(int64(len(l.hits)))+" hits: make the pattern narrower"))
	case l.done:
		parts = append(parts, st.ok.draw("● everything searched"))
	default:
		parts = append(parts, st.accent.draw(gauge(p.Bytes, p.TotalBytes, 12)+" "+percent(p.Bytes, p.TotalBytes)),
			st.dim.draw(fmt.Sprintf("%s of %s", core.FormatBytes(p.Bytes), core.FormatBytes(p.TotalBytes))))
		if !p.Oldest.IsZero() {
			parts = append(parts, st.dim.draw("back to "+p.Oldest.UTC().Format("01-02 15:04")))
		}
	}
	return cut(" "+strings.Join(parts, st.faint.draw(" · ")), w)
}

// draw draws one hit.
func (l *logSearch) draw(line *core.LogLine, w int, here bool) string {
	mark := " "
	if here {
		mark = l.st.selBar.draw("▌")
	}
	lv := l.st.level(line.Level)
	head := mark + l.st.dim.draw(line.At.UTC().Format("01-02 15:04:05")) + " " + l.st.info.draw(fit(safe(line.Service), 16)) + " " + lv.style.draw(lv.glyph) + " "
	text := line.Text
	if m := l.re.FindStringIndex(text); m != nil && m[0] > w {
		text = "…" + text[max(m[0]-w/4, 0):] // brings the match into sight
	}
	text = cut(safe(text[:min(len(text), 8*w+4<<10)]), w-35)
	return head + highlight(l.st, lv.style, text, l.re, here)
}
