package logs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestALogCollectedElsewhereIsReadFromTheEngine(t *testing.T) {
	noLeaks(t)
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	put(t, st, "app", entry{at: at(2), text: []byte("collected")})
	x := strings.Repeat("x", 16<<10)
	raw := func(n int, text string, partial bool) core.RawLog {
		return core.RawLog{At: t0.Add(time.Duration(n) * time.Millisecond), Stream: "stdout", Text: []byte(text), Partial: partial}
	}
	e.write("c1", raw(0, "INFO up", false), raw(1, "ERROR ", true), raw(1, "Disk full", false), raw(3, x, true), raw(3, x, true),
		raw(3, x, true), raw(3, x, true), raw(3, "y", false), raw(4, "WARN late", false))
	c.Borrow("traefik", "c1")
	long := x + x + x + x
	both := []string{"traefik", "app"}
	for name, tc := range map[string]struct {
		q    core.LogQuery
		want []string
	}{
		"all":         {core.LogQuery{Services: []string{"traefik"}}, []string{"INFO up", "ERROR Disk full", long, "WARN late"}},
		"merged":      {core.LogQuery{}, []string{"INFO up", "ERROR Disk full", "collected", long, "WARN late"}},
		"tail":        {core.LogQuery{Services: both, Tail: 3}, []string{"collected", long, "WARN late"}},
		"tail, match": {core.LogQuery{Services: both, Tail: 2, Match: "disk|up|collected"}, []string{"ERROR Disk full", "collected"}},
		"since":       {core.LogQuery{Services: both, Since: t0.Add(2 * time.Millisecond)}, []string{"collected", long, "WARN late"}},
		"until":       {core.LogQuery{Services: both, Until: t0.Add(2 * time.Millisecond)}, []string{"INFO up", "ERROR Disk full", "collected"}},
		"level":       {core.LogQuery{MinLevel: core.LevelWarn}, []string{"ERROR Disk full", "WARN late"}},
		"inverse":     {core.LogQuery{Match: "x", Invert: true}, []string{"INFO up", "ERROR Disk full", "collected", "WARN late"}},
		"limit":       {core.LogQuery{Services: both, Limit: 2}, []string{"INFO up", "ERROR Disk full"}},
		"backwards":   {core.LogQuery{Services: both, Backwards: true, Limit: 3}, []string{"WARN late", long, "collected"}},
		"another":     {core.LogQuery{Services: []string{"app"}}, []string{"collected"}},
	} {
		t.Run(name, func(t *testing.T) { expect(t, texts(readAll(t, st, tc.q)), tc.want...) })
	}
	lines := readAll(t, st, core.LogQuery{Services: []string{"traefik"}})
	if l := lines[1]; l.Service != "traefik" || l.Container != "c1" || l.Stream != "stdout" || l.Level != core.LevelError || l.Seq != 0 || l.Cut {
		t.Errorf("line %+v", l)
	}
	if !lines[2].Cut {
		t.Error("a line over 64 KiB is not marked")
	}
	hits, _ := searchAll(t, st, core.LogQuery{Match: "up|late|collected"})
	expect(t, texts(hits), "WARN late", "collected", "INFO up")
	hits, _ = searchAll(t, st, core.LogQuery{Match: "up|late|collected", Limit: 2})
	expect(t, texts(hits), "WARN late", "collected")
	list, err := st.Services(t.Context())
	if err != nil || len(list) != 2 || !list[1].Borrowed || list[0].Borrowed || list[1].Bytes != 0 || list[1].Lines != 0 || len(list[1].Containers) != 1 {
		t.Errorf("services %+v %v", list, err)
	}
	c.Untrack("c1")
	expect(t, texts(readAll(t, st, core.LogQuery{})), "collected")
}

func TestABorrowedLogIsFollowedOverARestart(t *testing.T) {
	noLeaks(t)
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	now := time.Now()
	e.say("c1", now.Add(-time.Hour), "old one", "old two")
	e.say("c1", now.Add(-time.Second), "just now")
	c.Borrow("traefik", "c1")
	f := follow(t, st, core.LogQuery{Services: []string{"traefik"}, Tail: 2})
	all := follow(t, st, core.LogQuery{MinLevel: core.LevelError})
	joined(t, st, 2)
	e.say("c1", time.Now(), "live", "ERROR bad")
	expect(t, f.waitFor(t, 4), "old two", "just now", "live", "ERROR bad")
	e.say("c1", time.Now(), "last words") // a container says nothing after its end
	e.stop("c1")
	f.waitFor(t, 5)
	put(t, st, "app", entry{at: time.Now().UnixNano(), text: []byte("ERROR collected")})
	e.start("c1")
	c.Borrow("traefik", "c1")
	e.say("c1", time.Now(), "ERROR again")
	expect(t, f.waitFor(t, 6), "old two", "just now", "live", "ERROR bad", "last words", "ERROR again")
	expect(t, all.waitFor(t, 3), "ERROR bad", "ERROR collected", "ERROR again")
	if n := st.Stats(); n.Lines != 1 {
		t.Errorf("%d lines were collected", n.Lines)
	}
}

func TestAContainerThatComesWhileItsServiceIsFollowedIsShown(t *testing.T) {
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	f := follow(t, st, core.LogQuery{Services: []string{"traefik"}, Tail: 1})
	joined(t, st, 1)
	e.say("c2", time.Now(), "first")
	c.Borrow("traefik", "c2")
	f.waitFor(t, 1)
	e.say("c2", time.Now(), "second")
	expect(t, f.waitFor(t, 2), "first", "second")
}

