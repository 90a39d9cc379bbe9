package tui

import (
	"context"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// logTail is how many lines of the past a log opens with.
const logTail = 1000

// logScreen follows the log of one service, or of several merged by time. Filter, level and time span are core's
// query; what stands here is a ring of its newest lines and the part of it that is seen.
type logScreen struct {
	scope
	query   core.LogQuery
	span    string        // the time span in words; empty: the last lines and what follows
	target  *core.LogLine // jump to this line when it comes
	known   []core.LogService
	re      *regexp.Regexp // of query.Match, for highlights
	allRows bool           // show every line and highlight the matches

	feed   *feed[core.LogLine]
	held   bool // the ring is full while the operator reads: nothing more is taken in
	ended  bool
	err    error
	ring   *logRing
	cursor int // number of the line under the cursor
	top    int // number of the first line drawn
	tail   bool
	seen   int // lines taken in when the operator stopped following
	open   map[int][]core.LogField

	wrap, times bool
	shift       int // columns scrolled to the right
	page        int
}

// newLogs shows the log of services; without a name of everything.
func newLogs(services ...string) func(scope) Screen {
	return func(s scope) Screen {
		return &logScreen{scope: s, query: core.LogQuery{Services: services, Tail: logTail}, times: true, tail: true}
	}
}

// newLogsAround shows the log around one line that a search found.
func newLogsAround(line core.LogLine) func(scope) Screen {
	return func(s scope) Screen {
		l := &logScreen{scope: s, times: true, target: &line}
		l.query = core.LogQuery{Services: []string{line.Service}, Since: line.At.Add(-10 * time.Minute), Until: line.At.Add(10 * time.Minute)}
		l.span = "around " + stamp(line.At)
		return l
	}
}

// Title is the breadcrumb.
func (l *logScreen) Title() string { return "Logs" }

// Service is the first whose log is shown.
func (l *logScreen) Service() string {
	if len(l.query.Services) == 0 {
		return ""
	}
	return l.query.Services[0]
}

// Copy is the text of the line under the cursor.
func (l *logScreen) Copy() string {
	if l.ring == nil || !l.ring.holds(l.cursor) {
		return ""
	}
	return l.ring.line(l.cursor).Text
}

// Filter is the pattern.
func (l *logScreen) Filter() string { return l.query.Match }

// SlowFilter says that the pattern is applied when it is complete.
func (l *logScreen) SlowFilter() {}

// SetFilter applies a pattern.
func (l *logScreen) SetFilter(text string) tea.Cmd {
	if text == l.query.Match {
		return nil
	}
	re, err := compile(text)
	if err != nil {
		l.say(noticeWarn, "That is not a regular expression: "+err.Error())
		return nil
	}
	l.query.Match, l.re = text, re
	return l.reload()
}

// compile compiles a pattern; an empty one is nil.
func compile(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	return smartCase(pattern)
}

// Back closes the expanded line first, then takes the pattern away.
func (l *logScreen) Back() (tea.Cmd, bool) {
	if _, opened := l.open[l.cursor]; opened {
		delete(l.open, l.cursor)
		return nil, true
	}
	if l.query.Match == "" {
		return nil, false
	}
	return l.SetFilter(""), true
}

// Keys are those of this screen.
func (l *logScreen) Keys() []key.Binding {
	return []key.Binding{
		keys.follow, keys.minLevel, keys.span, keys.merge, keys.search, keys.expand, keys.wrapLines, keys.times, keys.invert, keys.context,
		keys.next, keys.prev, keys.left, keys.right,
	}
}

// Init opens the stream, and looks whose logs there are.
func (l *logScreen) Init() tea.Cmd {
	return tea.Batch(l.reload(), ask(l.scope, l.src.logNames, struct{}{}))
}

// reload opens the stream anew with the query as it is now.
func (l *logScreen) reload() tea.Cmd {
	if l.feed != nil {
		l.feed.stop()
	}
	l.ring, l.open, l.err, l.ended, l.held = newLogRing(ringBytes), map[int][]core.LogField{}, nil, false, false
	l.cursor, l.top, l.shift, l.seen = 0, 0, 0, 0
	l.tail = l.query.Until.IsZero()
	q := l.query
	q.Match = asDrawn(q.Match)
	if l.allRows {
		q.Match, q.Invert = "", false
	}
	source := l.src.logs
	if !q.Until.IsZero() {
		source = l.src.pastLogs
	}
	l.feed = follow(l.scope, func(ctx context.Context) iter.Seq2[core.LogLine, error] { return source.open(ctx, q) })
	return l.feed.next()
}

// Update takes an answer, a newer state or a key in.
func (l *logScreen) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batch[core.LogLine]:
		return l.take(msg)
	case result[[]core.LogService]:
		if msg.err == nil {
			l.known = msg.val
		}
	case tea.KeyPressMsg:
		return l.press(msg)
	}
	return nil
}

// take adds lines. While the operator reads further up a full ring is left as it is: the lines he looks at stay.
func (l *logScreen) take(b batch[core.LogLine]) tea.Cmd {
	if b.from != l.feed {
		return nil
	}
	for _, line := range b.items {
		l.ring.add(line)
		if l.target != nil && sameLine(line, *l.target) {
			l.cursor, l.target = l.ring.end()-1, nil
		}
	}
	if l.tail {
		l.cursor = l.ring.end() - 1
	}
	l.cursor = max(l.cursor, l.ring.base)
	l.forget()
	if b.done {
		l.ended, l.err = true, b.err
		return nil
	}
	if l.held = !l.tail && l.target == nil && l.ring.full(); l.held { // while a line is looked for, the oldest make room
		return nil
	}
	return l.feed.next()
}

