package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func lineCount(st *Store, n int64) func() bool {
	return func() bool { return st.Stats().Lines >= n }
}

func TestTheLinesOfATrackedContainerAreCollected(t *testing.T) {
	noLeaks(t)
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	e.say("0123456789abcdef", t0, "one", "two")
	c.Track("app", "0123456789abcdef")
	eventually(t, "two lines", lineCount(st, 2))
	e.say("0123456789abcdef", t0.Add(time.Second), "three\r")
	eventually(t, "three lines", lineCount(st, 3))
	got := readAll(t, st, core.LogQuery{})
	expect(t, texts(got), "one", "two", "three")
	if got[0].Container != "0123456789ab" || !got[0].At.Equal(t0) {
		t.Errorf("line %+v", got[0])
	}
	if s := st.Stats(); s.Following != 1 || s.Gaps != 0 {
		t.Errorf("stats %+v", s)
	}
	if e.openings() != 1 {
		t.Errorf("%d streams for one container", e.openings())
	}
}

func TestFragmentsAreJoinedAndLongLinesAreCut(t *testing.T) {
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	piece := func(n int, text string, partial bool) core.RawLog {
		return core.RawLog{At: t0.Add(time.Duration(n)), Stream: "stdout", Text: []byte(text), Partial: partial}
	}
	x := strings.Repeat("x", 16<<10)
	e.write("c1",
		piece(0, "ab", true), core.RawLog{At: t0.Add(1), Stream: "stderr", Text: []byte("in between")}, piece(2, "cd", false),
		piece(3, x, true), piece(4, x, true), piece(5, x, true), piece(6, x, false),
		piece(7, x, true), piece(8, x, true), piece(9, x, true), piece(10, x, true), piece(11, "y", false),
		piece(12, "two\nlines\n", false), piece(13, "", false), piece(14, "the end without a line end", true),
	)
	e.stop("c1")
	c.Track("app", "c1")
	eventually(t, "all lines", lineCount(st, 8))
	got := readAll(t, st, core.LogQuery{})
	expect(t, texts(got), "in between", "abcd", x+x+x+x, x+x+x+x, "two", "lines", "", "the end without a line end")
	if got[2].Cut || !got[3].Cut {
		t.Error("exactly the line over 64 KiB is cut")
	}
	if st.Stats().Cut != 1 {
		t.Errorf("stats %+v", st.Stats())
	}
}

// endless gives one line of a hundred megabytes and then a short one.
type endless struct{ fragments int }

func (s endless) ContainerLogs(context.Context, string, time.Time, bool) iter.Seq2[core.RawLog, error] {
	return func(yield func(core.RawLog, error) bool) {
		x := bytes.Repeat([]byte("x"), 16<<10)
		for range s.fragments {
			if !yield(core.RawLog{At: t0, Stream: "stdout", Text: x, Partial: true}, nil) {
				return
			}
		}
		if yield(core.RawLog{At: t0, Stream: "stdout", Text: x}, nil) {
			yield(core.RawLog{At: t0.Add(1), Stream: "stdout", Text: []byte("next")}, nil)
		}
	}
}

func TestALineOfAHundredMegabytesCostsLittleMemory(t *testing.T) {
	st := openStore(t, Config{})
	c := collect(t, st, endless{fragments: 100 << 20 / (16 << 10)})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c.Track("app", "c1")
	eventually(t, "both lines", lineCount(st, 2))
	runtime.ReadMemStats(&after)
	got := readAll(t, st, core.LogQuery{})
	if len(got) != 2 || !got[0].Cut || len(got[0].Text) != maxText || got[1].Text != "next" {
		t.Fatalf("%d lines, first of %d bytes", len(got), len(got[0].Text))
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("allocated %d MiB", grown>>20)
	}
}

