package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codematrx/matrx-ship/core"
)

// The environment of a child process that appends until it is killed.
const (
	childDir  = "MATRX_TEST_JOURNAL_DIR"  // where
	childStep = "MATRX_TEST_JOURNAL_STEP" // the step at which it kills itself, if any
	childNth  = "MATRX_TEST_JOURNAL_NTH"  // ... when it comes there for the nth time
)

// The steps of a child's life, as it notes them in the file "step".
var steps = []string{
	"start", "recover read", "recover write", "recover cut", "recover sync", "recover syncdir",
	"create", "before write", "in write", "written", "synced", "syncdir", "acknowledged",
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child appends with four writers and prints every acknowledgement: the numbers of the first and last record, the key.
func child(dir string) int {
	k := newKiller(dir)
	cfg := config(dir)
	cfg.SegmentRecords, cfg.disk = 40, stepDisk{k: k}
	j, err := Open(context.Background(), cfg)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	k.recovering.Store(false)
	if j.Head().Torn != "" {
		fmt.Println("torn")
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprint(os.Getpid(), ".", w, ".", i)
				entries, err := j.Append(context.Background(), family(key, i%3+1)...)
				if err != nil {
					fmt.Println("error", err)
					return
				}
				_, _ = os.Stdout.WriteString(fmt.Sprintln("ack", entries[0].Seq, len(entries), key))
				k.at("acknowledged")
			}
		})
	}
	wg.Wait()
	return 1
}

// family is an append of n records that know each other.
func family(key string, n int) []core.Record {
	recs := make([]core.Record, n)
	for i := range recs {
		recs[i] = core.Record{Table: "t", Key: key, Op: core.RecordNote, Body: fmt.Appendf(nil, `{"i":%d,"n":%d,"x":"%0200d"}`, i, n, i)}
	}
	return recs
}

// killer notes each step in a file that outlives the process, and kills the process at one.
type killer struct {
	page       []byte
	step       string
	nth        atomic.Int64
	recovering atomic.Bool
}

