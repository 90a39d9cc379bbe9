package tui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/codematrx/matrx-ship/core"
)

// spanPicker offers the time spans.
func (l *logScreen) spanPicker() overlay {
	since := func(d time.Duration, words string) choice {
		return choice{"since " + words, "and what follows", func() tea.Cmd { return l.setSpan(l.now().Add(-d), time.Time{}, "since "+words) }}
	}
	return newPicker(l.env, "Time span", []choice{
		{"the last " + number(logTail) + " lines", "and what follows", func() tea.Cmd { return l.setSpan(time.Time{}, time.Time{}, "") }},
		since(15*time.Minute, "15 minutes ago"), since(time.Hour, "1 hour ago"), since(6*time.Hour, "6 hours ago"),
		since(24*time.Hour, "1 day ago"), since(7*24*time.Hour, "7 days ago"),
		{"from … to …", "type two times", func() tea.Cmd { return l.over(l.spanForm()) }},
	})
}

// setSpan opens the log for a time span.
func (l *logScreen) setSpan(since, until time.Time, words string) tea.Cmd {
	l.query.Since, l.query.Until, l.span, l.target = since, until, words, nil
	l.query.Tail = 0
	if since.IsZero() && until.IsZero() {
		l.query.Tail = logTail
	}
	return l.reload()
}

// spanForm asks for two times.
func (l *logScreen) spanForm() overlay {
	const hint = "2026-11-21 14:00, 14:00 (today), or an age such as 90m or 2d; UTC. Empty: no bound."
	submit := func(v []string) (tea.Cmd, error) {
		since, err := parseTime(v[0], l.now())
		if err != nil {
			return nil, err
		}
		until, err := parseTime(v[1], l.now())
		if err != nil {
			return nil, err
		}
		if !since.IsZero() && !until.IsZero() && !since.Before(until) {
			return nil, core.Errorf(core.CodeInvalid, "The span ends before it begins.")
		}
		words := "since " + stamp(since)
		if !until.IsZero() {
			words = "from " + stamp(since) + " to " + stamp(until)
		}
		return l.setSpan(since, until, words), nil
	}
	return newForm(l.env, "Time span", submit, textField("from", hint, ""), textField("to", hint, ""))
}

// parseTime reads a time as operators write it, in UTC: a stamp, a time of today, or an age.
func parseTime(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	for _, form := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(form, text); err == nil {
			y, m, d := now.UTC().Date()
			return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, time.UTC), nil
		}
	}
	age, err := core.ParseAge(text)
	if err != nil {
		return time.Time{}, core.Errorf(core.CodeInvalid, "%q is not a time: write 2026-11-21 14:00, 14:00 or 90m.", text)
	}
	return now.Add(-age), nil
}

// servicePicker offers every service that has logs, also those without a container.
func (l *logScreen) servicePicker() overlay {
	var all []choice
	offer := func(name, note string) {
		if slices.Contains(l.query.Services, name) {
			note = "shown: enter takes it out"
		}
		all = append(all, choice{name, note, func() tea.Cmd { return l.toggleService(name) }})
	}
	for _, s := range l.known {
		note := core.FormatBytes(s.Bytes)
		switch {
		case s.Borrowed:
			note = "from the engine's own log"
		case !s.Live:
			note = "no container now, " + note
		}
		offer(s.Service, note)
	}
	for _, name := range l.serviceNames() {
		if !slices.ContainsFunc(l.known, func(s core.LogService) bool { return s.Service == name }) {
			offer(name, "nothing collected yet")
		}
	}
	return newPicker(l.env, "Merge the log of", all)
}

// searchForm asks what to search for.
func (l *logScreen) searchForm() overlay {
	const everywhere = "every service"
	choices := []string{everywhere}
	if len(l.query.Services) > 0 {
		choices = append(choices, l.caption())
	}
	submit := func(v []string) (tea.Cmd, error) {
		if v[0] == "" {
			return nil, core.Errorf(core.CodeInvalid, "Search for what? Give a regular expression.")
		}
		if _, err := smartCase(v[0]); err != nil {
			return nil, err
		}
		q := core.LogQuery{Match: v[0]}
		if v[1] != everywhere {
			q.Services = l.query.Services
		}
		return l.push(newLogSearch(q)), nil
	}
	return newForm(l.env, "Search everything collected, newest first", submit,
		textField("pattern", "A regular expression. Without an upper-case letter it ignores case.", l.query.Match),
		choiceField("in", "Also logs of containers that are gone.", choices[len(choices)-1], choices...))
}
