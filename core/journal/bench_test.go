//go:build bench

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
	"github.com/codematrx/matrx-ship/core/coretest"
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

// lineSize is the length of the line that a record becomes.
func lineSize(tb testing.TB, j *Journal) int {
	if _, err := j.Append(tb.Context(), benchRecord()); err != nil {
		tb.Fatal(err)
	}
	return int(j.Head().Bytes)
}

// TestBenchOneWriter compares the time of an append with the peer's. Both take turns in small blocks, so that the rest of
// the machine disturbs both alike.
func TestBenchOneWriter(t *testing.T) {
	j := mustOpen(t, Config{Dir: t.TempDir(), Writer: "manager", Server: "bench", MinFree: 1 << 20})
	p, rec := newPeer(t, lineSize(t, j)), benchRecord()
	var ours, peers []time.Duration
	for range 200 {
		ours = timed(ours, 20, func() {
			if _, err := j.Append(t.Context(), rec); err != nil {
				t.Fatal(err)
			}
		})
		peers = timed(peers, 20, func() { p.write(t) })
	}
	for _, q := range []float64{0.5, 0.99} {
		o, p := coretest.Percentile(ours, q), coretest.Percentile(peers, q)
		f := coretest.Figure{
			What: fmt.Sprintf("journal: append of 1 writer, p%.0f", q*100), Ours: tidy(o), Peer: "write+fdatasync " + tidy(p),
			Ratio: float64(o) / float64(p),
		}
		if q == 0.99 {
			f = f.AtMost(1.5)
		}
		f.Report(t)
	}
}

// tidy writes a time to the microsecond.
func tidy(d time.Duration) string { return d.Round(time.Microsecond).String() }

// TestBenchSixteenWriters compares how many records 16 writers append with how often the peer syncs, again in turns.
func TestBenchSixteenWriters(t *testing.T) {
	const writers, each, rounds = 16, 50, 20
	j := mustOpen(t, Config{Dir: t.TempDir(), Writer: "manager", Server: "bench", MinFree: 1 << 20})
	p, rec := newPeer(t, lineSize(t, j)), benchRecord()
	var ours, peers time.Duration
	for range rounds {
		start := time.Now()
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					if _, err := j.Append(t.Context(), rec); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		ours += time.Since(start)
		start = time.Now()
		for range each {
			p.write(t)
		}
		peers += time.Since(start)
	}
	rate, syncs := float64(rounds*writers*each)/ours.Seconds(), float64(rounds*each)/peers.Seconds()
	coretest.Figure{
		What: "journal: rate of 16 writers", Ours: fmt.Sprintf("%.0f/s", rate), Peer: fmt.Sprintf("write+fdatasync %.0f/s", syncs), Ratio: rate / syncs,
	}.AtLeast(2).Report(t)
}

// TestBenchOpen measures the start with 50,000 records, and reading them.
func TestBenchOpen(t *testing.T) {
	const records = 50_000
	cfg := config(t.TempDir())
	fill(t, cfg, records)
	start := time.Now()
	j := mustOpen(t, cfg)
	n := 0
	for _, err := range j.Replay(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != records {
		t.Fatalf("%d records, want %d", n, records)
	}
	took := time.Since(start)
	coretest.Figure{What: "journal: open and replay 50,000 records", Ours: tidy(took), Limit: "<= 1 s", Miss: took > time.Second}.Report(t)
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
