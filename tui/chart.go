package tui

import (
	"math"
	"strings"

	"github.com/codematrx/matrx-ship/core"
)

// bars are the heights of a sparkline's cells.
var bars = [...]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// spark draws the newest w points, one cell each, scaled to top; with top 0 the highest point is the top. Cells
// without a point are blank, so that the newest is always at the right end.
func spark(points []core.UsagePoint, w int, top float64, of func(core.UsagePoint) float64) string {
	if w <= 0 {
		return ""
	}
	if len(points) > w {
		points = points[len(points)-w:]
	}
	if top <= 0 {
		for _, p := range points {
			top = math.Max(top, of(p))
		}
	}
	var b strings.Builder
	b.Grow(w * 3)
	b.WriteString(blanks(w - len(points)))
	for _, p := range points {
		b.WriteString(bars[barOf(of(p), top)])
	}
	return b.String()
}

// barOf is the index into bars for v of top.
func barOf(v, top float64) int {
	if top <= 0 || v <= 0 || math.IsNaN(v) {
		return 0
	}
	return min(int(v/top*float64(len(bars)-1)+0.5), len(bars)-1)
}

// gauge draws how full something is, w cells.
func gauge(v, total int64, w int) string {
	if w <= 0 {
		return ""
	}
	full := 0
	if total > 0 {
		full = int(min(max(v, 0), total) * int64(w) / total)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", w-full)
}

// The values that sparklines are drawn of.
func cpuOf(p core.UsagePoint) float64  { return p.CPU }
func memOf(p core.UsagePoint) float64  { return float64(p.Memory) }
func netOf(p core.UsagePoint) float64  { return p.Net }
func diskOf(p core.UsagePoint) float64 { return p.Disk }
