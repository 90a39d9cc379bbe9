package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// The bounds of the audit screen.
const (
	auditPage = 200
	auditMax  = 5000
)

// audit lists what was done, newest first, and follows what is being done.
type audit struct {
	scope
	loaded
	rows[core.AuditEvent]
	query  core.ListAuditIn
	feed   *feed[core.AuditEvent]
	paused bool
	all    bool // there are no older ones
	asked  bool // older ones are on their way
}

// newAudit lists what was done to a target, or everything.
func newAudit(target string) func(scope) Screen {
	return func(s scope) Screen {
		return &audit{
			scope: s, query: core.ListAuditIn{Target: target, Limit: auditPage},
			rows: newRows(func(e *core.AuditEvent) string { return e.ID }, func(e *core.AuditEvent) []string {
				return []string{e.Actor.Name, e.Op, e.Target, e.Outcome, e.Message, string(e.Actor.Door), e.Actor.Address}
			}),
		}
	}
}

// Title is the breadcrumb.
func (a *audit) Title() string { return "Audit" }

// Copy is the event under the cursor as JSON.
func (a *audit) Copy() string {
	e := a.current()
	if e == nil {
		return ""
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return e.ID
	}
	return string(raw)
}

// Keys are those of this screen.
func (a *audit) Keys() []key.Binding {
	return []key.Binding{keys.open, keys.live, keys.filters, keys.verify}
}

// Init lists the newest and follows.
func (a *audit) Init() tea.Cmd {
	if a.feed != nil {
		a.feed.stop()
	}
	a.feed = follow(a.scope, func(ctx context.Context) iter.Seq2[core.AuditEvent, error] {
		return a.src.auditLive.open(ctx, struct{}{})
	})
	a.set(nil)
	a.asked, a.all = true, false
	return tea.Batch(ask(a.scope, a.src.audit, a.query), a.feed.next())
}

// Update takes an answer, a newer state or a key in.
func (a *audit) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[[]core.AuditEvent]:
		a.takePage(msg)
	case batch[core.AuditEvent]:
		return a.takeLive(msg)
	case result[core.JournalReport]:
		return a.report(msg)
	case tea.KeyPressMsg:
		return a.press(msg)
	}
	return nil
}

// takePage adds older events.
func (a *audit) takePage(r result[[]core.AuditEvent]) {
	a.asked = false
	if !a.loaded.take(r.err) {
		return
	}
	a.all = len(r.val) < auditPage || len(a.rows.all)+len(r.val) >= auditMax
	known := map[string]bool{}
	for _, e := range a.rows.all {
		known[e.ID] = true
	}
	next := append([]core.AuditEvent(nil), a.rows.all...)
	for _, e := range r.val {
		if !known[e.ID] {
			next = append(next, e)
		}
	}
	a.set(next)
}

// takeLive puts new events on top, and outcomes into theirs.
func (a *audit) takeLive(b batch[core.AuditEvent]) tea.Cmd {
	if b.from != a.feed {
		return nil
	}
	if !a.paused && len(b.items) > 0 {
		a.set(a.merge(b.items))
	}
	if b.done {
		if b.err != nil {
			a.err = b.err
		}
		return nil
	}
	return a.feed.next()
}

// merge makes a new list: rows that are drawn are never written.
func (a *audit) merge(events []core.AuditEvent) []core.AuditEvent {
	next := append([]core.AuditEvent(nil), a.rows.all...)
	for _, e := range events {
		at := -1
		for i := range next {
			if next[i].ID == e.ID {
				at = i
				break
			}
		}
		switch {
		case at >= 0 && e.Op == "": // an outcome alone
			next[at].Outcome, next[at].Message, next[at].Took = e.Outcome, e.Message, e.Took
		case at >= 0:
			next[at] = e
		case a.wants(&e):
			next = append([]core.AuditEvent{e}, next...)
		}
	}
	return next[:min(len(next), auditMax)]
}

