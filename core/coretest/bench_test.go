package coretest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAFigureIsALineThatEndsWithItsVerdict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.tsv")
	t.Setenv("MATRX_BENCH_OUT", path)
	f := Figure{What: "login", Ours: "3 s", Peer: "sshd 1 s", Ratio: 3}
	f.AtMost(2).Report(t)
	f.AtMost(3).Report(t)
	f.AtLeast(4).Report(t)
	f.Report(t)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	for i, want := range [][2]string{{"<= 2x", "MISS"}, {"<= 3x", "ok"}, {">= 4x", "MISS"}, {"-", "ok"}} {
		fields := strings.Split(lines[i], "\t")
		if len(fields) != 7 || fields[3] != "3.00x" || fields[4] != want[0] || fields[6] != want[1] {
			t.Errorf("%q, want limit and verdict %q", fields, want)
		}
	}
}

func TestAPercentileIsOneOfTheMeasured(t *testing.T) {
	all := []time.Duration{5, 1, 4, 2, 3}
	for p, want := range map[float64]time.Duration{0: 1, 0.5: 3, 0.99: 4, 1: 5} {
		if got := Percentile(all, p); got != want {
			t.Errorf("percentile %g: %d, want %d", p, got, want)
		}
	}
}
