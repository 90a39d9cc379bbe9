package logs

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// engine is a source that behaves as a container engine does: it keeps what a container wrote, filters line by line by
// time, and ends a followed stream when the container stops.
type engine struct {
	mu      sync.Mutex
	changed chan struct{}
	logs    map[string]*containerLog
	opened  int
}

type containerLog struct {
	lines   []core.RawLog
	stopped bool
	starts  int   // a stream ends with the run it was opened in
	fail    error // what the next pull gives
	failAt  int   // after so many lines were sent by one stream
}

func newEngine() *engine {
	return &engine{changed: make(chan struct{}), logs: map[string]*containerLog{}}
}

// with changes a container's log and wakes those who follow.
func (e *engine) with(id string, change func(*containerLog)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l, ok := e.logs[id]
	if !ok {
		l = &containerLog{}
		e.logs[id] = l
	}
	change(l)
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *engine) write(id string, lines ...core.RawLog) {
	e.with(id, func(l *containerLog) { l.lines = append(l.lines, lines...) })
}

// say writes whole lines to stdout, a millisecond apart.
func (e *engine) say(id string, from time.Time, lines ...string) {
	var raws []core.RawLog
	for i, text := range lines {
		raws = append(raws, core.RawLog{At: from.Add(time.Duration(i) * time.Millisecond), Stream: "stdout", Text: []byte(text)})
	}
	e.write(id, raws...)
}

func (e *engine) stop(id string) { e.with(id, func(l *containerLog) { l.stopped = true }) }
func (e *engine) start(id string) {
	e.with(id, func(l *containerLog) { l.stopped = false; l.starts++ })
}
func (e *engine) remove(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.logs, id)
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *engine) openings() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.opened
}

func (e *engine) ContainerLogs(ctx context.Context, id string, since time.Time, follow bool) iter.Seq2[core.RawLog, error] {
	return func(yield func(core.RawLog, error) bool) {
		e.mu.Lock()
		e.opened++
		if e.logs[id] == nil {
			e.mu.Unlock()
			yield(core.RawLog{}, core.Errorf(core.CodeNotFound, "no container %s", id))
			return
		}
		run := e.logs[id].starts
		e.mu.Unlock()
		for next, sent := 0, 0; ; {
			e.mu.Lock()
			l, changed := e.logs[id], e.changed
			if l == nil {
				e.mu.Unlock()
				return
			}
			if l.fail != nil && sent >= l.failAt {
				err := l.fail
				l.fail = nil
				e.mu.Unlock()
				yield(core.RawLog{}, err)
				return
			}
			if next < len(l.lines) {
				raw := l.lines[next]
				e.mu.Unlock()
				next++
				if raw.At.Before(since) {
					continue
				}
				if sent++; !yield(raw, nil) {
					return
				}
				continue
			}
			stopped := l.stopped || l.starts != run
			e.mu.Unlock()
			if stopped || !follow {
				return
			}
			select {
			case <-ctx.Done():
				yield(core.RawLog{}, ctx.Err())
				return
			case <-changed:
			}
		}
	}
}

// t0 is when the tests begin; it has nanoseconds, as the engine's times do.
var t0 = time.Date(2026, 11, 21, 22, 19, 30, 123456789, time.UTC)

// openStore opens a store in a directory of the test, and closes it at the end.
func openStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.MinFree == 0 {
		cfg.MinFree = -1
	}
	if cfg.Flush == 0 {
		cfg.Flush = 10 * time.Millisecond
	}
	if cfg.Bounds.MaxAge == 0 {
		cfg.Bounds.MaxAge = -1
	}
	if cfg.SegmentAge == 0 {
		// Lines here are dated t0: the keeper's first look, which may come late on a busy machine, would find them old and
		// put them into a block.
		cfg.SegmentAge = keepForever
	}
	st, err := Open(cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return st
}