// wants applies the query to a live event, as core does to the past.
func (a *audit) wants(e *core.AuditEvent) bool {
	q := a.query
	return e.Op != "" && (q.Actor == "" || q.Actor == e.Actor.Name) && strings.HasPrefix(e.Op, q.Op) &&
		(q.Target == "" || q.Target == e.Target) && (q.Outcome == "" || q.Outcome == e.Outcome)
}

func (a *audit) press(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keys.open):
		if e := a.current(); e != nil {
			return a.over(a.detail(e))
		}
	case key.Matches(msg, keys.live):
		a.paused = !a.paused
		if !a.paused {
			return a.Init()
		}
	case key.Matches(msg, keys.filters):
		return a.over(a.filterForm())
	case key.Matches(msg, keys.verify):
		a.say(noticeBusy, "Walking the journal's chain …")
		return ask(a.scope, a.src.verify, struct{}{})
	default:
		a.moveIn(msg)
		return a.older()
	}
	return nil
}

// older asks for more when the cursor comes to the end.
func (a *audit) older() tea.Cmd {
	if a.asked || a.all || len(a.rows.all) == 0 || a.list.at < len(a.shown)-1 {
		return nil
	}
	a.asked = true
	q := a.query
	q.Before = a.rows.all[len(a.rows.all)-1].Seq
	return ask(a.scope, a.src.audit, q)
}

// filterForm asks what to list.
func (a *audit) filterForm() overlay {
	const every = "any"
	q := a.query
	chosen := q.Outcome
	if chosen == "" {
		chosen = every
	}
	since := ""
	if !q.Since.IsZero() {
		since = stamp(q.Since)
	}
	submit := func(v []string) (tea.Cmd, error) {
		from, err := parseTime(v[4], a.now())
		if err != nil {
			return nil, err
		}
		a.query = core.ListAuditIn{Limit: auditPage, Actor: v[0], Op: v[1], Target: v[2], Outcome: strings.TrimPrefix(v[3], every), Since: from}
		return a.Init(), nil
	}
	return newForm(a.env, "List what was done", submit,
		textField("who", "The whole name. Empty: anybody.", q.Actor),
		textField("operation", "Its name or the beginning of it: service. or person.add", q.Op),
		textField("target", "The whole name of a service, person, key or job.", q.Target),
		choiceField("outcome", "", chosen, every, core.OutcomeOK, core.OutcomeOpen, core.OutcomeInterrupted, string(core.CodeForbidden),
			string(core.CodeInvalid), string(core.CodeConflict), string(core.CodeUnavailable), string(core.CodeInternal)),
		textField("since", "2026-11-21 14:00, 14:00 or an age such as 2d; UTC.", since))
}

// detail shows everything about one event.
func (a *audit) detail(e *core.AuditEvent) overlay {
	l := a.st.outcome(e.Outcome)
	return newSheet(a.env, e.Op+" "+e.Target,
		sheetFact{"outcome", l.glyph + " " + l.word, &l.style}, sheetFact{"message", e.Message, nil},
		sheetFact{"at", stamp(e.At) + " UTC, took " + e.Took.Round(time.Millisecond).String(), nil},
		sheetFact{"who", e.Actor.Name + " (" + string(e.Actor.Kind) + ", " + e.Actor.Role.String() + ")", nil},
		sheetFact{"from", string(e.Actor.Door) + " " + e.Actor.Address, nil}, sheetFact{"key", e.Actor.Fingerprint, nil},
		sheetFact{"client", e.Actor.Client, nil}, sheetFact{"session", e.Actor.Session, nil}, sheetFact{"input", indented(e.Input), nil},
		sheetFact{"request", e.Request, nil}, sheetFact{"id", e.ID, nil}, sheetFact{"record", fmt.Sprintf("%d", e.Seq), nil}, sheetFact{"chain", e.Hash, nil})
}

