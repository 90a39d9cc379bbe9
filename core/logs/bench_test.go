//go:build bench

package logs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/coretest"
)

// realistic makes lines as a web service, its database and an agent write them.
func realistic(r *rand.Rand, n int) []byte {
	methods := []string{"GET", "GET", "GET", "POST", "PUT", "DELETE"}
	paths := []string{"/api/v1/notes", "/api/v1/notes/%d", "/healthz", "/login", "/static/app-%d.js", "/api/v2/search?q=%d"}
	level := []string{"info", "info", "info", "info", "info", "info", "debug", "debug", "warn", "error"}[r.IntN(10)]
	path := paths[r.IntN(len(paths))]
	if bytes.Contains([]byte(path), []byte("%d")) {
		path = fmt.Sprintf(path, r.IntN(100_000))
	}
	id := fmt.Sprintf("%08x%08x", r.Uint32(), r.Uint32())
	switch n % 4 {
	case 0:
		return fmt.Appendf(nil, `{"level":"%s","ts":%d.%03d,"msg":"request","method":"%s","path":"%s","status":%d,"ms":%d,"id":"%s"}`,
			level, 1795299580+n, r.IntN(1000), methods[r.IntN(6)], path, []int{200, 200, 200, 304, 404, 500}[r.IntN(6)], r.IntN(900), id)
	case 1:
		return fmt.Appendf(nil, `10.0.%d.%d - - "%s %s HTTP/1.1" %d %d "-" "Mozilla/5.0 (X11; Linux x86_64)" rid=%s`,
			r.IntN(256), r.IntN(256), methods[r.IntN(6)], path, []int{200, 200, 301, 404, 502}[r.IntN(5)], r.IntN(90_000), id)
	case 2:
		if r.IntN(2000) == 0 {
			return fmt.Appendf(nil, `ERROR: deadlock detected while updating notes id=%s process %d`, id, r.IntN(30_000))
		}
		return fmt.Appendf(nil, `LOG:  duration: %d.%03d ms  statement: select * from notes where owner = %d and id = '%s'`, r.IntN(50), r.IntN(1000), r.IntN(9000), id)
	default:
		return fmt.Appendf(nil, `time=2026-11-21T22:%02d:%02dZ level=%s msg="task finished" worker=%d took=%dms trace=%s`,
			r.IntN(60), r.IntN(60), level, r.IntN(16), r.IntN(3000), id)
	}
}

// mib is how much text is searched; MATRX_BENCH_MIB sets another size.
func mib() int {
	if n, err := strconv.Atoi(os.Getenv("MATRX_BENCH_MIB")); err == nil && n > 0 {
		return n
	}
	return 1024
}

