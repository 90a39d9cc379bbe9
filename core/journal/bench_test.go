package journal

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
)

// benchRecord is a record that makes a line of about 480 bytes, as an audit record does.
func benchRecord() core.Record {
	body := json.RawMessage(`{"phase":"intent","op":"service.restart","input":"` + strings.Repeat("x", 140) + `"}`)
	return core.Record{Table: "audit", Key: "01890a5d-ac96-774b-bcce-b302099a8057", Op: core.RecordNote, Body: body, Actor: "ann"}
}

// peer is the least that durability costs: the same bytes written at the end of a file, and fdatasync.
type peer struct {
	f    file
	line []byte
	off  int64
}

func newPeer(tb testing.TB, size int) *peer {
	f, err := osDisk{}.Open(filepath.Join(tb.TempDir(), "peer"), os.O_RDWR|os.O_CREATE)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return &peer{f: f, line: []byte(strings.Repeat("x", size-1) + "\n")}
}

func (p *peer) write(tb testing.TB) {
	if _, err := p.f.WriteAt(p.line, p.off); err != nil {
		tb.Fatal(err)
	}
	if err := p.f.Datasync(); err != nil {
		tb.Fatal(err)
	}
	p.off += int64(len(p.line))
}

// timed runs do n times and adds how long each took.
func timed(took []time.Duration, n int, do func()) []time.Duration {
	for range n {
		start := time.Now()
		do()
		took = append(took, time.Since(start))
	}
	return took
}

func percentile(took []time.Duration, p float64) time.Duration {
	slices.Sort(took)
	return took[int(p*float64(len(took)-1))]
}

// lineSize is the length of the line that a record becomes.
func lineSize(tb testing.TB, j *Journal) int {
	if _, err := j.Append(tb.Context(), benchRecord()); err != nil {
		tb.Fatal(err)
	}
	return int(j.Head().Bytes)
}

// BenchmarkJournalOneWriter compares the time of an append with the peer's. Both take turns in small blocks, so that
// the rest of the machine disturbs both alike.
func BenchmarkJournalOneWriter(b *testing.B) {
	j := mustOpen(b, Config{Dir: b.TempDir(), Writer: "manager", Server: "bench", MinFree: 1 << 20})
	p, rec := newPeer(b, lineSize(b, j)), benchRecord()
	var ours, peers []time.Duration
	for b.Loop() {
		ours = timed(ours, 20, func() {
			if _, err := j.Append(b.Context(), rec); err != nil {
				b.Fatal(err)
			}
		})
		peers = timed(peers, 20, func() { p.write(b) })
	}
	if len(ours) < 1000 {
		return // the first, short run
	}
	for _, q := range []float64{0.5, 0.99} {
		o, p := percentile(ours, q), percentile(peers, q)
		fmt.Printf("journal | 1 writer p%.0f | %v | %v write+fdatasync | %.2fx | <= 1.5x at p99\n", q*100, o, p, float64(o)/float64(p))
	}
}

// BenchmarkJournalSixteenWriters compares how many records 16 writers append with how often the peer syncs.
func BenchmarkJournalSixteenWriters(b *testing.B) {
	const writers, each = 16, 50
	j := mustOpen(b, Config{Dir: b.TempDir(), Writer: "manager", Server: "bench", MinFree: 1 << 20})
	p, rec := newPeer(b, lineSize(b, j)), benchRecord()
	var ours, peers time.Duration
	var took []time.Duration
	rounds := 0
	for b.Loop() {
		start := time.Now()
		perWriter := make([][]time.Duration, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				perWriter[w] = timed(nil, each, func() {
					if _, err := j.Append(b.Context(), rec); err != nil {
						b.Error(err)
					}
				})
			})
		}
		wg.Wait()
		ours += time.Since(start)
		took = append(took, slices.Concat(perWriter...)...)
		start = time.Now()
		for range each {
			p.write(b)
		}
		peers += time.Since(start)
		rounds++
	}
	if rounds < 10 {
		return // the first, short run
	}
	rate, syncs := float64(rounds*writers*each)/ours.Seconds(), float64(rounds*each)/peers.Seconds()
	fmt.Printf("journal | 16 writers rate | %.0f/s | %.0f/s write+fdatasync | %.2fx | >= 2x\n", rate, syncs, rate/syncs)
	fmt.Printf("journal | 16 writers p99 | %v | - | - | -\n", percentile(took, 0.99))
}

// BenchmarkJournalOpen measures the start with 50,000 records, and reading them.
func BenchmarkJournalOpen(b *testing.B) {
	const records = 50_000
	cfg := config(b.TempDir())
	fill(b, cfg, records)
	var open, replay time.Duration
	for b.Loop() {
		start := time.Now()
		j, err := Open(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		open += time.Since(start)
		start = time.Now()
		n := 0
		for _, err := range j.Replay(b.Context(), 1) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		replay += time.Since(start)
		if err := j.Close(); err != nil || n != records {
			b.Fatal(n, err)
		}
	}
	open, replay = open/time.Duration(b.N), replay/time.Duration(b.N)
	fmt.Printf("journal | start with 50,000 records | %v open + %v replay | - | - | <= 1s together\n", open, replay)
}

// fill appends n records in large appends.
func fill(tb testing.TB, cfg Config, n int) {
	j, err := Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	recs := slices.Repeat([]core.Record{benchRecord()}, 500)
	for ; n > 0; n -= len(recs) {
		if _, err := j.Append(tb.Context(), recs[:min(n, len(recs))]...); err != nil {
			tb.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		tb.Fatal(err)
	}
}