func TestCollectingGoesOnAfterARestartWithoutLossOrRepeat(t *testing.T) {
	e, dir := newEngine(), t.TempDir()
	var want []string
	next := 0
	write := func(n int) {
		for range n {
			text := fmt.Sprintf("line %d", next)
			if next%7 == 0 { // the same again, in the same nanosecond
				e.say("c1", t0.Add(time.Duration(next)), text, text)
				e.with("c1", func(l *containerLog) { l.lines[len(l.lines)-1].At = l.lines[len(l.lines)-2].At })
				want = append(want, text)
			} else {
				e.say("c1", t0.Add(time.Duration(next/3)), text)
			}
			want = append(want, text)
			next++
		}
	}
	for round := range 5 {
		write(50)
		st := openStore(t, Config{Dir: dir})
		c := collect(t, st, e)
		c.Track("app", "c1")
		write(20)
		eventually(t, "all lines collected", func() bool { return len(readAll(t, st, core.LogQuery{})) >= len(want) })
		expect(t, texts(readAll(t, st, core.LogQuery{})), want...)
		if g := st.Stats().Gaps; g != 0 {
			t.Fatalf("round %d: %d gaps", round, g)
		}
		c.Close()
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStreamThatBreaksIsTakenUpWithoutLossOrRepeat(t *testing.T) {
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	e.say("c1", t0, "0", "1", "2", "3", "4")
	e.with("c1", func(l *containerLog) { l.fail, l.failAt = errors.New("connection reset"), 3 })
	c.Track("app", "c1")
	eventually(t, "all lines", lineCount(st, 5))
	e.with("c1", func(l *containerLog) { l.fail = core.Errorf(core.CodeUnavailable, "engine restarted") })
	e.say("c1", t0.Add(time.Second), "5")
	eventually(t, "six lines", lineCount(st, 6))
	expect(t, texts(readAll(t, st, core.LogQuery{})), "0", "1", "2", "3", "4", "5")
	if g := st.Stats().Gaps; g != 0 {
		t.Errorf("%d gaps although nothing is lost", g)
	}
}

func TestLinesTheEngineNoLongerHasAreAGap(t *testing.T) {
	e, dir := newEngine(), t.TempDir()
	st := openStore(t, Config{Dir: dir})
	c := collect(t, st, e)
	e.say("c1", t0, "0", "1")
	c.Track("app", "c1")
	eventually(t, "two lines", lineCount(st, 2))
	c.Close()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	e.with("c1", func(l *containerLog) { l.lines = nil }) // rotated away while nobody looked
	e.say("c1", t0.Add(time.Hour), "2", "3")
	st = openStore(t, Config{Dir: dir})
	collect(t, st, e).Track("app", "c1")
	eventually(t, "two more lines", lineCount(st, 2))
	got := readAll(t, st, core.LogQuery{})
	expect(t, texts(got), "0", "1", "[gap]", "2", "3")
	if g := got[2].Gap; g.Dropped != -1 || !g.From.Equal(t0.Add(time.Millisecond)) || !g.To.Equal(t0.Add(time.Hour)) || g.Reason == "" {
		t.Errorf("gap %+v", g)
	}
}

func TestALogTheEngineCannotReadIsAGap(t *testing.T) {
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	e.say("c1", t0, "0")
	c.Track("app", "c1")
	eventually(t, "a line", lineCount(st, 1))
	for range 2 * stuckAfter {
		opened := e.openings()
		e.with("c1", func(l *containerLog) { l.fail, l.failAt = errors.New(`invalid character '\x00'`), 0 })
		eventually(t, "another attempt", func() bool { return e.openings() > opened })
	}
	e.say("c1", t0.Add(time.Second), "1")
	eventually(t, "the next line", lineCount(st, 2))
	got := readAll(t, st, core.LogQuery{})
	expect(t, texts(got), "0", "[gap]", "1")
	if !strings.Contains(got[1].Gap.Reason, `invalid character`) {
		t.Errorf("gap %+v", got[1].Gap)
	}
}

func TestAContainerThatStopsAndStartsIsFollowedOn(t *testing.T) {
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	e.say("c1", t0, "0")
	c.Track("app", "c1")
	eventually(t, "a line", lineCount(st, 1))
	e.stop("c1")
	eventually(t, "the stream ends", func() bool { return st.Stats().Following == 0 })
	e.start("c1")
	c.Track("app", "c1")
	e.say("c1", t0.Add(time.Second), "1")
	eventually(t, "two lines", lineCount(st, 2))
	// A start that is told before the end of the old stream is noticed is not missed either.
	e.stop("c1")
	e.start("c1")
	c.Track("app", "c1")
	e.say("c1", t0.Add(2*time.Second), "2")
	eventually(t, "three lines", lineCount(st, 3))
	expect(t, texts(readAll(t, st, core.LogQuery{})), "0", "1", "2")
}

// held is a source whose streams give a line and end when they are told to.
type held struct{ opened, end chan struct{} }

func (h held) ContainerLogs(ctx context.Context, _ string, since time.Time, _ bool) iter.Seq2[core.RawLog, error] {
	return func(yield func(core.RawLog, error) bool) {
		if !yield(core.RawLog{At: since.Add(1), Stream: "stdout", Text: []byte("x")}, nil) {
			return
		}
		h.opened <- struct{}{}
		<-h.end
	}
}

func TestAStartToldBeforeTheOldStreamEndsOpensANewOne(t *testing.T) {
	h := held{opened: make(chan struct{}), end: make(chan struct{})}
	c := collect(t, openStore(t, Config{}), h)
	c.Track("app", "c1")
	<-h.opened
	c.Track("app", "c1")
	h.end <- struct{}{}
	select {
	case <-h.opened:
	case <-time.After(5 * time.Second):
		t.Error("the stream was not opened again")
	}
	close(h.end)
}

func TestARenamedContainerGoesOnUnderItsNewName(t *testing.T) {
	e, dir := newEngine(), t.TempDir()
	st := openStore(t, Config{Dir: dir})
	c := collect(t, st, e)
	f := follow(t, st, core.LogQuery{})
	joined(t, st, 1)
	e.say("c1", t0, "0")
	c.Track("candidate", "c1")
	eventually(t, "a line", lineCount(st, 1))
	c.Track("app", "c1")
	e.say("c1", t0.Add(time.Second), "1")
	expect(t, f.waitFor(t, 2), "0", "1")
	expect(t, texts(readAll(t, st, core.LogQuery{Services: []string{"candidate"}})), "0")
	expect(t, texts(readAll(t, st, core.LogQuery{Services: []string{"app"}})), "1")
	if e.openings() != 1 {
		t.Errorf("%d streams", e.openings())
	}
	c.Close()
	f.stop()
	<-f.done
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = openStore(t, Config{Dir: dir})
	collect(t, st, e).Track("app", "c1")
	e.say("c1", t0.Add(2*time.Second), "2")
	eventually(t, "the next line", lineCount(st, 1))
	expect(t, texts(readAll(t, st, core.LogQuery{})), "0", "1", "2")
}

func TestTheLastWordsOfARemovedContainerStay(t *testing.T) {
	noLeaks(t)
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	c.Track("app", "gone")
	e.say("c1", t0, "0")
	c.Track("app", "c1")
	f := follow(t, st, core.LogQuery{Services: []string{"app"}})
	f.waitFor(t, 1)
	e.say("c1", t0.Add(time.Second), "panic: the last words")
	e.stop("c1")
	c.Untrack("c1")
	f.waitFor(t, 2)
	e.remove("c1")
	eventually(t, "no stream is left", func() bool { return st.Stats().Following == 0 })
	expect(t, texts(readAll(t, st, core.LogQuery{})), "0", "panic: the last words")
	e.say("c2", t0.Add(time.Minute), "a new container")
	c.Track("app", "c2")
	expect(t, f.waitFor(t, 3), "0", "panic: the last words", "a new container")
	list, err := st.Services(t.Context())
	if err != nil || len(list) != 1 || strings.Join(list[0].Containers, " ") != "c2 c1" || !list[0].Live {
		t.Errorf("services %+v, %v", list, err)
	}
}

func TestAnUntrackedContainerIsCutOffAfterTheGrace(t *testing.T) {
	e, st := newEngine(), openStore(t, Config{})
	c := collect(t, st, e)
	e.say("c1", t0, "0")
	c.Track("app", "c1")
	eventually(t, "a line", lineCount(st, 1))
	c.Untrack("c1")
	eventually(t, "no stream is left", func() bool { return st.Stats().Following == 0 })
	c.Untrack("never tracked")
	c.Track("a/b", "c1")
	c.Track("app", "c1")
	e.say("c1", t0.Add(time.Second), "1")
	eventually(t, "two lines", lineCount(st, 2))
	c.Untrack("c1")
	c.Track("app", "c1") // back within the grace
	e.say("c1", t0.Add(2*time.Second), "2")
	eventually(t, "three lines", lineCount(st, 3))
	expect(t, texts(readAll(t, st, core.LogQuery{})), "0", "1", "2")
}

func TestAClockThatWentBackHidesNoLines(t *testing.T) {
	e, dir := newEngine(), t.TempDir()
	now := t0.Add(time.Hour)
	cfg := Config{Dir: dir, Now: func() time.Time { return now }}
	st := openStore(t, cfg)
	c := collect(t, st, e)
	e.say("c1", t0, "0", "1")
	e.say("c1", t0.Add(time.Hour), "from the future", "and another")
	c.Track("app", "c1")
	eventually(t, "four lines", lineCount(st, 4))
	c.Close()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	now = t0.Add(time.Minute)
	e.say("c1", now.Add(time.Second), "after the clock was set back")
	st = openStore(t, cfg)
	collect(t, st, e).Track("app", "c1")
	eventually(t, "the new line", lineCount(st, 1))
	expect(t, texts(readAll(t, st, core.LogQuery{})), "0", "1", "from the future", "and another", "after the clock was set back")
}