// sameLine knows a line again: by its number, or where it is not kept here and has none, by its time and text.
func sameLine(a, b core.LogLine) bool {
	return a.Service == b.Service && a.Seq == b.Seq && (a.Seq != 0 || a.At.Equal(b.At) && a.Text == b.Text)
}

// forget drops what was expanded of lines that have gone.
func (l *logScreen) forget() {
	for n := range l.open {
		if n < l.ring.base {
			delete(l.open, n)
		}
	}
}

// setTail follows the end, or stops there.
func (l *logScreen) setTail(on bool) tea.Cmd {
	if on == l.tail {
		return nil
	}
	l.tail, l.seen = on, l.ring.end()
	if !on {
		return nil
	}
	l.cursor = max(l.ring.end()-1, 0)
	if l.held {
		l.held = false
		return l.feed.next()
	}
	return nil
}

func (l *logScreen) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.follow):
		return l.setTail(!l.tail)
	case key.Matches(msg, keys.minLevel):
		return l.cycleLevel()
	case key.Matches(msg, keys.span):
		return l.over(l.spanPicker())
	case key.Matches(msg, keys.merge):
		return l.over(l.servicePicker())
	case key.Matches(msg, keys.search):
		return l.over(l.searchForm())
	case key.Matches(msg, keys.invert):
		l.query.Invert = !l.query.Invert
		return l.reloadFor(l.query.Match != "")
	case key.Matches(msg, keys.context):
		l.allRows = !l.allRows
		return l.reloadFor(l.query.Match != "")
	case key.Matches(msg, keys.expand):
		l.toggleOpen()
	case key.Matches(msg, keys.wrapLines):
		l.wrap, l.shift = !l.wrap, 0
	case key.Matches(msg, keys.times):
		l.times = !l.times
	case key.Matches(msg, keys.left):
		l.shift = max(l.shift-20, 0)
	case key.Matches(msg, keys.right):
		l.shift = min(l.shift+20, 64<<10)
	default:
		return l.moveTo(msg)
	}
	return nil
}

// reloadFor opens the stream anew when that makes a difference.
func (l *logScreen) reloadFor(needed bool) tea.Cmd {
	if !needed {
		l.say(noticeInfo, "There is no pattern yet: / sets one.")
		return nil
	}
	return l.reload()
}

// moveTo moves the cursor; leaving the end stops following, coming back to it follows again.
func (l *logScreen) moveTo(msg tea.KeyPressMsg) tea.Cmd {
	page := max(l.page-2, 1)
	last := l.ring.end() - 1
	to := l.cursor
	switch {
	case key.Matches(msg, keys.next):
		return l.jump(1)
	case key.Matches(msg, keys.prev):
		return l.jump(-1)
	case key.Matches(msg, keys.down):
		to++
	case key.Matches(msg, keys.up):
		to--
	case key.Matches(msg, keys.pageDown):
		to += page
	case key.Matches(msg, keys.pageUp):
		to -= page
	case key.Matches(msg, keys.top):
		to = l.ring.base
	case key.Matches(msg, keys.bottom):
		l.cursor = max(last, 0)
		return l.setTail(l.query.Until.IsZero())
	}
	return l.setCursor(to)
}

// setCursor puts the cursor on a line.
func (l *logScreen) setCursor(n int) tea.Cmd {
	last := max(l.ring.end()-1, 0)
	l.cursor = max(min(n, last), l.ring.base)
	if l.cursor < last {
		return l.setTail(false)
	}
	return nil
}

// jump goes to the next line that matches.
func (l *logScreen) jump(step int) tea.Cmd {
	if l.re == nil {
		l.say(noticeInfo, "There is no pattern yet: / sets one.")
		return nil
	}
	n, ok := l.ring.find(l.cursor, step, l.re, l.query.Invert)
	if !ok {
		l.say(noticeInfo, "No further match among the lines held here. S searches everything collected.")
		return nil
	}
	return l.setCursor(n)
}

// cycleLevel raises the least level that is shown.
func (l *logScreen) cycleLevel() tea.Cmd {
	order := []core.LogLevel{core.LevelUnknown, core.LevelInfo, core.LevelWarn, core.LevelError}
	l.query.MinLevel = order[(slices.Index(order, l.query.MinLevel)+1)%len(order)]
	return l.reload()
}

// toggleOpen expands the line under the cursor.
func (l *logScreen) toggleOpen() {
	if !l.ring.holds(l.cursor) {
		return
	}
	if _, ok := l.open[l.cursor]; ok {
		delete(l.open, l.cursor)
		return
	}
	if line := l.ring.line(l.cursor); line.Gap == nil {
		l.tail, l.seen = false, l.ring.end()
		l.open[l.cursor] = fieldsOf(line.Text)
	}
}

// toggleService adds a service to the merged view or takes it out; one always stays.
func (l *logScreen) toggleService(name string) tea.Cmd {
	if i := slices.Index(l.query.Services, name); i >= 0 {
		if len(l.query.Services) == 1 {
			return nil
		}
		l.query.Services = slices.Delete(slices.Clone(l.query.Services), i, i+1)
	} else {
		l.query.Services = append(slices.Clone(l.query.Services), name)
	}
	return l.reload()
}

// caption is whose log this is.
func (l *logScreen) caption() string {
	if len(l.query.Services) == 0 {
		return "all services"
	}
	return safe(strings.Join(l.query.Services, " + "))
}
