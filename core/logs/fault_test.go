package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// mountSmall mounts a tmpfs of the given size. The tests of the project run as root.
func mountSmall(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatalf("mount a small tmpfs (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// noise is text that does not compress.
func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/"[r.IntN(64)]
	}
	return b
}

func TestAFullDiskPausesCollectingWithACountedGap(t *testing.T) {
	dir := mountSmall(t, 4<<20)
	st := openStore(t, Config{Dir: dir})
	r := rand.New(rand.NewPCG(1, 1))
	put(t, st, "app", entry{at: at(0), text: []byte("before")})
	ballast := filepath.Join(dir, "ballast.bin")
	fill(t, ballast)
	f := follow(t, st, core.LogQuery{Services: []string{"app"}, Tail: -1})
	joined(t, st, 1)
	const n = 3000 // three megabytes: more than is held in memory
	for i := range n {
		put(t, st, "app", entry{at: at(1 + i), text: noise(r, 1000)})
	}
	s := st.Stats()
	if s.Dropped == 0 || s.Trouble == "" {
		t.Fatalf("the disk was not full: %+v", s)
	}
	eventually(t, "the viewer sees lines that are not kept", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.lines) > 0 && f.lines[len(f.lines)-1].At.UnixNano() == at(n)
	})
	kept := len(readAll(t, st, core.LogQuery{}))
	if kept < 2 || kept+int(s.Dropped) != n+1 {
		t.Errorf("%d kept and %d dropped of %d", kept, s.Dropped, n+1)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "collecting goes on", func() bool { return st.Stats().Trouble == "" && st.Stats().Gaps == 1 })
	put(t, st, "app", entry{at: at(n + 10), text: []byte("after")})
	got := readAll(t, st, core.LogQuery{})
	last := got[len(got)-2:]
	if last[0].Gap == nil || last[0].Gap.Dropped != s.Dropped || last[1].Text != "after" {
		t.Fatalf("the end is %+v, %+v", last[0], last[1])
	}
	if g := last[0].Gap; g.To.UnixNano() != at(n) || !strings.Contains(g.Reason, "no space left") {
		t.Errorf("gap %+v", g)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = openStore(t, Config{Dir: dir})
	if again := readAll(t, st, core.LogQuery{}); len(again) != len(got) {
		t.Errorf("%d lines after opening again, %d before", len(again), len(got))
	}
}

// fill writes until the disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLittleFreeSpacePausesCollecting(t *testing.T) {
	dir := mountSmall(t, 4<<20)
	st := openStore(t, Config{Dir: dir, MinFree: 2 << 20})
	put(t, st, "app", entry{at: at(0), text: []byte("one")})
	eventually(t, "the line is on disk", func() bool { return st.Stats().OnDisk > 0 })
	ballast := filepath.Join(dir, "ballast.bin")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, st, "app", entry{at: at(1), text: []byte("two")})
	eventually(t, "trouble", func() bool { return strings.Contains(st.Stats().Trouble, "free space") })
	expect(t, texts(readAll(t, st, core.LogQuery{})), "one", "two")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no trouble", func() bool { return st.Stats().Trouble == "" })
}

func TestAReadOnlyDiskIsStillRead(t *testing.T) {
	dir := mountSmall(t, 8<<20)
	st := openStore(t, Config{Dir: dir})
	put(t, st, "app", numbered("line", 0, 5000)...)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	st, err := Open(Config{Dir: dir, MinFree: -1, Flush: 10 * time.Millisecond, Bounds: core.LogBounds{MaxAge: -1}})
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, st, core.LogQuery{}); len(got) != 5000 {
		t.Errorf("%d of 5000 lines", len(got))
	}
	if hits, _ := searchAll(t, st, core.LogQuery{Match: "line 4[0-9]{3}"}); len(hits) != 1000 {
		t.Errorf("%d hits", len(hits))
	}
	put(t, st, "app", entry{at: at(6000), text: []byte("live")})
	eventually(t, "trouble", func() bool { return st.Stats().Trouble != "" })
	if err := st.Close(); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("closing with a line that cannot be kept: %v", err)
	}
}

func TestBoundsHoldWhileWritingAndReading(t *testing.T) {
	noLeaks(t)
	st := openStore(t, Config{SegmentBytes: 64 << 10})
	st.SetBounds(core.LogBounds{MaxBytes: 1 << 20, MaxBytesPerService: 600 << 10})
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 6000 {
		put(t, st, []string{"app", "db", "web"}[i%3], entry{at: at(i), text: append(fmt.Appendf(nil, "line %d ", i), noise(r, 900)...)})
		if i == 3000 {
			// A reader in the middle of a segment that is trimmed now sees it to its end, or a gap for what it had not opened.
			seen, gaps := 0, int64(0)
			for l, err := range st.Read(t.Context(), core.LogQuery{}) {
				if err != nil {
					t.Fatal(err)
				}
				if l.Gap != nil {
					gaps += l.Gap.Dropped
					continue
				}
				if seen++; seen == 10 {
					if _, err := st.Trim(t.Context(), core.LogBounds{MaxBytes: 300 << 10}); err != nil {
						t.Fatal(err)
					}
				}
			}
			if seen < 10 || gaps == 0 {
				t.Errorf("%d lines and %d lost while trimming", seen, gaps)
			}
		}
	}
	eventually(t, "the bounds hold", func() bool { return st.Stats().OnDisk <= 1<<20 })
	eventually(t, "what is counted is what is on disk", func() bool { return du(t, st.cfg.Dir) == st.Stats().OnDisk })
	got := readAll(t, st, core.LogQuery{})
	if last := got[len(got)-1].Text; !strings.HasPrefix(last, "line 5999 ") {
		t.Errorf("the newest line is %.20q", last)
	}
	list, err := st.Services(t.Context())
	if err != nil || len(list) != 3 || list[0].First.UnixNano() == at(0) {
		t.Errorf("services %+v, %v", list, err)
	}
}

