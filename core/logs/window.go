package logs

import (
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// mergeWindow is how long a line of a merged view waits for an earlier one of another service.
const mergeWindow = 100 * time.Millisecond

// window puts lines of several services in order of time, as far as they come within the window of each other.
type window struct {
	held    []heldLine // a heap by time
	bytes   int
	order   int
	batches []batch // oldest first; the first one has lines that are still held
	done    int     // batches before batches[0]
}

type heldLine struct {
	*core.LogLine
	batch int
	order int // keeps lines of equal time as they came
}

// batch is lines that arrived together.
type batch struct {
	arrived time.Time
	held    int
}

// add takes lines that have just arrived.
func (w *window) add(lines []*core.LogLine, now time.Time) {
	if len(lines) == 0 {
		return
	}
	id := w.done + len(w.batches)
	w.batches = append(w.batches, batch{now, len(lines)})
	for _, l := range lines {
		w.order++
		w.bytes += cost(l)
		push(&w.held, heldLine{l, id, w.order}, heldBefore)
	}
}

// next gives the earliest line once some line has waited for the window, or when too much is held.
func (w *window) next(now time.Time) (*core.LogLine, bool) {
	if len(w.held) == 0 || w.bytes < maxRingBytes && w.due().After(now) {
		return nil, false
	}
	l := pop(&w.held, heldBefore)
	w.bytes -= cost(l.LogLine)
	w.batches[l.batch-w.done].held--
	for len(w.batches) > 0 && w.batches[0].held == 0 {
		w.batches = w.batches[1:]
		w.done++
	}
	return l.LogLine, true
}

// due is when the line that has waited longest may go. There is one.
func (w *window) due() time.Time { return w.batches[0].arrived.Add(mergeWindow) }

func heldBefore(a, b heldLine) bool {
	if !a.At.Equal(b.At) {
		return a.At.Before(b.At)
	}
	return a.order < b.order
}

// ripe gives all lines that may go now.
func (w *window) ripe(now time.Time) (lines []*core.LogLine) {
	for {
		l, ok := w.next(now)
		if !ok {
			return lines
		}
		lines = append(lines, l)
	}
}
