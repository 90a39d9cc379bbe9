package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// alerts lists what people were told about, newest first, and where alerts go.
type alerts struct {
	scope
	loaded
	rows[core.Alert]
	data core.AlertsView
}

func newAlerts(s scope) Screen {
	return &alerts{scope: s, rows: newRows(func(a *core.Alert) string { return a.ID }, func(a *core.Alert) []string {
		return []string{a.Service, a.Cause, a.Title, a.Text}
	})}
}

// Title is the breadcrumb.
func (a *alerts) Title() string { return "Alerts" }

// Service is the one that the alert under the cursor is about.
func (a *alerts) Service() string {
	if one := a.current(); one != nil {
		return one.Service
	}
	return ""
}

// Copy is the alert under the cursor.
func (a *alerts) Copy() string {
	if one := a.current(); one != nil {
		return one.Title + "\n" + one.Text
	}
	return ""
}

// Keys are those of this screen.
func (a *alerts) Keys() []key.Binding { return []key.Binding{keys.open, keys.testAlert} }

// Init lists the alerts.
func (a *alerts) Init() tea.Cmd { return ask(a.scope, a.src.alerts, struct{}{}) }

// Return looks again.
func (a *alerts) Return() tea.Cmd { return a.Init() }

// Update takes an answer or a key in.
func (a *alerts) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case result[core.AlertsView]:
		if a.take(msg.err) {
			a.data = msg.val
			a.set(msg.val.Alerts)
		}
	case tea.KeyPressMsg:
		return a.press(msg)
	}
	return nil
}

func (a *alerts) press(msg tea.KeyPressMsg) tea.Cmd {
	one := a.current()
	switch {
	case key.Matches(msg, keys.testAlert):
		return a.test()
	case one != nil && key.Matches(msg, keys.open):
		return a.over(a.sheet(one))
	}
	a.moveIn(msg)
	return nil
}

// test sends an alert that says that it is a test.
func (a *alerts) test() tea.Cmd {
	if len(a.data.Targets) == 0 {
		a.say(noticeWarn, "There is no address to send to: set MATRX_ALERT_URLS.")
		return nil
	}
	return a.act(doneAction(a.src.testAlert, "", func(string) struct{} { return struct{}{} },
		"Sends an alert that says that it is a test to "+plural(len(a.data.Targets), "address", "addresses")+": "+strings.Join(a.data.Targets, ", ")+"."))
}

// sheet shows everything about an alert.
func (a *alerts) sheet(one *core.Alert) overlay {
	over := "not yet"
	if !one.Over.IsZero() {
		over = stamp(one.Over) + " UTC, after " + core.FormatAge(one.Over.Sub(one.At))
	}
	sent := "to every address"
	if !one.Sent {
		sent = "no: " + blank(one.Problem)
	}
	return newSheet(a.env, one.Title, sheetFact{"what", one.Text, nil}, sheetFact{"cause", one.Cause, nil}, sheetFact{"service", one.Service, nil},
		sheetFact{"began", stamp(one.At) + " UTC", nil}, sheetFact{"over", over, nil}, sheetFact{"sent", sent, nil})
}

// alertColumns are never written.
var alertColumns = []column{{title: "", min: 1, max: 1}, {title: "STATE", min: 5, max: 5, tight: true}, {title: "AGE", min: 6, max: 6, right: true}, {title: "LASTED", min: 6, max: 6, right: true}, {title: "WHAT", min: 24}, {title: "SENT", min: 4, max: 4}, {title: "CAUSE", min: 12, max: 20, drop: 1}, {title: "SERVICE", min: 12, max: 24, drop: 2}}

// View draws the screen.
func (a *alerts) View(w, h int) string {
	return a.frame(a.st, w, h, "Alerts", func(h int) []string {
		lines := []string{a.targets(w), ""}
		if len(a.all) == 0 {
			return append(lines, strings.Split(emptyView(a.st, w, h-len(lines), look{"●", "", a.st.ok}, "Nobody had to be told anything so far",
				"An alert is sent for a crash loop, an unhealthy service, a failed deployment, a certificate near its end and a full disk."), "\n")...)
		}
		return append(lines, a.draw(a.st, w, h-len(lines), alertColumns, true, a.cells)...)
	})
}

// targets says where alerts go.
func (a *alerts) targets(w int) string {
	if len(a.data.Targets) == 0 {
		return a.st.warn.draw(cut(" ▲ Alerts are sent to nobody: MATRX_ALERT_URLS is not set. They are shown here alone.", w))
	}
	return cut(" "+a.st.dim.draw("sent to ")+a.st.text.draw(safe(strings.Join(a.data.Targets, ", ")))+a.st.dim.draw("  t sends a test"), w)
}

func (a *alerts) cells(one *core.Alert) []value {
	st := a.st
	l, lasted := look{"✗", "now", st.bad}, a.now().Sub(one.At)
	if !one.Over.IsZero() {
		l, lasted = look{"●", "over", st.dim}, one.Over.Sub(one.At)
	}
	sent := value{"yes", st.dim}
	if !one.Sent {
		sent = value{"no", st.warn}
	}
	return []value{
		{l.glyph, l.style}, {l.word, l.style}, {core.FormatAge(a.now().Sub(one.At)), st.dim}, {core.FormatAge(lasted), st.dim}, {safe(one.Title), st.text}, sent,
		{safe(one.Cause), st.dim}, {safe(one.Service), st.dim},
	}
}
