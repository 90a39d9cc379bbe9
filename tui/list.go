package tui

import (
	"strings"
	"unicode"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// list is a cursor over rows that belong to a screen. It stays on the same row when rows come and go.
type list struct {
	at  int // row under the cursor
	top int // first row drawn; moved by window so that the cursor is in sight
	h   int // rows drawn last, for paging
}

// move takes a key; it is false when the key is none of a list's.
func (l *list) move(msg tea.KeyPressMsg, n int) bool {
	page := max(l.h-1, 1)
	switch {
	case key.Matches(msg, keys.down), key.Matches(msg, keys.next):
		l.at++
	case key.Matches(msg, keys.up), key.Matches(msg, keys.prev):
		l.at--
	case key.Matches(msg, keys.top):
		l.at = 0
	case key.Matches(msg, keys.bottom):
		l.at = n - 1
	case key.Matches(msg, keys.pageDown):
		l.at += page
	case key.Matches(msg, keys.pageUp):
		l.at -= page
	default:
		return false
	}
	l.clamp(n)
	return true
}

func (l *list) clamp(n int) { l.at = max(min(l.at, n-1), 0) }

// keep puts the cursor back on the row with the given name after the rows changed; without it the cursor stays where
// it is in the list.
func (l *list) keep(name string, n int, nameOf func(int) string) {
	l.clamp(n)
	if name == "" || l.at < n && nameOf(l.at) == name {
		return
	}
	for i := range n {
		if nameOf(i) == name {
			l.at = i
			return
		}
	}
}

// window says which rows to draw in h lines.
func (l *list) window(n, h int) (from, to int) {
	l.h = max(h, 1)
	l.clamp(n)
	switch {
	case l.at < l.top:
		l.top = l.at
	case l.at >= l.top+l.h:
		l.top = l.at - l.h + 1
	}
	l.top = max(min(l.top, n-l.h), 0)
	return l.top, min(l.top+l.h, n)
}

// filtered is a filter over rows: every word of it must occur in a row. Without an upper-case letter case is ignored.
type filtered struct{ text string }

// Filter is the text.
func (f *filtered) Filter() string { return f.text }

// keeps reports whether a row with these texts stays.
func (f *filtered) keeps(texts ...string) bool {
	if f.text == "" {
		return true
	}
	row := strings.Join(texts, " ")
	if !hasUpper(f.text) {
		row = strings.ToLower(row)
	}
	for _, word := range strings.Fields(f.text) {
		if !strings.Contains(row, word) {
			return false
		}
	}
	return true
}

// clear takes the filter away; it is false when there was none.
func (f *filtered) clear() bool {
	had := f.text != ""
	f.text = ""
	return had
}

func hasUpper(s string) bool { return strings.ContainsFunc(s, unicode.IsUpper) }
