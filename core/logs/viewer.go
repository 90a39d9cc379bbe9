package logs

import (
	"sync"

	"github.com/codematrx/matrx-ship/core"
)

const (
	// A viewer's buffer holds this many lines and bytes; beyond that the oldest are dropped.
	maxViewerLines = 8192
	maxViewerBytes = 4 << 20
	lineOverhead   = 160 // bytes that a core.LogLine takes beside its text
)

// viewer is the bounded buffer of one who follows. Whoever publishes never waits for it: the oldest lines go, and the
// viewer is told how many. (core.Hub bounds items; lines of up to 64 KiB need a bound in bytes, too.)
type viewer struct {
	ready chan struct{} // capacity 1

	mu    sync.Mutex // guards what follows
	lines []core.LogLine
	head  int // lines before it are gone
	bytes int
	gap   *core.LogGap
	from  string // service of the dropped lines, empty when there were several
}

func newViewer() *viewer { return &viewer{ready: make(chan struct{}, 1)} }

// push takes a line and drops the oldest ones when the buffer is full.
func (v *viewer) push(l core.LogLine) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.bytes += cost(l)
	v.lines = append(v.lines, l)
	for len(v.lines)-v.head > maxViewerLines || v.bytes > maxViewerBytes {
		v.drop()
	}
	if v.head > maxViewerLines {
		n := copy(v.lines, v.lines[v.head:])
		clear(v.lines[n:])
		v.lines, v.head = v.lines[:n], 0
	}
	select {
	case v.ready <- struct{}{}:
	default:
	}
}

// drop forgets the oldest line. The mutex is held.
func (v *viewer) drop() {
	l := v.lines[v.head]
	v.lines[v.head] = core.LogLine{}
	v.head++
	v.bytes -= cost(l)
	if v.gap == nil {
		v.gap = &core.LogGap{From: l.At, Reason: "this viewer was too slow"}
		v.from = l.Service
	}
	if v.from != l.Service {
		v.from = ""
	}
	v.gap.To = l.At
	v.gap.Dropped++
}

// take empties the buffer. After a drop the first line is the gap.
func (v *viewer) take() (lines []core.LogLine, dropped int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.gap != nil {
		lines = append(lines, core.LogLine{At: v.gap.To, Service: v.from, Gap: v.gap})
		dropped = v.gap.Dropped
	}
	lines = append(lines, v.lines[v.head:]...)
	v.lines, v.head, v.bytes, v.gap = nil, 0, 0, nil
	return lines, dropped
}

func cost(l core.LogLine) int { return len(l.Text) + lineOverhead }
