package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestFollowingHasNeitherAHoleNorARepeatAtTheSeam(t *testing.T) {
	noLeaks(t)
	st := openStore(t, Config{SegmentBytes: 8 << 10})
	const n = 40_000
	var writer sync.WaitGroup
	writer.Go(func() { put(t, st, "app", numbered("line", 0, n)...) })
	var followers []*following
	for range 4 {
		eventually(t, "some lines", func() bool { return st.Stats().Lines > int64(len(followers)*n/10) })
		followers = append(followers, follow(t, st, core.LogQuery{Services: []string{"app"}}))
	}
	writer.Wait()
	for _, f := range followers {
		// A follower on a busy machine may lose lines, but it then knows how many.
		eventually(t, "the last line", func() bool {
			got := f.texts()
			return len(got) > 0 && got[len(got)-1] == fmt.Sprintf("line %d", n-1)
		})
		f.mu.Lock()
		next, gaps := 0, []core.LogGap{}
		for _, l := range f.lines {
			if l.Gap != nil {
				next += int(l.Gap.Dropped)
				gaps = append(gaps, *l.Gap)
				continue
			}
			if want := fmt.Sprintf("line %d", next); l.Text != want {
				t.Errorf("%q where %q was due, after %+v", l.Text, want, gaps)
				break
			}
			next++
		}
		f.mu.Unlock()
	}
}

func TestFollowingBeginsWithTheTailOrSince(t *testing.T) {
	st := openStore(t, Config{})
	put(t, st, "app", numbered("line", 0, 5000)...)
	put(t, st, "db", entry{at: at(4998), text: []byte("db")})
	for name, tc := range map[string]struct {
		q    core.LogQuery
		want []string
	}{
		"the last three":          {core.LogQuery{Services: []string{"app"}, Tail: 3}, []string{"line 4997", "line 4998", "line 4999"}},
		"the last three of all":   {core.LogQuery{Tail: 3}, []string{"line 4998", "db", "line 4999"}},
		"the last two that match": {core.LogQuery{Services: []string{"app"}, Tail: 2, Match: "7$"}, []string{"line 4987", "line 4997"}},
		"since a time":            {core.LogQuery{Services: []string{"app"}, Since: time.Unix(0, at(4998))}, []string{"line 4998", "line 4999"}},
		"nothing":                 {core.LogQuery{Services: []string{"app"}, Tail: -1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := follow(t, st, tc.q)
			joined(t, st, 1)
			defer func() { f.stop(); <-f.done; joined(t, st, 0) }()
			got := f.waitFor(t, len(tc.want))
			slices.Sort(got)
			want := slices.Sorted(slices.Values(tc.want))
			expect(t, got, want...)
		})
	}
}

func TestFollowingShowsOnlyWhatPasses(t *testing.T) {
	st := openStore(t, Config{})
	f := follow(t, st, core.LogQuery{Services: []string{"app"}, MinLevel: core.LevelWarn, Match: "disk"})
	inverse := follow(t, st, core.LogQuery{Services: []string{"app"}, Match: "disk", Invert: true, Limit: 2})
	joined(t, st, 2)
	put(t, st, "app",
		entry{at: at(0), text: []byte("INFO disk fine")}, entry{at: at(1), text: []byte("ERROR disk full")},
		entry{at: at(2), text: []byte("ERROR memory")}, entry{at: at(3), text: []byte("other")}, entry{at: at(4), text: []byte("WARN Disk slow")},
	)
	expect(t, f.waitFor(t, 2), "ERROR disk full", "WARN Disk slow")
	<-inverse.done
	expect(t, inverse.texts(), "ERROR memory", "other")
}

func TestSeveralServicesAreFollowedInOrderOfTime(t *testing.T) {
	st := openStore(t, Config{})
	f := follow(t, st, core.LogQuery{})
	joined(t, st, 1)
	put(t, st, "b", entry{at: at(5), text: []byte("second")})
	put(t, st, "a", entry{at: at(1), text: []byte("first")})
	put(t, st, "c", entry{at: at(9), text: []byte("third")}, entry{at: at(9), text: []byte("fourth")})
	expect(t, f.waitFor(t, 4), "first", "second", "third", "fourth")
}