// collect opens a collector over the engine, and closes it at the end.
func collect(t testing.TB, st *Store, e core.LogSource) *Collector {
	t.Helper()
	c := NewCollector(st, e, CollectorConfig{Retry: time.Millisecond, MaxRetry: 5 * time.Millisecond, Grace: 50 * time.Millisecond})
	t.Cleanup(c.Close)
	return c
}

// put writes lines straight into a service.
func put(t testing.TB, st *Store, service string, entries ...entry) {
	t.Helper()
	s, err := st.acquire(service)
	if err != nil {
		t.Fatal(err)
	}
	defer s.release()
	for _, e := range entries {
		if e.container == "" {
			e.container = "0123456789ab"
		}
		if e.stream == "" {
			e.stream = streamOut
		}
		if err := s.append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func at(n int) int64 { return t0.Add(time.Duration(n) * time.Millisecond).UnixNano() }

// numbered makes lines "prefix 0", "prefix 1" and so on, a millisecond apart.
func numbered(prefix string, from, to int) []entry {
	var out []entry
	for i := from; i < to; i++ {
		out = append(out, entry{at: at(i), text: fmt.Appendf(nil, "%s %d", prefix, i)})
	}
	return out
}

func readAll(t testing.TB, st *Store, q core.LogQuery) []core.LogLine {
	t.Helper()
	var out []core.LogLine
	for l, err := range st.Read(t.Context(), q) {
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		out = append(out, l)
	}
	return out
}

func searchAll(t testing.TB, st *Store, q core.LogQuery) (hits []core.LogLine, last core.LogProgress) {
	t.Helper()
	for h, err := range st.Search(t.Context(), q) {
		if err != nil {
			t.Fatalf("search: %v", err)
		}
		if h.Line != nil {
			hits = append(hits, *h.Line)
		}
		if h.Progress != nil {
			last = *h.Progress
		}
	}
	return hits, last
}

// texts gives the texts of lines; a gap is "[gap]".
func texts(lines []core.LogLine) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		if l.Gap != nil {
			out = append(out, "[gap]")
			continue
		}
		out = append(out, l.Text)
	}
	return out
}

func expect(t testing.TB, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("got %d lines:\n%s\nwant %d:\n%s", len(got), clip(got), len(want), clip(want))
	}
}

func clip(lines []string) string {
	if len(lines) > 20 {
		lines = append(append([]string{}, lines[:20]...), "...")
	}
	return strings.Join(lines, "\n")
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			t.Fatalf("not within 10 s: %s", what)
		case <-tick.C:
		}
	}
}

// noLeaks fails the test when goroutines of this package are left at its end. Call it first.
func noLeaks(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		stacks := func() string {
			buf := make([]byte, 1<<20)
			var ours []string
			for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
				if strings.Contains(g, "core/logs.(") && !strings.Contains(g, "testing.tRunner") {
					ours = append(ours, g)
				}
			}
			return strings.Join(ours, "\n\n")
		}
		eventually(t, "goroutines end", func() bool { return stacks() == "" })
	})
}

// following pulls a follower in a goroutine and gives its lines.
type following struct {
	mu    sync.Mutex
	lines []core.LogLine
	err   error
	done  chan struct{}
	stop  context.CancelFunc
}

func follow(t testing.TB, st *Store, q core.LogQuery) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &following{done: make(chan struct{}), stop: cancel}
	go func() {
		defer close(f.done)
		for l, err := range st.Follow(ctx, q) {
			f.mu.Lock()
			if err != nil {
				f.err = err
			} else {
				f.lines = append(f.lines, l)
			}
			f.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-f.done
	})
	return f
}

func (f *following) texts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return texts(f.lines)
}

func (f *following) waitFor(t testing.TB, n int) []string {
	t.Helper()
	eventually(t, fmt.Sprintf("%d lines followed", n), func() bool { return len(f.texts()) >= n })
	return f.texts()
}

// joined waits until n viewers follow.
func joined(t testing.TB, st *Store, n int) {
	t.Helper()
	eventually(t, "the viewer has joined", func() bool { return st.Stats().Viewers == n })
}