// du is the size of all files.
func du(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err): // renamed or removed while we look
			return nil
		case err != nil || d.IsDir():
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

func TestOldLinesGoAndTheirServiceIsForgotten(t *testing.T) {
	dir, now := t.TempDir(), t0
	cfg := Config{Dir: dir, Now: func() time.Time { return now }, Bounds: core.LogBounds{MaxAge: 24 * time.Hour}}
	st := openStore(t, cfg)
	put(t, st, "app", numbered("old", 0, 10)...)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	now = t0.Add(25 * time.Hour)
	st = openStore(t, cfg)
	eventually(t, "the service is gone", func() bool {
		st.wakeKeeper()
		list, err := st.Services(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = os.Stat(filepath.Join(dir, "app"))
		return len(list) == 0 && os.IsNotExist(err)
	})
	put(t, st, "app", entry{at: now.UnixNano(), text: []byte("new")})
	expect(t, texts(readAll(t, st, core.LogQuery{})), "new")
}

const childDir = "MATRX_LOGS_TEST_DIR"

// TestChild is not a test of its own: TestKilledAtAnyMomentNothingFlushedIsLost runs it as the process that is killed.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	st, err := Open(Config{Dir: dir, MinFree: -1, Flush: 5 * time.Millisecond, SegmentBytes: 32 << 10, Bounds: core.LogBounds{MaxAge: -1}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := st.acquire("app")
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	for l, err := range st.Read(context.Background(), core.LogQuery{Backwards: true, Limit: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		next = number(t, l.Text) + 1
	}
	for ; ; next++ {
		if err := s.append(context.Background(), entry{at: at(next), stream: streamOut, container: "c1", text: fmt.Appendf(nil, "line %d %x", next, next*next*7919)}); err != nil {
			t.Fatal(err)
		}
		if next%50 == 0 {
			s.mu.Lock()
			flushed := s.dirty.IsZero() && len(s.frozen) == 0
			s.mu.Unlock()
			if flushed { // every line up to this one is in a file
				fmt.Println("flushed", next)
			}
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.Fields(text)[1])
	if err != nil {
		t.Fatalf("line %q: %v", text, err)
	}
	return n
}

func TestKilledAtAnyMomentNothingFlushedIsLost(t *testing.T) {
	rounds := 12
	if os.Getenv("MATRX_SOAK") != "" {
		rounds = 300
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	total := 0
	for round := range rounds {
		promised := runAndKill(t, dir, time.Duration(20+r.IntN(200))*time.Millisecond)
		st, err := Open(Config{Dir: dir, MinFree: -1, Bounds: core.LogBounds{MaxAge: -1}})
		if err != nil {
			t.Fatalf("round %d: open: %v", round, err)
		}
		next := 0
		for _, l := range readAll(t, st, core.LogQuery{}) {
			if l.Gap != nil || number(t, l.Text) != next || l.Seq != uint64(next+1) {
				t.Fatalf("round %d: line %d is %+v", round, next, l)
			}
			next++
		}
		if next <= promised {
			t.Fatalf("round %d: %d lines, but line %d was flushed", round, next, promised)
		}
		total = next
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("killed %d times, %d lines, none lost, none twice", rounds, total)
}

// runAndKill runs the child, kills it after a while, and gives the last line that it promised.
func runAndKill(t *testing.T, dir string, after time.Duration) (promised int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended by itself: then Wait says so
	defer kill.Stop()
	lines := bufio.NewScanner(out)
	promised = -1
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), "flushed "); ok {
			if promised, err = strconv.Atoi(n); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Log(lines.Text())
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v", err)
	}
	return promised
}

func TestAnAbandonedSearchLeavesNothingBehind(t *testing.T) {
	noLeaks(t)
	st := openStore(t, Config{SegmentBytes: 8 << 10})
	put(t, st, "app", numbered("some line", 0, 30_000)...)
	for range st.Search(t.Context(), core.LogQuery{Match: "line"}) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range st.Search(ctx, core.LogQuery{Match: "line"}) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("a cancelled search ends with %v", last)
	}
	for range st.Read(t.Context(), core.LogQuery{}) {
		break
	}
}
