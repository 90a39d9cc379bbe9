package logs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

const (
	// What is read backwards of the engine's logs, or for a tail, is held in memory: at most so many lines of each
	// container, and so many bytes of all of them together; what is older is a gap.
	maxLentLines = 100_000
	maxLentBytes = 32 << 20
	minLentBytes = 128 << 10 // of each container, however many there are

	lentReaders = 4 // logs that are read at a time
	// engineSilence is how long the engine may take to give something of a log. It reads a whole log to find a time in it.
	engineSilence = 30 * time.Second
)

// lent is what is to be read of one loan.
type lent struct {
	*loan
	from  int64          // time of the first line to ask for; 0: all
	known *joint         // lines that the reader has had; nil: none
	joint *joint         // lines that the reader has had after reading
	lines []core.LogLine // what load has read, oldest first
	ready bool           // lines are loaded; else they are read as the reader goes
}

// lent gives what can be read of loans for a query. Of a container that was collected here before, only what came after that.
func (st *Store) lent(names []string, f *filter) []*lent {
	st.mu.Lock()
	defer st.mu.Unlock()
	var all []*lent
	for _, l := range st.loans {
		if len(names) > 0 && !slices.Contains(names, l.service.name) {
			continue
		}
		from := max(f.since, 0)
		for _, m := range l.service.marks() {
			if m.id == l.short {
				from = max(from, m.last+1)
			}
		}
		all = append(all, &lent{loan: l, from: from, joint: newJoint(from)})
	}
	slices.SortFunc(all, func(a, b *lent) int {
		return cmp.Or(cmp.Compare(a.service.name, b.service.name), cmp.Compare(a.container, b.container))
	})
	return all
}

// errEnough ends a log of which no more is wanted.
var errEnough = errors.New("enough")

// pull yields the lines that pass, in the order of the log. When the engine does not give them, a gap says so.
func (l *lent) pull(ctx context.Context, f *filter) iter.Seq[core.LogLine] {
	return func(yield func(core.LogLine) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		silence := time.AfterFunc(engineSilence, cancel)
		defer silence.Stop()
		sel := f.selector()
		var lines assembler
		emit := func(e entry) error { return l.take(sel, e, yield) }
		err := func() error {
			for raw, err := range l.source.ContainerLogs(ctx, l.container, since(l.from), false) {
				if !silence.Stop() && ctx.Err() != nil {
					break
				}
				if err != nil {
					return err
				}
				if err := lines.add(raw, l.store.lineTime(raw.At), emit); err != nil {
					return err
				}
				silence.Reset(engineSilence)
			}
			if err := ctx.Err(); err != nil {
				return core.Errorf(core.CodeUnavailable, "It has said nothing for %s.", engineSilence)
			}
			return lines.flush(emit)
		}()
		if err != nil && !errors.Is(err, errEnough) && core.CodeOf(err) != core.CodeNotFound {
			yield(l.gap(l.store.now().UnixNano(), l.store.now().UnixNano(), -1, unread(err)))
		}
	}
}

// take yields a line that passes and that the reader has not had.
func (l *lent) take(sel *selector, e entry, yield func(core.LogLine) bool) error {
	e.container = l.short
	l.joint.note(e)
	if l.known != nil && l.known.has(e.at, e.stream, e.text) {
		return nil
	}
	line := e.logLine(l.service.name, 0, Level(e.text))
	if sel.keepLine(&line) && !yield(line) {
		return errEnough
	}
	return nil
}

func (l *lent) gap(first, last, lines int64, reason string) core.LogLine {
	line := gapLine(l.service.name, first, last, lines, reason)
	line.Container = l.short
	return line
}

// cursor walks what is to be read. It is closed by who walks.
func (l *lent) cursor(ctx context.Context, f *filter, back bool) *cursor {
	all := l.pull(ctx, f)
	if l.ready {
		all = slices.Values(l.lines)
	}
	if l.ready && back {
		all = func(yield func(core.LogLine) bool) {
			for _, line := range slices.Backward(l.lines) {
				if !yield(line) {
					return
				}
			}
		}
	}
	next, stop := iter.Pull(all)
	return &cursor{snap: snapshot{service: l.service}, back: back, pull: next, stop: stop}
}

// load reads the newest lines of all loans that pass, at most limit of each when it is above 0.
func load(ctx context.Context, all []*lent, f *filter, limit int) {
	var wg sync.WaitGroup
	defer wg.Wait()
	next := make(chan *lent)
	defer close(next)
	for range min(lentReaders, len(all)) {
		wg.Go(func() {
			for l := range next {
				l.load(ctx, f, limit, max(minLentBytes, maxLentBytes/len(all)))
			}
		})
	}
	for _, l := range all {
		next <- l
	}
}

// load reads the newest lines into memory.
func (l *lent) load(ctx context.Context, f *filter, limit, maxBytes int) {
	newest, bytes, dropped, oldest := []core.LogLine(nil), 0, int64(0), int64(0)
	start := 0 // of newest: those before it are dropped
	for line := range l.pull(ctx, f) {
		newest, bytes = append(newest, line), bytes+cost(&line)
		for held := len(newest) - start; held > 1 && (bytes > maxBytes || held > maxLentLines || limit > 0 && held > limit); held-- {
			if dropped == 0 {
				oldest = newest[start].At.UnixNano()
			}
			if limit == 0 || held <= limit {
				dropped++
			}
			bytes -= cost(&newest[start])
			newest[start] = core.LogLine{}
			start++
		}
		if start > len(newest)/2+64 {
			newest, start = append(newest[:0:0], newest[start:]...), 0
		}
	}
	newest = newest[start:]
	if dropped > 0 {
		gap := l.gap(oldest, newest[0].At.UnixNano()-1, dropped, "only the newest part of the engine's own log is read backwards")
		newest = slices.Insert(newest, 0, gap)
	}
	slices.SortStableFunc(newest, func(a, b core.LogLine) int { return a.At.Compare(b.At) })
	l.lines, l.ready = newest, true
}

// keepLast leaves only the last n of the loaded lines.
func (l *lent) keepLast(n int) { l.lines, l.ready = l.lines[len(l.lines)-min(n, len(l.lines)):], true }