func newKiller(dir string) *killer {
	f, err := os.OpenFile(filepath.Join(filepath.Dir(dir), "step"), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Truncate(1)
	}
	if err != nil {
		panic(err)
	}
	page, err := unix.Mmap(int(f.Fd()), 0, 1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	k := &killer{page: page, step: os.Getenv(childStep)}
	n, _ := strconv.Atoi(os.Getenv(childNth))
	k.nth.Store(int64(n))
	k.recovering.Store(true)
	k.at("start")
	return k
}

// at notes the step; four writers may note at once, and the last wins.
func (k *killer) at(step string) {
	for i, s := range steps {
		if s == step {
			k.page[0] = byte(i)
		}
	}
	if step == k.step && k.nth.Add(-1) == 0 {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
}

// pick notes one step while recovering and another after.
func (k *killer) pick(recovering, running string) {
	if k.recovering.Load() {
		running = recovering
	}
	k.at(running)
}

// stepDisk is the real disk with steps, where a write goes to the disk in two parts.
type stepDisk struct {
	osDisk
	k *killer
}

func (d stepDisk) Open(name string, flag int) (file, error) {
	d.k.pick("recover read", "create")
	f, err := d.osDisk.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return stepFile{f, d.k}, nil
}

func (d stepDisk) SyncDir(dir string) error {
	d.k.pick("recover syncdir", "syncdir")
	return d.osDisk.SyncDir(dir)
}

type stepFile struct {
	file
	k *killer
}

func (f stepFile) WriteAt(p []byte, off int64) (int, error) {
	f.k.pick("recover write", "before write")
	half := len(p) * 2 / 3
	n, err := f.file.WriteAt(p[:half], off)
	if err != nil {
		return n, err
	}
	f.k.pick("recover write", "in write")
	m, err := f.file.WriteAt(p[half:], off+int64(half))
	f.k.pick("recover write", "written")
	return n + m, err
}

func (f stepFile) Truncate(n int64) error {
	f.k.at("recover cut")
	return f.file.Truncate(n)
}

func (f stepFile) Datasync() error {
	f.k.pick("recover sync", "written")
	err := f.file.Datasync()
	f.k.pick("recover sync", "synced")
	return err
}

// campaign is the parent's side: what was acknowledged, and what came of it.
type campaign struct {
	dir                     string
	acked                   map[uint64]string // first record of an append: its length and key
	hits                    map[string]int
	total                   int // acknowledged in earlier journals
	torn, checked, appeared int
}

// TestNothingAcknowledgedIsLostWhenTheProcessIsKilled kills a process that appends, at random moments and at every
// step, again and again on the same journal. MATRX_SOAK=1 makes it a thousand times.
func TestNothingAcknowledgedIsLostWhenTheProcessIsKilled(t *testing.T) {
	rounds := 100
	if os.Getenv("MATRX_SOAK") != "" {
		rounds = 1000
	}
	if testing.Short() {
		rounds = 0
	}
	c := &campaign{hits: map[string]int{}}
	for round := range rounds {
		if round%20 == 0 { // a new journal, or checking takes all the time
			c.total += len(c.acked)
			base := t.TempDir()
			c.dir, c.acked = filepath.Join(base, "journal"), map[uint64]string{}
			if err := os.WriteFile(filepath.Join(base, "step"), []byte{0}, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		step := ""
		if round%3 != 0 { // every third is killed at random
			step = steps[(round-round/3-1)%len(steps)]
		}
		c.kill(t, step)
		if round%2 == 1 || round == rounds-1 { // else the next child has to recover
			c.check(t)
		}
	}
	t.Logf("%d kills, %d appends acknowledged, 0 lost, %d unacknowledged but whole, %d torn ends seen, chain verified %d times",
		rounds, c.total+len(c.acked)-c.appeared, c.appeared, c.torn, c.checked)
	t.Logf("killed at: %v", c.hits)
}

// kill lets a child append until it is killed, and collects what it acknowledged.
func (c *campaign) kill(t *testing.T, step string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+c.dir, childStep+"="+step, fmt.Sprint(childNth, "=", 1+rand.IntN(12)))
	if step == "start" || strings.HasPrefix(step, "recover") {
		cmd.Env = append(cmd.Env, childNth+"=1") // not often in one life
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	patience := 80 * time.Millisecond // some steps come seldom
	if step == "" {
		patience = time.Duration(rand.IntN(60_000)) * time.Microsecond
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		c.read(t, lines.Text())
	}
	_ = cmd.Wait() // it was killed
	page, err := os.ReadFile(filepath.Join(filepath.Dir(c.dir), "step"))
	if err != nil {
		t.Fatal(err)
	}
	c.hits[steps[page[0]]]++
}

// read takes in one line of the child; a line is one write to a pipe, so the kill cuts none.
func (c *campaign) read(t *testing.T, line string) {
	t.Helper()
	var seq uint64
	var n int
	var key string
	if strings.HasPrefix(line, "error") || strings.HasPrefix(line, "The journal") {
		t.Fatalf("the child says: %s", line)
	}
	if line == "torn" {
		c.torn++
		return
	}
	if _, err := fmt.Sscanf(line, "ack %d %d %s", &seq, &n, &key); err == nil {
		c.acked[seq] = fmt.Sprint(n, " ", key)
	}
}

// check opens the journal as the next process would, and looks for every acknowledged append.
func (c *campaign) check(t *testing.T) {
	t.Helper()
	j, err := Open(t.Context(), config(c.dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	if h := j.Head(); !h.Writable {
		t.Fatalf("after the kill: %s", h.Trouble)
	}
	mustVerify(t, j)
	if j.Head().Torn != "" {
		c.torn++
	}
	c.checked++
	found, left := 0, 0
	for e, err := range j.Replay(t.Context(), 1) {
		var body struct{ I, N int }
		if err == nil {
			err = json.Unmarshal(e.Body, &body)
		}
		if err != nil || (left > 0) != (body.I > 0) {
			t.Fatalf("record %d: %+v, %d due; %v", e.Seq, body, left, err)
		}
		if left = body.N - body.I - 1; body.I > 0 {
			continue
		}
		switch want, ok := c.acked[e.Seq]; {
		case !ok: // never acknowledged, but seen now: it has to stay
			c.acked[e.Seq] = fmt.Sprint(body.N, " ", e.Key)
			c.appeared, found = c.appeared+1, found+1
		case want != fmt.Sprint(body.N, " ", e.Key):
			t.Fatalf("record %d is %d of %s, acknowledged was %s", e.Seq, body.N, e.Key, want)
		default:
			found++
		}
	}
	if left > 0 || found != len(c.acked) {
		t.Fatalf("%d of %d acknowledged appends are there; %d records of the last one are missing", found, len(c.acked), left)
	}
}
