package logs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

func TestLinesAreReadAsTheyWereWritten(t *testing.T) {
	noLeaks(t)
	st := openStore(t, Config{})
	binary := "\x00\x1b[31m\xff\xfe\r middle error"
	put(t, st, "app",
		entry{at: at(0), text: []byte("first")},
		entry{at: at(0), text: []byte("same nanosecond"), stream: streamErr},
		entry{at: at(1), text: []byte("")},
		entry{at: at(2), text: []byte(binary), container: "ba9876543210"},
		entry{at: at(-5000), text: []byte("the clock went back"), cut: true},
	)
	got := readAll(t, st, core.LogQuery{})
	expect(t, texts(got), "first", "same nanosecond", "", binary, "the clock went back")
	for i, l := range got {
		if l.Seq != uint64(i+1) || l.Service != "app" {
			t.Errorf("line %d has sequence %d of %q", i, l.Seq, l.Service)
		}
	}
	if got[1].Stream != "stderr" || !got[1].At.Equal(t0) || got[0].Stream != "stdout" {
		t.Errorf("stream or time of %+v, %+v", got[0], got[1])
	}
	if got[3].Container != "ba9876543210" || got[3].Level != core.LevelUnknown {
		t.Errorf("container or level of %+v", got[3])
	}
	if !got[4].Cut || got[3].Cut {
		t.Error("the cut mark did not survive")
	}
}

func TestEverythingIsThereAfterClosingAndOpening(t *testing.T) {
	dir := t.TempDir()
	st := openStore(t, Config{Dir: dir, SegmentBytes: 20 << 10})
	put(t, st, "app", numbered("a fairly ordinary line of a log", 0, 20_000)...)
	put(t, st, "db", numbered("quiet", 0, 3)...)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = openStore(t, Config{Dir: dir, SegmentBytes: 20 << 10})
	put(t, st, "app", numbered("a fairly ordinary line of a log", 20_000, 20_010)...)
	got := readAll(t, st, core.LogQuery{Services: []string{"app"}})
	if len(got) != 20_010 {
		t.Fatalf("%d of 20010 lines", len(got))
	}
	for i, l := range got {
		if want := fmt.Sprintf("a fairly ordinary line of a log %d", i); l.Text != want || l.Seq != uint64(i+1) {
			t.Fatalf("line %d is %q with sequence %d", i, l.Text, l.Seq)
		}
	}
	expect(t, texts(readAll(t, st, core.LogQuery{Services: []string{"db"}})), "quiet 0", "quiet 1", "quiet 2")
	list, err := st.Services(t.Context())
	if err != nil || len(list) != 2 || list[0].Service != "app" || list[0].Lines != 20_010 || list[0].Containers[0] != "0123456789ab" {
		t.Fatalf("services: %+v, %v", list, err)
	}
	if !list[1].First.Equal(t0) || !list[1].Last.Equal(t0.Add(2*time.Millisecond)) {
		t.Errorf("times of db: %v to %v", list[1].First, list[1].Last)
	}
}

