package coretest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Figure is one measurement beside its peer: a row of the table that `make bench` prints.
type Figure struct {
	What  string
	Ours  string
	Peer  string  // what was measured beside it in the same run, with its name; empty when there is none
	Ratio float64 // ours to the peer's; 0 when there is no peer
	Limit string  // as a person reads it, "<= 2x"; empty for a figure that is only shown
	Miss  bool    // the limit is not kept
}

// AtMost sets the limit of the ratio, for what should be small.
func (f Figure) AtMost(limit float64) Figure {
	f.Limit, f.Miss = fmt.Sprintf("<= %gx", limit), f.Ratio > limit
	return f
}

// AtLeast sets the limit of the ratio, for what should be large.
func (f Figure) AtLeast(limit float64) Figure {
	f.Limit, f.Miss = fmt.Sprintf(">= %gx", limit), f.Ratio < limit
	return f
}

// Report adds the figure to the file that MATRX_BENCH_OUT names, as one line of fields between tabs, and to the test's log.
// The load of the machine stands beside it. A miss does not fail the test: whoever reads the file decides.
func (f Figure) Report(tb testing.TB) {
	tb.Helper()
	verdict := "ok"
	if f.Miss {
		verdict = "MISS"
	}
	fields := []string{f.What, f.Ours, f.Peer, f.ratio(), f.Limit, machineLoad(tb), verdict}
	for i, field := range fields {
		if field == "" {
			fields[i] = "-"
		}
	}
	tb.Log(strings.Join(fields, " | "))
	path := os.Getenv("MATRX_BENCH_OUT")
	if path == "" {
		return
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		tb.Fatalf("keep the figure: %v", err)
	}
	if _, err := out.WriteString(strings.Join(fields, "\t") + "\n"); err != nil {
		tb.Fatalf("keep the figure: %v", err)
	}
	if err := out.Close(); err != nil {
		tb.Fatalf("keep the figure: %v", err)
	}
}

// ratio is as a person reads it; empty without a peer.
func (f Figure) ratio() string {
	switch {
	case f.Ratio <= 0:
		return ""
	case f.Ratio < 0.01:
		return "< 0.01x"
	default:
		return fmt.Sprintf("%.2fx", f.Ratio)
	}
}

// machineLoad is the load average of the last minute.
func machineLoad(tb testing.TB) string {
	tb.Helper()
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		tb.Fatalf("read the load: %v", err)
	}
	load, _, _ := strings.Cut(string(raw), " ")
	return load
}

// Percentile is the value below which the share p (0 to 1) of all lies. There must be at least one.
func Percentile[T time.Duration | float64](all []T, p float64) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(p*float64(len(sorted)-1))]
}