// corpus fills a store with realistic text and closes it, so that everything is in segments.
func corpus(t *testing.T, dir string) (text int64) {
	st := openStore(t, unbounded(dir))
	r := rand.New(rand.NewPCG(1, 1))
	services := []*service{}
	for _, name := range []string{"ship-a", "ship-b", "ship-a-db", "traefik"} {
		s, err := st.acquire(name)
		if err != nil {
			t.Fatal(err)
		}
		services = append(services, s)
	}
	for n := 0; text < int64(mib())<<20; n++ {
		line := realistic(r, n)
		e := entry{at: t0.UnixNano() + int64(n)*1e6, stream: streamOut, container: "0123456789ab", text: line}
		if err := services[n%len(services)].append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
		text += int64(len(line)) + 51 // time, stream, container, line end
	}
	for _, s := range services {
		s.release()
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	// One after the other: a block that came after the sealing would open a segment again.
	reopened(t, dir, func(s *service) {
		if s.pending != nil {
			s.freeze()
			s.startWriter()
		}
	})
	reopened(t, dir, (*service).sealSoon)
	return text
}

// unbounded is the configuration of a store that trims nothing.
func unbounded(dir string) Config {
	return Config{Dir: dir, Bounds: core.LogBounds{MaxBytes: -1, MaxBytesPerService: -1}}
}

// reopened opens a store, does something with each service under its mutex, and closes it, which waits for what that began.
func reopened(t *testing.T, dir string, do func(*service)) {
	t.Helper()
	st := openStore(t, unbounded(dir))
	for _, s := range st.all() {
		s.mu.Lock()
		do(s)
		s.mu.Unlock()
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBenchSearch(t *testing.T) {
	dir := t.TempDir()
	text := corpus(t, dir)
	st := openStore(t, unbounded(dir))
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.zst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("segments: %v, %v", files, err)
	}
	if open, err := filepath.Glob(filepath.Join(dir, "*", openName)); err != nil || len(open) > 0 {
		t.Fatalf("segments that are not closed, and change their names: %v, %v", open, err)
	}
	t.Logf("%d MiB of text in %d segments of %d MiB", text>>20, len(files), st.Stats().OnDisk>>20)
	for _, c := range []struct{ what, match, grep string }{
		{"with a literal", `deadlock detected .* process [0-9]+`, "-Eic"},
		{"with a literal, case matters", `ERROR: dead(lock|beat) detected`, "-Ec"},
		{"without a literal", `[a-f][0-9]{7}[a-f]{9}`, "-Eic"},
		{"with alternatives", `(deadlock|livelock|starvation) detected`, "-Eic"},
		{"that matches nothing", `this (never|nowhere) occurs`, "-Eic"},
	} {
		ours, peer := alternately(t,
			func() (time.Duration, int) { return timeSearch(t, st, c.match) },
			func() (time.Duration, int) { return timeGrep(t, files, c.grep, c.match) })
		reportSearch(t, "expression "+c.what, ours, peer, "zstd -dc | grep "+c.grep).AtMost(2).Report(t)
	}
	if _, hits := timeSearch(t, st, "Deadlock Detected"); hits != 0 {
		t.Errorf("smart case: %d hits", hits)
	}
	plain := filepath.Join(dir, "plain.txt")
	makePlain(t, files, plain)
	rg := []string{"-c", "-S", "-F", "deadlock detected", plain}
	ours, peer := alternately(t,
		func() (time.Duration, int) { return timeSearch(t, st, "deadlock detected") },
		func() (time.Duration, int) { return timeCommand(t, exec.Command("rg", rg...)) })
	reportSearch(t, "literal", ours, peer, "rg on plain text").Report(t)
}

// reportSearch is the figure of a search over the whole corpus.
func reportSearch(t *testing.T, what string, ours, peer time.Duration, name string) coretest.Figure {
	t.Helper()
	return coretest.Figure{
		What: fmt.Sprintf("logs: search of %d MiB, %s", mib(), what), Ours: fmt.Sprintf("%.2f s", ours.Seconds()),
		Peer: fmt.Sprintf("%s %.2f s", name, peer.Seconds()), Ratio: ours.Seconds() / peer.Seconds(),
	}
}

// alternately times our search and the peer's in turns, and gives the best of three of each: what else the machine does
// then hits both alike. Both must find the same number of lines.
func alternately(t *testing.T, search, grep func() (time.Duration, int)) (ours, peer time.Duration) {
	t.Helper()
	ours, peer = time.Hour, time.Hour
	for range 3 {
		took, hits := search()
		ours = min(ours, took)
		took, found := grep()
		peer = min(peer, took)
		if hits != found {
			t.Fatalf("%d hits, the peer has %d", hits, found)
		}
	}
	return ours, peer
}

func timeSearch(t *testing.T, st *Store, match string) (time.Duration, int) {
	t.Helper()
	start := time.Now()
	found, _ := searchAll(t, st, core.LogQuery{Match: match})
	return time.Since(start), len(found)
}

// timeGrep is the peer: zstd -dc SEGMENT | grep for each segment, as many at once as there are cores.
func timeGrep(t *testing.T, files []string, flags, match string) (time.Duration, int) {
	t.Helper()
	todo := make(chan string, len(files))
	for _, file := range files {
		todo <- file
	}
	close(todo)
	var found atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range runtime.NumCPU() {
		wg.Go(func() {
			for file := range todo {
				found.Add(int64(grepSegment(t, file, flags, match)))
			}
		})
	}
	wg.Wait()
	return time.Since(start), int(found.Load())
}

// grepSegment counts the lines of a segment that match.
func grepSegment(t *testing.T, file, flags, match string) int {
	zstd, grep := exec.Command("zstd", "-dcq", file), exec.Command("grep", flags, "--", match)
	grep.Env = append(os.Environ(), "LC_ALL=C")
	pipe, err := zstd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return 0
	}
	grep.Stdin = pipe
	if err := zstd.Start(); err != nil {
		t.Error(err)
		return 0
	}
	_, n := timeCommand(t, grep)
	if err := zstd.Wait(); err != nil {
		t.Error(err)
	}
	return n
}

// timeCommand runs a command that prints a count. Its exit code is 1 when nothing is found.
func timeCommand(t *testing.T, cmd *exec.Cmd) (time.Duration, int) {
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if out = bytes.TrimSpace(out); len(out) == 0 && cmd.ProcessState.ExitCode() == 1 {
		return took, 0
	}
	n, errCount := strconv.Atoi(string(out))
	if errCount != nil {
		t.Errorf("%v: %q, %v", cmd.Args, out, err)
	}
	return took, n
}

func makePlain(t *testing.T, files []string, name string) {
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("zstd", append([]string{"-dcq"}, files...)...)
	cmd.Stdout = f
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// firehose gives realistic lines as fast as they are pulled.
type firehose struct {
	lines [][]byte
	total int64
}

func (f *firehose) ContainerLogs(ctx context.Context, _ string, _ time.Time, _ bool) iter.Seq2[core.RawLog, error] {
	return func(yield func(core.RawLog, error) bool) {
		at := t0
		for n, i := int64(0), 0; n < f.total; i++ {
			line := f.lines[i%len(f.lines)]
			at = at.Add(time.Microsecond)
			if n += int64(len(line)) + 1; !yield(core.RawLog{At: at, Stream: "stdout", Text: line}, nil) {
				return
			}
		}
	}
}

// TestBenchCollect measures how much the collector takes from a source without end, and what it costs.
func TestBenchCollect(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	hose := &firehose{total: int64(mib()) << 18}
	for n := range 50_000 {
		hose.lines = append(hose.lines, realistic(r, n))
	}
	for _, viewers := range []int{0, 20} {
		took, used := collectAll(t, hose, viewers)
		mb := float64(hose.total) / 1e6
		coretest.Figure{
			What: fmt.Sprintf("logs: collect from a source without end, %d viewers", viewers),
			Ours: fmt.Sprintf("%.0f MB/s, %.0f MB per CPU second", mb/took.Seconds(), mb/used.Seconds()),
		}.Report(t)
	}
}

// collectAll takes in everything the source has, and gives the time that took and the processor's.
func collectAll(t *testing.T, hose *firehose, viewers int) (took, used time.Duration) {
	t.Helper()
	st := openStore(t, Config{Bounds: core.LogBounds{MaxBytes: 256 << 20, MaxBytesPerService: -1}})
	var following []*following
	for range viewers {
		following = append(following, slowly(t, st))
	}
	if viewers > 0 {
		joined(t, st, viewers)
	}
	c := NewCollector(st, hose, CollectorConfig{})
	start, cpu := time.Now(), cpuTime(t)
	c.Track("app", "0123456789ab")
	coretest.Wait(t, time.Minute, "everything collected", func() bool {
		return st.Stats().Bytes >= hose.total-int64(len(hose.lines[0]))*100-st.Stats().Lines && done(c)
	})
	took, used = time.Since(start), cpuTime(t)-cpu
	c.Close()
	for _, f := range following {
		f.stop()
		<-f.done
	}
	return took, used
}

// cpuTime is what this process has used of all cores.
func cpuTime(t *testing.T) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// slowly follows without keeping what it sees.
func slowly(t *testing.T, st *Store) *following {
	ctx, cancel := context.WithCancel(context.Background())
	f := &following{done: make(chan struct{}), stop: cancel}
	go func() {
		defer close(f.done)
		for l := range st.Follow(ctx, core.LogQuery{Services: []string{"app"}}) {
			_, _ = io.WriteString(io.Discard, l.Text)
		}
	}()
	t.Cleanup(cancel)
	return f
}

// done is true when no stream runs.
func done(c *Collector) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.streams {
		if s.running {
			return false
		}
	}
	return true
}