func TestSegmentsAreReadByPlainZstd(t *testing.T) {
	dir := t.TempDir()
	st := openStore(t, Config{Dir: dir, SegmentBytes: 4 << 10})
	put(t, st, "app", numbered("some text that compresses", 0, 12_000)...)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	closed, err := filepath.Glob(filepath.Join(dir, "app", "2026*_2026*.log.zst"))
	if err != nil || len(closed) < 2 {
		t.Fatalf("closed segments: %v, %v", closed, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "app", "*.zst"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "zstd", append([]string{"-dc"}, files...)...).Output()
	if err != nil {
		t.Fatalf("zstd -dc: %v", err)
	}
	tails, err := filepath.Glob(filepath.Join(dir, "app", "tail-*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tails {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, text...)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != 12_000 {
		t.Fatalf("%d of 12000 lines", len(lines))
	}
	if want := "2026-11-21T22:19:30.123456789Z stdout 0123456789ab some text that compresses 0"; lines[0] != want {
		t.Errorf("first line is %q, want %q", lines[0], want)
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	st := openStore(t, Config{})
	_, err := Open(Config{Dir: st.cfg.Dir})
	if core.CodeOf(err) != core.CodeConflict {
		t.Fatalf("second open: %v", err)
	}
}

func TestATornSegmentIsReadUpToItsDamage(t *testing.T) {
	dir := t.TempDir()
	st := openStore(t, Config{Dir: dir})
	put(t, st, "app", numbered("a line", 0, 10_000)...)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "app", openName)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	tails, err := filepath.Glob(filepath.Join(dir, "app", "tail-*.log"))
	if err != nil || len(tails) != 1 {
		t.Fatalf("tails: %v, %v", tails, err)
	}
	tail, err := os.ReadFile(tails[0])
	if err != nil {
		t.Fatal(err)
	}
	inTail := bytes.Count(tail, []byte("\n"))
	for _, damage := range []string{"cut", "flip", "zeros"} {
		for at := 0; at < len(whole); at += max(1, len(whole)/40) {
			torn := bytes.Clone(whole)
			switch damage {
			case "cut":
				torn = torn[:at]
			case "flip":
				torn[at] ^= 0x40
			case "zeros":
				clear(torn[at:])
			}
			if err := os.RemoveAll(filepath.Dir(name)); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Dir(name), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(tails[0], tail, 0o600); err != nil {
				t.Fatal(err)
			}
			st := openStore(t, Config{Dir: dir})
			got := readAll(t, st, core.LogQuery{})
			if len(got) < inTail {
				t.Fatalf("%s at %d: %d lines, %d in the tail alone", damage, at, len(got), inTail)
			}
			for i, l := range got[:len(got)-inTail] {
				if want := fmt.Sprintf("a line %d", i); l.Text != want {
					t.Fatalf("%s at %d: line %d is %q", damage, at, i, l.Text)
				}
			}
			eventually(t, "what is torn is cut off", func() bool { return du(t, dir) == st.Stats().OnDisk })
			put(t, st, "app", numbered("after", 0, 3)...)
			if again := readAll(t, st, core.LogQuery{}); len(again) != len(got)+3 || again[len(again)-1].Text != "after 2" {
				t.Fatalf("%s at %d: writing on gives %d lines after %d", damage, at, len(again), len(got))
			}
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestADamagedBlockOfAClosedSegmentIsAGap(t *testing.T) {
	dir := t.TempDir()
	st := openStore(t, Config{Dir: dir, SegmentBytes: 10 << 10})
	put(t, st, "app", numbered("some words to fill a line with", 0, 12_000)...)
	eventually(t, "a segment is closed", func() bool {
		names, _ := filepath.Glob(filepath.Join(dir, "app", "2026*.zst"))
		return len(names) > 0
	})
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "app", "2026*.zst"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	data[400] ^= 1
	if err := os.WriteFile(names[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	st = openStore(t, Config{Dir: dir})
	got := readAll(t, st, core.LogQuery{})
	if got[0].Gap == nil || got[0].Gap.Dropped <= 0 || int(got[0].Gap.Dropped)+len(got)-1 != 12_000 {
		t.Fatalf("first line %+v of %d", got[0], len(got))
	}
	hits, _ := searchAll(t, st, core.LogQuery{Match: "words"})
	if last := hits[len(hits)-1]; last.Gap == nil || len(hits) != len(got) {
		t.Fatalf("search of a damaged segment: %d hits, last %+v", len(hits), last)
	}
	// Without its index a closed segment is read block by block, up to the damage.
	if err := os.WriteFile(names[0], data[:len(data)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = openStore(t, Config{Dir: dir})
	if again := readAll(t, st, core.LogQuery{}); again[len(again)-1].Text != got[len(got)-1].Text {
		t.Fatalf("the last line is %q", again[len(again)-1].Text)
	}
}

func TestATailThatABlockHasReplacedIsNotReadTwice(t *testing.T) {
	dir := t.TempDir()
	st := openStore(t, Config{Dir: dir})
	tails := func() []string {
		names, err := filepath.Glob(filepath.Join(dir, "app", "tail-*.log"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	put(t, st, "app", numbered("line", 0, 10)...)
	eventually(t, "a tail", func() bool { return len(tails()) == 1 })
	first := tails()[0]
	stale, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	put(t, st, "app", numbered("line", 10, 3000)...)
	eventually(t, "the block replaces its tail", func() bool { return len(tails()) == 1 && tails()[0] != first })
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	// As if the process had been killed between writing the block and removing the tail.
	if err := os.WriteFile(first, stale, 0o600); err != nil {
		t.Fatal(err)
	}
	st = openStore(t, Config{Dir: dir})
	got := readAll(t, st, core.LogQuery{})
	if len(got) != 3000 || got[2999].Text != "line 2999" {
		t.Errorf("%d lines", len(got))
	}
	if _, err := os.Stat(first); !os.IsNotExist(err) {
		t.Errorf("the stale tail is still there: %v", err)
	}
}

func TestNamesThatCannotBeDirectoriesAreRefused(t *testing.T) {
	st := openStore(t, Config{})
	for _, name := range []string{"", ".", "..", "a/b", "../x", "-x", ".hidden", "a b", strings.Repeat("x", 129)} {
		if _, err := st.acquire(name); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("acquire(%q): %v", name, err)
		}
	}
}