func TestASlowViewerIsToldHowManyLinesItLost(t *testing.T) {
	st := openStore(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	released := make(chan struct{})
	go func() {
		defer close(released)
		eventually(t, "the viewer has joined", func() bool { return st.Stats().Viewers == 1 })
		put(t, st, "app", entry{at: at(0), text: []byte("line 0")})
	}()
	next, lost := 0, int64(0)
	for l, err := range st.Follow(ctx, core.LogQuery{Services: []string{"app"}}) {
		if err != nil {
			break
		}
		if l.Gap != nil {
			lost += l.Gap.Dropped
			next += int(l.Gap.Dropped)
			continue
		}
		if want := fmt.Sprintf("line %d", next); l.Text != want {
			t.Fatalf("%q where %q was due", l.Text, want)
		}
		if next++; next == 1 { // busy with its first line, while nobody who publishes waits for it
			<-released
			put(t, st, "app", numbered("line", 1, 3*maxRingLines)...)
		}
		if next == 3*maxRingLines {
			cancel()
		}
	}
	if lost != 2*maxRingLines-1 || st.Stats().ViewerDropped != lost {
		t.Errorf("lost %d, counted %d", lost, st.Stats().ViewerDropped)
	}
}

func TestTheRingOfAServiceIsBounded(t *testing.T) {
	noLeaks(t)
	st := openStore(t, Config{})
	v := newViewer()
	if _, err := st.follow(v, []string{"app"}); err != nil {
		t.Fatal(err)
	}
	defer st.leave(v)
	put(t, st, "app", numbered("line", 0, 3*maxRingLines)...)
	lines, dropped := v.take()
	if dropped != 2*maxRingLines || lines[0].Gap == nil || lines[0].Gap.Dropped != dropped {
		t.Fatalf("%d dropped, first line %+v", dropped, lines[0])
	}
	for {
		more, lost := v.take()
		if lines = append(lines, more...); lost != 0 {
			t.Errorf("lost %d more", lost)
		}
		if len(more) == 0 {
			break
		}
	}
	if len(lines) != 1+maxRingLines || lines[1].Text != fmt.Sprintf("line %d", 2*maxRingLines) {
		t.Errorf("%d lines, the first is %q", len(lines), lines[1].Text)
	}
	if r := v.subs[0].service.ring; r.first != r.next || r.bytes != 0 {
		t.Errorf("the ring keeps %d lines of %d bytes that everybody has taken", r.next-r.first, r.bytes)
	}
	long := entry{at: at(0), text: []byte(strings.Repeat("x", maxText))}
	put(t, st, "app", slices.Repeat([]entry{long}, 100)...)
	kept := 0
	for more, _ := v.take(); len(more) > 0; more, _ = v.take() {
		kept += len(more)
	}
	if kept > maxRingBytes/maxText+1 {
		t.Errorf("%d lines of 64 KiB were kept", kept)
	}
}

func TestFollowingEndsWithItsContextItsTimeOrTheStore(t *testing.T) {
	noLeaks(t)
	st := openStore(t, Config{})
	f := follow(t, st, core.LogQuery{})
	joined(t, st, 1)
	f.stop()
	<-f.done
	if !errors.Is(f.err, context.Canceled) {
		t.Errorf("ended with %v", f.err)
	}
	past := follow(t, st, core.LogQuery{Until: time.Now().Add(-time.Hour)})
	<-past.done
	if past.err != nil {
		t.Errorf("ended with %v", past.err)
	}
	closing := follow(t, st, core.LogQuery{Services: []string{"not yet there"[:3]}})
	joined(t, st, 1)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	<-closing.done
	if core.CodeOf(closing.err) != core.CodeUnavailable {
		t.Errorf("ended with %v", closing.err)
	}
}

func TestTheWindowOrdersWhatComesClose(t *testing.T) {
	var w window
	line := func(ms int) *core.LogLine { return &core.LogLine{At: time.Unix(0, at(ms)), Text: fmt.Sprint(ms)} }
	now := t0
	show := func(lines []*core.LogLine) (out []string) {
		for _, l := range lines {
			out = append(out, l.Text)
		}
		return out
	}
	w.add([]*core.LogLine{line(5), line(7)}, now)
	expect(t, show(w.ripe(now)))
	w.add([]*core.LogLine{line(1), line(6), line(99)}, now.Add(mergeWindow/2))
	expect(t, show(w.ripe(now.Add(mergeWindow))), "1", "5", "6", "7")
	expect(t, show(w.ripe(now.Add(2*mergeWindow))), "99")
	if len(w.batches) != 0 || w.bytes != 0 {
		t.Errorf("left: %+v", w)
	}
}