func TestWhoFollowsABorrowedLogSharesOneStreamThatEndsWithThem(t *testing.T) {
	noLeaks(t)
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	e.say("c1", time.Now(), "one")
	c.Borrow("traefik", "c1")
	streams := openStreams{LogSource: e}
	st.loans["c1"].source = &streams
	var all []*following
	for range 5 {
		all = append(all, follow(t, st, core.LogQuery{Services: []string{"traefik"}}))
	}
	for _, f := range all {
		expect(t, f.waitFor(t, 1), "one")
	}
	joined(t, st, 5)
	eventually(t, "one stream", func() bool { return streams.now() == 1 })
	for _, f := range all {
		f.stop()
	}
	eventually(t, "no stream", func() bool { return streams.now() == 0 })
}

// openStreams counts the followed streams that are open.
type openStreams struct {
	core.LogSource
	mu   sync.Mutex
	open int
}

func (s *openStreams) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
}

func (s *openStreams) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *openStreams) ContainerLogs(ctx context.Context, id string, since time.Time, follow bool) iter.Seq2[core.RawLog, error] {
	return func(yield func(core.RawLog, error) bool) {
		if follow {
			s.add(1)
			defer s.add(-1)
		}
		s.LogSource.ContainerLogs(ctx, id, since, follow)(yield)
	}
}

func TestFollowingABorrowedLogHasNeitherAHoleNorARepeat(t *testing.T) {
	noLeaks(t)
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	const n = 3000
	e.say("c1", time.Now(), "line 0")
	c.Borrow("traefik", "c1")
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 1; i < n; i++ {
			e.say("c1", time.Now(), fmt.Sprintf("line %d", i))
			if i%1000 == 500 { // the stream breaks, and goes on where it was
				e.with("c1", func(l *containerLog) { l.fail, l.failAt = errors.New("broken"), 0 })
			}
		}
	})
	var all []*following
	for i := range 4 {
		eventually(t, "some lines", func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return len(e.logs["c1"].lines) > i*n/5
		})
		all = append(all, follow(t, st, core.LogQuery{Services: []string{"traefik"}}))
	}
	writer.Wait()
	for _, f := range all {
		last := fmt.Sprintf("line %d", n-1)
		eventually(t, "the last line", func() bool {
			got := f.texts()
			return len(got) > 0 && got[len(got)-1] == last
		})
		expectNoHole(t, f)
	}
}

// expectNoHole takes what f got for lines numbered from 0 on, each once and in order. A line may only be missing where a
// gap says so: with its count when this viewer was too slow, without one where the engine broke the reading.
func expectNoHole(t testing.TB, f *following) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	next, unknown := 0, false
	for i, l := range f.lines {
		if l.Gap != nil {
			next, unknown = next+int(max(l.Gap.Dropped, 0)), unknown || l.Gap.Dropped < 0
			continue
		}
		var n int
		if _, err := fmt.Sscanf(string(l.Text), "line %d", &n); err != nil || n < next || n > next && !unknown {
			t.Errorf("%q where line %d was due, at %d", l.Text, next, i)
			return
		}
		next, unknown = n+1, false
	}
}

func TestWhatIsReadBackwardsOfTheEngineIsBoundedAndSaysSo(t *testing.T) {
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	x := strings.Repeat("x", 10<<10)
	var all []core.RawLog
	const n = maxLentBytes/(10<<10) + 1000
	for i := range n {
		all = append(all, core.RawLog{At: t0.Add(time.Duration(i) * time.Millisecond), Stream: "stdout", Text: []byte(x)})
	}
	e.write("c1", all...)
	c.Borrow("traefik", "c1")
	hits, _ := searchAll(t, st, core.LogQuery{Match: "x"})
	size := 0
	for i := range hits {
		size += cost(&hits[i])
	}
	gap := hits[len(hits)-1].Gap
	if size > maxLentBytes+maxText || gap == nil || gap.Dropped != int64(n-len(hits)+1) || !gap.From.Equal(t0) {
		t.Errorf("%d hits of %d bytes, the last %+v", len(hits), size, gap)
	}
	if got := readAll(t, st, core.LogQuery{Tail: 3}); len(got) != 3 || got[0].Gap != nil {
		t.Errorf("%d lines for a tail of 3", len(got))
	}
}

func TestAnEngineThatDoesNotGiveABorrowedLogIsAGap(t *testing.T) {
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	e.say("c1", t0, "one", "two")
	c.Borrow("traefik", "c1")
	put(t, st, "app", entry{at: at(0), text: []byte("collected")})
	for _, q := range []core.LogQuery{{}, {Tail: 10}} {
		e.with("c1", func(l *containerLog) {
			l.fail, l.failAt = core.Errorf(core.CodeUnavailable, "The engine does not answer."), 1
		})
		got := readAll(t, st, q)
		expect(t, texts(got), "collected", "one", "[gap]")
		if gap := got[2].Gap; !strings.Contains(gap.Reason, "The engine does not answer.") || gap.Dropped != -1 {
			t.Errorf("gap %+v", gap)
		}
	}
	c.Borrow("matrx-manager", "gone")
	expect(t, texts(readAll(t, st, core.LogQuery{})), "collected", "one", "two")
}

func TestALogThatWasCollectedBeforeIsBorrowedFromThereOn(t *testing.T) {
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	e.say("c1", t0, "one", "two")
	c.Track("web", "c1")
	eventually(t, "two lines", lineCount(st, 2))
	c.Borrow("web", "c1")
	eventually(t, "the stream has ended", func() bool { return st.Stats().Following == 0 })
	e.say("c1", t0.Add(time.Second), "three")
	expect(t, texts(readAll(t, st, core.LogQuery{Services: []string{"web"}})), "one", "two", "three")
	c.Track("web", "c1")
	eventually(t, "three lines", lineCount(st, 3))
	expect(t, texts(readAll(t, st, core.LogQuery{Services: []string{"web"}})), "one", "two", "three")
}
