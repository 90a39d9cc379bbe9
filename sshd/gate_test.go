package sshd

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
)

// feed makes a gate whose input the test writes.
func feed(t *testing.T) (*gate, *io.PipeWriter) {
	t.Helper()
	g := newGate()
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() { g.pump(r); close(done) }()
	t.Cleanup(func() {
		_ = w.Close()
		g.close()
		_ = r.Close()
		<-done
	})
	return g, w
}

func send(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, p *port, n int) string {
	t.Helper()
	buf := make([]byte, n)
	if _, err := io.ReadFull(p, buf); err != nil {
		t.Fatal(err)
	}
	return string(buf)
}

func TestAPortInUseGetsTheInputInOrder(t *testing.T) {
	g, w := feed(t)
	a, b := g.open(""), g.open("")
	g.use(a)
	send(t, w, "one")
	if got := read(t, a, 3); got != "one" {
		t.Fatal(got)
	}
	send(t, w, "two") // nobody reads it before the change
	g.use(b)
	send(t, w, "three")
	if got := read(t, b, 8); got != "twothree" {
		t.Fatal(got)
	}
}

func TestAnEndedPortReadsItsMarkAndThenNothing(t *testing.T) {
	g, w := feed(t)
	a, b := g.open(""), g.open("")
	g.use(a)
	waiting := make(chan string)
	go func() {
		all, err := io.ReadAll(a)
		if err != nil {
			t.Error(err)
		}
		waiting <- string(all)
	}()
	g.use(b)
	a.end("mark")
	if got := receive(t, "the end", waiting); got != "mark" {
		t.Fatalf("read %q", got)
	}
	<-a.drained()
	send(t, w, "x")
	if got := read(t, b, 1); got != "x" {
		t.Fatalf("the key went elsewhere: %q", got)
	}
	g.use(a) // it may come back
	send(t, w, "y")
	if got := read(t, a, 1); got != "y" {
		t.Fatal(got)
	}
}

func TestTheEndOfTheInputComesAfterWhatWasTyped(t *testing.T) {
	g, w := feed(t)
	p := g.open("farewell")
	g.use(p)
	send(t, w, "last words, ")
	_ = w.Close()
	if all, err := io.ReadAll(p); err != nil || string(all) != "last words, farewell" {
		t.Fatalf("%q, %v", all, err)
	}
}

func TestAClosedGateEndsEveryPort(t *testing.T) {
	g, _ := feed(t)
	used, idle := g.open("bye"), g.open("")
	g.use(used)
	ends := make(chan string, 2)
	for _, p := range []*port{used, idle} {
		go func() {
			all, _ := io.ReadAll(p)
			ends <- string(all)
		}()
	}
	g.close()
	if got := receive(t, "one", ends) + receive(t, "two", ends); got != "bye" {
		t.Fatalf("%q", got)
	}
}

func TestAReaderThatDoesNotReadStopsTheInputAtABound(t *testing.T) {
	g, w := feed(t)
	wrote := make(chan int)
	go func() {
		n, err := w.Write([]byte(strings.Repeat("x", 4*maxInput)))
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
		wrote <- n
	}()
	p := g.open("")
	g.use(p)
	select {
	case n := <-wrote:
		t.Fatalf("%d bytes were taken", n)
	case <-time.After(50 * time.Millisecond):
	}
	g.mu.Lock()
	held := len(g.buf)
	g.mu.Unlock()
	if held > maxInput {
		t.Fatalf("%d bytes are held", held)
	}
	if _, err := io.CopyN(io.Discard, p, 4*maxInput); err != nil {
		t.Fatal(err)
	}
	if n := receive(t, "the writer", wrote); n != 4*maxInput {
		t.Fatal(n)
	}
}

func TestAMailboxKeepsTheNewestOfEachTopicAndNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMailbox()
		for i := range 1000 {
			m.Put("cpu", i)
			m.Put("memory", -i)
		}
		var got []tea.Msg
		blocked, done := make(chan struct{}), make(chan struct{})
		go m.deliver(done, func(msg tea.Msg) {
			got = append(got, msg)
			<-blocked
		})
		synctest.Wait()
		m.Put("cpu", 5000) // while the program takes nothing
		m.Put("cpu", 5001)
		close(blocked)
		synctest.Wait()
		if len(got) != 3 || got[0] != 999 || got[1] != -999 || got[2] != 5001 {
			t.Fatalf("delivered %v", got)
		}
		m.Put("cpu", 6000)
		synctest.Wait()
		if got[len(got)-1] != 6000 {
			t.Fatalf("delivered %v", got)
		}
		close(done)
	})
}

func TestAMailboxIsBounded(t *testing.T) {
	m := NewMailbox()
	for i := range 10 * maxTopics {
		m.Put(string(rune('a'+i)), i)
	}
	if len(m.order) != maxTopics || len(m.pending) != maxTopics {
		t.Fatalf("%d topics, %d messages", len(m.order), len(m.pending))
	}
	if first, _ := m.take(); first != 9*maxTopics {
		t.Fatalf("the oldest kept is %v", first)
	}
}

func TestSizesAreClamped(t *testing.T) {
	for in, want := range map[Size]Size{
		{0, 0}: {80, 24}, {1, 1}: {1, 1}, {3000, 2000}: {500, 200}, {-1, 5}: {80, 5}, {1 << 32, 7}: {500, 7}, {120, 40}: {120, 40},
	} {
		if got := clampSize(in.Width, in.Height); got != want {
			t.Errorf("%v: %v", in, got)
		}
	}
}

func TestCookedOutputReturnsTheCarriageOnce(t *testing.T) {
	var out strings.Builder
	c := &cooked{w: &out}
	for _, part := range []string{"a\nb\r\nc\r", "\nd\n\n", ""} {
		if n, err := c.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := out.String(); got != "a\r\nb\r\nc\r\nd\r\n\r\n" {
		t.Fatalf("%q", got)
	}
}