// indented is JSON for reading.
func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// report shows what a walk along the chain found.
func (a *audit) report(r result[core.JournalReport]) tea.Cmd {
	if r.err != nil {
		a.sayError("Verify the chain", r.err)
		return nil
	}
	v := r.val
	if v.OK {
		a.say(noticeDone, "The chain holds: "+number(v.Records)+" records.")
		return a.over(newSheet(a.env, "The chain holds", sheetFact{"result", "● every record follows from the one before it", &a.st.ok},
			sheetFact{"records", fmt.Sprintf("%s, from %d to %d", number(v.Records), v.First, v.Last), nil}, sheetFact{"head", v.Hash, nil}))
	}
	a.say(noticeError, fmt.Sprintf("The chain is broken at record %d.", v.Seq))
	return a.over(newSheet(a.env, "The chain is broken", sheetFact{"result", "✗ " + v.Reason, &a.st.bad},
		sheetFact{"record", fmt.Sprintf("%d", v.Seq), nil}, sheetFact{"place", fmt.Sprintf("%s, line %d", v.Segment, v.Line), nil},
		sheetFact{"good before", number(v.Records) + " records", nil}, sheetFact{"what to do", "Keep the files as they are, and read the page audit of the handbook (0).", nil}))
}

// auditColumns are never written.
var auditColumns = []column{{title: "", min: 1, max: 1}, {title: "OUTCOME", min: 11, max: 11, tight: true}, {title: "WHEN", min: 14, max: 14}, {title: "WHO", min: 8, max: 16}, {title: "DOOR", min: 6, max: 6, drop: 3}, {title: "OPERATION", min: 15, max: 20}, {title: "TARGET", min: 12, max: 20}, {title: "TOOK", min: 6, max: 6, right: true, drop: 2}, {title: "MESSAGE", min: 12, drop: 1}}

// View draws the screen.
func (a *audit) View(w, h int) string {
	return a.frame(a.st, w, h, "Audit", func(h int) []string {
		lines := []string{a.status(w)}
		if len(a.rows.all) == 0 {
			return append(lines, strings.Split(emptyView(a.st, w, h-1, look{"◇", "", a.st.dim}, "Nothing in this selection", "f chooses another one."), "\n")...)
		}
		return append(lines, a.draw(a.st, w, h-1, auditColumns, true, a.cells)...)
	})
}

// status is what is listed, and whether it is live.
func (a *audit) status(w int) string {
	state := a.st.ok.draw("● live")
	if a.paused {
		state = a.st.warn.draw("‖ paused")
	}
	parts := []string{state}
	for _, p := range [][2]string{{"who", a.query.Actor}, {"operation", a.query.Op}, {"target", a.query.Target}, {"outcome", a.query.Outcome}} {
		if p[1] != "" {
			parts = append(parts, a.st.dim.draw(p[0]+" ")+a.st.accent.draw(safe(p[1])))
		}
	}
	if !a.query.Since.IsZero() {
		parts = append(parts, a.st.dim.draw("since ")+a.st.accent.draw(stamp(a.query.Since)))
	}
	return cut(" "+strings.Join(append(parts, a.st.dim.draw(plural(len(a.rows.all), "event", "events"))), a.st.faint.draw(" · ")), w)
}

func (a *audit) cells(e *core.AuditEvent) []value {
	l := a.st.outcome(e.Outcome)
	return []value{
		{l.glyph, l.style}, {l.word, l.style}, {e.At.UTC().Format("01-02 15:04:05"), a.st.dim}, {safe(e.Actor.Name), a.st.text},
		{safe(string(e.Actor.Door)), a.st.dim}, {safe(e.Op), a.st.text}, {safe(e.Target), a.st.text}, {took(e.Took), a.st.dim}, {safe(e.Message), a.st.dim},
	}
}

// took is how long something took, in at most six columns.
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return core.FormatAge(d)
}
