package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// tickMsg asks a screen to look again; an older one than the screen's newest is of no use.
type tickMsg struct{ to, n int }

func (m tickMsg) addressee() int { return m.to }

// ticker looks again after a time, one look at once.
type ticker struct{ n int }

// again asks for a look after d.
func (t *ticker) again(id int, d time.Duration) tea.Cmd {
	t.n++
	n := t.n
	return tea.Tick(d, func(time.Time) tea.Msg { return tickMsg{id, n} })
}

// due reports whether a tick is the newest.
func (t *ticker) due(m tickMsg) bool { return m.n == t.n }
